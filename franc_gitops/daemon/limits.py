"""How much the daemon lets others ask of it."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Bucket:
    """Lets `rate` a second through, after a pause up to `burst` at once; any thread may ask."""

    rate: float
    burst: float
    monotonic: Callable[[], float]

    def __post_init__(self) -> None:
        """Begin full."""
        self._left = self.burst
        self._last = self.monotonic()
        self._lock = Lock()

    def take(self) -> bool:
        """Tell whether one more may go through, and count it if so."""
        with self._lock:
            now = self.monotonic()
            self._left = min(self.burst, self._left + (now - self._last) * self.rate)
            self._last = now
            if self._left < 1:
                return False
            self._left -= 1
            return True
