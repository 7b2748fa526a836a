"""A small file system of its own for one folder: it can run full and be read-only, for root too."""

from __future__ import annotations

import errno
import os
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FILLER = ".filler"
_BLOCK = 4096


class Volume:
    """A tmpfs mounted on a folder; `is_there` is false where this machine does not permit that."""

    def __init__(self, folder: Path, size: str = "8m") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.is_there = _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))

    def fill(self) -> None:
        """Leave no byte free."""
        handle = os.open(self.folder / FILLER, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            while True:
                os.write(handle, bytes(_BLOCK))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        finally:
            os.close(handle)

    def empty(self) -> None:
        """Give the space back."""
        with suppress(FileNotFoundError):
            (self.folder / FILLER).unlink()

    def protect(self) -> None:
        """Let nobody write."""
        assert _mount("-o", "remount,ro", str(self.folder))

    def release(self) -> None:
        """Let everybody write again."""
        assert _mount("-o", "remount,rw", str(self.folder))

    def close(self) -> None:
        """Take it away, with all that is in it."""
        if self.is_there:
            self.is_there = False
            subprocess.run(["umount", "--lazy", self.folder], capture_output=True, check=False)


def _mount(*arguments: str) -> bool:
    with suppress(FileNotFoundError):
        return not subprocess.run(
            ["mount", *arguments], capture_output=True, check=False
        ).returncode
    return False
