"""Forked processes that do a share of the work, where forking is safe.

A worker is a copy of this process: it needs no start-up, and what it works with is already
there. Batches go to it through a pipe. It keeps its results until the end, so that it never
waits for its parent to read and neither can block the other for ever.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import select
import sys
import threading
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, NoReturn, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

Batch = TypeVar("Batch")
Result = TypeVar("Result")

_THREADS = "/proc/self/task"
_OPEN_FILES = "/proc/self/fd"
_LAST_STANDARD_FILE = 2
_END = None


def spare_processors() -> int:
    """Count the processors that this process leaves idle; none where forking is not safe.

    A process with other threads (one of librdkafka's, say) must not fork: a lock that such a
    thread holds would stay locked in the worker for ever.
    """
    if threading.active_count() > 1 or not os.path.isdir(_THREADS):  # noqa: PTH112
        return 0
    known_and_unknown = len(os.listdir(_THREADS))  # noqa: PTH208
    return len(os.sched_getaffinity(0)) - 1 if known_and_unknown == 1 else 0


class Worker(Generic[Batch, Result]):
    """One forked process that calls `work` for each batch that it is given."""

    def __init__(self, work: Callable[[Batch], Result]) -> None:
        """Fork; see `spare_processors` for when that is safe."""
        batches, self._batches = _pipe()
        self._ready, ready = _pipe()
        self._results, results = _pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = os.fork()
        if self._pid == 0:
            _work_and_exit(work, batches, ready, results)
        for end in (batches, ready, results):
            end.close()
        self._is_lost = False
        self._credit = 1

    def offer(self, batch: Batch) -> bool:
        """Give the worker a batch unless one is still waiting; tell whether it took it."""
        if self._credit == 0 and select.select([self._ready], [], [], 0)[0]:
            taken = os.read(self._ready.fileno(), 16)
            self._credit = len(taken)
            self._is_lost = not taken
        if self._credit == 0 or self._is_lost:
            return False
        self._credit -= 1
        self._send(batch)
        return True

    def finish(self) -> Iterator[Result]:
        """Yield the results in the order of the batches; fewer of them if the worker was lost."""
        self._send(_END)
        with contextlib.suppress(EOFError, pickle.UnpicklingError):
            while True:
                yield pickle.load(self._results)  # noqa: S301 - from a copy of ourselves

    def _send(self, batch: Batch | None) -> None:
        try:
            pickle.dump(batch, self._batches, pickle.HIGHEST_PROTOCOL)
            self._batches.flush()
        except BrokenPipeError:
            self._is_lost = True

    def __enter__(self) -> Self:
        """Give the worker itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the process; a batch that it works on is dropped at its end."""
        for end in (self._batches, self._ready, self._results):
            with contextlib.suppress(BrokenPipeError):
                end.close()
        os.waitpid(self._pid, 0)


def _pipe() -> tuple[BinaryIO, BinaryIO]:
    read, write = os.pipe()
    return os.fdopen(read, "rb"), os.fdopen(write, "wb")


def _work_and_exit(
    work: Callable[[Batch], Any], batches: BinaryIO, ready: BinaryIO, results: BinaryIO
) -> NoReturn:
    """Be the worker; whatever goes wrong, the parent does the work itself and shows the error."""
    try:
        gc.disable()
        _close_all_but({batches.fileno(), ready.fileno(), results.fileno()})
        frames = []
        while (batch := pickle.load(batches)) is not _END:  # noqa: S301 - from our own parent
            os.write(ready.fileno(), b".")
            frames.append(pickle.dumps(work(batch), pickle.HIGHEST_PROTOCOL))
        results.writelines(frames)
        results.flush()
    finally:
        os._exit(0)


def _close_all_but(wanted: set[int]) -> None:
    """Close what was inherited: a pipe that a worker holds open would never end for others."""
    for name in os.listdir(_OPEN_FILES):  # noqa: PTH208
        if int(name) > _LAST_STANDARD_FILE and int(name) not in wanted:
            with contextlib.suppress(OSError):
                os.close(int(name))
