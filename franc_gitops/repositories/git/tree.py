"""The request files of one commit: `git ls-tree` → path and blob id, links resolved.

A hundred thousand files are the normal case, so that what is usual (plain ASCII names, regular
files) is read in bulk, and only blocks with something unusual in them line by line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.errors import RepositoryError
from franc_gitops.repositories.git.links import Way, find_ways, follow
from franc_gitops.repositories.links import LinkEnd, link_problems
from franc_gitops.repositories.names import (
    is_hidden,
    is_request_name,
    is_safe,
    shown,
    unsafe_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from franc_gitops.model import Problem
    from franc_gitops.repositories.git.command import Git

_PRINTABLE = bytes(range(0x20, 0x7F))
_LINK = "120000"
_FILES_AND_LINKS = ("100644", "100755", "100664", _LINK)


class Location(NamedTuple):
    """Where the requests are: a commit, and their folder below the root.

    `prefix` leads from the top of the repository to the root: empty, or with a `/` at its end.
    """

    commit: str
    prefix: str
    requests_dir: str

    @property
    def folder(self) -> str:
        """The folder's path from the top of the repository."""
        return self.prefix + self.requests_dir


class Listing(NamedTuple):
    """The request files (path → blob id, sorted), what is wrong with others, the links' ways."""

    files: dict[str, str]
    problems: list[Problem]
    links: dict[str, Way]


def list_requests(git: Git, where: Location) -> Listing:
    """List the request files of a commit; an absent folder is an empty one."""
    listing = Listing({}, [], {})
    end_of_id = len(f"100644 blob {where.commit}")
    at_path = end_of_id + len(f"\t{where.prefix}")
    with git.start(
        "ls-tree", "-r", "-z", "--full-tree", where.commit, "--", f"{where.folder}/"
    ) as process:
        for block in _blocks(process.chunks()):
            lines = block.decode(errors="surrogateescape").split("\0")
            if not _is_usual(block, len(lines)):
                lines = [line for line in lines if _sift(line, where, listing)]
            for line in lines:
                listing.files[line[at_path:]] = line[12:end_of_id]
    if not listing.files:
        _check_folder(git, where)
    if listing.links:
        _follow(git, where, listing)
    return listing


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut the stream between entries; each block is whole entries with NUL between them."""
    left = b""
    for chunk in chunks:
        block, end, left = (left + chunk).rpartition(b"\0")
        if end:
            yield block


def _is_usual(block: bytes, entries: int) -> bool:
    """Tell whether all entries are request files with printable ASCII names, none hidden."""
    separators = 2 * entries - 1
    return (
        len(block.translate(None, _PRINTABLE)) == separators
        and b"/." not in block
        and block.startswith(b"100")
        and block.count(b"\x00100") == entries - 1
        and block.endswith((b".yaml", b".yml"))
        and block.count(b".yaml\0") + block.count(b".yml\0") == entries - 1
    )


def _sift(line: str, where: Location, listing: Listing) -> bool:
    """Tell whether an entry is a request file; note what is a link or has a bad name."""
    mode = line[:6]
    path = line.partition("\t")[2].removeprefix(where.prefix)
    if mode not in _FILES_AND_LINKS or is_hidden(path.removeprefix(f"{where.requests_dir}/")):
        return False
    if not is_safe(path):
        if is_request_name(path):
            listing.problems.append(unsafe_name(path))
        return False
    if mode == _LINK:
        listing.links[path] = ()
        return False
    return is_request_name(path)


def _check_folder(git: Git, where: Location) -> None:
    """Refuse a requests folder that is there but is no folder: its files would never be seen."""
    entry = git.run("ls-tree", "--full-tree", where.commit, "--", where.folder).decode()
    kind = _NOT_FOLDERS.get(entry[:6])
    if kind:
        raise RepositoryError(
            f"{shown(where.requests_dir)} is {kind} in the repository, not a folder",
            hint="set requests_dir to the folder itself",
        )


_NOT_FOLDERS = {
    _LINK: "a symbolic link",
    "160000": "a submodule",
    "100644": "a file",
    "100755": "a file",
}


def _follow(git: Git, where: Location, listing: Listing) -> None:
    """Resolve the links inside the commit's tree; the listing stays sorted."""
    links = {path: where.prefix + path for path in sorted(listing.links)}
    ways = find_ways(git, where.commit, list(links.values()))
    ends = follow(git, [f"{where.commit}:{full}" for full in links.values()])
    for (path, full), found in zip(links.items(), ends, strict=True):
        end = found if full in ways or isinstance(found, LinkEnd) else LinkEnd.ODD
        listing.links[path] = ways.get(full, (full,))
        if isinstance(end, LinkEnd):
            listing.problems.extend(link_problems(path, end))
        elif is_request_name(path):
            listing.files[path] = end
    ordered = sorted(listing.files.items())
    listing.files.clear()
    listing.files.update(ordered)
