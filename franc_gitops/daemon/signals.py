"""Signals: SIGTERM and SIGINT end the loop in order, a second one at once; SIGHUP wakes it.

Handlers run between two steps of the main thread, which is the loop's. The first SIGTERM
only says "no further turn"; what runs is finished. If that takes so long that the grace
period would pass, `GraceOver` is raised into it, and the transaction under way is aborted.
Nothing is lost whatever happens: what is not in the ledger is pending for whoever comes next.

A step may be a library's call that takes a second, or that hangs, and two signals that come
within it are one to a handler. So a thread hears each of them as well: it tells others of the
first at once, and ends the process at the second, or when the grace period has passed.
"""

from __future__ import annotations

import os
import signal
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread, Timer
from typing import TYPE_CHECKING, TypeAlias

from franc_gitops.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from franc_gitops.daemon.wakeups import Wakeups

GRACE_SECONDS = 8.0
"""Docker kills after 10 s, Kubernetes after 30 s, systemd after 90 s."""

_CLOSING_SECONDS = 3.0
"""Of these: to abort the transaction and to let go of everything, though nothing answers."""

Handler: TypeAlias = "Callable[[int, FrameType | None], None] | signal.Handlers"

_ENDING = (signal.SIGTERM, signal.SIGINT)
_AT_ONCE = 0.001
"""A timer of 0 would never ring."""


class GraceOver(BaseException):
    """The grace period is over: raised into whatever the loop is doing."""


@dataclass
class Stop:
    """Whether the loop is asked to end, and by which signal (0: by none)."""

    wakeups: Wakeups
    requested: bool = False
    signal: int = 0
    told: Callable[[], None] = lambda: None
    """Called on another thread as soon as a signal asks for the end, whatever goes on."""
    overdue: Callable[[], None] = lambda: None
    """Called on another thread before the process ends although the loop has not."""
    in_loop: bool = False
    """Whether `GraceOver` has somewhere to be raised into."""

    def request(self, number: int = 0) -> None:
        """Ask the loop to end after the turn that it is making."""
        self.requested, self.signal = True, number
        self.wakeups.wake("stop", ())


@contextmanager
def handled(stop: Stop, grace: float = GRACE_SECONDS) -> Iterator[None]:
    """Handle signals as a daemon does; only in the main thread."""

    def end(number: int, _frame: FrameType | None) -> None:
        if not stop.requested:
            left = max(grace / 2, grace - _CLOSING_SECONDS)
            signal.setitimer(signal.ITIMER_REAL, max(left, _AT_ONCE))
            stop.request(number)

    def expire(_number: int, _frame: FrameType | None) -> None:
        if stop.in_loop:
            raise GraceOver

    def look(_number: int, _frame: FrameType | None) -> None:
        stop.wakeups.wake("signal")

    handlers: dict[int, Handler] = {
        **dict.fromkeys(_ENDING, end),
        signal.SIGALRM: expire,
        signal.SIGHUP: look,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        with _heard(stop, grace):
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _heard(stop: Stop, grace: float) -> Iterator[None]:
    """Hear on a thread of its own of each signal, whatever the main thread is doing."""
    hears, speaks = socket.socketpair()
    speaks.settimeout(0)
    before = signal.set_wakeup_fd(speaks.fileno(), warn_on_full_buffer=False)
    ear = Thread(target=_listen, args=(hears, stop, grace), name="signals", daemon=True)
    ear.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        speaks.close()
        ear.join()
        hears.close()


def _listen(hears: socket.socket, stop: Stop, grace: float) -> None:
    ends: Timer | None = None
    while numbers := hears.recv(64):
        for number in filter(_ENDING.__contains__, numbers):
            if ends is not None:
                os._exit(128 + number)
            ends = Timer(grace, _end_overdue, (stop, number))
            ends.daemon = True
            ends.start()
            stop.told()
    if ends is not None:
        ends.cancel()


def _end_overdue(stop: Stop, number: int) -> None:
    """End the process although its loop hangs in something that no exception can reach."""
    stop.overdue()
    os._exit(Exit.INTERRUPTED if number == signal.SIGINT else Exit.OK)
