"""Figures in bounded memory: a histogram, and the last hour by the minute."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

MINUTES = 60
DURATIONS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
"""Upper bounds in seconds of what a pass or a publication takes, up to half an hour."""

LATENCIES = tuple(0.001 * 1.5**step for step in range(50))
"""Finer, from a millisecond to days: quantiles are read from it."""


@dataclass(slots=True)
class Histogram:
    """Counts of values by upper bound (the last count is of what is above all), and their sum."""

    bounds: Sequence[float]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        """Begin with zeros."""
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def __len__(self) -> int:
        """Give how many values were counted."""
        return sum(self.counts)

    def cumulative(self) -> list[tuple[float, int]]:
        """Give (upper bound, values up to it), the last bound being infinite."""
        bounds = (*self.bounds, float("inf"))
        return list(zip(bounds, accumulate(self.counts), strict=True))

    def quantile(self, share: float) -> float | None:
        """Give the bound below which that share of the values lies; None without values."""
        wanted = share * len(self)
        if not wanted:
            return None
        top = self.bounds[-1]
        return next((min(b, top) for b, below in self.cumulative() if below >= wanted), top)

    def copy(self) -> Histogram:
        """Give one that changes no more."""
        return Histogram(self.bounds, list(self.counts), self.total)


class Minute(NamedTuple):
    """One minute: requests published, passes, failed passes, and how long requests waited.

    `median` and `slowest` are seconds from commit or save to publication, None if nothing was.
    """

    start: int
    published: int = 0
    passes: int = 0
    failed: int = 0
    median: float | None = None
    slowest: float | None = None


@dataclass(slots=True)
class _Bucket:
    start: int
    published: int = 0
    passes: int = 0
    failed: int = 0
    waited: Histogram = field(default_factory=lambda: Histogram(LATENCIES))
    slowest: float = 0.0

    def frozen(self) -> Minute:
        median = self.waited.quantile(0.5)
        slowest = None if median is None else self.slowest
        if median is not None:
            median = min(median, self.slowest)
        return Minute(self.start, self.published, self.passes, self.failed, median, slowest)


class History:
    """The last hour in minutes; a minute is 60 s of the epoch."""

    def __init__(self) -> None:
        """Begin with an empty hour."""
        self._buckets: deque[_Bucket] = deque(maxlen=MINUTES)

    def add_pass(self, now: datetime, *, failed: bool, waited: Sequence[float]) -> None:
        """Count a pass, and the seconds that each request that it published had waited."""
        bucket = self._bucket(now)
        bucket.passes += 1
        bucket.failed += failed
        bucket.published += len(waited)
        for seconds in waited:
            bucket.waited.add(seconds)
        bucket.slowest = max([bucket.slowest, *waited])

    def _bucket(self, now: datetime) -> _Bucket:
        start = int(now.timestamp()) // 60 * 60
        last = self._buckets[-1] if self._buckets else None
        if last is None or last.start < start:
            last = _Bucket(start)
            self._buckets.append(last)
        return last  # also when the clock was set back: then the newest minute goes on

    def minutes(self, now: datetime) -> list[Minute]:
        """Give 60 minutes up to now, oldest first; those in which nothing happened are empty."""
        end = int(now.timestamp()) // 60 * 60
        found = {bucket.start: bucket.frozen() for bucket in self._buckets}
        starts = range(end - 60 * (MINUTES - 1), end + 1, 60)
        return [found.get(start, Minute(start)) for start in starts]
