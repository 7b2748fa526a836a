"""Where the C library keeps what the threads of a daemon ask for."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

_THREADS = """
import ctypes, sys, threading
from franc_gitops.daemon.memory import limit_heaps
if sys.argv[1] == "limited":
    limit_heaps()
libc = ctypes.CDLL(None)
meet = threading.Barrier(9)
def ask():
    libc.malloc(10_000)
    meet.wait(30)
for _ in range(8):
    threading.Thread(target=ask).start()
meet.wait(30)
libc.fdopen.restype = ctypes.c_void_p
libc.malloc_info(0, ctypes.c_void_p(libc.fdopen(1, b"w")))
libc.fflush(None)
"""


def heaps(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _THREADS, how], capture_output=True, text=True, check=True
    )
    return done.stdout.count("<heap nr=")


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="not glibc")
def test_threads_share_two_heaps() -> None:
    assert heaps("limited") <= 2 < heaps("as it is")
