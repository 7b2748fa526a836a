"""The freeze calendar under a daemon: a freeze that is declared or lifted holds within seconds.

Of the settings, it alone is read again: whoever declares a freeze must not have to know which
daemons run. A settings file that has become wrong is a failure until it is mended, and nothing
is published meanwhile: it may say that it is frozen.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from franc_gitops.settings import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from franc_gitops.freeze import Calendar


class Freezes:
    """Reads the calendar anew whenever its file is another one than it was."""

    def __init__(self, root: Path, read: Callable[[], Calendar]) -> None:
        """Take the folder of the settings file, and what reads the calendar from it."""
        self._file = root / FILE_NAME
        self._read = read
        self._sign = self._look()

    def changed(self) -> Calendar | None:
        """Give the calendar if its file has changed since it was read; raises SettingsError."""
        sign = self._look()
        if sign == self._sign:
            return None
        calendar = self._read()
        self._sign = sign
        return calendar

    def _look(self) -> tuple[int, ...]:
        try:
            found = os.stat(self._file)  # noqa: PTH116 - asked at every turn
        except OSError:
            return ()
        return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
