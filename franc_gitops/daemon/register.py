"""Where every request stands, for those who watch: counts, lists and search.

In: the report of each pass, from the loop's thread. Out: answers to any thread. What is
settled costs one reference per request, its record stays in the ledger; only what the ledger
does not tell (held, pending, orphaned, cancelled before it was sent) is kept with its words.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from threading import RLock
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.model import UNKNOWN_PROVENANCE, Phase
from franc_gitops.pipeline.actions import Action, Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from franc_gitops.ledger import Ledger, LedgerEntry
    from franc_gitops.model import Problem
    from franc_gitops.pipeline.report import Report

UNKNOWN_TYPE = "unknown"
_PROBLEMS_KEPT = 20
_REPAIRED_KEPT = 1000
_TYPE, _PHASE = b'"type":"', b'"phase":"'
"""In a ledger record; a quote within a text is escaped there, so no text looks like these."""


class Standing(NamedTuple):
    """What a request is counted as."""

    type: str
    phase: Phase


@dataclass(slots=True, eq=False)
class _Group:
    """All requests of one standing share it: a reference each, and no hash to count one."""

    standing: Standing
    size: int = 0


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A request, or a file of which none could be read, that is not as the ledger has it.

    `waits_since` is when the pass began that first saw it (seconds of the monotonic clock),
    for what is to be sent and is not yet. `entry` is what the ledger knows of it.
    """

    request_id: str
    path: str
    blob: str
    type: str
    change_number: str
    revision: int
    kind: Kind
    phase: Phase
    message: str
    commit: str
    entry: LedgerEntry | None = None
    waits_since: float | None = None
    problems: tuple[Problem, ...] = ()
    more_problems: int = 0

    @property
    def key(self) -> str:
        """Its request_id, or its path where no request could be read; never both alike."""
        return self.request_id or self.path

    @property
    def is_pending(self) -> bool:
        """Whether it is to be sent and nothing but the event log keeps it from being so."""
        return self.waits_since is not None

    @property
    def is_held(self) -> bool:
        """Whether somebody must do something, or its time come; not if it was taken back unsent."""
        return not self.is_pending and self.kind is not Kind.SKIP


