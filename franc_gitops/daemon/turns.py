"""Wake → what is done about it: a pass over everything, or a small one over what changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from franc_gitops.daemon.wakeups import Wake
    from franc_gitops.pipeline.guard import Guard
    from franc_gitops.pipeline.turn import Pass, Report


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a turn did; `paths` are the files that it looked at, None for all of them."""

    report: Report
    paths: Collection[str] | None = None


class Turns:
    """Makes the turns of one loop, over ports that stay open."""

    def __init__(self, turn: Pass, guard: Callable[[], Guard]) -> None:
        """Take the pass; `guard` reads the pins anew, which a pull request may have changed."""
        self._pass = turn
        self._guard = guard
        turn.rests = False
        turn.publisher.keep = True
        turn.publisher.patience = 0.0  # the loop waits, not the publisher

    def take(self, wake: Wake, *, publishes: bool) -> Outcome | None:
        """Do what a wake-up asks for; None if there turns out to be nothing to do."""
        del wake
        self._pass.guard = self._guard()
        self._pass.publishes = publishes
        return Outcome(self._pass.run())

    def close(self) -> None:
        """Let go of the session, so that the next publisher need not fence it."""
        self._pass.publisher.close()
