"""How long to leave something alone that has failed: longer each time, capped, with jitter."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tenacity import RetryCallState, wait_exponential

if TYPE_CHECKING:
    from franc_gitops.clock import Clock
    from franc_gitops.daemon.model import Stage

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0

_curve = wait_exponential(multiplier=FIRST_SECONDS, max=LONGEST_SECONDS)


class Backoff:
    """Counts the failures of each stage in a row; a success makes them forgotten."""

    def __init__(self, clock: Clock) -> None:
        """Begin with no failure."""
        self._clock = clock
        self._failures: Counter[Stage] = Counter()

    def failed(self, stage: Stage) -> float:
        """Note a failure and give the seconds until the next attempt."""
        self._failures[stage] += 1
        longest = _seconds(self._failures[stage])
        return self._clock.uniform(longest / 2, longest)

    def succeeded(self) -> None:
        """Forget all failures."""
        self._failures.clear()


def _seconds(failures: int) -> float:
    state = RetryCallState(None, None, (), {})  # type: ignore[arg-type]  # only counts attempts
    state.attempt_number = failures
    return _curve(state)
