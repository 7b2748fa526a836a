"""Wake-ups: what shortens the loop's waiting. None of them carries data, only hints where to look.

Any thread and any signal handler may wake the loop. Wake-ups that come while a turn is under
way wait together for the next one; a flood of them becomes one "look everywhere".
"""

from __future__ import annotations

from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_PATHS = 5_000
"""More paths than this are not looked at one by one: the full pass is as quick."""

MOST_WAITING = 50_000
"""So many wake-ups may wait for a turn that takes long; more are one that means everything."""


class Wake(NamedTuple):
    """Why the loop goes on, and which files changed: None where anything may have."""

    reasons: frozenset[str] = frozenset()
    paths: frozenset[str] | None = frozenset()

    @classmethod
    def everything(cls, reason: str) -> Wake:
        """Make a wake-up to look at everything."""
        return cls(frozenset([reason]), None)

    @property
    def everywhere(self) -> bool:
        """Whether the hints do not say which files changed."""
        return self.paths is None

    def __or__(self, other: Wake) -> Wake:
        """Give both at once."""
        reasons = self.reasons | other.reasons
        if self.paths is None or other.paths is None:
            return Wake(reasons, None)
        paths = self.paths | other.paths
        return Wake(reasons, paths if len(paths) <= MOST_PATHS else None)


NOTHING = Wake()


class Wakeups:
    """The loop's bell. `wake` never blocks and takes no lock, so a signal handler may ring it."""

    def __init__(self) -> None:
        """Begin silent."""
        self._waiting: SimpleQueue[Wake] = SimpleQueue()
        self._flooded = False

    def wake(self, reason: str, paths: Iterable[str] | None = None) -> None:
        """Ring; without `paths` anything may have changed."""
        if self._waiting.qsize() >= MOST_WAITING:
            self._flooded = True
            return
        self._waiting.put(Wake(frozenset([reason]), None if paths is None else frozenset(paths)))

    def wait(self, seconds: float) -> Wake:
        """Wait for a wake-up, at most so long; give all that have come, `NOTHING` for none."""
        try:
            found = self._waiting.get(timeout=max(0.0, seconds))
        except Empty:
            return NOTHING
        return found | self.take()

    def take(self) -> Wake:
        """Give the wake-ups that have come, without waiting."""
        reasons: set[str] = set()
        paths: set[str] | None = set()
        for _ in range(self._waiting.qsize()):
            wake = self._waiting.get()
            reasons |= wake.reasons
            if wake.paths is None or paths is None or self._flooded:
                paths = None
            else:
                paths |= wake.paths
        self._flooded = False
        return NOTHING | Wake(frozenset(reasons), None if paths is None else frozenset(paths))
