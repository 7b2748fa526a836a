"""The audit in its order: ledger, requests, status files, events.

In: an opened pass and the status folder. Out: an `Audit`. Nothing is published or written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from franc_gitops import pins
from franc_gitops.audit.events import EventAudit
from franc_gitops.audit.status import StatusAudit
from franc_gitops.audit.waiting import waiting_requests
from franc_gitops.errors import GuardRefused
from franc_gitops.problems import problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from franc_gitops.model import Problem, Written
    from franc_gitops.pipeline.actions import Plan
    from franc_gitops.pipeline.project import StatusFile
    from franc_gitops.pipeline.turn import Pass
    from franc_gitops.status_reading import StatusReader


@dataclass(frozen=True, slots=True)
class Audit:
    """What was looked at, and what is not as it should be; sorted by path.

    `plan` is None where the ledger is not ours: then nothing else was looked at. `retired` are
    the requests that are finished and whose file is gone, which is as it should be. `wrong` and
    `strays` are what a repair writes and removes; `written` is what a repair did.
    """

    problems: tuple[Problem, ...]
    plan: Plan | None = None
    log_name: str = ""
    requests: int = 0
    events: int = 0
    removed: int = 0
    status_files: int = 0
    retired: tuple[str, ...] = ()
    wrong: Sequence[StatusFile] = ()
    strays: Sequence[str] = ()
    repaired: tuple[Problem, ...] = ()
    written: Written | None = None

    @property
    def errors(self) -> int:
        """How many of the problems are errors."""
        return sum(found.is_error for found in self.problems)


@dataclass(frozen=True)
class Auditor:
    """Runs the audit; `folder` is None where no status files are kept.

    `requests_dir` and `status_dir` are the folders' paths; `approve` looks at the plan before
    anything else is done, and raises to refuse.
    """

    turn: Pass
    requests_dir: str
    status_dir: str
    folder: StatusReader | None
    progress: Callable[[int, int], None] = lambda _done, _total: None
    approve: Callable[[Plan], None] = lambda _: None

    def run(self) -> Audit:
        """Look at everything; raises where event log or repository cannot be read."""
        try:
            self.turn.publisher.catch_up()  # a peek may not show yet what status files tell
            plan = self.turn.plan()
        except GuardRefused as error:
            return Audit((self._of_pins(error.code, error.message, error.hint),))
        self.approve(plan)
        ledger = self.turn.publisher.ledger
        steps = _Steps(self.progress, 3 * len(ledger) + len(plan.situation.snapshot.files))
        status = StatusAudit(
            self.folder or _NoFolder(),
            f"{self.requests_dir}/",
            f"{self.status_dir}/",
            steps.done,
            waiting_requests(plan),
        )
        if self.folder is not None:
            status.run(self.turn.projection(plan))
        events = EventAudit(
            ledger, self.turn.publisher.log, self.turn.repository.describe, steps.done
        )
        problems = [*plan.problems, *status.problems, *self._lost(status), *events.run()]
        problems += self._unpinned()
        problems.sort(key=lambda found: found.sort_key)
        return Audit(
            tuple(problems),
            plan,
            self.turn.identity.name,
            len(ledger),
            events.count,
            events.removed.total(),
            status.count,
            tuple(_retired(plan)),
            status.wrong,
            status.strays,
        )

    def _lost(self, status: StatusAudit) -> Iterator[Problem]:
        """Find what status files tell as published in this log and the ledger does not know."""
        ledger, name = self.turn.publisher.ledger, self.turn.identity.name
        if self.turn.identity.pin is None:
            return  # the embedded log is a cache of one machine: another one knows nothing of it
        for path, claim in status.told:
            if claim.log == name and claim.request_id not in ledger:
                yield problem(
                    "FRN523",
                    path,
                    f"{claim.request_id} was published, and the ledger does not know it any more",
                    hint="find out who deleted ledger records before anything is published again",
                )

    def _unpinned(self) -> Iterator[Problem]:
        pin = self.turn.identity.pin
        if pin is not None and pin not in self.turn.guard.pins and len(self.turn.publisher.ledger):
            message = f"the ledger {pin.topic} of cluster {pin.cluster_id} is not pinned"
            yield self._of_pins(
                "FRN524", message, "commit the file; publish writes it if it is missing"
            )

    def _of_pins(self, code: str, message: str, hint: str) -> Problem:
        return problem(code, f"{self.status_dir}/{pins.FILE_NAME}", message, hint=hint)


class _NoFolder:
    """No status files."""

    def exists(self) -> bool:
        """Say no."""
        return False

    def paths(self) -> Sequence[str]:
        """Give nothing."""
        return ()

    def read(self, _paths: object) -> Iterator[bytes | None]:
        """Give nothing."""
        return iter(())


@dataclass
class _Steps:
    """Counts what is done."""

    show: Callable[[int, int], None]
    total: int
    _done: int = field(default=0)

    def done(self, more: int) -> None:
        self._done += more
        self.show(min(self._done, self.total), self.total)


def _retired(plan: Plan) -> Iterator[str]:
    """Give the finished requests that no file asks for any more."""
    asked = {action.request_id for action in plan.actions}
    return (request_id for request_id in sorted(plan.comparison.astray) if request_id not in asked)
