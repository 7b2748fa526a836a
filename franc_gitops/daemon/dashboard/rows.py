"""One request as every page shows it, whatever it is known from: the plan or the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops import accept, kinds
from franc_gitops.daemon.dashboard.words import TONES, Tone, duration
from franc_gitops.model import Phase

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from franc_gitops.daemon.board import Board
    from franc_gitops.daemon.register import Unsettled
    from franc_gitops.ledger import LedgerEntry

RUNNING = (Phase.PUBLISHED, Phase.RUNNING, Phase.STALLED)
_FULL = 100


class Sent(NamedTuple):
    """An event as the trail shows it."""

    event_type: str
    event_id: str
    topic: str
    partition: int
    offset: int
    timestamp: str


@dataclass(frozen=True, slots=True)
class Row:
    """One request, or a file of which none could be read."""

    key: str
    title: str
    path: str
    type: str
    change_number: str
    revision: int
    phase: Phase
    message: str
    commit: str
    timestamp: str = ""
    """When its commit was made, as its events say; empty if none was sent."""
    waiting: str = ""
    progress: int | None = None
    progress_message: str = ""
    problems: tuple[Mapping[str, object], ...] = ()
    more_problems: int = 0
    events: tuple[Sent, ...] = ()

    @property
    def tone(self) -> Tone:
        """How its phase looks."""
        return TONES[self.phase]

    @property
    def told(self) -> tuple[Mapping[str, object], ...]:
        """The problems that a list tells: not the warnings of what was published."""
        return tuple(problem for problem in self.problems if "severity" in problem)


def rows(board: Board, keys: Iterable[str]) -> list[Row]:
    """Show the requests of some keys; one that is gone by now is left out."""
    found = ((board, *board.register.find(key)) for key in keys)
    return [row for each in found if (row := row_of(*each))]


def row_of(board: Board, unsettled: Unsettled | None, entry: LedgerEntry | None) -> Row | None:
    """Show a request from what is known of it; None if nothing is."""
    if unsettled is not None:
        return unsettled_row(unsettled, board)
    return entry_row(entry) if entry is not None else None


def unsettled_row(row: Unsettled, board: Board) -> Row:
    """Show what is held, pending or orphaned."""
    since = row.waits_since
    return Row(
        key=row.key,
        title=row.request_id or row.path,
        path=row.path,
        type=row.type,
        change_number=row.change_number,
        revision=row.revision,
        phase=row.phase,
        message=row.message,
        commit=row.commit or (row.entry.commit if row.entry else ""),
        timestamp=row.entry.timestamp if row.entry else "",
        waiting=duration(board.clock.monotonic() - since) if since is not None else "",
        problems=tuple(problem.as_dict() for problem in row.problems),
        more_problems=row.more_problems,
        events=_sent(row.entry),
    )


def entry_row(entry: LedgerEntry) -> Row:
    """Show what the ledger knows."""
    task = task_of(entry)
    progress = task.get("progress_percentage")
    under_way = entry.phase in RUNNING and isinstance(progress, int | float)
    return Row(
        key=entry.request_id,
        title=entry.request_id,
        path=entry.path,
        type=entry.type,
        change_number=entry.change_number,
        revision=entry.revision,
        phase=entry.phase,
        message=str(task.get("completion_message") or task.get("status_message") or ""),
        commit=entry.commit,
        timestamp=entry.timestamp,
        progress=max(0, min(_FULL, int(progress))) if under_way else None,  # type: ignore[call-overload]
        progress_message=str(task.get("status_message") or "") if under_way else "",
        problems=entry.warnings,
        events=_sent(entry),
    )


def _sent(entry: LedgerEntry | None) -> tuple[Sent, ...]:
    return tuple(Sent(*event) for event in entry.events) if entry else ()


def task_of(entry: LedgerEntry) -> Mapping[str, object]:
    """Give how the execution of a request stands."""
    return entry.task or accept.task(
        commit=entry.commit, path=entry.path, revision=entry.revision, cancel=entry.cancel
    )


def type_title(name: str) -> str:
    """Give a type's name for people."""
    try:
        return kinds.by_type(name).title
    except KeyError:
        return "Request file"
