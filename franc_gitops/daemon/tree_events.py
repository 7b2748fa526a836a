"""inotify below a folder → hints with the paths of files that may be complete.

A file counts when it was closed after writing, renamed into place, linked, deleted or made
readable, never when it is merely opened or written to. None of that proves that nobody else has
it open: whoever reads it asks. What happens to whole folders, and whatever the kernel had no room
to tell (IN_Q_OVERFLOW), is a hint to look everywhere: events shorten the waiting, the pass finds
the truth.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from watchdog.observers.inotify_c import CallbackId, InotifyConstants, InotifyFD, Mask

from franc_gitops.repositories.places import Identity, identify
from franc_gitops.repositories.writers import is_being_written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watchdog.observers.inotify_c import InotifyEvent, WatchDescriptor

_MASK = Mask(
    InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_MOVED_TO
    | InotifyConstants.IN_MOVED_FROM
    | InotifyConstants.IN_CREATE
    | InotifyConstants.IN_DELETE
    | InotifyConstants.IN_ATTRIB
    | InotifyConstants.IN_DELETE_SELF
    | InotifyConstants.IN_MOVE_SELF
    | InotifyConstants.IN_ONLYDIR
    | InotifyConstants.IN_DONT_FOLLOW
)
_ROOT_LOST = (
    InotifyConstants.IN_DELETE_SELF | InotifyConstants.IN_MOVE_SELF | InotifyConstants.IN_UNMOUNT
)
_HOME = CallbackId(0)
_PASSING = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES}
"""Why one folder may not be watched: it went away meanwhile, or nobody may read it."""


class Wanted(Protocol):
    """Says what of a tree matters; both are asked with absolute paths."""

    def folder(self, path: str, /) -> bool:
        """Whether to go into a folder."""
        ...

    def file(self, path: str, /) -> bool:
        """Whether to hear of a file."""
        ...


class Hearer(Protocol):
    """Is told what happened, by watchdog's thread."""

    def changed(self, path: str | None, /) -> None:
        """A file may have changed; None: anything may have."""
        ...

    def overflowed(self) -> None:
        """Events were lost; `changed(None)` follows once all is watched again."""
        ...

    def failed(self, error: OSError, /) -> None:
        """A folder cannot be watched: inotify has no room for it."""
        ...


