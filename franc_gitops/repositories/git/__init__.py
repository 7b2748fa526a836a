"""Requests of a git repository at one commit; the work tree is never read for content.

- command.py   running git, whatever the caller's environment
- tree.py      which request files a commit holds
- links.py     where symbolic links in it end, and what they hang on
- blobs.py     their content by id
- history.py   which commit last touched each
- following.py which commit is the newest, and what changed since another
- mirror.py    what the branch of a remote holds, fetched into a store beside the clone
- annex.py     where a job in a shallow clone fetches to, so that the clone stays as it is
- ahead.py     whether what was followed there is newer than HEAD
- lineage.py   which commits are newer than the one that is read
- base.py      where a change began, fetched where a shallow clone lacks it
- worktree.py  what is not committed and therefore not published
- commits.py, branches.py, remote.py, targets.py, refusals.py
               commits of status files, and the branches they are added to or read from
"""

from __future__ import annotations

import weakref
from contextlib import ExitStack
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

from franc_gitops.errors import RepositoryError
from franc_gitops.model import UNKNOWN_PROVENANCE, Glance, Snapshot
from franc_gitops.problems import problem
from franc_gitops.repositories.git.blobs import BlobReader
from franc_gitops.repositories.git.command import Git, GitMissing, NotARepository
from franc_gitops.repositories.git.history import (
    describe,
    find_provenance,
    find_provenance_of_links,
)
from franc_gitops.repositories.git.lineage import find_lineage, present
from franc_gitops.repositories.git.tree import Location, list_requests
from franc_gitops.repositories.git.worktree import read_status, start_status
from franc_gitops.repositories.names import SIZE_LIMIT, checked_requests_dir, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from types import TracebackType

    from franc_gitops.model import Lineage, Problem, Provenance, SourceFile
    from franc_gitops.repositories.git.command import Process

HEAD = "HEAD"


