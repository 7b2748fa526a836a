"""Kills the processes it was told about when whoever told it is gone, however that one ended.

A program of its own, started by `watch_over`: reads `+PID`, `-PID` and `folder PATH` lines from
standard input; at its end, which also comes when the parent is killed by SIGKILL, the processes
still listed are killed and the folders removed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO

_lock = threading.Lock()
_reapers: dict[int, IO[bytes]] = {}


def watch_over(order: str) -> None:
    """Send one line to this process's reaper, which is started with the first."""
    with _lock:
        pipe = _reapers.get(os.getpid())
        if pipe is None:
            pipe = _reapers[os.getpid()] = _start()
        with suppress(BrokenPipeError):
            pipe.write(f"{order}\n".encode())
            pipe.flush()


def _start() -> IO[bytes]:
    # A session of its own: Ctrl-C in the terminal reaches pytest, which cleans up, not the reaper.
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", __file__], stdin=subprocess.PIPE, start_new_session=True
    )
    assert process.stdin is not None
    process.returncode = 0  # never waited for: it outlives this process by design
    return process.stdin


def main() -> None:
    """Collect the orders until the parent is gone, then carry them out."""
    processes: set[int] = set()
    folders: set[Path] = set()
    for line in sys.stdin:
        order = line.rstrip("\n")
        if order.startswith("+"):
            processes.add(int(order[1:]))
        elif order.startswith("-"):
            processes.discard(int(order[1:]))
        else:
            folders.add(Path(order.removeprefix("folder ")))
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
