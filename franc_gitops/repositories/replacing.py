"""Replacing files of the work tree whole: a reader, or a kill, never meets half a file."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from franc_gitops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


def replace_files(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> None:
    """Write new content over files that still hold the old one; permissions stay.

    All are written beside the old ones before the first is replaced. Raises UsageError where
    somebody has changed a file meanwhile, OSError where one cannot be written.
    """
    made: dict[str, str] = {}
    try:
        for file, content in new.items():
            made[file] = _write_beside(file, content)
        for file in new:
            if Path(file).read_bytes() != old[file]:
                raise UsageError(f"{file} was changed meanwhile", hint="run it again")
        for file, beside in made.items():
            os.replace(beside, file)  # noqa: PTH105 - both are text
    finally:
        for beside in made.values():
            with suppress(OSError):
                os.unlink(beside)  # noqa: PTH108


def _write_beside(file: str, content: bytes) -> str:
    """Write a hidden file in the same folder, which no reader takes for a request."""
    folder, name = os.path.split(file)
    beside = os.path.join(folder, f".{name}.franc-tmp-{os.getpid()}")  # noqa: PTH118
    was = os.stat(file)  # noqa: PTH116
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(handle)
        with suppress(PermissionError):
            os.fchown(handle, was.st_uid, was.st_gid)
        os.fchmod(handle, was.st_mode & 0o7777)
    return beside
