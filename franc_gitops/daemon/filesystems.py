"""How much inotify has room for."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")

TINY_QUEUE = 1_024
"""Fewer events than this can wait: any larger save overflows the queue."""


def queue_size(limit: Path = _QUEUE) -> int | None:
    """Give how many events may wait; None where nobody says."""
    with suppress(OSError, ValueError):
        return int(limit.read_text())
    return None
