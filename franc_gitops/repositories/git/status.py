"""The status files that a commit holds, where no work tree does: a bare repository, or `--rev`."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from franc_gitops.errors import RepositoryError
from franc_gitops.repositories.git.blobs import BlobReader
from franc_gitops.repositories.git.command import Git
from franc_gitops.repositories.names import is_status_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_LARGEST = 64 << 20
_FEW = 50
"""Up to so many files git is asked about them alone."""


class CommittedReader:
    """A `StatusReader` of the files below a folder at a revision, which is resolved each time."""

    def __init__(self, root: Path, folder: str, revision: str) -> None:
        """Take the repository's root, the status folder below it and any name of a commit."""
        self._git = Git(root)
        self._folder = folder
        self._revision = revision
        self._listed: dict[str, str] | None = None
        self._blobs = BlobReader(self._git, _LARGEST)
        weakref.finalize(self, self._blobs.close)

    def exists(self) -> bool:
        """Tell whether the commit holds such a folder."""
        try:
            entry = self._git.run("ls-tree", self._revision, "--", self._folder)
        except RepositoryError:
            return False
        return entry.startswith(b"040000 tree")

    def paths(self) -> list[str]:
        """Give the path of everything that is named like a status file, pins excepted.

        From then on nothing but what is listed is read.
        """
        self._listed = self._list(f"{self._folder}/")
        return [path for path in self._listed if is_status_name(path)]

    def read(self, paths: Sequence[str]) -> Iterator[bytes | None]:
        """Yield the content of each file, in order; None for what is no file."""
        known = self._find(paths) if self._listed is None else self._listed
        there = [path for path in paths if path in known]
        contents = self._blobs.read([known[path] for path in there])
        found = dict(zip(there, contents, strict=True))
        yield from map(found.get, paths)

    def _find(self, paths: Sequence[str]) -> dict[str, str]:
        """Give the blobs of some files, those that are there."""
        if not paths:
            return {}
        few = [f"{self._folder}/{path}" for path in paths] if len(paths) <= _FEW else []
        return self._list(*(few or [f"{self._folder}/"]))

    def _list(self, *scope: str) -> dict[str, str]:
        """Give path, below the folder, and blob of the regular files in some places."""
        output = self._git.run("ls-tree", "-r", "-z", self._revision, "--", *scope)
        found = {}
        for line in output.decode(errors="surrogateescape").split("\0"):
            head, _, path = line.partition("\t")
            if head.startswith("100"):
                found[path.removeprefix(f"{self._folder}/")] = head.split(" ")[2]
        return found