class Register:
    """Every request of repository and ledger by its key, oldest publication first."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lock = RLock()
        self._groups: dict[Standing, _Group] = {}
        self._recorded: dict[tuple[bytes, bytes], _Group] = {}  # by type and phase as recorded
        self._group_of: dict[str, _Group] = {}
        self._by_path: dict[str, tuple[Unsettled, ...]] = {}
        self._by_key: dict[str, Unsettled] = {}
        self._sorted: tuple[Unsettled, ...] | None = None
        self._read_by_now: dict[str, str] = {}  # path of a file that could not be -> request_id
        self._ledger: Ledger | None = None
        self._version = 0

    def take(
        self, report: Report, began: float, paths: Collection[str] | None = None
    ) -> list[float]:
        """Take what a pass found: about these request files alone, or about all of them.

        `began` is when the pass did; given is since when each request that it published waited.
        """
        with self._lock:
            since = dict(self._waiting())
            found = _unsettled_by_path(report, since, began)
            changed = self._follow(report.ledger)
            forgotten = list(self._by_path) if paths is None else paths
            for path in forgotten:
                self._remember_repaired(path, report)
                changed.update((row.key, None) for row in self._by_path.pop(path, ()))
            for key in changed:
                self._by_key.pop(key, None)
            self._by_path.update(found)
            self._sorted = None
            for rows in found.values():
                self._by_key.update((row.key, row) for row in rows)
                changed.update((row.key, None) for row in rows)
            for key in changed:
                self._count(key)
        return [since.get(request_id, began) for request_id in report.published]

    def _remember_repaired(self, path: str, report: Report) -> None:
        """Note which request a file turned out to hold, for who looks at its page."""
        wordless = any(not row.request_id for row in self._by_path.get(path, ()))
        now = [a.request_id for a in report.plan.by_path.get(path, ()) if a.request_id]
        if wordless and now:
            self._read_by_now[path] = now[0]
            if len(self._read_by_now) > _REPAIRED_KEPT:
                del self._read_by_now[next(iter(self._read_by_now))]

    def _waiting(self) -> Iterator[tuple[str, float]]:
        for row in self._by_key.values():
            if row.waits_since is not None:
                yield row.key, row.waits_since

    def _follow(self, ledger: Ledger) -> dict[str, None]:
        """Give the request_ids that the ledger tells something new about, in its order."""
        changed = ledger.changed_since(self._version) if ledger is self._ledger else None
        if changed is None:
            changed = [*self._group_of, *ledger]
        self._ledger, self._version = ledger, ledger.version
        return dict.fromkeys(changed)

    def _count(self, key: str) -> None:
        before = self._group_of.pop(key, None)
        if before is not None:
            before.size -= 1
        row = self._by_key.get(key)
        if row is not None:
            group = self._group(Standing(row.type, row.phase))
        elif self._ledger is not None and key in self._ledger:
            group = self._group_recorded(self._ledger.raw(key))
        else:
            return
        group.size += 1
        self._group_of[key] = group

    def _group(self, standing: Standing) -> _Group:
        return self._groups.setdefault(standing, _Group(standing))

    def _group_recorded(self, record: bytes) -> _Group:
        """Find the group of a record without reading it as JSON: there may be a million."""
        try:
            kind = record.index(_TYPE) + len(_TYPE)
            phase = record.index(_PHASE, kind) + len(_PHASE)
            kinds, phases = record.index(b'"', kind), record.index(b'"', phase)
            found = (record[kind:kinds], record[phase:phases])
            if found not in self._recorded:
                standing = Standing(found[0].decode(), Phase(found[1].decode()))
                self._recorded[found] = self._group(standing)
        except ValueError:  # whoever publishes refuses such a ledger; here it is only counted
            return self._group(Standing(UNKNOWN_TYPE, Phase.STALLED))
        return self._recorded[found]

    # --- questions, from any thread -----------------------------------------------------------

    @property
    def is_told(self) -> bool:
        """Whether a pass has told what there is; before, empty answers mean nothing."""
        return self._ledger is not None

    def counts(self) -> dict[Standing, int]:
        """Give how many requests there are of each type and phase."""
        with self._lock:
            return {standing: group.size for standing, group in self._groups.items() if group.size}

    def unsettled(self) -> tuple[Unsettled, ...]:
        """Give what is held, pending, orphaned or was cancelled before it was sent, by path."""
        with self._lock:
            if self._sorted is None:
                rows = (row for path in sorted(self._by_path) for row in self._by_path[path])
                self._sorted = tuple(rows)
            return self._sorted

    def pending(self) -> tuple[int, float | None]:
        """Give how many requests wait to be sent, and since when the oldest one does."""
        with self._lock:
            waiting = dict(self._waiting())
        return len(waiting), min(waiting.values(), default=None)

    def find(self, key: str) -> tuple[Unsettled | None, LedgerEntry | None]:
        """Give what is known of a request: its unsettled state, and what the ledger has."""
        with self._lock:
            row, ledger = self._by_key.get(key), self._ledger
        return row, ledger.get(key) if ledger is not None else None

    def repaired(self, path: str) -> str:
        """Give the request of a file that could not be read once; empty if there is none."""
        with self._lock:
            return self._read_by_now.get(path, "")

    def search(
        self, text: str = "", phases: Collection[Phase] = (), *, skip: int = 0, limit: int = 100
    ) -> tuple[list[str], int]:
        """Give keys that contain a text, whatever its case, newest first; and how many there are.

        At most `limit` of them, after the first `skip`.
        """
        needle = text.strip().lower()
        with self._lock:
            if needle:
                found = [key for key in self._newest(phases) if needle in key.lower()]
                return found[skip : skip + limit], len(found)
            sizes = self.counts()
            total = sum(n for s, n in sizes.items() if not phases or s.phase in phases)
            wanted = min(skip + limit, total)  # looks no further than to the last one
            return list(islice(self._newest(phases), wanted))[skip:], total

    def _newest(self, phases: Collection[Phase]) -> Iterator[str]:
        if not phases:
            return reversed(self._group_of)
        wanted = {id(group) for group in self._groups.values() if group.standing.phase in phases}
        newest = reversed(self._group_of.items())
        return (key for key, group in newest if id(group) in wanted)


def _unsettled_by_path(
    report: Report, since: Mapping[str, float], began: float
) -> Mapping[str, tuple[Unsettled, ...]]:
    """Sort out of a report what the ledger alone does not tell."""
    plan, unsent = report.plan, report.unsent
    found = {}
    for path, actions in plan.by_path.items():
        rows = tuple(
            _row(action, report, since.get(action.request_id, began))
            for action in actions
            if _is_unsettled(action, unsent)
        )
        if rows:
            found[path] = rows
    for path in _unspoken(plan.problems, plan.by_path):
        found[path] = (_row(_refusal(path), report, began),)
    return found


def _is_unsettled(action: Action, unsent: Collection[str]) -> bool:
    if action.sends:
        return action.request_id in unsent
    return action.kind is not Kind.SKIP or action.entry is None


def _unspoken(problems: Iterable[Problem], spoken: Collection[str]) -> Iterator[str]:
    """Give paths with an error that no action is about: a link, a FIFO, a copy."""
    return iter(dict.fromkeys(p.path for p in problems if p.is_error and p.path not in spoken))


def _refusal(path: str) -> Action:
    return Action(Kind.HOLD, "", path, 0, "held: its file has an error", Phase.REJECTED)


def _row(action: Action, report: Report, since: float) -> Unsettled:
    situation, about = report.plan.situation, action.request or action.entry
    provenance = situation.provenance.get(action.path, UNKNOWN_PROVENANCE)
    problems = report.plan.problems_by_path.get(action.path, ())
    return Unsettled(
        request_id=action.request_id,
        path=action.path,
        blob=situation.snapshot.files.get(action.path, ""),
        type=about.type if about else UNKNOWN_TYPE,
        change_number=about.change_number if about else "",
        revision=action.revision,
        kind=action.kind,
        phase=Phase.PENDING if action.sends else action.phase,
        message=_sentence(action.reason),
        commit=provenance.commit,
        entry=action.entry,
        waits_since=since if action.sends else None,
        problems=tuple(problems[:_PROBLEMS_KEPT]),
        more_problems=max(0, len(problems) - _PROBLEMS_KEPT),
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
