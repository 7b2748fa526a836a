"""Whole processes: how long they take, and how much memory they and their children need."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FRANC = str(Path(sys.executable).with_name("franc-gitops"))
"""The command as it is installed beside this Python."""

_LAUNCHER = str(Path(__file__).with_name("launcher.py"))
_SAMPLE_SECONDS = 0.02


class CommandFailedError(RuntimeError):
    """A measured command did not end as it must; its time would mean nothing."""


class Ran(NamedTuple):
    """One process from its start to its end; `started` is of the monotonic clock.

    `largest` is the memory (RSS, MB) of the largest single process, as the kernel accounts it;
    `together` that of all processes at a time (PSS: shared pages counted once), if sampled.
    """

    started: float
    seconds: float
    largest: float
    together: float = 0.0


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without settings of ours, so that only what a row says counts."""
    kept = {name: value for name, value in os.environ.items() if not _is_setting(name)}
    return {**kept, **(extra or {})}


def _is_setting(name: str) -> bool:
    return name.startswith(("KAFKA_", "FRANC_", "GIT_"))


def run(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    *,
    sample_memory: bool = False,
) -> Ran:
    """Run a command to its end, its output thrown away; raises unless it exits with 0.

    What earlier work left to be written to disk is written before the clock starts.
    """
    os.sync()
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as errors, os.fdopen(reading) as report:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", _LAUNCHER, str(writing), *command],
            cwd=folder,
            env=clean_environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            pass_fds=[writing],
        )
        os.close(writing)
        sampler = _Sampler(process.pid) if sample_memory else None
        process.wait()
        together = sampler.stop() if sampler else 0.0
        told = report.read().split()
        if process.returncode or told[3] != "0":
            errors.seek(0)
            why = errors.read().decode(errors="replace")[-2000:]
            raise CommandFailedError(f"{' '.join(command)[:200]} failed: {told[3:]} {why}")
    started, seconds, largest = map(float, told[:3])
    return Ran(started, seconds, largest / 1024, together)


class _Sampler:
    """Adds up the memory of all descendants of a process, again and again."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._most = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()

    def stop(self) -> float:
        self._ended.set()
        self._thread.join()
        return self._most

    def _sample(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            self._most = max(self._most, sum(map(_proportional, _descendants(self._pid))) / 1024)


def _descendants(pid: int) -> list[int]:
    found = [pid]
    for member in found:
        with suppress(OSError):
            for task in Path(f"/proc/{member}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found[1:]


def _proportional(pid: int) -> int:
    """The kB that a process has, what it shares counted by its share."""
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("Pss:")).split()[1])
    return 0
