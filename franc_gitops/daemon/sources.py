"""What is followed: a folder as it stands, or a branch of a git repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from franc_gitops.pipeline.part import PartialRepository

if TYPE_CHECKING:
    from collections.abc import Collection


class Look(NamedTuple):
    """The commit to publish, and the request files that differ from an earlier one.

    None where that cannot be told, so that all are to be looked at.
    """

    commit: str
    changed: Collection[str] | None


class Source(Protocol):
    """Says where requests now are to be read from."""

    @property
    def repository(self) -> PartialRepository:
        """Where requests are read from."""
        ...

    def look(self, since: str, /) -> Look:
        """Find the newest state; raises RepositoryError."""
        ...

    def rest(self) -> None:
        """Let go of what only the turn that is over has needed."""
        ...


class FolderSource:
    """A folder has no commits: what changed is told by hints alone."""

    def __init__(self, repository: PartialRepository) -> None:
        """Take the folder."""
        self.repository: PartialRepository = repository

    def look(self, since: str) -> Look:
        """Say that nothing is known to have changed."""
        return Look(since, ())

    def rest(self) -> None:
        """Let go of the content of files."""
        self.repository.close()


@runtime_checkable
class FollowedRepository(PartialRepository, Protocol):
    """A git repository that can be followed."""

    def head(self) -> str:
        """Give the commit that is checked out; raises RepositoryError if there is none."""
        ...

    def ref_folders(self) -> Collection[str]:
        """Give the folders that HEAD and the branches are kept in."""
        ...

    def changed(self, old: str, new: str, /) -> Collection[str] | None:
        """Give the request files that differ; None where only a look at all of them can tell."""
        ...

    def move_to(self, commit: str, /) -> None:
        """Read at this commit from now on."""
        ...


class GitSource:
    """The commit that is checked out in a clone, or that its remote has."""

    def __init__(self, repository: FollowedRepository) -> None:
        """Take the clone."""
        self.repository: FollowedRepository = repository

    def look(self, since: str) -> Look:
        """Find the newest commit, and what changed since the one that was looked at last."""
        commit = self.repository.head()
        self.repository.move_to(commit)
        if commit == since:
            return Look(commit, ())
        return Look(commit, self.repository.changed(since, commit) if since else None)

    def rest(self) -> None:
        """Keep everything: git's processes wait for the next turn, and hold no content."""


def open_source(repository: PartialRepository) -> Source:
    """Give the way in which this repository is followed."""
    if isinstance(repository, FollowedRepository):
        return GitSource(repository)
    return FolderSource(repository)
