"""How long something may still take."""

from __future__ import annotations

from time import monotonic


class Deadline:
    """A moment in the future, in seconds from now."""

    def __init__(self, seconds: float) -> None:
        """Begin to count."""
        self.seconds = seconds
        self._end = monotonic() + seconds

    @property
    def remaining(self) -> float:
        """Seconds left, at least zero."""
        return max(0.0, self._end - monotonic())

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return monotonic() >= self._end

    def restart(self) -> None:
        """Count from now again, because something moved."""
        self._end = monotonic() + self.seconds