class GitRepository:
    """The request files of `root` (a folder in a clone, or a bare repository) at a revision.

    Each `snapshot` resolves the revision anew. Close it after use: reading keeps a process.
    """

    def __init__(
        self,
        root: Path | str,
        requests_dir: str = "requests",
        revision: str = HEAD,
        git: Git | None = None,
    ) -> None:
        """Take the folder, that of the requests in it and any name of a commit; run nothing."""
        self.root = Path(root)
        self._requests_dir = checked_requests_dir(requests_dir)
        self._revision = revision
        self._git = git or Git(self.root)
        self._blobs = BlobReader(self._git, SIZE_LIMIT)
        self._running = ExitStack()
        self._glanced: tuple[Location, Callable[[], tuple[str, ...]]] | None = None
        weakref.finalize(self, self._blobs.close)
        weakref.finalize(self, self._running.close)

    def __enter__(self) -> Self:
        """Give the repository itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the repository."""
        self.close()

    def close(self) -> None:
        """End the processes that read blobs and status; the repository can still be used."""
        self._blobs.close()
        self._running.close()

    def glance(self) -> Glance | None:
        """Give the id of the requests folder's tree, and start `git status`."""
        where, has_work_tree = self._locate(self._revision)
        try:
            tree = self._git.run("rev-parse", "--verify", f"{where.commit}:{where.folder}")
        except RepositoryError:
            return None
        is_looked_at = has_work_tree and self._revision == HEAD
        find_uncommitted = self._start_status(where) if is_looked_at else tuple
        self._glanced = where, find_uncommitted
        return Glance(where.commit, tree.decode().strip(), find_uncommitted)

    def snapshot(self, revision: str = "") -> Snapshot:
        """List the request files at the revision; at HEAD `git status` goes on meanwhile."""
        revision = revision or self._revision
        where, has_work_tree = self._locate(revision)
        glanced, self._glanced = self._glanced, None
        find_uncommitted: Callable[[], tuple[str, ...]] = tuple
        if glanced and glanced[0] == where and revision == self._revision:
            find_uncommitted = glanced[1]
        elif has_work_tree and revision == HEAD:
            find_uncommitted = self._start_status(where)
        files, problems, links = list_requests(self._git, where)
        return Snapshot(
            where.commit, files, tuple(problems), find_uncommitted, bool(links), links=links
        )

    def _start_status(self, where: Location) -> Callable[[], tuple[str, ...]]:
        """Start `git status`; what is given back waits for it, once."""
        self._running.close()
        status = self._running.enter_context(start_status(self._git, self._requests_dir))
        return cache(lambda: self._read_status(status, where))

    def _read_status(self, status: Process, where: Location) -> tuple[str, ...]:
        """Wait for `git status`; a method, so that whoever may ask keeps the repository open.

        After it was closed, or has gone on to a newer snapshot, nobody looks any more.
        """
        return () if status.output.closed else read_status(status, where)

    def read(self, files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes | Problem]]:
        """Yield the content of each file, in order, cut one byte after the size limit."""
        asked = list(files)
        contents = self._blobs.read([file.blob for file in asked])
        for file, content in zip(asked, contents, strict=True):
            yield file, _missing(file) if content is None else content

    def provenance(self, snapshot: Snapshot, paths: Iterable[str]) -> Mapping[str, Provenance]:
        """Give the commit that last touched each path, as `git log -1 -- path` names it.

        Of a link it is the last one that touched anything on its way.
        """
        wanted = list(paths)
        present = [path for path in wanted if path in snapshot.files]
        links = {path: snapshot.links[path] for path in present if path in snapshot.links}
        plain = [path for path in present if path not in links] if links else present
        found = find_provenance(self._git, snapshot.commit, self._requests_dir, plain)
        found |= find_provenance_of_links(self._git, snapshot.commit, links)
        return {path: found.get(path, UNKNOWN_PROVENANCE) for path in wanted}

    def describe(self, commits: Collection[str]) -> Mapping[str, Provenance]:
        """Give committer time and author of the commits that are at hand."""
        return describe(self._git, sorted(present(self._git, commits)))

    def trace(self, snapshot: Snapshot, commits: Collection[str]) -> Lineage:
        """Tell which commits are newer than the snapshot's, and which are not at hand."""
        return find_lineage(self._git, snapshot.commit, commits)

    def _locate(self, revision: str) -> tuple[Location, bool]:
        """Resolve a revision to a commit and find the root's place in the repository."""
        if revision.startswith("-"):
            raise RepositoryError(f"{shown(revision)!r} is not a revision")
        try:
            output = self._git.run(
                "rev-parse", "--is-inside-work-tree", "--show-prefix",
                "--verify", f"{revision}^{{commit}}",
            )  # fmt: skip
        except RepositoryError as error:
            raise self._explain_revision(revision, error) from error
        lines = output.decode(errors="surrogateescape").splitlines()
        prefix = "\n".join(lines[1:-1])
        return Location(lines[-1], prefix, self._requests_dir), lines[0] == "true"

    def _explain_revision(self, revision: str, error: RepositoryError) -> RepositoryError:
        """Say why a revision is no commit; other errors of git are passed on."""
        if "Needed a single revision" not in error.message:
            return error
        if revision == HEAD:
            return RepositoryError(
                f"{self.root} has no commit yet, and requests are read from a commit",
                hint="git add requests && git commit, or read the plain folder with --worktree",
            )
        return RepositoryError(
            f"{shown(revision)!r} is not a commit in {self.root}",
            hint="check the name; a shallow clone lacks older commits (git fetch --deepen)",
        )


class Kind(Enum):
    """What git a folder is in."""

    NONE = "no repository"
    WORK_TREE = "a work tree"
    BARE = "a repository without a work tree"


def kind_of(root: Path) -> Kind:
    """Tell what git a folder is in; raises RepositoryError where git refuses to say.

    Without git on the machine, a clone is an error and not a plain folder: what is published
    would silently be something else.
    """
    try:
        inside = Git(root).run("rev-parse", "--is-inside-work-tree")
    except NotARepository:
        return Kind.NONE
    except GitMissing:
        if any((folder / ".git").exists() for folder in (root, *root.parents)):
            raise
        return Kind.NONE
    return Kind.WORK_TREE if inside == b"true\n" else Kind.BARE


def is_git_repository(root: Path) -> bool:
    """Tell whether a folder is in a git repository; raises RepositoryError where git refuses."""
    return kind_of(root) is not Kind.NONE


def _missing(file: SourceFile) -> Problem:
    return problem(
        "FRN120",
        file.path,
        f"git has no content for it (blob {file.blob})",
        hint="git fsck tells more; a partial clone needs its remote",
    )
