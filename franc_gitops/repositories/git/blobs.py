"""Content of blobs by id, from one `git cat-file --batch` that lives as long as its reader."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from franc_gitops.repositories.git.command import Git, Process

_AHEAD = 4000
"""Bytes of ids that may wait for an answer.

A pipe takes at least one page (4096 bytes) before its writer has to wait, so that we never
wait for git while git waits for us.
"""

_PIECE = 1 << 16
_DEATHS = 10
"""After so many objects that git died of, the repository is broken, not a file."""


class BlobReader:
    """Reads blobs; at most `limit` + 1 bytes of each are kept, so that a giant costs no memory."""

    def __init__(self, git: Git, limit: int) -> None:
        """Take the repository's git; nothing is started yet."""
        self._git = git
        self._limit = limit
        self._idle: _CatFile | None = None

    def read(self, blobs: Sequence[str]) -> Iterator[bytes | None]:
        """Yield the content of each blob, in order; None for one that git does not give.

        Raises RepositoryError when git fails again and again.
        """
        done = deaths = 0
        while done < len(blobs):
            with self._borrowed() as cat_file:
                for content in cat_file.ask(blobs[done:], self._limit):
                    done += 1
                    yield content
                if done < len(blobs):
                    deaths += 1
                    if deaths == _DEATHS:
                        raise cat_file.process.failure()
                    done += 1
                    yield None

    def close(self) -> None:
        """End the process, if one runs."""
        if self._idle:
            self._idle.process.close()
            self._idle = None

    @contextmanager
    def _borrowed(self) -> Iterator[_CatFile]:
        """Lend the running process or a new one; it is kept if it has answered everything."""
        cat_file, self._idle = self._idle, None
        if cat_file is None or cat_file.process.has_ended:
            cat_file = _CatFile(self._git)
        try:
            yield cat_file
        finally:
            if cat_file.owed or self._idle:
                cat_file.process.close()
            else:
                self._idle = cat_file


class _CatFile:
    """The running process and the buffer that its answers are read through."""

    def __init__(self, git: Git) -> None:
        self.process: Process = git.start("cat-file", "--batch", stdin=True)
        self.owed = 0
        self._answers = io.BufferedReader(cast("io.RawIOBase", self.process.output), _PIECE)

    def ask(self, blobs: Sequence[str], limit: int) -> Iterator[bytes | None]:
        """Yield one answer per blob; ends early when git died of the next one."""
        window = _AHEAD // (len(blobs[0]) + 1)
        asked = 0
        while asked < len(blobs) or self.owed:
            if self.owed <= window // 2:
                batch = blobs[asked : asked + window - self.owed]
                self.process.write("".join(f"{blob}\n" for blob in batch).encode())
                asked += len(batch)
                self.owed += len(batch)
            try:
                answer = self._answer(limit)
            except EOFError:
                return
            self.owed -= 1
            yield answer

    def _answer(self, limit: int) -> bytes | None:
        header = self._answers.readline()
        if header.endswith(b" missing\n"):
            return None
        size = int(header.rpartition(b" ")[2] or self._end())
        if size <= limit:
            return self._take(size + 1)[:-1]
        content = self._take(limit + 1)
        left = size - limit
        while left:
            left -= len(self._take(min(left, _PIECE)))
        return content

    def _take(self, size: int) -> bytes:
        content = self._answers.read(size)
        if len(content) < size:
            self._end()
        return content

    def _end(self) -> int:
        raise EOFError
