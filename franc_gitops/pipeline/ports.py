"""What a pass needs of others: files loaded and validated, status files written.

A contract per port, in its docstrings; the event log and the repository have theirs in
`eventlogs/` and `repositories/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from franc_gitops.model import Pin, SourceFile, Validated, Written
    from franc_gitops.pipeline.project import Present, StatusFile


class Validator(Protocol):
    """Loads and validates files; each file by itself, without the rules over the set."""

    def prepare(self, files: int, /) -> None:
        """Get ready for at most so many files; called before the event log is opened."""
        ...

    def __call__(self, files: Sequence[SourceFile], /) -> Validated:
        """Give requests and problems of the files."""
        ...


class StatusFiles(Protocol):
    """What status files must say; it may be gone through more than once."""

    def __iter__(self) -> Iterator[StatusFile]:
        """Give what each status file must say; those that wait for a publication are left out."""
        ...

    def beyond(self, present: Present, /) -> Iterator[StatusFile]:
        """Give the same, but for some that are present and right: these are counted there."""
        ...


class Projection(StatusFiles, Protocol):
    """What the status files of one commit must say, as far as the ledger had been read."""

    @property
    def commit(self) -> str:
        """The commit whose request files it is about; empty for a plain folder."""
        ...

    @property
    def log_name(self) -> str:
        """The event log that the ledger is of, as status files name it."""
        ...

    @property
    def is_exact(self) -> bool:
        """Whether all that was committed before the pass began is certainly in it."""
        ...

    @property
    def paths(self) -> Collection[str]:
        """The request files."""
        ...

    def keep(self, path: str, /) -> bool:
        """Tell of a request file whether its status file stays."""
        ...

    def at(self, commit: str, /) -> Projection:
        """Project another commit with the ledger as it is now, exactly; publishes nothing."""
        ...


class WriteBack(Protocol):
    """Makes the status files say what they must."""

    def prepare(self, files: int, /) -> None:
        """Get ready for at most so many status files; called before the event log is opened."""
        ...

    def __call__(
        self,
        wanted: Projection,
        keep: Callable[[str], bool],
        pins: Sequence[Pin],
        note: str = "",
        /,
    ) -> Written:
        """Write, leave and remove status files; raises WriteBackFailed after doing all it can.

        `keep` tells of a request file whether its status file stays. A `note` is kept if all
        status files are right in the end.
        """
        ...

    def close(self) -> None:
        """End what was prepared."""
        ...

    def last_note(self) -> str:
        """Give the note that was kept last; empty if there is none."""
        ...

    def find_unmoved(self, pins: Sequence[Pin], /) -> Written | None:
        """Count the status files if all are as they were when the note was kept, else None."""
        ...


@runtime_checkable
class PartialWriteBack(WriteBack, Protocol):
    """One that can also write a few status files without looking at all of them."""

    def some(self, wanted: Iterable[StatusFile], gone: Sequence[str], /) -> Written:
        """Write these status files, remove those of request files that are gone, and no more.

        Raises WriteBackFailed after doing all it can.
        """
        ...


@runtime_checkable
class PartialCommits(WriteBack, Protocol):
    """One that commits, and can look at a few status files alone."""

    def part(self, wanted: Projection, gone: Sequence[str], /) -> Written:
        """Commit these status files, without those of request files that are gone.

        Looks at all of them after all where the branch is not as it was known to be. Raises
        WriteBackFailed.
        """
        ...
