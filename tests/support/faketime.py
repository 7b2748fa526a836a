"""The clock of one process and its children, stepped while they run, by libfaketime.

As a real step does, it moves the wall clock only: not the monotonic one, nor the times of files.
"""

from __future__ import annotations

from pathlib import Path

_CACHE = Path(__file__).resolve().parents[2] / ".cache/faketime"
_PLACES = (
    (_CACHE, "usr/lib/*/faketime/libfaketime.so.1"),
    (Path("/usr"), "lib*/faketime/libfaketime.so.1"),
    (Path("/usr"), "lib/*/faketime/libfaketime.so.1"),
)


def find_library() -> Path | None:
    """Give libfaketime; None where it could not be had."""
    return next((file for root, pattern in _PLACES for file in root.glob(pattern)), None)


class SteppedClock:
    """A clock that processes with these `variables` live by."""

    def __init__(self, file: Path, library: Path) -> None:
        self._file = file
        self._library = library
        self.step(0)

    @property
    def variables(self) -> dict[str, str]:
        """What a process needs in its environment."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def step(self, seconds: int) -> None:
        """Let it be so much ahead of the real time; read within a second."""
        self._file.write_text(f"{seconds:+d}s\n")
