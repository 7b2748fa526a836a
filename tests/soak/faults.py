"""What goes wrong during a soak. Each fault begins, lasts a while, and is healed by itself."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from tests.support.broker import Broker, Cluster, free_port

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from threading import Event

    from tests.soak.daemons import Daemon
    from tests.support.git import Clone
    from tests.support.volumes import Volume

_CODES_OF_A_JOB = {0, 1, 4, 5, 7}
"""Findings, and a log that is out of reach or fought for, are what a job must expect here."""


@dataclass
class Faults:
    """Makes random faults of one sort, one at a time, until it is ended."""

    chance: random.Random
    ended: Event
    note: Callable[[str], None]
    kinds: Mapping[Callable[[], str], int]
    pauses: tuple[float, float]
    made: dict[str, int] = field(default_factory=dict)

    def run(self) -> None:
        """Go on until the end; whatever goes wrong is healed then."""
        kinds, weights = zip(*self.kinds.items(), strict=True)
        while not self.ended.wait(self.chance.uniform(*self.pauses)):
            said = self.chance.choices(kinds, weights)[0]()
            name = said.partition(":")[0]
            self.made[name] = self.made.get(name, 0) + 1
            self.note(said)


@dataclass
class Lasting:
    """How long faults last: at the most so long, and no longer than the soak."""

    chance: random.Random
    ended: Event
    scale: float = 1.0

    def wait(self, longest: float) -> float:
        """Let a fault last; give for how many seconds."""
        seconds = self.chance.uniform(0.0, longest * self.scale)
        self.ended.wait(seconds)
        return seconds


@dataclass
class OfDaemons:
    """Faults of the daemons themselves, and of their machine."""

    lasting: Lasting
    daemons: list[Daemon]
    mode: Callable[[], tuple[str, ...]]
    """What `watch` is started with now."""

    def __post_init__(self) -> None:
        self._chance = self.lasting.chance
        self._mode = self.mode()

    @property
    def kinds(self) -> dict[Callable[[], str], int]:
        """Every fault and its weight; clocks are stepped where that can be had."""
        clocks = all(daemon.clock for daemon in self.daemons)
        kinds = {self.kill: 4, self.stop: 2, self.freeze: 4, self.step_clock: 3 * clocks}
        return {partial(self._happen, fault): weight for fault, weight in kinds.items()}

    def _happen(self, fault: Callable[[], str]) -> str:
        return fault() if self.mode() == self._mode else self.change_mode()

    def kill(self) -> str:
        """Kill the last one, and start it again after a while; the others show what piles up."""
        daemon = self.daemons[-1]
        daemon.kill()
        pause = self.lasting.wait(4)
        self._start(daemon)
        return f"kill -9: {daemon.name}, {pause:.1f} s"

    def stop(self) -> str:
        """Stop one in order, and start it again."""
        daemon = self.daemons[-1]
        daemon.stop()
        self._start(daemon)
        return f"SIGTERM: {daemon.name}"

    def freeze(self) -> str:
        """Freeze one for so long that another takes over, or not."""
        daemon = self._chance.choice(self.daemons)
        daemon.freeze()
        pause = self.lasting.wait(12)
        daemon.thaw()
        return f"SIGSTOP: {daemon.name}, {pause:.1f} s"

    def step_clock(self) -> str:
        """Set the clock of one, and back again.

        By a minute at the most: librdkafka waits by the wall clock, so a step back holds a wait
        that is under way for as long.
        """
        daemon = self._chance.choice(self.daemons)
        assert daemon.clock is not None
        step = self._chance.choice([-60, -3, 3, 60])
        daemon.clock.step(step)
        pause = self.lasting.wait(8)
        daemon.clock.step(0)
        return f"clock step: {daemon.name}, {step:+d} s for {pause:.1f} s"

    def change_mode(self) -> str:
        """Start all of them anew, one after the other, in the mode of the hour."""
        self._mode = self.mode()
        for daemon in self.daemons:
            daemon.stop()
            self._start(daemon)
        return f"all started anew: {' '.join(self._mode) or 'following commits'}"

    def _start(self, daemon: Daemon) -> None:
        daemon.options = self._mode
        daemon.start()


@dataclass
class OfTheLog:
    """Faults of the one broker, or of the nodes of a cluster one at a time."""

    lasting: Lasting
    brokers: Broker | Cluster

    @property
    def kinds(self) -> dict[Callable[[], str], int]:
        """Every fault and its weight."""
        moved = {self.move: 2} if isinstance(self.brokers, Broker) else {}
        return {self.kill: 3, self.pause: 4, self.restart: 2, **moved}

    def kill(self) -> str:
        """Kill it, as a power cut of its process would, and start it again."""
        broker = self._choose()
        broker.kill()
        pause = self.lasting.wait(6)
        broker.restart()
        return f"broker killed: {broker.node_id}, away {pause:.1f} s"

    def pause(self) -> str:
        """Freeze it, connections open."""
        broker = self._choose()
        broker.pause()
        pause = self.lasting.wait(10)
        broker.resume()
        return f"broker frozen: {broker.node_id}, {pause:.1f} s"

    def restart(self) -> str:
        """Stop it in order, so that leaders move away from it, and start it again."""
        broker = self._choose()
        broker.stop()
        pause = self.lasting.wait(3)
        broker.restart()
        return f"broker restarted: {broker.node_id}, away {pause:.1f} s"

    def move(self) -> str:
        """Let it come back on another port; the one that was configured stays."""
        broker = self._choose()
        broker.restart(port=free_port())
        return f"broker moved: {broker.bootstrap}"

    def _choose(self) -> Broker:
        if isinstance(self.brokers, Broker):
            return self.brokers
        return self.lasting.chance.choice(self.brokers.brokers)


@dataclass
class OfTheFolder:
    """Faults of the file system that status files are on, and jobs that publish meanwhile."""

    lasting: Lasting
    volume: Volume
    job: Clone
    environ: Mapping[str, str]
    log: Path
    complain: Callable[[str], None]

    @property
    def kinds(self) -> dict[Callable[[], str], int]:
        """Every fault and its weight; without a volume of its own the folder stays whole."""
        there = self.volume.is_there
        return {self.fill: 2 * there, self.protect: 2 * there, self.publish: 3, self.tidy: 1}

    def fill(self) -> str:
        """Leave no space for status files for a while."""
        self.volume.fill()
        pause = self.lasting.wait(10)
        self.volume.empty()
        return f"disk full: {pause:.1f} s"

    def protect(self) -> str:
        """Let nobody write status files for a while."""
        self.volume.protect()
        pause = self.lasting.wait(10)
        self.volume.release()
        return f"disk read-only: {pause:.1f} s"

    def publish(self) -> str:
        """Let a job publish what is committed, in a clone of its own."""
        self.job.git("pull", "--quiet", "--ff-only")
        with self.log.open("ab") as log:
            done = subprocess.run(
                [sys.executable, "-m", "franc_gitops", "publish"],
                cwd=self.job.root,
                env=dict(self.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=False,
            )
        if done.returncode not in _CODES_OF_A_JOB:
            self.complain(f"the job ended with {done.returncode}")
        return f"job: publish, exit {done.returncode}"

    def tidy(self) -> str:
        """Pack refs and objects, as git does by itself now and then."""
        self.job.git("-C", str(self.log.parent / "work"), "gc", "--quiet")
        return "git gc: the repository"
