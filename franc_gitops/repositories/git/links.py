"""Symbolic links in a commit: where they end, and what their content hangs on.

A link says nothing itself: what a reader meets is decided by the link, by every link that it
leads through and by the file at its end. These paths are the link's *way*. As long as a commit
holds the same at all of them, the link gives the same content; so whoever asks about a link's
past asks about its way.
"""

from __future__ import annotations

import re
from collections import defaultdict
from contextlib import suppress
from posixpath import dirname
from typing import TYPE_CHECKING

from franc_gitops.errors import RepositoryError
from franc_gitops.repositories.git.blobs import BlobReader
from franc_gitops.repositories.links import LinkEnd
from franc_gitops.repositories.names import is_safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from franc_gitops.repositories.git.command import Git

Way = tuple[str, ...]
"""Paths from the top of the repository: the link, what it leads through, and its end.

A folder is among them where a link leaves it by `..` and nothing else of the way is in it.
"""

_MOST_LINKS = 40
"""So many links are followed one after the other; git and Linux have the same limit."""

_MOST_STEPS = 1000
"""So many names, and so many times `..`, may be on a way."""

_LONGEST = 4096
"""Bytes of the longest link that any system follows."""

_LINKS = re.compile(rb"(?:\A|(?<=\0))120000 blob ([0-9a-f]+)\t([^\0]+)")


def follow(git: Git, names: Sequence[str]) -> list[str | LinkEnd]:
    """Give the blob that each name, `COMMIT:PATH` from the top, ends at, or why there is none."""
    ends = _ask(git, names)
    lost = [name for name, end in zip(names, ends, strict=True) if end is LinkEnd.NOWHERE]
    plain = _without_dots(git, lost)
    found = dict(zip(plain, _ask(git, list(plain.values())), strict=True))
    return [found.get(name, end) for name, end in zip(names, ends, strict=True)]


def _without_dots(git: Git, names: Iterable[str]) -> dict[str, str]:
    """Name the ends of links with a `.` on their way, which git takes for the name of a file."""
    by_commit: dict[str, list[str]] = defaultdict(list)
    for name in names:
        commit, _, path = name.partition(":")
        by_commit[commit].append(path)
    plain: dict[str, str] = {}
    for commit, paths in by_commit.items():
        with suppress(RepositoryError):  # a commit that is not at hand
            for path, walk in _walk(git, commit, paths).items():
                if walk.has_dots and walk.end and is_safe(walk.end):
                    plain[f"{commit}:{path}"] = f"{commit}:{walk.end}"
    return plain


def _ask(git: Git, names: Sequence[str]) -> list[str | LinkEnd]:
    asked = "".join(f"{name}\n" for name in names).encode(errors="surrogateescape")
    command = ("cat-file", "--batch-check", "--follow-symlinks")
    return list(_answers(git.run(*command, stdin=asked))) if asked else []


def _answers(output: bytes) -> Iterator[str | LinkEnd]:
    """Read `cat-file --follow-symlinks`: a blob id, or why there is none; see its manual page."""
    at = 0
    while at < len(output):
        end = output.index(b"\n", at)
        words = output[at:end].decode(errors="replace").split(" ")
        at = end + 1
        if words[-1] == "missing":  # behind a name, which may say anything
            yield LinkEnd.NOWHERE
        elif words[0] in _NOT_FOLLOWED:
            at += int(words[1]) + 1
            yield _NOT_FOLLOWED[words[0]]
        elif words[1] == "blob":
            yield words[0]
        else:
            yield LinkEnd.FOLDER if words[1] == "tree" else LinkEnd.NOWHERE


_NOT_FOLLOWED = {
    "symlink": LinkEnd.OUTSIDE,
    "dangling": LinkEnd.NOWHERE,
    "notdir": LinkEnd.NOWHERE,
    "loop": LinkEnd.CIRCLE,
}


