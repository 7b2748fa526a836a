"""Request files by the paths that a user gave, for `validate`: no git, nothing kept open."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.model import SourceFile
from franc_gitops.repositories.directory import find_files
from franc_gitops.repositories.files import read_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from franc_gitops.model import Problem


class RequestFiles(NamedTuple):
    """Request files by the paths a user gave; `unmatched` are paths that lead to none.

    `opened` maps the path that is shown to that of the file, links followed.
    """

    files: list[SourceFile]
    problems: list[Problem]
    unmatched: list[str]
    read: Callable[[Iterable[SourceFile]], Iterator[tuple[SourceFile, bytes | Problem]]]
    opened: Mapping[str, str] = {}


def find_request_files(root: Path, paths: Sequence[str], ours: Sequence[str]) -> RequestFiles:
    """Find files and, in folders, request files; folders that are `ours` are passed over."""
    found = find_files(paths, root, skip=[root / name for name in ours])

    def read(files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes | Problem]]:
        return ((file, read_regular(found.files[file.path], file.path)) for file in files)

    files = [SourceFile(path, "") for path in found.files]
    return RequestFiles(files, found.problems, found.unmatched, read, found.files)
