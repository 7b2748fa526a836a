"""Settings → a loop that is ready to run, and everything that lives as long as it does."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from franc_gitops.clock import SystemClock
from franc_gitops.daemon.board import Board, Role
from franc_gitops.daemon.choosing import Watching, describe
from franc_gitops.daemon.freezes import Freezes
from franc_gitops.daemon.loop import Loop, Tempo
from franc_gitops.daemon.polling import FolderPolling, RefsPolling
from franc_gitops.daemon.remote_polling import RemotePolling
from franc_gitops.daemon.signals import Stop
from franc_gitops.daemon.sources import FollowedRepository, open_source
from franc_gitops.daemon.turns import Turns
from franc_gitops.daemon.wakeups import Wakeups
from franc_gitops.daemon.watching import Bell, FolderWatch, RefsWatch
from franc_gitops.errors import SettingsError, Stopped
from franc_gitops.pipeline.guard import Guard
from franc_gitops.wiring import calendar, open_followed, open_pass, read_pins, state_check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from franc_gitops.daemon.narrator import Narrator
    from franc_gitops.freeze import Calendar
    from franc_gitops.pipeline.part import PartialRepository
    from franc_gitops.settings import Settings
    from franc_gitops.wiring import Choices, Followed


_COVERED_SECONDS = 2.0
"""A standby's grace time is longer by this than what a leader takes to publish."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """A loop and what others need of it: the board to read, the bell to ring.

    With its `choices` a repository is opened that holds what the loop has read.
    """

    loop: Loop
    board: Board
    wakeups: Wakeups
    stop: Stop
    watching: Watching
    choices: Choices
    remote: RemotePolling | None = None

    def hook(self, reason: str) -> None:
        """Take the word of a push hook: ask the remote now, or look at what is here."""
        if self.remote is not None:
            self.remote.hurry()
            self.wakeups.wake(reason, ())
        else:
            self.wakeups.wake(reason)


@contextmanager
def open_daemon(
    settings: Settings,
    choices: Choices,
    narrator: Narrator,
    stop: Stop | None = None,
    reread: Callable[[], Settings] | None = None,
) -> Iterator[Daemon]:
    """Open everything, give the daemon, and close everything in the end.

    `reread` gives the settings as they are now, of which the freezes are taken over.
    `stop` may have been asked for already: then the loop ends as soon as it begins.
    """
    clock = SystemClock()
    board = Board(clock)
    stop = stop or Stop(Wakeups())
    stop.told = partial(board.role, Role.DRAINING)
    wakeups = stop.wakeups
    with ExitStack() as stack:
        repository, mirror = _open_followed(settings, choices, narrator)
        if mirror is not None:
            choices = replace(choices, variables=mirror.variables, writing=mirror.writing)
        turn = stack.enter_context(open_pass(settings, choices, repository))
        turn.publisher.progress = _Progress(board, stop)
        source = open_source(repository, mirror, narrator.warn)
        remote = None
        if mirror is not None:
            remote = RemotePolling(mirror, wakeups, board, narrator, settings.poll)
            stack.callback(remote.close)
        turns = Turns(turn, source, partial(_read_guard, settings, choices))
        turns.check = state_check(settings)
        if reread is not None:
            read = partial(_read_calendar, reread, choices)
            turns.freezes = Freezes(settings.root, read).changed
        watching = _open_watching(settings, repository, Bell(wakeups, board, narrator), narrator)
        stack.callback(watching.close)
        patience = max(0.0, settings.poll - _COVERED_SECONDS) if remote else 0.0
        tempo = Tempo(settings.interval, patience)
        loop = Loop(turns, board, narrator, stop, tempo, watching, remote)
        stop.overdue = loop.say_what_is_left
        yield Daemon(loop, board, wakeups, stop, watching, choices, remote)


def _read_guard(settings: Settings, choices: Choices, commit: str) -> Guard:
    """Give what guards against another ledger than the one that is pinned now."""
    return Guard(read_pins(settings, commit, choices.variables), accept=choices.accept_ledger)


def _read_calendar(reread: Callable[[], Settings], choices: Choices) -> Calendar:
    """Give the freezes as they are now."""
    return calendar(reread(), choices)


def _open_followed(settings: Settings, choices: Choices, narrator: Narrator) -> Followed:
    """Open what is followed; a remote that nobody has named, and that is open, is not."""
    try:
        return open_followed(settings, choices)
    except SettingsError:
        if settings.remote:
            raise
        narrator.warn("no remote is followed: there are several", hint="set remote, FRANC_REMOTE")
        return open_followed(settings, replace(choices, local=True))


@dataclass(frozen=True, slots=True)
class _Progress:
    """Shows how far a publication is, and ends it between two transactions if that is wanted."""

    board: Board
    stop: Stop

    def __call__(self, done: int, total: int) -> None:
        self.board.beat()
        self.board.progress(done, total)
        if self.stop.requested and done < total:
            raise Stopped(f"asked to stop after {done} of {total} requests")


def _open_watching(
    settings: Settings, repository: PartialRepository, bell: Bell, narrator: Narrator
) -> Watching:
    """Watch a clone's branches, or the files of a folder."""
    root, requests, poll = settings.root, settings.requests_dir, settings.poll
    if isinstance(repository, FollowedRepository):
        folders = list(repository.ref_folders())
        watching = Watching(
            Path(folders[-1]),
            lambda: RefsWatch(folders, bell),
            lambda: RefsPolling(bell, poll),
            narrator,
        )
    else:
        watching = Watching(
            root / requests,
            lambda: FolderWatch(root, requests, bell),
            lambda: FolderPolling(root, requests, bell, SystemClock(), poll),
            narrator,
        )
    bell.failed = lambda error: watching.poll(describe(error))
    return watching
