"""The state folder: a cache of this machine, told to git as nothing to keep."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def make_state_folder(folder: Path) -> None:
    """Make the folder with a `.gitignore` of its own; a link in its place is not written through.

    Raises OSError where the folder cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        handle = os.open(folder / ".gitignore", _NEW_FILE, 0o666)
        try:
            os.write(handle, b"*\n")
        finally:
            os.close(handle)
