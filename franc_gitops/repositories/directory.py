"""Requests of a plain folder, or of a git work tree as it stands; paths given by a user, too.

Content is identified as git does it, so that the ledger knows a file again, whichever
repository it was published from.
"""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.blobs import git_blob_id
from franc_gitops.errors import RepositoryError
from franc_gitops.model import UNKNOWN_PROVENANCE, Lineage, Provenance, Snapshot
from franc_gitops.problems import problem
from franc_gitops.repositories.files import Search, boundary_of, read_regular
from franc_gitops.repositories.names import checked_requests_dir, is_safe, unsafe_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from franc_gitops.model import Problem, SourceFile

_KEPT_BYTES = 16 << 20
"""So much content is kept from listing to reading, so that the usual folder is read once."""

_EPOCH = datetime.fromtimestamp(0, UTC)


class DirectoryRepository:
    """The request files below `root` at the moment of each `snapshot`.

    Git may store a file otherwise (line endings, filters); then the blob ids differ. A file
    that changes after the snapshot is a problem when it is read, never other content.
    """

    def __init__(self, root: Path | str, requests_dir: str = "requests") -> None:
        """Take the folder and that of the requests in it; nothing is read yet."""
        self.root = Path(root)
        self._requests_dir = checked_requests_dir(requests_dir)
        self._files: dict[str, str] = {}
        self._kept: dict[str, bytes] = {}
        self._room = _KEPT_BYTES

    def glance(self) -> None:
        """Nothing stands for the files of a folder: they must be looked at one by one."""

    def snapshot(self, revision: str = "") -> Snapshot:
        """Find and read the request files; an absent folder is an empty one."""
        search = self._search(revision)
        blobs = dict(self._identify(search.problems))
        return Snapshot("", blobs, tuple(search.problems))

    def _search(self, revision: str) -> Search:
        """Find the request files; none is opened."""
        if revision:
            raise RepositoryError(f"{self.root} is read as a plain folder, it has no revision")
        search = Search(boundary_of(str(self.root)))
        if self._has_requests():
            search.walk(str(self.root / self._requests_dir), self._requests_dir)
        search.files = dict(sorted(search.files.items()))
        self._files, self._kept, self._room = search.files, {}, _KEPT_BYTES
        return search

    def _keep(self, path: str, content: bytes) -> None:
        """Keep a file's content until it is asked for, if there is room."""
        self._kept.pop(path, None)
        self._room -= len(content)
        if self._room >= 0:
            self._kept[path] = content

    def _find(self, path: str) -> str | None:
        """Give the file at a path; None if nothing is there, empty if it takes a closer look."""
        file = f"{self.root}/{path}"
        folder, name = os.path.split(f"{os.path.realpath(self.root)}/{path}")
        if not is_safe(path) or os.path.realpath(folder) != folder:
            return ""
        try:
            is_plain = stat.S_ISREG(os.lstat(f"{folder}/{name}").st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            return ""
        return file if is_plain else ""

    def read(self, files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes | Problem]]:
        """Yield the content of each file, in order; one that has changed since is a problem."""
        for file in files:
            kept = self._kept.pop(file.path, None)
            yield file, self._read_again(file) if kept is None else kept

    def provenance(self, snapshot: Snapshot, paths: Iterable[str]) -> Mapping[str, Provenance]:
        """Give the time at which each file was last modified; there is no commit."""
        return {
            path: self._modified(path) if path in snapshot.files else UNKNOWN_PROVENANCE
            for path in paths
        }

    def describe(self, commits: Collection[str]) -> Mapping[str, Provenance]:
        """A folder has no commits."""
        del commits
        return {}

    def trace(self, snapshot: Snapshot, commits: Collection[str]) -> Lineage:
        """A folder has no history: nothing is known to be newer."""
        del snapshot, commits
        return Lineage()

    def close(self) -> None:
        """Let go of kept content; the repository can still be used."""
        self._kept.clear()
        self._room = _KEPT_BYTES

    def _has_requests(self) -> bool:
        """Whether there is a folder of requests; raises RepositoryError if it is something else."""
        if not self.root.is_dir():
            raise RepositoryError(f"there is no folder {self.root}", hint="check the path")
        folder = self.root / self._requests_dir
        try:
            mode = folder.lstat().st_mode
            if stat.S_ISDIR(mode):
                os.scandir(folder).close()
                return True
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise RepositoryError(f"cannot read {folder}: {error.strerror}") from error
        kind = "a symbolic link" if stat.S_ISLNK(mode) else "a file"
        raise RepositoryError(
            f"{self._requests_dir} is {kind} in {self.root}, not a folder",
            hint="set requests_dir to the folder itself",
        )

    def _identify(self, problems: list[Problem]) -> Iterator[tuple[str, str]]:
        """Give path and blob id of each file that can be read."""
        for path, file in self._files.items():
            content = read_regular(file, path)
            if not isinstance(content, bytes):
                problems.append(content)
                continue
            self._keep(path, content)
            yield path, git_blob_id(content)

    def _read_again(self, file: SourceFile) -> bytes | Problem:
        where = self._files.get(file.path) or f"{self.root}/{file.path}"
        content = read_regular(where, file.path)
        if isinstance(content, bytes) and git_blob_id(content) != file.blob:
            message = "the file changed while it was read"
            return problem("FRN120", file.path, message, hint="run again")
        return content

    def _modified(self, path: str) -> Provenance:
        try:
            file = self._files.get(path) or f"{self.root}/{path}"
            microseconds = os.lstat(file).st_mtime_ns // 1000
            return Provenance("", _EPOCH + timedelta(microseconds=microseconds))
        except (OSError, OverflowError):
            return UNKNOWN_PROVENANCE


class Found(NamedTuple):
    """What paths given by a user lead to: `files` maps the path to be shown to that to be opened.

    `unmatched` are those that are not there, or are folders without any request file.
    """

    files: dict[str, str]
    problems: list[Problem]
    unmatched: list[str]


def find_files(paths: Sequence[str], root: Path, skip: Collection[Path] = ()) -> Found:
    """Find files and, in folders, request files, given relative to the current folder.

    A file that is named is taken whatever its name. Paths below `root` are shown relative to
    it, others in full. `skip` are folders that hold YAML but no requests.
    """
    found = Found({}, [], [])
    base, skipped = _absolute(root), [_absolute(folder) for folder in skip]
    for path in paths:
        file = _absolute(path)
        inside = f"{file}/".startswith(f"{base}/")
        boundary = boundary_of(base) if inside else os.path.realpath(Path(file).parent)
        search = Search(boundary, skipped)
        _take(file, file[len(base) + 1 :] if inside else file, search)
        found.files.update(sorted(search.files.items()))
        found.problems.extend(search.problems)
        if not search.files and not search.problems:
            found.unmatched.append(path)
    return found


def _take(file: str, path: str, search: Search) -> None:
    """Take what one path of the user's leads to."""
    if os.path.isdir(file):  # noqa: PTH112 - False, not an error, for any odd path
        search.walk(file, path)
    elif os.path.lexists(file):
        if is_safe(path):
            search.take(file, path)
        else:
            search.problems.append(unsafe_name(path))


def _absolute(path: Path | str) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - links stay links, to be judged later
