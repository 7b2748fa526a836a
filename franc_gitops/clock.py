"""Time, chance and waiting as things that are passed in, so that tests decide them."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the pass asks of the world: what time it is, to wait, to roll dice."""

    def now(self) -> datetime:
        """Give the wall clock's time, UTC; only `not_before` and `not_after` depend on it."""
        ...

    def monotonic(self) -> float:
        """Give seconds that never go back, for deadlines."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    def uniform(self, low: float, high: float) -> float:
        """Give a random number between `low` and `high`, for jitter."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clock."""

    chance: random.Random = field(default_factory=random.SystemRandom)

    def now(self) -> datetime:
        """Give the wall clock's time."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Give the monotonic clock's seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def uniform(self, low: float, high: float) -> float:
        """Give a random number."""
        return self.chance.uniform(low, high)


class Deadline:
    """A moment in the future, by a clock that is passed in."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        """Begin to count."""
        self.seconds = seconds
        self._clock = clock
        self._end = clock.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left, at least zero."""
        return max(0.0, self._end - self._clock.monotonic())
