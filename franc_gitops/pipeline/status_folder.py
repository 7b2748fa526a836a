"""One write-back: the status folder as it was found, and what was done to it.

Used by `writeback.py` alone, which says in which order.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from franc_gitops import pins as pins_file
from franc_gitops.errors import WriteBackFailed
from franc_gitops.pipeline.replacing import (
    TEMPORARY,
    Replacement,
    holds,
    read_text,
    replace_file,
    signature,
)
from franc_gitops.repositories.names import is_request_name, is_status_name
from franc_gitops.status_files import is_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from franc_gitops.model import Pin
    from franc_gitops.pipeline.project import StatusFile
    from franc_gitops.pipeline.replacing import Replacer, Signature
    from franc_gitops.repositories.checkout import Checkout
    from franc_gitops.status_index import StatusIndex

_SHOWN_FAILURES = 10
_BEGINNING_BYTES = 16_384


class _Entry:
    """A file that is known by name, to be looked at like one that was found in its folder."""

    def __init__(self, file: str) -> None:
        self.stat = partial(os.stat, file)


class StatusFolder:
    """One write-back: the folder as it was found, and what was done to it."""

    def __init__(self, folder: Path, root: Path, index: StatusIndex, replacer: Replacer) -> None:
        """Take the folder below `root`; nothing is looked at yet."""
        self._folder = str(folder)
        self._replacer = replacer
        self._root = root
        self._index = index
        self._unknown: dict[str, Signature | None] = {}
        self.checked_out: dict[str, str] = {}
        self._strays: list[str] = []
        self._safe_folders: dict[str, OSError | None] = {}
        self._failures: list[tuple[str, str]] = []
        self.written = self.unchanged = self.believed = 0
        """Files; `believed` are those that nobody but git has looked at."""

    # --- what is there ------------------------------------------------------------------------

    def scan(self, keep: Callable[[str], bool], stale_before: float) -> None:
        """Look at every file of the folder once, without opening any; follow no link.

        Temporary files that a killed write-back left before that time (seconds of the epoch)
        are removed; younger ones may still be written.
        """
        prefixes = [""] if self._is_folder() else []
        while prefixes:
            prefix = prefixes.pop()
            for entry in self._list(prefix):
                path = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    prefixes.append(f"{path}/")
                elif is_request_name(entry.name):
                    self._meet(path, entry, keep)
                elif entry.name.startswith(TEMPORARY):
                    self._remove_if_stale(path, entry, stale_before)

    def take(self, checkout: Checkout, keep: Callable[[str], bool], stale_before: float) -> None:
        """Take git's list of what is there instead of a scan; look at what git is not sure of."""
        if not self._is_folder():
            return
        self.trust(checkout)
        for path in checkout.others:
            entry, name = _Entry(f"{self._folder}/{path}"), path.rpartition("/")[2]
            if is_request_name(name):
                self._meet(path, entry, keep)
            elif name.startswith(TEMPORARY):
                self._remove_if_stale(path, entry, stale_before)
        known = (path for path in checkout.blobs if not keep(path))
        self._strays += filter(is_status_name, known)

    def trust(self, checkout: Checkout) -> None:
        """Take git's word for what files hold that are as they were checked out.

        A file that a scan has found must have been looked at before git was asked.
        """
        self.checked_out = checkout.blobs

    def _is_folder(self) -> bool:
        """Tell whether there is a folder to look at; what it would lead to is not ours."""
        try:
            _check_steps(self._root, Path(self._folder))
        except FileNotFoundError:
            return False
        except OSError as error:
            self._fail(".", error)
            return False
        return True

    def _list(self, prefix: str) -> Iterator[os.DirEntry[str]]:
        """Give what is in a folder; its files are looked at from there, which is quicker."""
        try:
            handle = os.open(f"{self._folder}/{prefix}", os.O_RDONLY | os.O_DIRECTORY)
            try:
                with os.scandir(handle) as entries:
                    yield from entries
            finally:
                os.close(handle)
        except FileNotFoundError:
            return
        except OSError as error:
            self._fail(prefix or ".", error)

    def _meet(
        self, path: str, entry: os.DirEntry[str] | _Entry, keep: Callable[[str], bool]
    ) -> None:
        """Sort a file in: a stray, as it was when it was last looked at, or to be compared."""
        try:
            found = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        except OSError as error:
            self._fail(path, error)
            return
        if not stat.S_ISREG(found.st_mode):
            return  # a link or a FIFO is never opened; a file that is wanted replaces it
        if not keep(path) and path != pins_file.FILE_NAME:
            self._strays.append(path)
        elif not self._index.confirm(path, found):
            self._unknown[path] = signature(found)

    def _remove_if_stale(self, path: str, entry: os.DirEntry[str] | _Entry, before: float) -> None:
        with suppress(OSError):
            if entry.stat(follow_symlinks=False).st_mtime < before:
                os.unlink(f"{self._folder}/{path}")  # noqa: PTH108

    def remove_strays(self, below: str) -> int:
        """Remove status files without a request file; leave what is not ours alone.

        Ours is what names the request file of its place, `below` and its own path: the status
        folder of another environment may lie inside this one.
        """
        removed = 0
        for path in self._strays:
            try:
                removed += self._remove(path, below + path)
            except OSError as error:
                self._fail(path, error)
            self._index.forget(path)
        return removed

    def _remove(self, path: str, request_file: str) -> bool:
        file = Path(self._folder, path)
        if not is_of(read_text(file, most=_BEGINNING_BYTES), request_file):
            return False
        file.unlink()
        for parent in file.parents:
            if parent == Path(self._folder) or any(parent.iterdir()):
                break
            parent.rmdir()
        return True

    def suspect(self, paths: Iterable[str]) -> None:
        """Take these for strays without having looked."""
        self._strays += [path for path in paths if os.path.lexists(f"{self._folder}/{path}")]

    # --- what must be there -------------------------------------------------------------------

    def compare(self, path: str, status: StatusFile) -> None:
        """Write one status file, unless what is there says the same."""
        self._unknown.setdefault(path)
        self.write(path, status)

    def write(self, path: str, status: StatusFile) -> None:
        """Write one status file, unless it is known or found to be right."""
        if self._index.holds(path, status.tag) or self._is_checked_out(path, status):
            self.unchanged += 1
            return
        try:
            self._write(f"{self._folder}/{path}", path, status)
        except OSError as error:
            self._fail(path, error)

    def _is_checked_out(self, path: str, status: StatusFile) -> bool:
        """Tell whether git says that a file is what it must be; if so, note it for next time."""
        if not status.blob or self.checked_out.get(path) != status.blob:
            return False
        found = self._unknown.get(path)
        if found is not None:
            self._index.put(path, found, status.tag)
        else:
            self.believed += 1
        return True

    def _write(self, file: str, path: str, status: StatusFile) -> None:
        content = status.render()
        self._check_folder(os.path.dirname(file))  # noqa: PTH120 - a path object for each costs
        known = self._unknown, self.checked_out
        exists = self._index.knows(path) or any(path in paths for paths in known)
        if exists and holds(file, content):
            self._index.put(path, signature(os.lstat(file)), status.tag)
            self.unchanged += 1
            return
        self._note(self._replacer.add(Replacement(file, content, path, status.tag)))

    def finish(self) -> None:
        """Wait until everything is written."""
        self._note(self._replacer.finish())

    def _note(self, done: Iterable[tuple[Replacement, Signature | OSError]]) -> None:
        for (_, _, path, tag), found in done:
            if isinstance(found, OSError):
                self._fail(path, found)
            else:
                self._index.put(path, found, tag)
                self.written += 1

    def write_pins(self, pins: Sequence[Pin]) -> None:
        """Write the pins file if it does not say this already."""
        if not pins:
            return
        file = f"{self._folder}/{pins_file.FILE_NAME}"
        content = pins_file.encode(pins)
        try:
            self._check_folder(self._folder)
            if not holds(file, content):
                replace_file(file, content)
        except OSError as error:
            self._fail(pins_file.FILE_NAME, error)

    def _check_folder(self, folder: str) -> None:
        """Make the folder, and refuse one that a link leads out of the repository; once each."""
        if folder not in self._safe_folders:
            try:
                _make_folder(self._root, Path(folder))
                self._safe_folders[folder] = None
            except OSError as error:
                self._safe_folders[folder] = error
        refusal = self._safe_folders[folder]
        if refusal is not None:
            raise refusal

    # --- the end ------------------------------------------------------------------------------

    def is_unmoved(self, pins: Sequence[Pin]) -> bool:
        """Tell whether the scan found exactly the files that the index remembers."""
        if self._strays or self._failures or self._index.missing:
            return False
        pins_path = f"{self._folder}/{pins_file.FILE_NAME}"
        as_pinned = not pins or holds(pins_path, pins_file.encode(pins))
        return as_pinned and self._unknown.keys() <= {pins_file.FILE_NAME}

    def save(self, note: str, *, forget: bool) -> None:
        """Remember what the files hold, and the note if all of them are right; or only nothing."""
        if forget:
            self._index.clear()
        self._index.note = "" if self._failures or forget else note
        self._index.save()

    def _fail(self, path: str, error: OSError) -> None:
        self._failures.append((path, error.strerror or str(error)))

    def raise_failures(self) -> None:
        """Raise WriteBackFailed naming what could not be written."""
        if not self._failures:
            return
        named = [f"{path}: {cause}" for path, cause in self._failures[:_SHOWN_FAILURES]]
        more = len(self._failures) - len(named)
        raise WriteBackFailed(
            f"{len(self._failures)} status files below {self._folder} could not be written: "
            + "; ".join(named)
            + (f"; {more} more" if more else ""),
            hint="nothing is lost: heal the cause and run publish again",
        )


def _make_folder(root: Path, folder: Path) -> None:
    """Make a folder below `root` step by step; a link or a file in the way is an error."""
    try:
        _check_steps(root, folder)
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        _check_steps(root, folder)


def _check_steps(root: Path, folder: Path) -> None:
    """Raise an error if anything from `root` down to a folder is a link or a file."""
    at = root
    for name in folder.relative_to(root).parts:
        at /= name
        if not stat.S_ISDIR(at.lstat().st_mode):
            raise NotADirectoryError(errno.ENOTDIR, f"{at} is a link or a file, not a folder")
