"""Keeps the C library from spreading a long life's memory over one heap for each thread.

glibc gives threads heaps of their own, eight for each processor, and returns little of them. The
Kafka client starts threads anew for every connection that it makes, so that each outage would
leave another megabyte behind for hours; two heaps for all threads are plenty here.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

_M_ARENA_MAX = -8
_HEAPS = 2


def limit_heaps() -> None:
    """Ask for few heaps; to be called before threads are started. Other C libraries need not."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _HEAPS)
