"""Which status files are known to be right without reading them: a cache in the state folder.

A row says: the file with this size, time and inode holds what this tag stands for. Losing the
cache costs time, never correctness: a file without a row is read and compared. As git does
with its index, a file changed about when the cache was written is not believed.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FILE_NAME = "status-index"
_FORMAT = "franc-gitops status index 1\n"
_RACY_NANOSECONDS = 20_000_000


def signature(found: os.stat_result) -> str:
    """Give what tells a file from an earlier state of it."""
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ino}"


class StatusIndex:
    """Rows by path: `<signature> <tag>`."""

    def __init__(self, folder: Path) -> None:
        """Read the cache in the state folder; one that is missing or damaged is empty."""
        self._file = folder / FILE_NAME
        self._rows: dict[str, str] = {}
        with suppress(OSError, ValueError):
            self._load()
        self._dirty = False

    def _load(self) -> None:
        with self._file.open(encoding="utf-8", newline="\n") as lines:
            if next(lines, "") != _FORMAT:
                return
            newest = os.fstat(lines.fileno()).st_mtime_ns - _RACY_NANOSECONDS
            for line in lines:
                row, _, path = line.rstrip("\n").partition("\t")
                if int(row.split(" ", 2)[1]) < newest:
                    self._rows[path] = row

    def tag(self, path: str, found: os.stat_result) -> str:
        """Give the tag of a file in this state; empty if it is not known."""
        row = self._rows.get(path)
        if row is None:
            return ""
        known = signature(found)
        return row[len(known) + 1 :] if row.startswith(f"{known} ") else ""

    def put(self, path: str, found: os.stat_result, tag: str) -> None:
        """Note what a file holds; an empty tag forgets it."""
        if tag:
            self._rows[path] = f"{signature(found)} {tag}"
            self._dirty = True
        elif self._rows.pop(path, None) is not None:
            self._dirty = True

    def keep_only(self, paths: Iterable[str]) -> None:
        """Forget files that are gone."""
        for path in self._rows.keys() - set(paths):
            del self._rows[path]
            self._dirty = True

    def save(self) -> None:
        """Write the cache if it has changed; failing to is no error, the next pass is slower."""
        if not self._dirty:
            return
        new = self._file.with_name(f"{FILE_NAME}.{os.getpid()}")
        try:
            with new.open("w", encoding="utf-8", newline="\n") as lines:
                lines.write(_FORMAT)
                lines.writelines(f"{row}\t{path}\n" for path, row in self._rows.items())
            new.replace(self._file)
        except (OSError, UnicodeError):
            with suppress(OSError):
                new.unlink()
        self._dirty = False
