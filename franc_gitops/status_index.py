"""Which status files are known to be right without reading them: a cache in the state folder.

A row says: the file with this size, time and inode holds what this tag stands for. Losing the
cache costs time, never correctness: a file without a row is read and compared. As git does
with its index, a file changed about when the cache was written is not believed.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME = "status-index"
_HEADER = "franc-gitops status index 3"
_RACY_NANOSECONDS = 20_000_000


def open_regular(path: str, flags: int) -> int:
    """Open a regular file only: a link may lead anywhere, a FIFO would wait for ever."""
    handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    raise OSError(errno.EINVAL, "not a regular file")


def read_note(folder: Path) -> str:
    """Give what the cache in the state folder says of all its rows together, reading no row."""
    try:
        with open(folder / FILE_NAME, encoding="utf-8", newline="\n", opener=open_regular) as file:
            return (file.readline().rstrip("\n") == _HEADER and file.readline().rstrip("\n")) or ""
    except (OSError, ValueError):
        return ""


class StatusIndex:
    """Rows by path: signature and tag. In the file each is a line, in turn: quick to read.

    A row that was loaded counts only once `confirm` has seen the file; the others are dropped.
    """

    def __init__(self, folder: Path | None) -> None:
        """Read the cache in the state folder; one that is missing or damaged is empty.

        Without a folder nothing is known, and nothing is kept.
        """
        self._file = folder / FILE_NAME if folder else None
        self._loaded: dict[str, str] = {}
        self._rows: dict[str, str] = {}
        self._noted = ""
        self.note = ""
        """What is said of all rows together, on one line; saved with them."""
        self._newest = 0
        self.is_there = False
        """Whether there was a cache, be it an empty one."""
        if self._file is not None:
            with suppress(OSError, ValueError):
                self._load(self._file)
        self._dirty = False

    def _load(self, cache: Path) -> None:
        with open(cache, encoding="utf-8", newline="\n", opener=open_regular) as file:
            self._newest = os.fstat(file.fileno()).st_mtime_ns - _RACY_NANOSECONDS
            header, note, *lines = file.read().split("\n")
        if header == _HEADER and len(lines) % 2:
            self._loaded = dict(zip(lines[0::2], lines[1::2], strict=False))
            self._noted = self.note = note
            self.is_there = True

    def confirm(self, path: str, found: os.stat_result) -> bool:
        """Tell whether a file is as it was when its tag was noted."""
        row = self._loaded.pop(path, None)
        if row is None:
            return False
        modified = found.st_mtime_ns
        if modified < self._newest and row.startswith(
            f"{found.st_size} {modified} {found.st_ino} "
        ):
            self._rows[path] = row
            return True
        self._dirty = True
        return False

    def holds(self, path: str, tag: str) -> bool:
        """Tell whether a file that was confirmed holds what the tag stands for."""
        row = self._rows.get(path)
        return row is not None and bool(tag) and row.endswith(tag)

    def remembers(self, path: str) -> bool:
        """Tell whether a row that was loaded waits for its file to be confirmed."""
        return path in self._loaded

    @property
    def missing(self) -> int:
        """How many of the rows that were loaded have not been confirmed."""
        return len(self._loaded)

    def __len__(self) -> int:
        """Count the rows of files that were confirmed or put."""
        return len(self._rows)

    def knows(self, path: str) -> bool:
        """Tell whether anything is noted of a file that was confirmed or put."""
        return path in self._rows

    def put(self, path: str, found: tuple[int, int, int], tag: str) -> None:
        """Note what a file of this size, time (ns) and inode holds; an empty tag forgets it."""
        if tag:
            size, modified, inode = found
            self._rows[path] = f"{size} {modified} {inode} {tag}"
            self._dirty = True
        else:
            self.forget(path)

    def forget(self, path: str) -> None:
        """Forget a file."""
        if self._rows.pop(path, None) is not None:
            self._dirty = True

    def clear(self) -> None:
        """Forget all files, but not that there is a cache."""
        self._rows.clear()

    def save(self) -> None:
        """Write the cache if it has changed; failing to is no error, the next pass is slower."""
        is_new = self._dirty or self._loaded or self.note != self._noted or not self.is_there
        if self._file is None or not is_new:
            return
        new = self._file.with_name(f"{FILE_NAME}.{os.urandom(4).hex()}")
        try:
            with new.open("w", encoding="utf-8", newline="\n") as lines:
                lines.write(f"{_HEADER}\n{self.note}\n")
                lines.writelines(f"{path}\n{row}\n" for path, row in self._rows.items())
            new.replace(self._file)
        except (OSError, UnicodeError):
            with suppress(OSError):
                new.unlink()
        self._dirty = False
