"""Project: plan and ledger → what every status file of one commit must say, file by file.

`project.py` says what is in one; this is all of them, as the write-back takes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from franc_gitops.pipeline.project import project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from franc_gitops.ledger import Ledger
    from franc_gitops.pipeline.actions import Plan
    from franc_gitops.pipeline.ports import Projection
    from franc_gitops.pipeline.project import Present, StatusFile


class PlanProjection:
    """A plan and a ledger as status files; `at` projects another commit, see `Projection`."""

    def __init__(
        self,
        plan: Plan,
        ledger: Ledger,
        log_name: str,
        unsent: frozenset[str],
        at: Callable[[str], Projection],
        *,
        is_exact: bool,
    ) -> None:
        """Take what was planned and is known now; files with a request in `unsent` stay."""
        self.commit = plan.commit
        self.paths = plan.situation.snapshot.files.keys()
        self.log_name = log_name
        self.is_exact = is_exact
        self.keep = _keeper(plan)
        self.at = at
        self._parts = (plan, ledger, log_name, unsent)

    def __iter__(self) -> Iterator[StatusFile]:
        """Say what each status file holds, anew each time."""
        return project(*self._parts)

    def beyond(self, present: Present) -> Iterator[StatusFile]:
        """Say the same, but for files that are present and right; these are counted there."""
        return project(*self._parts, present)


def _keeper(plan: Plan) -> Callable[[str], bool]:
    """Give what tells whether the status file of a request file stays.

    It goes with its request file. A file, or a folder of them, that is there and cannot be
    read is not gone: what was published of it stays as it is.
    """
    snapshot, acted_on = plan.situation.snapshot, plan.by_path
    unread = {problem.path for problem in snapshot.problems}
    folders = tuple(f"{path}/" for path in unread)

    def keep(path: str) -> bool:
        known = path in snapshot.files or path in acted_on or path in snapshot.busy
        return known or path in unread or path.startswith(folders)

    return keep
