"""A folder that is looked at again and again while others write into it.

Two things are different from a single look: a file is read again only if it is not the one
that was read before (size, times, inode), and a file that somebody is writing is not read at
all. It counts as it was until then, and the snapshot names it as busy.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from franc_gitops.blobs import git_blob_id
from franc_gitops.model import Snapshot
from franc_gitops.repositories.directory import DirectoryRepository
from franc_gitops.repositories.files import open_regular, read_open
from franc_gitops.repositories.writers import is_being_written

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from franc_gitops.clock import Clock
    from franc_gitops.model import Problem

SETTLE_SECONDS = 1.0
"""So long a file must stand still where nobody can tell whether it is being written."""

_OLD_SECONDS = 30.0
_RACY_SECONDS = 0.02
_SIGNATURE = 8


class FollowedFolder(DirectoryRepository):
    """The request files below `root`, whole ones only."""

    def __init__(self, root: Path | str, requests_dir: str, clock: Clock) -> None:
        """Take the folder and that of the requests in it; nothing is read yet."""
        super().__init__(root, requests_dir)
        self._clock = clock
        self._rows: dict[str, bytes] = {}  # signature of a file and blob id of its content
        self._moving: dict[str, tuple[bytes, float]] = {}

    def snapshot(self, revision: str = "") -> Snapshot:
        """Find the request files and read those that are new, whole ones only."""
        found = self._search(revision)
        rows, problems, busy = dict[str, bytes](), list(found.problems), set[str]()
        for path, file in found.files.items():
            row = self._look(path, file)
            if isinstance(row, bytes):
                rows[path] = row
            elif row is not None:
                problems.append(row)
            else:
                busy.add(path)
                if path in self._rows:
                    rows[path] = self._rows[path]
        self._rows = rows
        self._moving = {path: self._moving[path] for path in busy if path in self._moving}
        self._files = {
            path: file for path, file in self._files.items() if self._is_link(path, file)
        }
        files = {path: _blob(row) for path, row in rows.items()}
        return Snapshot("", files, tuple(problems), busy=frozenset(busy))

    def part(self, commit: str, paths: Collection[str]) -> Snapshot | None:
        """Find a few request files, whole ones only; None if one is anything but a plain file.

        Where nobody can tell whether a file is written, it is believed to be whole: whoever
        asks for it has been told so. One that was seen to move must stand still nevertheless.
        """
        files: dict[str, str] = {}
        busy: set[str] = set()
        for path in sorted(paths):
            file = self._find(path)
            self._files.pop(path, None)  # a link that it may have been
            if file is None:
                self._rows.pop(path, None)
                self._moving.pop(path, None)
                continue
            row = self._look(path, file, is_told=path not in self._moving) if file else None
            if file and row is None:
                busy.add(path)
                row = self._rows.get(path, b"")
            if not isinstance(row, bytes):
                return None
            if row:
                self._rows[path] = row
                if path not in busy:
                    self._moving.pop(path, None)
                files[path] = _blob(row)
        return Snapshot(commit, files, busy=frozenset(busy))

    def _is_link(self, path: str, file: str) -> bool:
        """Tell whether a request file stands elsewhere than its path says."""
        return file != f"{self.root}/{path}"

    def _look(self, path: str, file: str, *, is_told: bool = False) -> bytes | Problem | None:
        """Give signature and blob id of a file; None for one that is being written."""
        handle = open_regular(file, path)
        if not isinstance(handle, int):
            return handle
        try:
            signature = _sign(os.fstat(handle))
            known = self._rows.get(path)
            if known is not None and known.startswith(signature):
                return known
            is_written = is_being_written(handle)
            if is_written or (is_written is None and not is_told and not self._rests(path, handle)):
                return None
            content = read_open(handle, path)
            if not isinstance(content, bytes):
                return content
            after = os.fstat(handle)
        finally:
            os.close(handle)
        if _sign(after) != signature:
            return None
        self._keep(path, content)
        if self._age(after) < _RACY_SECONDS:  # another change may leave the same time
            signature = bytes(_SIGNATURE)
        return signature + bytes.fromhex(git_blob_id(content))

    def _rests(self, path: str, handle: int) -> bool:
        """Tell whether a file has not been touched for a while, by its time or by our watching."""
        found = os.fstat(handle)
        if self._age(found) > _OLD_SECONDS:
            return True
        signature, now = _sign(found), self._clock.monotonic()
        before, since = self._moving.setdefault(path, (signature, now))
        if before != signature:
            self._moving[path] = (signature, now)
            return False
        return now - since >= SETTLE_SECONDS

    def _age(self, found: os.stat_result) -> float:
        return self._clock.now().timestamp() - found.st_mtime


def _sign(found: os.stat_result) -> bytes:
    """Tell one state of a file from another, in a few bytes."""
    facts = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev)
    return hash(facts).to_bytes(_SIGNATURE, "big", signed=True)


def _blob(row: bytes) -> str:
    return row[_SIGNATURE:].hex()
