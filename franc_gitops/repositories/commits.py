"""Committing status files without a work tree: ports; `repositories/git/` implements them.

`Commits` reads and makes commits, which changes nothing that anybody sees. A `Branch` is what a
commit is then added to: the checked-out branch, or a branch of a remote. All paths are
relative to the root, with `/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from franc_gitops.clock import Deadline


class Content(NamedTuple):
    """What a folder of a commit holds, by path below the folder.

    `files` are regular files with their blob ids. `others` (links, submodules) have their mode;
    where the folder itself is no folder, that stands there under the empty path.
    """

    files: dict[str, str]
    others: dict[str, str]


class NewCommit(NamedTuple):
    """A commit to be made: the files of the commit `based_on` but for the changes.

    `changes` maps paths to blob ids, or to None for a file that goes. `author` is
    `Name <address>`, and committer as well.
    """

    based_on: str
    parents: Sequence[str]
    changes: Mapping[str, str | None]
    message: str
    author: str
    time: datetime


class Draft(Protocol):
    """A commit in the making; blobs may be added before it is known what it will say."""

    def add(self, content: bytes) -> None:
        """Store a blob."""
        ...

    def commit(self, new: NewCommit) -> str:
        """Make the commit and give its id; no branch is changed, no hook of the clone runs."""
        ...


class Commits(Protocol):
    """The object store. Every method raises RepositoryError where git fails."""

    def find(self, names: Sequence[tuple[str, str]]) -> list[str]:
        """Give the ids of (commit, path) pairs, empty where there is nothing."""
        ...

    def content(self, commit: str, folder: str) -> Content:
        """List all files below a folder of a commit; an absent folder is an empty one."""
        ...

    def read(self, blobs: Sequence[str], most: int) -> Iterator[bytes | None]:
        """Give the beginnings of blobs, in order."""
        ...

    def blob_id(self, content: bytes) -> str:
        """Give the id that the store gives to a content."""
        ...

    def contains(self, commit: str, other: str) -> bool:
        """Tell whether a commit has another one in its history, as far as it is at hand."""
        ...

    def draft(self) -> AbstractContextManager[Draft]:
        """Begin a commit."""
        ...


class Branch(Protocol):
    """A branch that status commits are added to.

    Every method raises WriteBackFailed where the world is to blame, and none takes longer than
    the deadline allows.
    """

    @property
    def name(self) -> str:
        """What people call it: `main`, `origin/main`."""
        ...

    def tip(self, deadline: Deadline) -> str:
        """Give its newest commit, which is then at hand; empty if there is no such branch."""
        ...

    def try_out(self, deadline: Deadline) -> None:
        """See whether commits could be added, as far as that shows without one; adds nothing."""
        ...

    def add(self, commit: NewCommit, commit_id: str, expected: str, deadline: Deadline) -> None:
        """Make the branch stand at a commit if it stands at `expected`, and make sure of it.

        Raises BranchMoved if it stands elsewhere, BranchRefused if whoever keeps it says no.
        """
        ...
