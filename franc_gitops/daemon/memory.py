"""Keeps the memory of a long life flat: few heaps, and what a large turn leaves is given back.

glibc gives threads heaps of their own, eight for each processor, and returns little of them. The
Kafka client starts threads anew for every connection that it makes, so that each outage would
leave another megabyte behind for hours; two heaps for all threads are plenty here.

A turn over all files, above all one that fails, leaves a plan and perhaps a ledger in reference
cycles. Python looks for those when many objects were made, and not when they were large.
"""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

_M_ARENA_MAX = -8
_HEAPS = 2


def limit_heaps() -> None:
    """Ask for few heaps; to be called before threads are started. Other C libraries need not."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _HEAPS)


def give_back() -> None:
    """Free what nothing refers to any more, and give its memory back to the system."""
    gc.collect()
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
