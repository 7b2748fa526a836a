"""Plan + ledger → what each status file must say.

In: a plan and the ledger after publication. Out: a `StatusFile` for every request file, the
text of which is made only if it is asked for. Nothing but commit and ledger goes in, no clock,
host or run, so that any publisher at any time writes the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from franc_gitops import accept
from franc_gitops.ledger import decode
from franc_gitops.model import FILE_PHASE_ORDER, Phase
from franc_gitops.pipeline.actions import Kind
from franc_gitops.status_files import render
from franc_gitops.status_plain import render_plain
from franc_gitops.status_seal import RENDERING, is_sealed, mark_of, sealed_blob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from franc_gitops.ledger import Ledger, LedgerEntry
    from franc_gitops.model import Problem, Request
    from franc_gitops.pipeline.actions import Action, Plan


@dataclass(frozen=True, slots=True)
class StatusFile:
    """What the status file of a request file must say.

    Equal `tag`s are equal bytes; an empty tag says nothing, the text must be compared. `blob` is
    the git blob id of the text where that is known without making it, else empty.
    """

    path: str
    tag: str
    render: Callable[[], bytes]
    blob: str = ""


@dataclass(slots=True)
class Present:
    """The status files that are there: blob id by path below the status folder.

    `right` counts those that turned out to be what they must be. `below` is the folder of the
    request files, with `/`.
    """

    blobs: Mapping[str, str]
    below: str
    right: int = 0

    def __bool__(self) -> bool:
        """Whether any is there."""
        return bool(self.blobs)


def project(
    plan: Plan,
    ledger: Ledger,
    log_name: str,
    unsent: frozenset[str],
    present: Present | None = None,
) -> Iterator[StatusFile]:
    """Say what every status file holds; files with a request in `unsent` are left as they are.

    What is `present` and right by the seal of its record is counted there, and not given.
    """
    projection = _Projection(plan, ledger, log_name)
    settled = plan.comparison.settled
    for path, request_ids in projection.wrong(settled, present) if present else settled.items():
        yield projection.settled(path, request_ids)
    for path, actions in plan.by_path.items():
        if not any(action.request_id in unsent and action.sends for action in actions):
            yield projection.current(path, actions)
    for path in plan.comparison.copies:
        yield projection.current(path, ())


class _Projection:
    def __init__(self, plan: Plan, ledger: Ledger, log_name: str) -> None:
        self._plan = plan
        self._ledger = ledger
        self._log = log_name
        self._mark = mark_of(log_name)

    def wrong(
        self, settled: Mapping[str, tuple[str, ...]], present: Present
    ) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Leave out what is present and right; this is asked of every file there is."""
        mark, start, find = self._mark, len(present.below), present.blobs.get
        firsts = self._ledger.raw_in_turn(request_ids[0] for request_ids in settled.values())
        for (path, request_ids), record in zip(settled.items(), firsts, strict=True):
            blob = find(path[start:])
            if blob and len(request_ids) == 1 and is_sealed(record, path, f"{mark}{blob}"):
                present.right += 1
            else:
                yield path, request_ids

    def settled(self, path: str, request_ids: Sequence[str]) -> StatusFile:
        """Describe a file that the ledger knows as it is."""
        records = [self._ledger.raw(request_id) for request_id in request_ids]
        blob = sealed_blob(records[0], path, self._mark) if len(records) == 1 else ""
        tag = blob or self._tag(path, records)
        return StatusFile(path, tag, lambda: self._of_ledger(path, request_ids), blob)

    def current(self, path: str, actions: Sequence[Action]) -> StatusFile:
        """Describe a file that was read in this pass."""
        problems = self._plan.problems_by_path.get(path, ())
        whole = not any(p.is_error for p in problems) and all(self._published(a) for a in actions)
        if whole and actions:
            return self.settled(path, [action.request_id for action in actions])
        return StatusFile(path, "", lambda: self._of_plan(path, actions, problems))

    def _published(self, action: Action) -> bool:
        """Whether the ledger alone says all about the request, this file's content included."""
        if not _is_known(action) or action.request_id not in self._ledger:
            return False
        blob = self._plan.situation.snapshot.files.get(action.path, "-").encode()
        return blob in self._ledger.raw(action.request_id)

    def _tag(self, path: str, records: Iterable[bytes]) -> str:
        key = f"{RENDERING} {self._log} {path} ".encode()
        return blake2b(key + b"".join(records), digest_size=12).hexdigest()

    def _of_ledger(self, path: str, request_ids: Sequence[str]) -> bytes:
        if len(request_ids) == 1:
            plain = render_plain(path, self._ledger.raw(request_ids[0]), self._log)
            if plain is not None:
                return plain
        entries = [decode(self._ledger.raw(request_id)) for request_id in request_ids]
        rows = [published_row(entry, self._log) for entry in entries]
        return render(
            path, _file_phase([entry.phase for entry in entries]), rows, list(entries[0].warnings)
        )

    def _of_plan(self, path: str, actions: Sequence[Action], problems: Sequence[Problem]) -> bytes:
        rows, phases = [], []
        for action in actions:
            entry = entry_of(action, self._ledger)
            if entry is not None:
                rows.append({**published_row(entry, self._log), **held(action)})
                phases.append(action.phase if held(action) else entry.phase)
            elif action.request is not None:
                said = _sentence(action)
                rows.append(unpublished_row(action.request, action.phase, said, self._log))
                phases.append(action.phase)
        bad = any(problem.is_error for problem in problems)
        phase = Phase.REJECTED if bad else _file_phase(phases)
        return render(path, phase, rows, [problem.in_its_file() for problem in problems])


