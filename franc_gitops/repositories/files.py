"""Finding and reading files of the operating system, whatever lies there: links, FIFOs, devices.

Nothing but regular files is ever opened; what cannot be read is a problem of its own path and
keeps nothing else from being read.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from franc_gitops.problems import problem
from franc_gitops.repositories.links import LinkEnd, link_problems
from franc_gitops.repositories.names import (
    SIZE_LIMIT,
    is_request_name,
    is_safe,
    shown,
    unsafe_name,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from franc_gitops.model import Problem

_READ_ONLY = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
"""What was a file when it was found may be a FIFO or a link when it is opened."""


def read_regular(file: str, path: str) -> bytes | Problem:
    """Read a regular file, cut one byte after the size limit; `path` is what the problem names."""
    handle = open_regular(file, path)
    if not isinstance(handle, int):
        return handle
    try:
        return read_open(handle, path)
    finally:
        os.close(handle)


def open_regular(file: str, path: str) -> int | Problem:
    """Open a regular file for reading, and nothing else."""
    try:
        handle = os.open(file, _READ_ONLY)
    except OSError as error:
        return unreadable(path, error)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    return not_regular(path)


def read_open(handle: int, path: str) -> bytes | Problem:
    """Read a file that is open, cut one byte after the size limit."""
    try:
        size = os.fstat(handle).st_size
        content = os.read(handle, min(size, SIZE_LIMIT) + 1)
        while len(content) > size and len(content) <= SIZE_LIMIT:
            more = os.read(handle, SIZE_LIMIT + 1 - len(content))
            if not more:
                break
            content += more
        return content
    except OSError as error:
        return unreadable(path, error)


def unreadable(path: str, error: OSError) -> Problem:
    """Say why a file or folder cannot be read."""
    reason = error.strerror or str(error)
    return problem("FRN120", shown(path), f"cannot be read: {reason}", hint="check its permissions")


def not_regular(path: str) -> Problem:
    """Say that something is not a file that could be read to its end."""
    return problem("FRN121", path, "this is a FIFO, a socket or a device, not a file")


def boundary_of(folder: str) -> str:
    """Give the real path of the repository that a folder is in, or its own if it is in none."""
    real = above = os.path.realpath(folder)
    while not os.path.lexists(f"{above}/.git"):
        if above == os.path.dirname(above):  # noqa: PTH120 - all names are text
            return real
        above = os.path.dirname(above)  # noqa: PTH120
    return above


class Search:
    """What is found below folders: `files` maps the path to be shown to the file to be opened.

    Links are followed to files below `boundary`, a real path, and not entered if they lead to
    folders. Names that begin with a dot and the folders in `skip` are passed over.
    """

    def __init__(self, boundary: str, skip: Collection[str] = ()) -> None:
        """Take the folder that links may not leave, and absolute paths of folders to skip."""
        self.files: dict[str, str] = {}
        self.problems: list[Problem] = []
        self._boundary = boundary
        self._skip = frozenset(skip)

    def walk(self, folder: str, path: str) -> None:
        """Find all request files below a folder, which is shown as `path`."""
        folders = [(folder, path)]
        while folders:
            folder, path = folders.pop()
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if not entry.name.startswith(".") and entry.path not in self._skip:
                            shown_as = f"{path}/{entry.name}" if path else entry.name
                            if entry.is_dir(follow_symlinks=False):
                                folders.append((entry.path, shown_as))
                            else:
                                self._meet(entry, shown_as)
            except OSError as error:
                self.problems.append(unreadable(path or ".", error))

    def take(self, file: str, path: str) -> None:
        """Take a file, whatever its name, or what a link leads to; report anything else."""
        mode = os.lstat(file).st_mode
        if stat.S_ISLNK(mode):
            self._follow(file, path, wanted=True)
        elif stat.S_ISREG(mode):
            self.files[path] = file
        else:
            self.problems.append(not_regular(path))

    def _meet(self, entry: os.DirEntry[str], path: str) -> None:
        """Take a file met on the way, if its name is a request's; look at links of any name."""
        wanted, is_link = is_request_name(path), entry.is_symlink()
        if not is_safe(path):
            self.problems += [unsafe_name(path)] if wanted else []
        elif is_link:
            self._follow(entry.path, path, wanted=wanted)
        elif wanted and entry.is_file(follow_symlinks=False):
            self.files[path] = entry.path
        elif wanted:
            self.problems.append(not_regular(path))

    def _follow(self, link: str, path: str, *, wanted: bool) -> None:
        end = self._end_of(link)
        if isinstance(end, LinkEnd):
            self.problems += link_problems(path, end)
        elif wanted:
            self.files[path] = end

    def _end_of(self, link: str) -> str | LinkEnd:
        try:
            end = os.path.realpath(link, strict=True)
            mode = os.lstat(end).st_mode
        except OSError as error:
            if error.errno == errno.ELOOP:
                return LinkEnd.CIRCLE
            leads_out = not self._is_inside(os.path.realpath(link))
            return LinkEnd.OUTSIDE if leads_out else LinkEnd.NOWHERE
        if not self._is_inside(end):
            return LinkEnd.OUTSIDE
        if stat.S_ISDIR(mode):
            return LinkEnd.FOLDER
        return end if stat.S_ISREG(mode) else LinkEnd.SPECIAL

    def _is_inside(self, end: str) -> bool:
        """Tell whether a link may lead there; what git keeps for itself is in no commit."""
        start = f"{self._boundary}{os.sep}"
        return end.startswith(start) and f"{os.sep}.git{os.sep}" not in end.removeprefix(start[:-1])
