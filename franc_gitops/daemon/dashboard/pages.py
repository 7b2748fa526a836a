"""What each page shows, drawn from the board: plain values that the templates lay out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from franc_gitops.daemon.board import Role
from franc_gitops.daemon.dashboard import charts
from franc_gitops.daemon.dashboard.rows import RUNNING, Row, row_of, rows, unsettled_row
from franc_gitops.daemon.dashboard.source import Listing, listing
from franc_gitops.daemon.dashboard.words import TONES, Tone, duration, plural
from franc_gitops.model import Phase, SourceFile

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from franc_gitops.daemon.board import Board
    from franc_gitops.daemon.dashboard.links import Links
    from franc_gitops.daemon.model import View
    from franc_gitops.daemon.register import Unsettled
    from franc_gitops.model import Problem

SHOWN = 12
PER_PAGE = 50
DONE = (Phase.COMPLETED, Phase.CANCELLED)


@dataclass(frozen=True, slots=True)
class Site:
    """What the pages know of the installation besides the board.

    `read` gives the content of a request file; it may be asked from any thread.
    """

    name: str
    read: Callable[[SourceFile], bytes | Problem]
    links: Links


@dataclass(frozen=True, slots=True)
class Section:
    """A list of the overview; `total` may be more than its rows."""

    name: str
    rows: tuple[Row, ...]
    total: int
    link: str
    empty: str


@dataclass(frozen=True, slots=True)
class Overview:
    """The first page."""

    headline: str
    tone: str
    tiles: tuple[tuple[str, int, str, Tone], ...]
    charts: tuple[charts.Chart, ...]
    sections: tuple[Section, ...]
    done: int = 0
    total: int = 0
    is_told: bool = True
    """Whether the numbers mean anything: not before the first pass has ended."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of the list of requests."""

    rows: tuple[Row, ...]
    total: int
    page: int
    pages: int
    is_told: bool = True


@dataclass(frozen=True, slots=True)
class Detail:
    """The page of one request."""

    row: Row
    task: Mapping[str, object] | None
    source: Listing | None
    unreadable: str
    commit_link: str
    file_link: str
    log: str = ""
    others: tuple[str, ...] = field(default=())


def overview(board: Board, view: View) -> Overview:
    """Draw the first page."""
    unsettled = board.register.unsettled()
    held = [row for row in unsettled if row.is_held]
    pending = [row for row in unsettled if row.is_pending]
    phases = phase_counts(board)
    headline, tone = _headline(
        view, len({row.path for row in held}), unsent=len(unsettled) > len(held) + len(pending)
    )
    running = _section(board, "Running", RUNNING, "No request is being executed.")
    sections = (
        _list(board, "Held", held, "/requests?show=held", "Nothing is held."),
        _list(board, "Pending", pending, "/requests?show=pending", "Nothing waits to be sent."),
        running,
        _section(board, "Failed", (Phase.FAILED,), "No request has failed."),
        _section(board, "Completed", DONE, "No request is completed yet."),
    )
    going = view.running
    return Overview(
        headline=headline,
        tone=tone,
        tiles=_tiles(phases, held=len(held), pending=max(len(pending), view.pending or 0)),
        charts=(charts.throughput(view.minutes), charts.latency(view.minutes)),
        sections=sections,
        done=going.done if going else 0,
        total=going.total if going else 0,
        is_told=board.register.is_told,
    )


def phase_counts(board: Board) -> Counter[Phase]:
    """Count requests by phase, whatever their type."""
    found: Counter[Phase] = Counter()
    for standing, count in board.register.counts().items():
        found[standing.phase] += count
    return found


def _tiles(
    phases: Counter[Phase], *, held: int, pending: int
) -> tuple[tuple[str, int, str, Tone], ...]:
    return (
        ("Pending", pending, "/requests?show=pending", TONES[Phase.PENDING]),
        ("Held", held, "/requests?show=held", Tone("amber", "!")),
        (
            "Running",
            sum(phases[p] for p in RUNNING),
            "/requests?show=running",
            TONES[Phase.RUNNING],
        ),
        ("Failed", phases[Phase.FAILED], "/requests?show=failed", TONES[Phase.FAILED]),
        (
            "Completed",
            sum(phases[p] for p in DONE),
            "/requests?show=completed",
            TONES[Phase.COMPLETED],
        ),
    )


