"""Looking again and again, where no events arrive: at folders, and at what a branch points to.

A file is told of when it has changed, also in the middle of being written: whoever reads it
finds that out. A look never takes more than a small share of the processor, however many files
there are.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from franc_gitops.repositories.names import is_request_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from franc_gitops.clock import Clock
    from franc_gitops.daemon.watching import Bell

_PATIENCE = 2.0
_SHARE = 50
"""A look is followed by a pause of so many times its own time."""


class Ticker:
    """Calls something every so many seconds, on a thread of its own."""

    def __init__(self, act: Callable[[], float]) -> None:
        """Begin; `act` gives the seconds until it is to be called again."""
        self._act = act
        self._ended = False
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._run, name="polling", daemon=True)
        self._thread.start()

    def hurry(self) -> None:
        """End the pause."""
        self._hurry.set()

    def close(self) -> None:
        """End; what goes on is waited for, but not for long."""
        self._ended = True
        self._hurry.set()
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        pause = 0.0
        while not self._ended:
            if self._hurry.wait(pause):
                self._hurry.clear()
            if not self._ended:
                pause = self._act()


class _Polling:
    """What both ways have in common: a thread that looks, and nothing that must be renewed."""

    def __init__(self) -> None:
        """Begin to look."""
        self._ticker = Ticker(self._tick)

    def renew(self) -> None:
        """Nothing to do: each look begins anew."""

    def has_strayed(self) -> bool:
        """Never: each look goes by names."""
        return False

    def close(self) -> None:
        """Stop looking."""
        self._ticker.close()

    def _tick(self) -> float:
        """Look, and give the seconds until the next time."""
        raise NotImplementedError


class FolderPolling(_Polling):
    """Wakes the loop with the paths of request files that have changed."""

    def __init__(
        self, root: Path, requests_dir: str, bell: Bell, clock: Clock, every: float
    ) -> None:
        """Begin to look; what is there at first counts as known."""
        self._root = str(root)
        self._requests_dir = requests_dir
        self._bell = bell
        self._clock = clock
        self._every = every
        self._known: dict[str, int] | None = None
        super().__init__()

    def _tick(self) -> float:
        """Look at everything; give the pause after it."""
        began = self._clock.monotonic()
        self._look()
        return max(self._every, _SHARE * (self._clock.monotonic() - began))

    def _look(self) -> None:
        found = dict(self._scan())
        known, self._known = self._known, found
        if known is None:
            return
        changed = {path for path, state in found.items() if known.get(path) != state}
        changed |= known.keys() - found.keys()
        if changed:
            self._bell.wake("save", changed)

    def _scan(self) -> Iterator[tuple[str, int]]:
        """Give the state of each request file, as few bytes."""
        folders = [self._requests_dir]
        while folders:
            folder = folders.pop()
            with suppress(OSError), os.scandir(f"{self._root}/{folder}") as entries:
                for entry in entries:
                    path = f"{folder}/{entry.name}"
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(path)
                    elif is_request_name(entry.name):
                        with suppress(OSError):
                            yield path, _state(entry.stat(follow_symlinks=False))


class RefsPolling(_Polling):
    """Wakes the loop to ask where the branch is."""

    def __init__(self, bell: Bell, every: float) -> None:
        """Begin to wake."""
        self._bell = bell
        self._every = every
        super().__init__()

    def _tick(self) -> float:
        self._bell.wake("commit", ())
        return self._every


def _state(found: os.stat_result) -> int:
    return hash((found.st_size, found.st_mtime_ns, found.st_ino, found.st_ctime_ns))
