"""Whole files in the place of others: written aside and renamed; many of them by two processes.

A reader, or a kill, meets the old file or the new one and never half of it. Nothing is forced
to disk. Where another processor is idle, a worker that was prepared takes a share.
"""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from franc_gitops.pipeline.workers import Worker

TEMPORARY = ".franc-tmp-"
"""How the names of files begin that wait for being renamed."""

BATCH = 32
"""Files that go to a worker at once: a few milliseconds of work."""

WORTH_A_WORKER = 600
"""Files from which on a worker saves more time than forking takes."""


class Signature(NamedTuple):
    """By which a file is known again: bytes, nanoseconds of the epoch, inode."""

    size: int
    modified: int
    inode: int


class Replacement(NamedTuple):
    """A file that is to hold this; `path` and `tag` are for whoever asks."""

    file: str
    content: bytes
    path: str
    tag: str


Outcome: TypeAlias = "tuple[Replacement, Signature | OSError]"
_Batch: TypeAlias = "list[tuple[str, bytes]]"
_Found: TypeAlias = "list[Signature | OSError]"


class Replacer:
    """Replaces files one after the other, or at the same time; tells what became of each."""

    def __init__(self) -> None:
        """Begin without a worker."""
        self._ready: list[Worker[_Batch, _Found]] = []
        self._shares: list[tuple[Worker[_Batch, _Found], list[Sequence[Replacement]]]] = []
        self._waiting: list[Replacement] = []

    def prepare(self, files: int) -> None:
        """Start the workers that so many files may need, while forking is still safe."""
        if files < WORTH_A_WORKER or self._ready:
            return
        from franc_gitops.pipeline.workers import Worker, spare_processors

        self._ready = [Worker(_replace_all) for _ in range(spare_processors())]

    def add(self, wanted: Replacement) -> Iterable[Outcome]:
        """Replace a file now or soon; give the outcomes that are known by now."""
        if not self._ready:
            return [(wanted, _replace(wanted.file, wanted.content))]
        self._waiting.append(wanted)
        return self._hand_out() if len(self._waiting) == BATCH else ()

    def finish(self) -> Iterator[Outcome]:
        """Give the outcomes that are still open; the workers end."""
        yield from self._hand_out()
        with ExitStack() as stack:
            for worker in self._ready:
                stack.enter_context(worker)
            self._ready = []
            for worker, batches in self._shares:
                done = 0
                for found in worker.finish():
                    yield from zip(batches[done], found, strict=True)
                    done += 1
                for batch in batches[done:]:  # the worker was lost, and whole files are no harm
                    yield from _replace_here(batch)
        self._shares = []

    def close(self) -> None:
        """End workers that were prepared and not needed."""
        while self._ready:
            with self._ready.pop():
                pass

    def _hand_out(self) -> Iterable[Outcome]:
        batch, self._waiting = self._waiting, []
        for worker in self._ready:
            if worker.offer([(wanted.file, wanted.content) for wanted in batch]):
                self._share_of(worker).append(batch)
                return ()
        return _replace_here(batch)

    def _share_of(self, worker: Worker[_Batch, _Found]) -> list[Sequence[Replacement]]:
        for known, batches in self._shares:
            if known is worker:
                return batches
        self._shares.append((worker, []))
        return self._shares[-1][1]


def _replace_here(batch: Iterable[Replacement]) -> list[Outcome]:
    return [(wanted, _replace(wanted.file, wanted.content)) for wanted in batch]


def _replace_all(batch: _Batch) -> _Found:
    """Do a worker's share."""
    return [_replace(file, content) for file, content in batch]


def _replace(file: str, content: bytes) -> Signature | OSError:
    try:
        return replace_file(file, content)
    except OSError as error:
        return error


def replace_file(file: str, content: bytes) -> Signature:
    """Write a file whole or not at all, and give what it then is; raises OSError."""
    new = f"{os.path.dirname(file)}/{_temporary_name()}"  # noqa: PTH120 - a path object costs
    try:
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
        try:
            if os.write(handle, content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            found = os.fstat(handle)
        finally:
            os.close(handle)
        os.rename(new, file)  # noqa: PTH104 - a path object for each costs
    except OSError:
        with suppress(OSError):
            os.unlink(new)  # noqa: PTH108
        raise
    return signature(found)


def signature(found: os.stat_result) -> Signature:
    """Give by which a file is known again."""
    return Signature(found.st_size, found.st_mtime_ns, found.st_ino)


_RUN = os.urandom(4).hex()


def _temporary_name() -> str:
    """Name the file that this process writes: a worker has one of its own."""
    return f"{TEMPORARY}{os.getpid()}-{_RUN}"


def holds(file: str, content: bytes) -> bool:
    """Tell whether a file says this already; one that cannot be read does not.

    Git may check text out with other line endings (`core.autocrlf`); it says the same then.
    """
    try:
        return read_text(file, most=2 * len(content) + 1) == content
    except OSError:
        return False


def read_text(file: str | Path, most: int) -> bytes:
    """Read the beginning of a regular file with the line endings that we write."""
    return read_beginning(file, most).replace(b"\r\n", b"\n")


def read_beginning(file: str | Path, most: int) -> bytes:
    """Read the beginning of a regular file."""
    handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as content:
        return content.read(most)
