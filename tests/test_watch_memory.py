"""A daemon's memory: few heaps for its threads, and nothing left of a turn over all files."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
import weakref
from typing import TYPE_CHECKING

import pytest

from bench.corpus import request_text
from tests.support.watching import watching

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

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


class Large:
    """Refers to itself, as a plan does that an error on its way up has seen."""

    def __init__(self) -> None:
        self.self = self


@pytest.mark.parametrize("fails", [False, True])
def test_a_turn_over_all_files_leaves_nothing_behind(tmp_path: Path, fails: bool) -> None:
    begin(tmp_path, fails=fails)
    gc.disable()
    try:
        with watching(tmp_path, {"FRANC_HTTP": "off"}) as running:
            running.wait_for_published(1)
            left = weakref.ref(Large())
            running.daemon.stop.wakeups.wake("signal")
            running.wait_until(lambda: left() is None, "it to be freed")
            assert bool(running.said.failures) == fails
    finally:
        gc.enable()


def test_the_error_of_a_turn_keeps_none_of_its_frames(tmp_path: Path) -> None:
    begin(tmp_path, fails=True)
    with watching(tmp_path, {"FRANC_HTTP": "off"}) as running:
        running.wait_until(lambda: running.said.failures, "the turn to fail")
        error = running.said.failures[0][0]
        running.wait_until(lambda: not list(frames_of(error)), "its frames to be forgotten")


def begin(folder: Path, *, fails: bool) -> None:
    """Make a folder of requests, of which each turn fails if it is to."""
    (folder / "requests").mkdir()
    (folder / "requests/1.yaml").write_text(request_text(1))
    if fails:
        (folder / "status").write_text("in the way")


def frames_of(error: BaseException | None) -> Iterator[TracebackType]:
    if error is not None:
        yield from filter(None, [error.__traceback__])
        yield from frames_of(error.__cause__ or error.__context__)
