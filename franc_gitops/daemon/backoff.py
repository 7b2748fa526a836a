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


class Backoff:
    """Counts the failures of each stage in a row; a success makes them forgotten."""

    def __init__(self, clock: Clock, longest: float = LONGEST_SECONDS) -> None:
        """Begin with no failure."""
        self._clock = clock
        self._curve = wait_exponential(multiplier=FIRST_SECONDS, max=longest)
        self._failures: Counter[Stage] = Counter()

    def failed(self, stage: Stage) -> float:
        """Note a failure and give the seconds until the next attempt."""
        self._failures[stage] += 1
        state = RetryCallState(None, None, (), {})  # type: ignore[arg-type]  # counts attempts
        state.attempt_number = self._failures[stage]
        longest = self._curve(state)
        return self._clock.uniform(longest / 2, longest)

    def succeeded(self) -> tuple[Stage, ...]:
        """Forget all failures; give the stages that had any."""
        stages = tuple(self._failures)
        self._failures.clear()
        return stages
