"""Asks the remote of a clone again and again where its branch stands, on a thread of its own.

A remote that does not answer keeps nobody waiting: what is at hand is followed meanwhile. Its
own condition says what is wrong and since when, and it is asked less and less often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from franc_gitops.daemon.backoff import Backoff
from franc_gitops.daemon.model import Stage
from franc_gitops.daemon.polling import Ticker
from franc_gitops.errors import RepositoryError, bug

if TYPE_CHECKING:
    from franc_gitops.daemon.board import Board
    from franc_gitops.daemon.narrator import Narrator
    from franc_gitops.daemon.wakeups import Wakeups

LONGEST_SECONDS = 60.0
"""How long a remote that does not answer is left alone at the most, if `poll` is not longer."""


class PolledRemote(Protocol):
    """A remote's branch that can be asked about."""

    tip: str
    """Its newest commit that is known; empty until there is one."""

    def poll(self) -> None:
        """Bring the newest commit to hand; raises RepositoryError."""
        ...

    def check(self) -> None:
        """See whether what was fetched can be read; what cannot is fetched anew by `poll`."""
        ...

    def stop(self) -> None:
        """End what is under way, from another thread."""
        ...


class RemotePolling:
    """Wakes the loop when the remote's branch has moved."""

    def __init__(
        self,
        remote: PolledRemote,
        wakeups: Wakeups,
        board: Board,
        narrator: Narrator,
        every: float,
    ) -> None:
        """Take whom to ask and whom to tell; `start` or `ask` begin to ask."""
        self._remote = remote
        self._wakeups = wakeups
        self._board = board
        self._narrator = narrator
        self._every = every
        self._backoff = Backoff(board.clock, longest=max(every, LONGEST_SECONDS))
        self._is_suspect = self._is_closed = False
        self._ticker: Ticker | None = None
        self.has_asked = False
        """Whether the remote has answered once, or was found out of reach."""

    def start(self) -> None:
        """Begin to ask, on a thread."""
        self._ticker = Ticker(self._tick)

    def hurry(self) -> None:
        """Ask now: somebody says that there is something new."""
        if self._ticker is not None:
            self._ticker.hurry()

    def suspect(self) -> None:
        """Take the news that something cannot be read; it may be what was fetched."""
        self._is_suspect = True
        self.hurry()

    def close(self) -> None:
        """Stop asking."""
        self._is_closed = True
        self._remote.stop()
        if self._ticker is not None:
            self._ticker.close()

    def ask(self) -> None:
        """Ask once; raises RepositoryError."""
        if self._is_suspect:
            self._is_suspect = False
            self._remote.check()
        self._remote.poll()

    def _tick(self) -> float:
        before, pause = self._remote.tip, self._every
        try:
            self.ask()
            self._succeed()
        except RepositoryError as error:
            pause = self._fail(error)
        except Exception as error:  # noqa: BLE001  - a thread that ends would end in silence
            pause = self._fail(RepositoryError(bug(error)))
        if self._remote.tip != before or not self.has_asked:
            self.has_asked = True
            self._wakeups.wake("commit", ())
        return pause

    def _succeed(self) -> None:
        self._board.condition(Stage.REMOTE, ok=True)
        for stage in self._backoff.succeeded():
            self._narrator.recovered(stage=str(stage))

    def _fail(self, error: RepositoryError) -> float:
        seconds = max(self._every, self._backoff.failed(Stage.REMOTE))
        if not self._is_closed:
            self._board.condition(
                Stage.REMOTE, ok=False, reason="Unreachable", message=error.message
            )
            self._narrator.failed(error, stage=str(Stage.REMOTE), retry_in=seconds)
        return seconds
