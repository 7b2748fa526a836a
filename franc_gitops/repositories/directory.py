"""Requests of a plain folder, or of a git work tree as it stands; paths given by a user, too.

Nothing is opened that is not a regular file: a FIFO would wait for ever, a device may do
anything. Content is identified as git does it, so that the ledger knows a file again,
whichever repository it was published from.
"""

from __future__ import annotations

import errno
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.blobs import git_blob_id
from franc_gitops.errors import RepositoryError
from franc_gitops.model import UNKNOWN_PROVENANCE, Provenance, Snapshot, SourceFile
from franc_gitops.problems import problem
from franc_gitops.repositories.links import LinkEnd, link_problems
from franc_gitops.repositories.names import (
    SIZE_LIMIT,
    checked_requests_dir,
    is_hidden,
    is_request_name,
    is_safe,
    shown,
    unsafe_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from franc_gitops.model import Problem

_OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_CLOSED_TO_US = "give read permission to the user that runs franc-gitops"


class Found(NamedTuple):
    """A request file, or what is wrong with the thing that has its name."""

    path: str
    problems: tuple[Problem, ...] = ()


class DirectoryRepository:
    """The request files below a folder, at the moment of each `snapshot`."""

    def __init__(self, root: Path | str, requests_dir: str = "requests") -> None:
        """Take the folder and that of the requests in it."""
        self.root = Path(root)
        self._requests_dir = checked_requests_dir(requests_dir)
        self._modified: dict[str, float] = {}

    def snapshot(self) -> Snapshot:
        """Read every request file once, for its id; its time counts as its last change."""
        start = self.root / self._requests_dir
        if not start.is_dir():
            raise RepositoryError(
                f"{start} is not a folder",
                hint="make it and put request files there: franc-gitops new TYPE --write",
            )
        files: dict[str, str] = {}
        problems: list[Problem] = []
        self._modified = {}
        for found in sorted(walk(self.root, self._requests_dir)):
            problems += found.problems
            if not found.problems:
                self._take(found.path, files, problems)
        return Snapshot("", files, tuple(problems))

    def _take(self, path: str, files: dict[str, str], problems: list[Problem]) -> None:
        try:
            content, self._modified[path] = _open_and_read(self.root / path)
            files[path] = git_blob_id(content)
        except OSError as error:
            problems.append(_unreadable(path, error))

    def read(self, files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes | Problem]]:
        """Yield the content of each file; one that has changed since the snapshot is a problem."""
        for file in files:
            content = read_file(self.root / file.path, file.path)
            if isinstance(content, bytes) and git_blob_id(content) != file.blob:
                yield file, problem("FRN120", file.path, "the file changed while it was read")
            else:
                yield file, content

    def provenance(self, snapshot: Snapshot, paths: Iterable[str]) -> Mapping[str, Provenance]:
        """Give each file's time of modification; there is no commit."""
        return {
            path: Provenance("", datetime.fromtimestamp(self._modified[path], UTC))
            if path in self._modified and path in snapshot.files
            else UNKNOWN_PROVENANCE
            for path in paths
        }

    def close(self) -> None:
        """Nothing is open between calls."""


def walk(root: Path, start: str) -> Iterator[Found]:
    """Find what has a request file's name below `root`/`start`; hidden things are passed over.

    Paths are relative to `root`. Links are followed to files inside `root` only.
    """
    folder = root / start if start else root
    folders = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                path = f"{start}/{entry.name}" if start else entry.name
                if is_hidden(entry.name):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(path)
                else:
                    yield from _judge(root, path, entry)
    except OSError as error:
        yield Found(shown(start), (_unreadable(start, error),))
    for path in folders:
        yield from walk(root, path)


def _judge(root: Path, path: str, entry: os.DirEntry[str]) -> Iterator[Found]:
    if entry.is_symlink():
        end = _follow(root, Path(entry.path))
        problems = () if end is None else tuple(link_problems(shown(path), end))
        if problems or (end is None and is_request_name(path)):
            yield _named(path, problems)
    elif is_request_name(path):
        yield _named(path, () if entry.is_file() else (_not_regular(path),))


def _named(path: str, problems: tuple[Problem, ...]) -> Found:
    return Found(path, problems) if is_safe(path) else Found(shown(path), (unsafe_name(path),))


def _follow(root: Path, link: Path) -> LinkEnd | None:
    """Say why a link is not followed; None if it leads to a file inside `root`."""
    try:
        end = link.resolve(strict=True)
        kind = end.stat().st_mode
    except (OSError, RuntimeError) as error:
        circle = isinstance(error, RuntimeError) or error.errno == errno.ELOOP
        return LinkEnd.CIRCLE if circle else LinkEnd.NOWHERE
    if not end.is_relative_to(root.resolve()):
        return LinkEnd.OUTSIDE
    if stat.S_ISDIR(kind):
        return LinkEnd.FOLDER
    return None if stat.S_ISREG(kind) else LinkEnd.SPECIAL


def find_files(paths: Iterable[str]) -> Iterator[Found]:
    """Expand files and folders that a user named; a file may have any name.

    Raises RepositoryError for a path that does not exist. Links that the user names are
    followed; those found in folders only inside the named folder.
    """
    for path in paths:
        try:
            kind = Path(path).stat().st_mode
        except (OSError, ValueError) as error:
            cause = error.strerror if isinstance(error, OSError) else str(error)
            raise RepositoryError(f"{shown(path)}: {cause}") from error
        if stat.S_ISDIR(kind):
            for found in sorted(walk(Path(path), "")):
                at = os.path.normpath(f"{path}/{found.path}")
                moved = tuple(_at(entry, at) for entry in found.problems)
                yield Found(at, moved)
        else:
            yield Found(path, () if stat.S_ISREG(kind) else (_not_regular(path),))


def _at(found: Problem, path: str) -> Problem:
    return problem(found.code, path, found.message, hint=found.hint)


def read_file(file: Path, path: str) -> bytes | Problem:
    """Give the content of a regular file, cut one byte after the size limit."""
    try:
        return _open_and_read(file)[0]
    except OSError as error:
        return _unreadable(path, error)


def _open_and_read(file: Path) -> tuple[bytes, float]:
    """Read a regular file, and only that, even if it was replaced since it was listed."""
    with os.fdopen(os.open(file, _OPEN_FLAGS), "rb", buffering=0) as content:
        found = os.fstat(content.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return _read_up_to(content.fileno(), SIZE_LIMIT + 1), found.st_mtime


def _read_up_to(handle: int, most: int) -> bytes:
    content = os.read(handle, most)
    while len(content) < most and (more := os.read(handle, most - len(content))):
        content += more
    return content


def _unreadable(path: str, error: OSError) -> Problem:
    hint = _CLOSED_TO_US if error.errno == errno.EACCES else ""
    return problem("FRN120", shown(path), f"cannot be read: {error.strerror}", hint=hint)


def _not_regular(path: str) -> Problem:
    return problem("FRN121", shown(path), "this is not a regular file, so it is not opened")
