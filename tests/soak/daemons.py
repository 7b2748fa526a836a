"""The daemons of a soak: processes that are killed, frozen and started again, and are measured."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from statistics import linear_regression
from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

from tests.support.broker import free_port
from tests.support.reaper import watch_over
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.support.faketime import SteppedClock

END_SECONDS = 10.0
"""What `docker stop` waits for."""

EARLY = 128 + signal.SIGTERM
"""A process that is ended before it has said a word may end as any program does."""

WARM_SECONDS = 60.0
"""So long a daemon's memory may grow after its start: caches and buffers fill."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


class Sample(NamedTuple):
    """How much memory a process held, so many seconds after its start."""

    second: float
    megabytes: float


@dataclass
class Life:
    """One process from start to end, and what it held."""

    daemon: str
    samples: list[Sample] = field(default_factory=list)

    @property
    def slope(self) -> float | None:
        """Megabytes a minute after the warm-up; None for a life that was too short to tell."""
        warm = [sample for sample in self.samples if sample.second >= WARM_SECONDS]
        if not warm or warm[-1].second - warm[0].second < WARM_SECONDS:
            return None
        return linear_regression(*zip(*warm, strict=True)).slope * 60


@dataclass
class Daemon:
    """One replica; every method may be called from any thread."""

    name: str
    root: Path
    environ: Mapping[str, str]
    log: Path
    complain: Callable[[str], None]
    clock: SteppedClock | None = None
    options: tuple[str, ...] = ()
    """Further arguments of `watch`, for its next start."""

    def __post_init__(self) -> None:
        self.lives: list[Life] = []
        self.port = free_port()
        self._lock = RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._began, self._silence = 0.0, 0
        self._is_frozen = False

    # --- life ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it, without waiting until it serves."""
        command = (
            sys.executable,
            "-X",
            "faulthandler",
            "-m",
            "franc_gitops",
            "watch",
            "--interval",
            "15",
        )
        variables = {**self.environ, **(self.clock.variables if self.clock else {})}
        with self._lock, self.log.open("ab") as log:
            self._silence = self.log.stat().st_size
            self._process = subprocess.Popen(
                [*command, "--http", f"127.0.0.1:{self.port}", *self.options],
                cwd=self.root,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            self._began = monotonic()
            self.lives.append(Life(self.name))
            watch_over(f"+{self._process.pid}")

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._gone()

    def stop(self) -> None:
        """End it in order (SIGTERM), and complain if it does not end so."""
        with self._lock:
            process = self._process
            if process is None:
                return
            process.send_signal(signal.SIGTERM)
            began = monotonic()
            try:
                code = process.wait(END_SECONDS * 2)
            except subprocess.TimeoutExpired:
                self.complain(f"{self.name} does not end within {END_SECONDS * 2:.0f} s of SIGTERM")
                process.send_signal(signal.SIGABRT)  # so that it says in its log where it hangs
            else:
                took = monotonic() - began
                is_early = code == EARLY and self.log.stat().st_size == self._silence
                if (code and not is_early) or took > END_SECONDS:
                    self.complain(f"{self.name} ended with {code}, {took:.1f} s after SIGTERM")
            self._gone()

    def freeze(self) -> None:
        """Stop every thread of it (SIGSTOP)."""
        self._is_frozen = True
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.signal(signal.SIGCONT)
        self._is_frozen = False

    def signal(self, number: int) -> None:
        """Send a signal, if it runs."""
        with self._lock:
            if self._process is not None:
                self._process.send_signal(number)

    def _gone(self) -> None:
        assert self._process is not None
        self._process.wait()
        watch_over(f"-{self._process.pid}")
        self._process = None

    # --- what it is like ----------------------------------------------------------------------

    def look(self) -> None:
        """Measure it, and complain if it has ended by itself or is not alive."""
        with self._lock:
            process = self._process
            if process is None or self._is_frozen:
                return
            if process.poll() is not None:
                self.complain(f"{self.name} ended by itself with {process.returncode}")
                self._gone()
                self.start()
                return
            megabytes = _resident(process.pid)
            self.lives[-1].samples.append(Sample(monotonic() - self._began, megabytes))

    def status(self) -> dict[str, Any]:
        """Give what it says at `/status`; nothing while it does not answer."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/status", timeout=2) as answer:
                told: dict[str, Any] = json.load(answer)
                return told
        except (URLError, OSError, ValueError):
            return {}

    def is_settled(self, commit: str) -> bool:
        """Whether it says that it is ready, at this commit, and nothing waits."""
        told = self.status()
        if not told or not told["ready"] or told["in_flight"]:
            return False
        return bool(told["commit"] == commit and not told["pending"])

    def wait_until_settled(self, seconds: float, commit: str) -> None:
        """Return once it is; `commit` is empty where it follows saves."""
        what = f"{self.name} to settle"
        try:
            wait_for(lambda: self.is_settled(commit), what=what, seconds=seconds, every=0.2)
        except TimeoutError as late:
            told = {name: v for name, v in self.status().items() if name != "recent"}
            raise TimeoutError(f"{late}; it says {told}") from None


def _resident(pid: int) -> float:
    with open(f"/proc/{pid}/statm") as statm:  # noqa: PTH123 - no file that anybody wrote
        return int(statm.read().split()[1]) * _PAGE / 2**20
