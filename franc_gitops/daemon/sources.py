"""What is followed: a folder as it stands, or a branch of a git repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection

    from franc_gitops.pipeline.part import PartialRepository


class Look(NamedTuple):
    """The commit to publish, and the request files that differ from an earlier one.

    None where that cannot be told, so that all are to be looked at.
    """

    commit: str
    changed: Collection[str] | None


class Source(Protocol):
    """Says where requests now are to be read from."""

    repository: PartialRepository

    def look(self, since: str, /) -> Look:
        """Find the newest state; raises RepositoryError."""
        ...


class FolderSource:
    """A folder has no commits: what changed is told by hints alone."""

    def __init__(self, repository: PartialRepository) -> None:
        """Take the folder."""
        self.repository = repository

    def look(self, since: str) -> Look:
        """Say that nothing is known to have changed."""
        return Look(since, ())
