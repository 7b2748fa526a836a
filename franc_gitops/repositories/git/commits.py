"""Commits that are made without a work tree, an index or a hook: `git fast-import`.

It reads only the folders on the way to what changes, writes many blobs at once, signs nothing
and runs no hook. It also insists on writing a reference, which is therefore deleted in the
same breath: nobody ever sees it.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING

from franc_gitops.blobs import git_blob_id
from franc_gitops.errors import RepositoryError
from franc_gitops.repositories.commits import Content
from franc_gitops.repositories.git.ancestry import descends
from franc_gitops.repositories.git.blobs import BlobReader
from franc_gitops.repositories.git.command import NO_HOOKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from franc_gitops.repositories.commits import NewCommit
    from franc_gitops.repositories.git.command import Git, Process

FILE_MODE = "100644"
_FILES = ("100644", "100755", "100664")
_PLAIN = frozenset(range(0x20, 0x7F)) - set(b'"\\')


class GitCommits:
    """The commits of the repository that a folder is in."""

    def __init__(self, git: Git) -> None:
        """Take the git of the root; nothing is run yet."""
        self._git = git

    @cached_property
    def prefix(self) -> str:
        """The way from the top of the repository to the root: empty, or with `/` at its end."""
        output = self._git.run("rev-parse", "--show-prefix")
        return output.decode(errors="surrogateescape").removesuffix("\n")

    def find(self, names: Sequence[tuple[str, str]]) -> list[str]:
        """Give the ids of (commit, path) pairs, empty where there is nothing."""
        asked = "".join(f"{commit}:{self.prefix}{path}\n" for commit, path in names)
        output = self._git.run("cat-file", "--batch-check=%(objectname)", stdin=_raw(asked))
        lines = output.decode(errors="surrogateescape").splitlines()
        return ["" if line.endswith(" missing") else line for line in lines]

    def content(self, commit: str, folder: str) -> Content:
        """List all files below a folder of a commit; an absent folder is an empty one."""
        folder = self.prefix + folder
        output = self._git.run("ls-tree", "-r", "-z", "--full-tree", commit, "--", folder)
        found = Content({}, {})
        end_of_id = len(f"{FILE_MODE} blob {commit}")
        at_path = end_of_id + len(f"\t{folder}/")
        for line in output.decode(errors="surrogateescape").split("\0")[:-1]:
            if line[:6] in _FILES and len(line) > at_path:
                found.files[line[at_path:]] = line[12:end_of_id]
            else:
                mode, _, path = line.partition(" ")
                found.others[path.partition("\t")[2][len(folder) + 1 :]] = mode
        return found

    def read(self, blobs: Sequence[str], most: int) -> Iterator[bytes | None]:
        """Give the beginnings of blobs, in order."""
        reader = BlobReader(self._git, most)
        try:
            yield from reader.read(blobs)
        finally:
            reader.close()

    def blob_id(self, content: bytes) -> str:
        """Give the id that this repository gives to a content."""
        return git_blob_id(content, self._algorithm)

    @cached_property
    def _algorithm(self) -> str:
        return self._git.run("rev-parse", "--show-object-format").decode().strip()

    def contains(self, commit: str, other: str) -> bool:
        """Tell whether a commit has another one in its history, as far as it is at hand."""
        try:
            return descends(self._git, commit, other)
        except RepositoryError:
            return False

    @contextmanager
    def draft(self) -> Iterator[GitDraft]:
        """Begin a commit; whatever is not used of it is left to git's own cleaning up."""
        draft = GitDraft(self._git, self.prefix)
        try:
            yield draft
        finally:
            draft.close()


class GitDraft:
    """A `git fast-import` that starts when there is something to write."""

    def __init__(self, git: Git, prefix: str) -> None:
        """Take git and the way to the root; nothing is started yet."""
        self._git = git
        self._prefix = prefix
        self._started: Process | None = None

    def add(self, content: bytes) -> None:
        """Store a blob."""
        self._running.write(b"blob\ndata %d\n%s\n" % (len(content), content))

    def commit(self, new: NewCommit) -> str:
        """Make the commit and give its id."""
        name = f"refs/franc-gitops/{os.urandom(8).hex()}"
        tree = self._git.run("rev-parse", "--verify", f"{new.based_on}^{{tree}}").decode().strip()
        pieces = (
            *_beginning(name, new),
            f'M 040000 {tree} ""\n'.encode(),
            *(_change(self._prefix + path, blob) for path, blob in new.changes.items()),
            f"\nget-mark :1\nreset {name}\nfrom {'0' * len(tree)}\n\n".encode(),
        )
        self._running.write(b"".join(pieces))
        return self._end().decode().strip()

    def close(self) -> None:
        """Let it end by itself, so that it leaves no half pack behind."""
        with suppress(RepositoryError):
            self._end()

    @property
    def _running(self) -> Process:
        if self._started is None:
            self._started = self._git.start(*NO_HOOKS, "fast-import", "--quiet", stdin=True)
        return self._started

    def _end(self) -> bytes:
        """Let git end and give what it has printed."""
        process, self._started = self._started, None
        if process is None:
            return b""
        with process:
            if process.input:
                process.input.close()
            try:
                return b"".join(process.chunks())
            except RepositoryError:
                self._remove_report(process.pid)
                raise

    def _remove_report(self, pid: int) -> None:
        """Remove what fast-import writes about its own death: nobody would ever do it."""
        place = self._git.run("rev-parse", "--git-path", f"fast_import_crash_{pid}")
        with suppress(OSError):
            (self._git.root / os.fsdecode(place.removesuffix(b"\n"))).unlink()


def _beginning(name: str, new: NewCommit) -> Iterator[bytes]:
    """Write all of a commit but its files."""
    person = f"{new.author} {int(new.time.timestamp())} +0000"
    message = new.message.encode()
    yield f"commit {name}\nmark :1\nauthor {person}\ncommitter {person}\n".encode()
    yield b"data %d\n%s\n" % (len(message), message)
    for at, parent in enumerate(new.parents):
        yield f"{'merge' if at else 'from'} {parent}\n".encode()


def _change(path: str, blob: str | None) -> bytes:
    name = _quoted(_raw(path))
    return f"M {FILE_MODE} {blob} ".encode() + name if blob else b"D " + name


def _raw(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _quoted(path: bytes) -> bytes:
    """Write a path, to the end of its line, as fast-import reads it: any bytes may be in it."""
    return b'"%s"\n' % b"".join(
        bytes((byte,)) if byte in _PLAIN else b"\\%03o" % byte for byte in path
    )
