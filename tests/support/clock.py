"""A clock for tests: time passes when they say so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass
class SetClock:
    """A clock that stands still until a test moves it; both of its times are the same."""

    time: datetime = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """Give the time that was set."""
        return self.time

    def monotonic(self) -> float:
        """Give the same in seconds."""
        return self.time.timestamp()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.go_on(seconds)

    def uniform(self, low: float, high: float) -> float:
        """Give no chance."""
        del high
        return low

    def go_on(self, seconds: float) -> None:
        """Let time pass."""
        self.time += timedelta(seconds=seconds)
