"""Signals: SIGTERM and SIGINT end the loop in order, a second one at once; SIGHUP wakes it.

Handlers run between two steps of the main thread, which is the loop's. The first SIGTERM
only says "no further turn"; what runs is finished. If that takes longer than the grace
period, `GraceOver` is raised into it, and the transaction under way is aborted. Nothing is
lost whatever happens: what is not in the ledger is pending for whoever comes next.
"""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from franc_gitops.daemon.wakeups import Wakeups

GRACE_SECONDS = 8.0
"""Docker kills after 10 s, Kubernetes after 30 s, systemd after 90 s."""

Handler: TypeAlias = "Callable[[int, FrameType | None], None] | signal.Handlers"

_ENDING = (signal.SIGTERM, signal.SIGINT)


class GraceOver(BaseException):
    """The grace period is over: raised into whatever the loop is doing."""


@dataclass
class Stop:
    """Whether the loop is asked to end, and by which signal (0: by none)."""

    wakeups: Wakeups
    requested: bool = False
    signal: int = 0

    def request(self, number: int = 0) -> None:
        """Ask the loop to end after the turn that it is making."""
        self.requested, self.signal = True, number
        self.wakeups.wake("stop", ())


@contextmanager
def handled(stop: Stop, grace: float = GRACE_SECONDS) -> Iterator[None]:
    """Handle signals as a daemon does; only in the main thread."""

    def end(number: int, _frame: FrameType | None) -> None:
        if stop.requested:
            os._exit(128 + number)
        signal.setitimer(signal.ITIMER_REAL, grace)
        stop.request(number)

    def expire(_number: int, _frame: FrameType | None) -> None:
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
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
