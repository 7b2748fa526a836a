"""A folder that is looked at again and again while others write into it.

Two things are different from a single look: a file is read again only if it is not the one
that was read before (size, times, inode), and a file that somebody may be writing is not read
at all. It counts as it was until then, and the snapshot names it as busy.

Whether a file is being written the kernel knows of most. Any other must have stood still
between two looks of our own: what woke us, and the times that a file bears, prove nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.blobs import git_blob_id
from franc_gitops.model import Problem, Snapshot
from franc_gitops.repositories.directory import DirectoryRepository
from franc_gitops.repositories.files import open_regular, read_open
from franc_gitops.repositories.filesystems import silent_file_system
from franc_gitops.repositories.writers import is_being_written

if TYPE_CHECKING:
    from collections.abc import Collection

    from franc_gitops.clock import Clock

SETTLE_SECONDS = 1.0
"""So long a file must stand still where nobody can tell whether it is being written."""

_RACY_SECONDS = 0.02
_SIGNATURE = 8
_OPEN = b""
"""The state of a file that is certainly being written: no rest of it counts."""


class _Sight(NamedTuple):
    """What a file was like in one look after another, and since when (the monotonic clock)."""

    state: bytes
    since: float


class FollowedFolder(DirectoryRepository):
    """The request files below `root`, whole ones only."""

    def __init__(self, root: Path | str, requests_dir: str, clock: Clock) -> None:
        """Take the folder and that of the requests in it; nothing is read yet."""
        super().__init__(root, requests_dir)
        self._clock = clock
        self._rows: dict[str, bytes] = {}  # signature of a file and blob id of its content
        self._busy: dict[str, _Sight] = {}
        self._is_shared: dict[int, bool] = {}  # by device
        self._is_new = True

    def snapshot(self, revision: str = "") -> Snapshot:
        """Find the request files and read those that are new, whole ones only.

        The first time it waits for those that must stand still, so that a single look finds
        them, too.
        """
        found = self._search(revision)
        self._is_shared.clear()  # something else may be mounted by now
        looks = {path: self._look(path, file) for path, file in found.files.items()}
        self._busy = {path: sight for path, sight in self._busy.items() if path in looks}
        if self._is_new and any(sight.state != _OPEN for sight in self._busy.values()):
            self._clock.sleep(SETTLE_SECONDS)
            looks |= {path: self._look(path, found.files[path]) for path in list(self._busy)}
        self._is_new = False
        rows, problems = dict[str, bytes](), list(found.problems)
        for path, look in looks.items():
            if isinstance(look, Problem):
                problems.append(look)
            elif row := look or self._rows.get(path):
                rows[path] = row
        self._rows = rows
        self._files = {
            path: file for path, file in self._files.items() if self._is_link(path, file)
        }
        files = {path: _blob(row) for path, row in rows.items()}
        return Snapshot("", files, tuple(problems), busy=frozenset(self._busy))

    def part(self, commit: str, paths: Collection[str]) -> Snapshot | None:
        """Find a few request files, whole ones only; None if one is anything but a plain file.

        All that are busy are named, also those that were not asked for: nobody else keeps them
        in mind.
        """
        files: dict[str, str] = {}
        for path in sorted(paths):
            file = self._find(path)
            self._files.pop(path, None)  # a link that it may have been
            if file is None:
                self._rows.pop(path, None)
                self._busy.pop(path, None)
                continue
            look = self._look(path, file) if file else None
            if not file or isinstance(look, Problem):
                return None
            if row := look or self._rows.get(path):
                self._rows[path] = row
                files[path] = _blob(row)
        return Snapshot(commit, files, busy=frozenset(self._busy))

    def _is_link(self, path: str, file: str) -> bool:
        """Tell whether a request file stands elsewhere than its path says."""
        return file != f"{self.root}/{path}"

    def _look(self, path: str, file: str) -> bytes | Problem | None:
        """Give signature and blob id of a file; None for one that is busy."""
        handle = open_regular(file, path)  # which makes a network file system ask its server
        if not isinstance(handle, int):
            self._busy.pop(path, None)
            return handle
        try:
            found = self._examine(path, file, handle)
        finally:
            os.close(handle)
        if found is not None:
            self._busy.pop(path, None)
        return found

    def _examine(self, path: str, file: str, handle: int) -> bytes | Problem | None:
        before = os.fstat(handle)
        signature, known = _sign(before), self._rows.get(path)
        if known is not None and known.startswith(signature):
            return known
        is_written = None if self._shares(before.st_dev, file) else is_being_written(handle)
        if is_written or (is_written is None and not self._has_rested(path, signature)):
            if is_written:
                self._busy[path] = _Sight(_OPEN, self._clock.monotonic())
            return None
        content = read_open(handle, path)
        if not isinstance(content, bytes):
            return content
        after = os.fstat(handle)
        if _sign(after) != signature:
            self._has_rested(path, _sign(after))
            return None
        self._keep(path, content)
        if is_written is not None and self._age(after) < _RACY_SECONDS:
            signature = bytes(_SIGNATURE)  # another change may leave the same time
        return signature + bytes.fromhex(git_blob_id(content))

    def _shares(self, device: int, file: str) -> bool:
        """Tell whether a file's device has writers of which this machine does not know."""
        if device not in self._is_shared:
            self._is_shared[device] = bool(silent_file_system(Path(file)))
        return self._is_shared[device]

    def _has_rested(self, path: str, state: bytes) -> bool:
        """Tell whether a file has stood still while we watched it; begin to watch it."""
        now = self._clock.monotonic()
        sight = self._busy.get(path)
        if sight is None or sight.state != state:
            self._busy[path] = _Sight(state, now)
            return False
        return now - sight.since >= SETTLE_SECONDS

    def _age(self, found: os.stat_result) -> float:
        """Tell how long ago a file of this machine was changed, by a time that nobody can set."""
        return self._clock.now().timestamp() - found.st_ctime


def _sign(found: os.stat_result) -> bytes:
    """Tell one state of a file from another, in a few bytes."""
    facts = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev)
    return hash(facts).to_bytes(_SIGNATURE, "big", signed=True)


def _blob(row: bytes) -> str:
    return row[_SIGNATURE:].hex()