def held(action: Action) -> dict[str, str]:
    """Give what a published request's row says of the content that is held; nothing if none is."""
    if action.kind is not Kind.HOLD:
        return {}
    return {"phase": action.phase.value, "message": _sentence(action)}


def entry_of(action: Action, ledger: Ledger) -> LedgerEntry | None:
    """Give what the ledger now knows of an action's request; None if it is about another place."""
    return ledger.get(action.request_id) if _is_known(action) else None


def _is_known(action: Action) -> bool:
    return action.sends or action.entry is not None


def _sentence(action: Action) -> str:
    if action.kind is Kind.SKIP and action.request and action.request.cancel:
        return f"Cancelled before it was published: {action.request.cancel}"
    return action.reason[:1].upper() + action.reason[1:]


def unpublished_row(request: Request, phase: Phase, message: str, log_name: str) -> dict[str, Any]:
    """Give the entry of a request that the ledger does not know.

    It names no commit: a shallow clone knows another one than a full clone, and both must write
    the same bytes.
    """
    return {
        "request_id": request.request_id,
        "type": request.type,
        "change_number": request.change_number,
        "revision": request.revision,
        "phase": phase.value,
        "message": message,
        "commit": None,
        "digest": request.digest,
        "log": log_name,
        "events": [],
        "task": None,
    }


def published_row(entry: LedgerEntry, log_name: str) -> dict[str, Any]:
    """Give the entry of a request that the ledger knows."""
    embedded = log_name == "embedded"
    task = None if entry.completion == accept.ADOPTED else _task(entry)
    return {
        "request_id": entry.request_id,
        "type": entry.type,
        "change_number": entry.change_number,
        "revision": entry.revision,
        "phase": entry.phase.value,
        "message": task["completion_message"] if task else accept.adoption_message(entry.commit),
        "commit": entry.commit or None,
        "digest": entry.digest,
        "log": log_name,
        "events": [_event_row(event._asdict(), embedded=embedded) for event in entry.events],
        "task": task,
    }


def _task(entry: LedgerEntry) -> dict[str, Any]:
    return entry.task or accept.task(
        commit=entry.commit, path=entry.path, revision=entry.revision, cancel=entry.cancel
    )


def _event_row(event: dict[str, Any], *, embedded: bool) -> dict[str, Any]:
    if embedded:  # its offsets differ from machine to machine
        del event["partition"], event["offset"]
    return event


def _file_phase(phases: Sequence[Phase]) -> Phase:
    return next((phase for phase in FILE_PHASE_ORDER if phase in phases), Phase.REJECTED)
