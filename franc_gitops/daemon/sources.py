"""What is followed: a folder as it stands, or a branch of a git repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from franc_gitops.errors import RepositoryError
from franc_gitops.pipeline.part import PartialRepository

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


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

    def contains(self, commit: str, other: str, /) -> bool:
        """Tell whether a commit, or one before it, is the other."""
        ...

    def tracked(self, branch: str, /) -> str:
        """Give where the clone last saw a remote's branch, such as `origin/main`; else nothing."""
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


class RemoteBranch(Protocol):
    """What is known of a remote's branch."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def tip(self) -> str:
        """Its newest commit that is at hand; empty until it is known."""
        ...


class GitSource:
    """The commit that is checked out in a clone, or the one that its remote has."""

    def __init__(
        self,
        repository: FollowedRepository,
        remote: RemoteBranch | None = None,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Take the clone, and the branch of its remote if that is followed, too."""
        self.repository: FollowedRepository = repository
        self._remote = remote
        self._warn = warn
        self._chosen: tuple[str, str, str] = ("", "", "")
        self._has_head = False

    def look(self, since: str) -> Look:
        """Find the newest commit, and what changed since the one that was looked at last."""
        commit = self._choose()
        self.repository.move_to(commit)
        if commit == since:
            return Look(commit, ())
        return Look(commit, self.repository.changed(since, commit) if since else None)

    def rest(self) -> None:
        """Keep everything: git's processes wait for the next turn, and hold no content."""

    def _choose(self) -> str:
        """Choose between the clone and its remote; the same two are compared once."""
        tip = self._remote.tip if self._remote else ""
        try:
            head = self.repository.head()
        except RepositoryError:  # a clone that was made before the first push has no commit
            if not tip or self._has_head:
                raise
            return tip
        self._has_head = True
        if not tip or tip == head:
            return head
        if self._chosen[:2] != (head, tip):
            self._chosen = (head, tip, self._newer(head, tip))
        return self._chosen[2]

    def _newer(self, head: str, tip: str) -> str:
        """Give the remote's commit, unless the clone has commits of its own.

        What the clone had from the remote before, and the remote has given up since (a
        force-push), is none of its own.
        """
        if self.repository.contains(tip, head):
            return tip
        name = self._remote.name if self._remote else ""
        tracked = self.repository.tracked(name)
        if tracked and self.repository.contains(tracked, head):
            return tip
        if not self.repository.contains(head, tip):
            self._warn(f"the clone has commits that {name} has not, and the other way round")
        return head


def open_source(
    repository: PartialRepository,
    remote: RemoteBranch | None = None,
    warn: Callable[[str], None] = lambda _: None,
) -> Source:
    """Give the way in which this repository is followed."""
    if isinstance(repository, FollowedRepository):
        return GitSource(repository, remote, warn)
    return FolderSource(repository)
