"""Which events of the file system wake the loop, and with which hints.

A `Watch` keeps the loop from waiting longer than it must. Losing one costs time, nothing else.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from franc_gitops.daemon.model import Count
from franc_gitops.daemon.tree_events import TreeEvents
from franc_gitops.repositories.names import is_hidden, is_request_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from franc_gitops.daemon.board import Board
    from franc_gitops.daemon.narrator import Narrator
    from franc_gitops.daemon.wakeups import Wakeups


class Watch(Protocol):
    """Wakes the loop when something has changed."""

    def renew(self) -> None:
        """Watch everything anew; called before a pass looks at everything."""
        ...

    def has_strayed(self) -> bool:
        """Whether it watches a folder that is elsewhere now, so that it must be renewed."""
        ...

    def close(self) -> None:
        """Stop watching."""
        ...


class Bell:
    """Wakes the loop, and says what keeps events from arriving."""

    def __init__(self, wakeups: Wakeups, board: Board, narrator: Narrator) -> None:
        """Take whom to tell."""
        self.wake = wakeups.wake
        self.failed: Callable[[OSError], None] = lambda _: None
        """Is told that a folder that appeared later cannot be watched by events."""
        self._board = board
        self._narrator = narrator

    def overflowed(self) -> None:
        """Count and say that events were lost."""
        self._board.count(Count.WATCH_OVERFLOWS)
        self._narrator.warn("events were lost: the inotify queue was full; looking at everything")


class FolderWatch:
    """Wakes the loop with the paths of request files that were saved, by inotify."""

    def __init__(self, root: Path, requests_dir: str, bell: Bell) -> None:
        """Begin to watch; raises OSError where inotify cannot."""
        self._root = os.path.realpath(root)
        self._requests = f"{self._root}/{requests_dir}"
        self._bell = bell
        self._events = TreeEvents(self._root, self, self)

    def renew(self) -> None:
        """Watch everything anew."""
        self._events.renew()

    def has_strayed(self) -> bool:
        """Whether another folder has taken the watched one's name."""
        return self._events.has_strayed()

    def close(self) -> None:
        """Stop watching."""
        self._events.close()

    def folder(self, path: str) -> bool:
        """Whether a folder is one of requests, or on the way to them."""
        return self._is_inside(path) or f"{self._requests}/".startswith(f"{path}/")

    def file(self, path: str) -> bool:
        """Whether a file is a request's."""
        return is_request_name(path) and self._is_inside(path)

    def _is_inside(self, path: str) -> bool:
        below = path.removeprefix(self._requests)
        return below != path and (not below or below.startswith("/")) and not is_hidden(below[1:])

    def changed(self, path: str | None) -> None:
        """Wake the loop."""
        self._bell.wake("save", None if path is None else [path[len(self._root) + 1 :]])

    def overflowed(self) -> None:
        """Pass it on."""
        self._bell.overflowed()

    def failed(self, error: OSError) -> None:
        """Pass it on."""
        self._bell.failed(error)


class RefsWatch:
    """Wakes the loop when a branch or HEAD of a git repository has moved, by inotify."""

    def __init__(self, folders: Iterable[str], bell: Bell) -> None:
        """Begin to watch; raises OSError where inotify cannot."""
        self._bell = bell
        self._folders = [os.path.realpath(folder) for folder in folders]
        self._events: list[TreeEvents] = []
        try:
            for folder in self._folders:
                self._events.append(TreeEvents(folder, self, self))
        except OSError:
            self.close()
            raise

    def renew(self) -> None:
        """Watch everything anew."""
        for events in self._events:
            events.renew()

    def has_strayed(self) -> bool:
        """Whether another repository has taken the watched one's name."""
        return any(events.has_strayed() for events in self._events)

    def close(self) -> None:
        """Stop watching."""
        for events in self._events:
            events.close()

    def folder(self, path: str) -> bool:
        """Whether branches are kept in a folder, or below it."""
        below = self._below(path)
        return below in {"", "refs", "reftable"} or f"{below}/".startswith("refs/heads/")

    def file(self, path: str) -> bool:
        """Whether a file says where a branch is; a lock is not yet it."""
        below = self._below(path)
        told = below in {"HEAD", "packed-refs"} or below.startswith(("refs/heads/", "reftable/"))
        return told and not below.endswith(".lock")

    def changed(self, path: str | None) -> None:
        """Wake the loop, which asks git where the branch is."""
        del path
        self._bell.wake("commit", ())

    def overflowed(self) -> None:
        """Look at the refs, which tell everything: nothing was lost."""

    def failed(self, error: OSError) -> None:
        """Pass it on."""
        self._bell.failed(error)

    def _below(self, path: str) -> str:
        folder = max((f for f in self._folders if f"{path}/".startswith(f"{f}/")), key=len)
        return path[len(folder) + 1 :]
