"""Where requests come from: a git commit (`git.py`) or a plain folder (`directory.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from franc_gitops.model import Glance, Lineage, Problem, Provenance, Snapshot, SourceFile


class RequestRepository(Protocol):
    """Request files at one moment, addressed by content.

    A snapshot never changes: `read` and `provenance` answer for it, whatever happens to the
    work tree meanwhile. Paths are relative to `root`, with `/`.
    """

    root: Path
    """The folder that paths are relative to; status files are written below it."""

    def glance(self) -> Glance | None:
        """Say what stands for the request files without listing them; None if that is no quicker.

        Raises RepositoryError as `snapshot` does.
        """
        ...

    def snapshot(self, revision: str = "") -> Snapshot:
        """List the request files; raises RepositoryError when there is nothing to read from.

        `revision` names another commit than the one that was asked for when it was opened.
        """
        ...

    def read(self, files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes | Problem]]:
        """Yield the content of each file, in order, or what keeps it from being read.

        Content over the size limit may be cut one byte after it: enough to be refused.
        """
        ...

    def provenance(self, snapshot: Snapshot, paths: Iterable[str]) -> Mapping[str, Provenance]:
        """Give the commit that last touched each path, in one walk for all of them."""
        ...

    def describe(self, commits: Collection[str]) -> Mapping[str, Provenance]:
        """Give committer time and author of the commits that are at hand."""
        ...

    def trace(self, snapshot: Snapshot, commits: Collection[str]) -> Lineage:
        """Tell how commits stand to the snapshot's; without commits nothing is newer."""
        ...

    def close(self) -> None:
        """End what is running; the repository can still be used."""
        ...
