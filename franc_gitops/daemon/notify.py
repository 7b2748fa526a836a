"""systemd: readiness, status and the watchdog's signs of life, over its datagram socket.

The protocol is a few lines of text (sd_notify(3)), so no library. The watchdog is fed by the
loop's heartbeat: a hung pass is restarted, an outage is not. Readiness is told once, when the
first pass has ended.
"""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from franc_gitops.daemon.model import Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from franc_gitops.daemon.board import Board
    from franc_gitops.settings.sources import Supervisor

_READY_AFTER = {Role.LEADER, Role.CANDIDATE, Role.STANDBY}
_LONGEST_PAUSE = 60.0
_BREATH = 0.2


class Notifier:
    """Tells systemd what the board says, whenever it has changed and in time for the watchdog."""

    def __init__(self, board: Board, supervisor: Supervisor) -> None:
        """Take the board and where systemd listens."""
        self._board = board
        self._address = _address(supervisor.socket)
        # Half the time, as sd_watchdog_enabled(3) recommends.
        self._pause = min(_LONGEST_PAUSE, (supervisor.watchdog_seconds or _LONGEST_PAUSE) / 2)
        self._watched = supervisor.watchdog_seconds is not None
        self._fed_at = -_LONGEST_PAUSE
        self._changed, self._ending = threading.Event(), threading.Event()
        self._told: dict[str, str] = {}

    def run(self) -> None:
        """Tell until `end` is called."""
        unsubscribe = self._board.subscribe(self._changed.set)
        try:
            while not self._ending.wait(min(_BREATH, self._pause)):
                self._changed.clear()
                self._send(self._news())
                self._changed.wait(self._pause)
        finally:
            unsubscribe()

    def end(self) -> None:
        """Say that it stops, and tell no more."""
        self._ending.set()
        self._changed.set()
        self._send({"STOPPING": "1"})

    def _news(self) -> dict[str, str]:
        """Give what systemd does not know yet, and a sign of life if the loop gives one."""
        view = self._board.view()
        state = {"STATUS": _sentence(self._board)}
        if view.role in _READY_AFTER:
            state["READY"] = "1"
        if view.role is Role.DRAINING:
            state["STOPPING"] = "1"
        news = {name: value for name, value in state.items() if self._told.get(name) != value}
        self._told |= news
        if self._watched and self._board.liveness() and self._is_hungry():
            news["WATCHDOG"] = "1"
        return news

    def _is_hungry(self) -> bool:
        """Tell whether half of the watchdog's time is nearly over; not every change feeds it."""
        now = self._board.clock.monotonic()
        if now - self._fed_at < 0.9 * self._pause:
            return False
        self._fed_at = now
        return True

    def _send(self, state: dict[str, str]) -> None:
        if not state:
            return
        message = "\n".join(f"{name}={value}" for name, value in state.items())
        with (
            suppress(OSError),  # whoever started us has gone, or never listened
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
        ):
            sender.connect(self._address)
            sender.sendall(message.encode())


def _address(path: str) -> str:
    """Give the socket's address; `@` begins a name that is in no file system."""
    return f"\0{path[1:]}" if path.startswith("@") else path


def _sentence(board: Board) -> str:
    """Say in one line how it is; `systemctl status` shows it."""
    view = board.view()
    if view.reasons and view.role is not Role.DRAINING:
        said = view.reasons[0].message or view.reasons[0].reason
    else:
        said = f"{view.pending} pending" if view.pending else "everything is published"
        said = "what waits is not known" if view.pending is None else said
    return f"{view.role}: {' '.join(said.split())}"


@contextmanager
def notifying(board: Board, supervisor: Supervisor | None) -> Iterator[None]:
    """Tell systemd how it goes until the block is left; nothing if none started us."""
    if supervisor is None:
        yield
        return
    notifier = Notifier(board, supervisor)
    thread = threading.Thread(target=notifier.run, name="notify", daemon=True)
    thread.start()
    try:
        yield
    finally:
        notifier.end()
        thread.join(1)