def leads_through(ways: Iterable[Way], names: Iterable[str]) -> bool:
    """Tell whether one of some changed files may change what a link gives, or mend a broken one.

    It may be on a way, in a folder that is, or (a file or link now, or before) a folder of it.
    """
    parts = {part for way in ways for part in way}
    around = parts.union(*map(_folders, parts))
    return any(name in around or not parts.isdisjoint(_folders(name)) for name in names)


def _folders(path: str) -> Iterator[str]:
    """Give the folders that a path is in, but for the top."""
    while path := dirname(path):
        yield path


def find_ways(git: Git, commit: str, links: Sequence[str]) -> dict[str, Way]:
    """Give the way of each link, by its path from the top; none of one that is too long.

    The way of a link that is broken goes as far as it can be followed.
    """
    walks = _walk(git, commit, links)
    return {
        link: tuple(walk.way)
        for link, walk in walks.items()
        if walk.steps and all(map(is_safe, walk.way))
    }


def _walk(git: Git, commit: str, paths: Iterable[str]) -> dict[str, _Walk]:
    """Follow those of some paths that are links."""
    listed = git.run("ls-tree", "-r", "-z", "--full-tree", commit)
    blobs = {_text(path): blob.decode() for blob, path in _LINKS.findall(listed)}
    links = [path for path in paths if path in blobs]
    reader = BlobReader(git, _LONGEST)
    try:
        texts = _Texts(reader, [blobs[link] for link in links])
        walks = {link: _Walk(blobs, texts) for link in links}
        for link, walk in walks.items():
            walk.go(link)
    finally:
        reader.close()
    return walks


class _Texts:
    """What links say, by blob; nothing for what git does not give, or nobody could follow."""

    def __init__(self, reader: BlobReader, first: Sequence[str]) -> None:
        """Read those together that are certainly needed."""
        self._reader = reader
        self._known: dict[str, str] = {}
        self._read(list(dict.fromkeys(first)))

    def __call__(self, blob: str) -> str:
        if blob not in self._known:
            self._read([blob])
        return self._known[blob]

    def _read(self, blobs: Sequence[str]) -> None:
        for blob, content in zip(blobs, self._reader.read(blobs), strict=True):
            is_known = content is not None and len(content) <= _LONGEST
            self._known[blob] = _text(content) if content and is_known else ""


class _Walk:
    """One link being followed, as git and a file system do; what is no link is taken for there.

    In the end there are `steps` left, or the way was too long. `end` is where it leads, if that
    is in the repository and may be a file; `has_dots` tells that a `.` is on the way.
    """

    def __init__(self, blobs: Mapping[str, str], texts: Callable[[str], str]) -> None:
        """Take all links of the commit, path → blob, and who knows what they say."""
        self._blobs = blobs
        self._texts = texts
        self._within: set[str] = set()
        self.way: list[str] = []
        self.end = ""
        self.has_dots = False
        self.steps = _MOST_STEPS

    def go(self, path: str) -> None:
        at: list[str] = []
        ahead = path.split("/")[::-1]
        links, name = 0, ""
        while ahead and self.steps:
            self.steps -= 1
            name = ahead.pop()
            self.has_dots |= name == "."
            if name == "..":
                self._leave("/".join(at))
                if not at:
                    return
                at.pop()
            elif name not in {"", "."}:
                at.append(name)
            here = "/".join(at)
            if name == ".." or here not in self._blobs:
                continue
            self._pass(here)
            links += 1
            text = self._texts(self._blobs[here])
            if not text or links > _MOST_LINKS:
                self.steps = 0
            if text.startswith("/"):
                return
            at.pop()
            ahead += text.split("/")[::-1]
        if not ahead:
            self._pass("/".join(at))
        if self.steps and name not in {"", ".", ".."}:
            self.end = "/".join(at)

    def _leave(self, folder: str) -> None:
        """Note a folder that was only passed through: it might have been a link before."""
        if folder and folder not in self._within:
            self._pass(folder)

    def _pass(self, path: str) -> None:
        if path and path not in self.way:
            self.way.append(path)
            self._within.update(_folders(path))


def _text(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")
