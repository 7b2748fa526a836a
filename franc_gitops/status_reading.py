"""Where status files are read from; nothing here knows what they say or writes any."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Protocol

from franc_gitops.repositories.names import is_status_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_LARGEST = 64 << 20
"""A request file of the largest size makes a status file of some 10 MB."""


class StatusReader(Protocol):
    """Status files by their path below the status folder."""

    def exists(self) -> bool:
        """Tell whether there is such a folder at all."""
        ...

    def paths(self) -> Iterable[str]:
        """Give the path of everything that is named like a status file, pins excepted."""
        ...

    def read(self, paths: Sequence[str], /) -> Iterator[bytes | None]:
        """Yield the content of each file, in order; None for what is no file that can be read."""
        ...


class WorkTreeReader:
    """The status folder of a working tree; links are not followed."""

    def __init__(self, folder: Path) -> None:
        """Take the folder, which need not exist."""
        self._folder = folder

    def exists(self) -> bool:
        """Tell whether there is such a folder; what a link leads to is not ours."""
        return self._folder.is_dir() and not self._folder.is_symlink()

    def paths(self) -> Iterator[str]:
        """Give the path of everything that is named like a status file."""
        if not self.exists():
            return
        for folder, _, names in os.walk(self._folder):
            below = os.path.relpath(folder, self._folder)
            prefix = "" if below == "." else f"{below}/"
            for name in names:
                if is_status_name(name):
                    yield prefix + name

    def read(self, paths: Sequence[str], /) -> Iterator[bytes | None]:
        """Yield the content of each file, in order."""
        top = os.path.realpath(self._folder)
        real: dict[str, bool] = {}
        for path in paths:
            below = os.path.dirname(path)  # noqa: PTH120 - text, and very many
            if below not in real:
                folder = os.path.join(top, below) if below else top  # noqa: PTH118
                real[below] = os.path.realpath(folder) == folder
            yield _read(f"{self._folder}/{path}") if real[below] else None


def _read(file: str) -> bytes | None:
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as content:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return None
            return content.read(_LARGEST).replace(b"\r\n", b"\n")  # as git may check text out
    except OSError:
        return None