class TreeEvents:
    """Watches a folder and the wanted ones below it, with an inotify watch each."""

    def __init__(self, root: str, wanted: Wanted, hearer: Hearer) -> None:
        """Begin to watch; raises OSError where that is not possible or inotify has no room."""
        self._root = root
        self._wanted = wanted
        self._hearer = hearer
        self._lock = threading.RLock()
        self._watches: dict[str, WatchDescriptor] = {}
        self._identity: Identity = None
        self._inotify = InotifyFD()
        self._inotify.start()
        try:
            self._watch_all()
        except OSError:
            self.close()
            raise

    def renew(self) -> None:
        """Watch everything anew, whatever was moved about; look at the files afterwards.

        Raises OSError as the beginning does.
        """
        with self._lock:
            old = [(descriptor, _HOME) for descriptor in self._watches.values()]
            self._watches.clear()
            self._inotify.remove_callbacks(old)
            self._watch_all()

    def has_strayed(self) -> bool:
        """Tell whether the folder's name is another's by now; a move above it makes no event."""
        return identify(self._root) != self._identity

    def close(self) -> None:
        """End the thread and let go of inotify."""
        self._inotify.stop()
        self._inotify.join()

    # --- what watchdog's thread does ----------------------------------------------------------

    def meet(self, folder: str, event: InotifyEvent) -> None:
        """Take an event of a watched folder."""
        if event.mask & _ROOT_LOST:
            if folder == self._root:
                self._hearer.changed(None)
            return
        path = f"{folder}/{os.fsdecode(event.name)}" if event.name else folder
        if event.is_directory:
            self._meet_folder(path, event)
        elif self._wanted.file(path) and not (event.is_create and _will_be_closed(path)):
            self._hearer.changed(path)

    def lose(self) -> None:
        """Take the news that events were lost."""
        self._hearer.overflowed()
        try:
            self.renew()
        except OSError as error:
            self._hearer.failed(error)
        self._hearer.changed(None)

    def forget(self, folder: str, descriptor: WatchDescriptor) -> None:
        """Take the news that a watch has ended."""
        with self._lock:
            if self._watches.get(folder) == descriptor:
                del self._watches[folder]

    def _meet_folder(self, path: str, event: InotifyEvent) -> None:
        if not self._wanted.folder(path):
            return
        if event.is_moved_from:
            self._forget_below(path)
        if event.is_moved_from or event.is_attrib:
            self._hearer.changed(None)
        elif event.is_create or event.is_moved_to:
            self._meet_new_folder(path)

    def _meet_new_folder(self, path: str) -> None:
        """Watch it, then tell of the files that were in it before."""
        try:
            for folder in self._watch(path):
                for file in self._files(folder):
                    self._hearer.changed(file)
        except OSError as error:
            self._hearer.failed(error)
            self._hearer.changed(None)

    # --- watches ------------------------------------------------------------------------------

    def _watch_all(self) -> None:
        self._identity = identify(self._root)
        for _ in self._watch(self._root):
            pass
        if self._root not in self._watches:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self._root)

    def _watch(self, folder: str) -> Iterator[str]:
        """Watch a folder and what is below it; yield each folder once it is watched."""
        waiting = [folder]
        while waiting:
            folder = waiting.pop()
            if self._add(folder):
                yield folder
                waiting += [path for path in _folders(folder) if self._wanted.folder(path)]

    def _add(self, folder: str) -> bool:
        try:
            with self._lock:
                if folder not in self._watches:
                    callback = _Callback(self, folder)
                    path = os.fsencode(folder)
                    self._watches[folder] = self._inotify.add_callback(path, _MASK, callback, _HOME)
        except OSError as error:
            if error.errno not in _PASSING:
                raise
            return False
        return True

    def _forget_below(self, folder: str) -> None:
        """End the watches of a folder that was moved away: their paths are no longer true."""
        with self._lock:
            below = f"{folder}/"
            gone = [path for path in self._watches if path == folder or path.startswith(below)]
            self._inotify.remove_callbacks([(self._watches.pop(path), _HOME) for path in gone])

    def _files(self, folder: str) -> Iterator[str]:
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if self._wanted.file(entry.path) and not entry.is_dir(follow_symlinks=False):
                    yield entry.path


class _Callback:
    """What inotify calls for one folder."""

    def __init__(self, tree: TreeEvents, folder: str) -> None:
        self._tree = tree
        self._folder = folder

    def on_event(self, event: InotifyEvent) -> None:
        self._tree.meet(self._folder, event)

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        self._tree.forget(self._folder, wd)

    def on_queue_overflow(self) -> None:
        if self._folder == self._tree._root:  # noqa: SLF001  - all folders are told; once is enough
            self._tree.lose()


def _folders(folder: str) -> list[str]:
    with suppress(OSError), os.scandir(folder) as entries:
        return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    return []


def _will_be_closed(path: str) -> bool:
    """Tell whether a file that was just made is being written, so that its closing will be told.

    A link, hard or symbolic, is whole at once and is never closed; and the draft that it was
    made of may be gone by now. So a file that already has content is told of, if whoever reads
    it can see whether it is still being written.
    """
    try:
        found = os.lstat(path)
    except OSError:
        return True
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        return False
    return found.st_size == 0 or not _can_be_asked(path)


def _can_be_asked(path: str) -> bool:
    """Tell whether the system says of a file if it is being written."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return is_being_written(handle) is not None
    finally:
        os.close(handle)
