"""Replacing files of the work tree whole: a reader, or a kill, never meets half a file."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from typing import TYPE_CHECKING

from franc_gitops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def replace_files(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> None:
    """Write new content over files that still hold the old one; permissions stay.

    All are written beside the old ones before the first is replaced. Raises UsageError where
    somebody has changed a file meanwhile, OSError, which names the file, where one cannot be
    written; nothing is left beside them either way.
    """
    made: dict[str, str] = {}
    try:
        for file, content in new.items():
            with _naming(file):
                was = os.stat(file)  # noqa: PTH116 - all names are text
                handle, made[file] = mkstemp(prefix=_TEMPORARY, dir=Path(file).parent)
                _write(handle, content, was)
        for file in new:
            if Path(file).read_bytes() != old[file]:
                raise UsageError(f"{file} was changed meanwhile", hint="run it again")
        for file, beside in made.items():
            with _naming(file):
                os.replace(beside, file)  # noqa: PTH105
    finally:
        for beside in made.values():
            with suppress(OSError):
                os.unlink(beside)  # noqa: PTH108


_TEMPORARY = ".franc-tmp-"
"""How a name begins that no reader takes for a request; the rest is nobody else's."""


@contextmanager
def _naming(file: str) -> Iterator[None]:
    """Let an error say which file it is about; a full disk does not, and a name of ours is none."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, file) from error


def _write(handle: int, content: bytes, was: os.stat_result) -> None:
    """Write a whole file to the disk, with the permissions of the one that it replaces."""
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(handle)
        with suppress(PermissionError):
            os.fchown(handle, was.st_uid, was.st_gid)
        os.fchmod(handle, was.st_mode & 0o7777)
