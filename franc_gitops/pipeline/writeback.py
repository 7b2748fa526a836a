"""Wanted status files → the working tree (mode `files`).

In: what each status file must say, which paths are to be kept, and the pins. Out: a `Written`,
or WriteBackFailed after everything that could be written was. Each file is replaced whole
(a temporary file and a rename), so that a reader or a kill never meets half a file. Nothing
is forced to disk: the ledger is the truth, and the next pass writes what a power cut took.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from franc_gitops.model import Written
from franc_gitops.pipeline.project import Present
from franc_gitops.pipeline.replacing import Replacer
from franc_gitops.pipeline.status_folder import StatusFolder
from franc_gitops.state_folder import make_state_folder
from franc_gitops.status_index import StatusIndex, read_note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from franc_gitops.clock import Clock
    from franc_gitops.model import Pin
    from franc_gitops.pipeline.ports import StatusFiles
    from franc_gitops.pipeline.project import StatusFile
    from franc_gitops.repositories.checkout import Checkout

_STALE_SECONDS = 3600

WORTH_ASKING = 1000
"""Files from which on git's index is asked before they are opened."""


class FilesWriteBack:
    """Keeps the status folder of a working tree."""

    def __init__(
        self,
        root: Path,
        requests_dir: str,
        status_dir: str,
        state_dir: str,
        clock: Clock,
        checkout: Callable[[], Checkout | None] | None = None,
    ) -> None:
        """Take the folders, relative to `root`, and what asks git of the status folder, if any."""
        self._clock = clock
        self._root = root
        self._below = f"{requests_dir}/"
        self._folder = root / status_dir
        self._state = root / state_dir
        self._replacer = Replacer()
        self._checkout = checkout or (lambda: None)
        self._files = 0

    def prepare(self, files: int) -> None:
        """Get ready to write so many status files, while forking is still safe."""
        self._files = files
        self._replacer.prepare(files)

    def close(self) -> None:
        """End what was prepared."""
        self._replacer.close()

    def last_note(self) -> str:
        """Give the note that was kept last; empty if there is none."""
        return read_note(self._state)

    def find_unmoved(self, pins: Sequence[Pin]) -> Written | None:
        """Count the status files if all are as they were when the note was kept, else None."""
        index = StatusIndex(self._state)
        turn = self._begin(index)
        turn.scan(index.remembers, self._stale)
        return Written(unchanged=len(index)) if turn.is_unmoved(pins) else None

    def __call__(
        self,
        wanted: StatusFiles,
        keep: Callable[[str], bool],
        pins: Sequence[Pin],
        note: str = "",
    ) -> Written:
        """Make the folder say what it must; `keep` tells which request files' status stays."""
        index = StatusIndex(self._state)
        turn, is_glance = self._look(index, lambda path: keep(self._below + path))
        removed = turn.remove_strays(self._below)
        present = Present(turn.checked_out if is_glance else {}, self._below)
        for status in wanted.beyond(present):
            turn.write(status.path.removeprefix(self._below), status)
        turn.unchanged += present.right
        turn.finish()
        turn.write_pins(pins)
        with suppress(OSError):  # without it, the next pass has no index and is slower
            make_state_folder(self._state)
        turn.save(note, forget=is_glance and turn.believed + present.right > 0)
        turn.raise_failures()
        return Written(turn.written, turn.unchanged, removed)

    def some(self, wanted: Iterable[StatusFile], gone: Sequence[str]) -> Written:
        """Make the status files of a few request files say what they must, and touch no other.

        The cache of what status files hold stays as it is: it does not believe in a file that
        is another one than it was.
        """
        turn = self._begin(StatusIndex(None))
        turn.suspect(path.removeprefix(self._below) for path in gone)
        removed = turn.remove_strays(self._below)
        for status in wanted:
            turn.compare(status.path.removeprefix(self._below), status)
        turn.finish()
        turn.raise_failures()
        return Written(turn.written, turn.unchanged, removed)

    def _look(self, index: StatusIndex, keep: Callable[[str], bool]) -> tuple[StatusFolder, bool]:
        """Look at the folder; tell whether it was only a glance: at what git is not sure of.

        That is enough where no pass was before, as in a job's fresh clone. From the second one
        on each file is looked at, so that later ones know it without git.
        """
        turn = self._begin(index)
        ask = self._checkout if self._files >= WORTH_ASKING and not index.missing else None
        if ask and not index.is_there and (checkout := ask()):
            turn.take(checkout, keep, self._stale)
            return turn, True
        turn.scan(keep, self._stale)
        if ask and (checkout := ask()):
            turn.trust(checkout)
        return turn, False

    def _begin(self, index: StatusIndex) -> StatusFolder:
        return StatusFolder(self._folder, self._root, index, self._replacer)

    @property
    def _stale(self) -> float:
        return self._clock.now().timestamp() - _STALE_SECONDS
