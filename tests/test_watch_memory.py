"""A daemon's memory: few heaps for its threads, and nothing left of a turn over all files."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from bench.corpus import request_text
from franc_gitops.daemon.turns import Turns
from franc_gitops.errors import EventLogUnreachable, OutcomeUnknown, forget_frames
from franc_gitops.eventlogs.sqlite import SqliteSession
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


@pytest.mark.parametrize(
    ("owner", "name", "error"),
    [
        (Turns, "take", OSError("a disk")),
        (Turns, "step_back", EventLogUnreachable("a broker")),
        (SqliteSession, "commit", OutcomeUnknown("a rival")),
    ],
)
def test_an_error_that_was_dealt_with_keeps_none_of_its_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: type, name: str, error: Exception
) -> None:
    """Though somebody keeps the error itself, as a client in C may do."""
    begin(tmp_path, fails=False)
    works, fails, raised = getattr(owner, name), list[bool](), list[Exception]()

    def fail_once(*arguments: Any, **options: Any) -> Any:
        if fails:
            fails.clear()
            raised.append(error)
            raise error
        return works(*arguments, **options)

    monkeypatch.setattr(owner, name, fail_once)
    with watching(tmp_path, {"FRANC_HTTP": "off"}) as running:
        running.wait_for_published(1)
        fails.append(True)
        (tmp_path / "requests/2.yaml").write_text(request_text(2))
        running.wait_for_published(2)
        running.wait_until(lambda: raised, "the error")
        running.wait_until(lambda: error.__traceback__ is None, "its frames to be forgotten")


def test_with_an_error_goes_all_that_it_follows_from() -> None:
    """Whether it was raised from that, or while that was dealt with."""
    with pytest.raises(KeyError) as caught:
        deal_with_two()
    assert len(list(frames_of(caught.value))) == 3
    forget_frames(caught.value)
    assert not list(frames_of(caught.value))


def deal_with_two() -> None:
    try:
        deal_with_one()
    except ValueError:
        raise KeyError  # noqa: B904  - its context is what this is about


def deal_with_one() -> None:
    try:
        os.close(-1)
    except OSError as first:
        raise ValueError from first


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