_ROLES: Mapping[Role, tuple[str, str]] = {
    Role.DRAINING: ("It is being shut down: what is under way is finished.", "amber"),
    Role.STARTING: ("It is starting: the first pass goes on.", "blue"),
    Role.STANDBY: ("Another publisher leads; this one follows and takes over if need be.", "blue"),
}


def _headline(view: View, held_files: int, *, unsent: bool) -> tuple[str, str]:
    """Say in a sentence what is true now, and its colour.

    `unsent` tells whether requests were cancelled before they were published.
    """
    if view.reasons and view.role not in {Role.STARTING, Role.DRAINING}:
        reason = view.reasons[0]
        return f"Not ready: {reason.message or reason.reason}", "red"
    if view.role is Role.STARTING and view.reasons and view.reasons[0].stage != "loop":
        return f"It is starting, and tries again: {view.reasons[0].message}", "red"
    if view.role in _ROLES:
        return _ROLES[view.role]
    if view.pending:
        age = duration(view.oldest_pending or 0)
        waits = "waits" if view.pending == 1 else "wait"
        return f"{plural(view.pending, 'request')} {waits} to be published, since {age}.", "amber"
    what = "to be published" if unsent else "valid" if held_files else "merged"
    if not held_files:
        return f"Everything that is {what} is published.", "green"
    is_held = "file is" if held_files == 1 else "files are"
    return f"Everything that is {what} is published; {held_files} {is_held} held.", "amber"


def _list(board: Board, name: str, rows: Sequence[Unsettled], link: str, empty: str) -> Section:
    shown = tuple(unsettled_row(row, board) for row in rows[:SHOWN])
    return Section(name, shown, len(rows), link, empty)


def _section(board: Board, name: str, phases: Collection[Phase], empty: str) -> Section:
    keys, total = board.register.search(phases=phases, limit=SHOWN)
    link = f"/requests?show={name.lower()}"
    return Section(name, tuple(rows(board, keys)), total, link, empty)


# --- the list -------------------------------------------------------------------------------

GROUPS: Mapping[str, tuple[Phase, ...]] = {
    "running": RUNNING,
    "failed": (Phase.FAILED,),
    "completed": DONE,
}


def found(board: Board, text: str, show: str, page: int) -> Found:
    """Look for requests: by a text in their identity, in one of the groups or in all."""
    skip = (page - 1) * PER_PAGE
    if show in {"held", "pending"}:
        needle = text.strip().lower()
        every = [
            row
            for row in board.register.unsettled()
            if (row.is_pending if show == "pending" else row.is_held)
            and needle in f"{row.key} {row.path}".lower()
        ]
        shown = [unsettled_row(row, board) for row in every[skip : skip + PER_PAGE]]
        total = len(every)
    else:
        phases = GROUPS.get(show, ())
        keys, total = board.register.search(text, phases, skip=skip, limit=PER_PAGE)
        shown = rows(board, keys)
    pages = max(1, -(-total // PER_PAGE))
    return Found(tuple(shown), total, page, pages, board.register.is_told)


# --- one request ----------------------------------------------------------------------------


def detail(board: Board, view: View, site: Site, key: str) -> Detail | None:
    """Draw the page of a request; None if nobody knows it."""
    unsettled, entry = board.register.find(key)
    row = row_of(board, unsettled, entry)
    if row is None:
        return None
    blob = unsettled.blob if unsettled else entry.blob if entry else ""
    content = site.read(SourceFile(row.path, blob)) if blob else b""
    is_text = isinstance(content, bytes)
    return Detail(
        row=row,
        task=entry.task if entry else None,
        source=listing(content, row.problems) if isinstance(content, bytes) and blob else None,
        unreadable="" if is_text else content.message,  # type: ignore[union-attr]
        commit_link=site.links.commit(row.commit),
        file_link=site.links.file(row.commit, row.path),
        log=view.log,
        others=_others(board, row),
    )


def _others(board: Board, row: Row) -> tuple[str, ...]:
    """Give the other requests of the same change."""
    if not row.change_number:
        return ()
    keys, _ = board.register.search(row.change_number, limit=SHOWN)
    return tuple(key for key in keys if key != row.key)
