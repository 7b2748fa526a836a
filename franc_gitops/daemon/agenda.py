"""What waits for a turn, and from when on: the loop's times in one place.

Seconds are of the monotonic clock, but for the time that requests wait for, which is a wall
clock's: so the loop never sleeps longer than a few seconds at once, in which either clock may
be set and the machine may be suspended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from franc_gitops.daemon.wakeups import NOTHING, Wake

if TYPE_CHECKING:
    from datetime import datetime

    from franc_gitops.clock import Clock

BEAT_SECONDS = 5.0
"""The longest that the loop waits at once."""

SETTLE_SECONDS = 0.5
"""After so long, files that were being written are looked at again; their closing wakes, too."""


class Agenda:
    """Wake-ups that wait, and the times before and after which nothing and something is due."""

    def __init__(self, clock: Clock, interval: float) -> None:
        """Begin with a look at everything, which is due at once."""
        self._clock = clock
        self._interval = interval
        self._waiting = Wake.everything("start")
        self._taken = NOTHING
        self._postponed = NOTHING
        self._found_by = ""  # the reason for which files were found busy, if any are
        self._postponed_to = self._not_before = 0.0
        self._whole_at = clock.monotonic() + interval
        self.due: datetime | None = None
        """When the next request that waits for its time becomes due."""

    def add(self, wake: Wake) -> None:
        """Let a wake-up wait for the next turn; a human's ends every pause."""
        if "signal" in wake.reasons:
            self._not_before = 0.0
        self._waiting |= wake

    def is_due(self) -> bool:
        """Tell whether it is time for a turn, and something waits for one."""
        now = self._clock.monotonic()
        if now < self._not_before:
            return False
        if now >= self._whole_at:
            self._waiting |= Wake.everything("timer")
        if self._postponed != NOTHING and now >= self._postponed_to:
            self._waiting |= self._postponed
            self._postponed = NOTHING
        if self.due is not None and self._clock.now() >= self.due:
            self._waiting |= Wake(frozenset(["due"]))
            self.due = None
        return self._waiting != NOTHING

    def take(self) -> Wake:
        """Give what waits, which the coming turn does."""
        self._taken, self._waiting = self._waiting, NOTHING
        return self._taken

    def wait_seconds(self) -> float:
        """Give for how long nothing but a wake-up can make a turn due."""
        now = self._clock.monotonic()
        if now < self._not_before:
            return min(BEAT_SECONDS, self._not_before - now)
        if self._waiting != NOTHING:
            return 0.0
        times = [self._whole_at - now, BEAT_SECONDS]
        if self._postponed != NOTHING:
            times.append(self._postponed_to - now)
        if self.due is not None:
            times.append((self.due - self._clock.now()).total_seconds())
        return max(0.0, min(times))

    def is_paused(self) -> bool:
        """Whether a failure makes everything wait."""
        return self._clock.monotonic() < self._not_before

    def has_news(self) -> bool:
        """Whether something waits that was not there before the last turn."""
        return bool(self._waiting.reasons - {"stop"})

    def succeeded(self, *, whole: bool) -> None:
        """Note a turn that went well; one over everything makes the next such one due later."""
        self._not_before = 0.0
        if whole:
            self._whole_at = self._clock.monotonic() + self._interval

    def failed(self, wake: Wake, seconds: float) -> None:
        """Note a turn that went wrong: all of it again after so long, and nothing before.

        `wake` is what it did not come to look at.
        """
        self._not_before = self._clock.monotonic() + seconds
        self._waiting |= Wake(wake.reasons | {"retry"}, None)

    def postpone(self, busy: frozenset[str]) -> None:
        """Look again in a moment at files that somebody is writing, whatever happens meanwhile.

        What the timer alone has found is not called a save: no event told of it.
        """
        is_untold = self._taken.reasons == {"timer"} and self._found_by in {"", "timer"}
        self._found_by = ("timer" if is_untold else "save") if busy else ""
        if self._postponed == NOTHING:
            self._postponed_to = self._clock.monotonic() + SETTLE_SECONDS
        self._postponed = Wake(frozenset([self._found_by]), busy) if busy else NOTHING
