"""Events or polling: chosen by itself, said in the log, and changed when events do not arrive."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from franc_gitops.daemon.filesystems import TINY_QUEUE, queue_size
from franc_gitops.repositories.filesystems import silent_file_system

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from franc_gitops.daemon.narrator import Narrator
    from franc_gitops.daemon.watching import Watch


class Watching:
    """Watches by events where they arrive, by polling where they do not, by both in doubt."""

    def __init__(
        self,
        folder: Path,
        events: Callable[[], Watch],
        polling: Callable[[], Watch],
        narrator: Narrator,
    ) -> None:
        """Begin to watch what lies in a folder."""
        self._events = events
        self._polling = polling
        self._narrator = narrator
        self._watches: list[Watch] = []
        self._polls = False
        self._lock = Lock()
        kind = silent_file_system(folder)
        if kind:
            self.poll(f"a {kind} file system tells nothing of what others do")
            return
        self._try_events()
        size = queue_size()
        if size is not None and size < TINY_QUEUE:
            self.poll(f"only {size} events may wait (fs.inotify.max_queued_events)")
        if not self._polls:
            narrator.tell("watching by file system events", folder=str(folder))

    def poll(self, reason: str) -> None:
        """Poll from now on, besides events if there are any, and say why."""
        with self._lock:  # the loop may find it out at the same moment as watchdog's thread
            if self._polls:
                return
            self._polls = True
        self._narrator.warn("watching by polling", reason=reason)
        self._watches.append(self._polling())

    def renew(self) -> None:
        """Watch everything anew, before a pass looks at everything."""
        for watch in self._watches:
            try:
                watch.renew()
            except OSError as error:
                self.poll(describe(error))

    def has_strayed(self) -> bool:
        """Tell whether what is watched is elsewhere now, and what came in its place is not."""
        return any(watch.has_strayed() for watch in self._watches)

    def missed(self) -> None:
        """Take the news that something changed which no event told of."""
        self.poll("files changed without an event; is the folder shared with another machine?")

    def close(self) -> None:
        """Stop watching."""
        for watch in self._watches:
            watch.close()

    def _try_events(self) -> None:
        try:
            self._watches.append(self._events())
        except OSError as error:
            self.poll(describe(error))


def describe(error: OSError) -> str:
    """Say what keeps inotify from watching, and the limit that can be raised."""
    limits = {
        "inotify watch limit reached": "fs.inotify.max_user_watches",
        "inotify instance limit reached": "fs.inotify.max_user_instances",
    }
    cause = error.strerror or str(error)
    limit = limits.get(cause)
    return f"{cause} ({limit})" if limit else f"events cannot be watched: {cause}"
