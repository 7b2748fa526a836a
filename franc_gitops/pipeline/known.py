"""What the last turns found of every request file, small enough to be kept between turns.

A file is settled (the ledger knows it as it stands) or it is not, and each file has keys: the
requests in it, and what they claim. Files that share a key belong together: what becomes of
one may depend on the other. So a turn that looks at some changed files must look at all that
belong together with them, before or after the change, and at no others.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from franc_gitops.model import Phase
from franc_gitops.pipeline.actions import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from franc_gitops.ledger import Comparison, Ledger
    from franc_gitops.model import Request
    from franc_gitops.pipeline.actions import Action, Plan
    from franc_gitops.pipeline.part import Part
    from franc_gitops.pipeline.report import Report


class Known:
    """Settled and unsettled files by path, and which of them share a key."""

    def __init__(self, ledger: Ledger) -> None:
        """Know of no file; `ledger` is the one that files are settled by."""
        self.ledger = ledger
        self._settled: dict[str, str | tuple[str, ...]] = {}  # one request needs no tuple
        self._unsettled: dict[str, frozenset[str]] = {}
        self._claimants: dict[str, set[str]] = defaultdict(set)
        self._moved: dict[str, str] = {}
        self.odd: set[str] = set()
        """Paths with a problem of their own: links, FIFOs, what nobody may read."""
        self.stale: set[str] = set()
        """Files that were only reformatted: the ledger is told with the next transaction."""
        self.disputed: set[str] = set()
        """Files that the ledger knows otherwise: what becomes of them depends on the commit."""
        self.scheduled: set[str] = set()
        """Files with a request that waits for its time."""

    @classmethod
    def of(cls, report: Report) -> Known:
        """Take what a run over all files found and published."""
        known = cls(report.ledger)
        plan, before = report.plan, report.plan.comparison
        known._settled = {
            path: ids[0] if len(ids) == 1 else ids for path, ids in before.settled.items()
        }
        known._moved = dict(before.moved)
        known.odd = {problem.path for problem in plan.situation.snapshot.problems}
        now = report.ledger.compare(before.unknown, {a.request_id for a in plan.actions})
        now = replace(now, copies={**before.copies, **now.copies})
        known._add(plan, now, {**before.settled, **now.settled})
        return known

    def take(self, report: Report, part: Part) -> None:
        """Take what a run over a part found and published."""
        for path in part.paths:
            self._forget(path)
        now = self.ledger.compare(part.snapshot.files, part.requests)
        self._add(report.plan, now, now.settled)

    def _add(self, plan: Plan, now: Comparison, originals: Mapping[str, tuple[str, ...]]) -> None:
        """Add files as they are now; `originals` has what the copies among them repeat."""
        for path, ids in now.settled.items():
            self._settled[path] = ids[0] if len(ids) == 1 else ids
        self._moved.update(now.moved)
        keys = keys_of(plan.situation.validated.requests)
        for path in now.unknown:
            self._claim(path, keys.get(path, frozenset()))
            self._note(path, plan.by_path.get(path, ()))
        for path, original in now.copies.items():
            self._claim(path, frozenset(originals[original]))

    def _note(self, path: str, actions: Sequence[Action]) -> None:
        """Note what may make it worth to look at an unsettled file again."""
        if any(action.phase is Phase.SCHEDULED for action in actions):
            self.scheduled.add(path)
        if any(action.newer or (action.entry and action.kind is Kind.HOLD) for action in actions):
            self.disputed.add(path)
        if actions and all(action.kind is Kind.SKIP and action.entry for action in actions):
            self.stale.add(path)

    def keys(self, path: str) -> Collection[str]:
        """Give the keys of a file as it was last seen; none of one that was not there."""
        if path in self._unsettled:
            return self._unsettled[path]
        return self._requests(path)

    def files_with(self, key: str) -> set[str]:
        """Give the files that have a key."""
        found = set(self._claimants.get(key, ()))
        if key in self.ledger:
            path = self._moved.get(key) or self.ledger.place_of(key)[0]
            if key in self._requests(path):
                found.add(path)
        return found

    def settled_with(self, request_id: str) -> list[str]:
        """Give the settled file of a request, whatever the ledger says; looks at all of them."""
        return [path for path in self._settled if request_id in self._requests(path)]

    def unsettled_by(self, published: Iterable[str]) -> frozenset[str]:
        """Give the unsettled files that ask for what was published, too."""
        return frozenset(path for key in published for path in self._claimants.get(key, ()))

    def is_there(self, path: str) -> bool:
        """Tell whether there was such a file."""
        return path in self._settled or path in self._unsettled

    def is_settled_as(self, path: str, blob: str) -> bool:
        """Tell whether a file is settled with this very content."""
        request_ids = self._requests(path)
        return bool(request_ids) and self.ledger.place_of(request_ids[0])[1] == blob

    def _requests(self, path: str) -> tuple[str, ...]:
        found = self._settled.get(path, ())
        return (found,) if isinstance(found, str) else found

    @property
    def unsettled(self) -> AbstractSet[str]:
        """The files that must be read to know what is in them."""
        return self._unsettled.keys()

    def _claim(self, path: str, keys: frozenset[str]) -> None:
        self._unsettled[path] = keys
        for key in keys:
            self._claimants[key].add(path)

    def _forget(self, path: str) -> None:
        for request_id in self._requests(path):
            self._moved.pop(request_id, None)
        self._settled.pop(path, None)
        for noted in (self.odd, self.stale, self.disputed, self.scheduled):
            noted.discard(path)
        for key in self._unsettled.pop(path, ()):
            self._claimants[key].discard(path)
            if not self._claimants[key]:
                del self._claimants[key]


def keys_of(requests: Iterable[Request]) -> Mapping[str, frozenset[str]]:
    """Give the keys of files by path, from the requests in them."""
    found: dict[str, set[str]] = defaultdict(set)
    for request in requests:
        found[request.path].update((request.request_id, *request.claims))
    return {path: frozenset(keys) for path, keys in found.items()}
