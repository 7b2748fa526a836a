"""One soak from start to verdict."""

from __future__ import annotations

import random
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING

from franc_gitops.eventlogs.kafka.names import Names
from tests.soak.changes import Changes
from tests.soak.daemons import Daemon
from tests.soak.faults import Faults, Lasting, OfDaemons, OfTheFolder, OfTheLog
from tests.soak.verdict import judge_events, judge_memory
from tests.support.broker import Broker, console_consume, start_broker, start_cluster
from tests.support.faketime import SteppedClock, find_library
from tests.support.git import clone_repository, new_repository
from tests.support.kafka_log import make_topics
from tests.support.project import Project
from tests.support.volumes import Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.support.broker import Cluster

PREFIX = "soak"
SETTLE_SECONDS = 120.0
"""So long after the last fault, all must be published: the back-off is 30 s at the most."""

_LOOK_SECONDS = 1.0
_TELL_SECONDS = 30.0
_ONE_BY_ONE = ("replica-1", "replica-2")


@dataclass(frozen=True)
class Wishes:
    """How long, with which dice, and on what."""

    seconds: float
    seed: int
    is_cluster: bool = False
    pauses: tuple[float, float] = (1.0, 6.0)
    """Seconds between two faults of one sort."""
    scale: float = 1.0
    """Of how long each fault lasts: 12 s at the most."""
    tell: Callable[[str], None] = print


@dataclass
class Soak:
    """The work folder, the replicas, and what was found wrong so far."""

    wishes: Wishes
    folder: Path
    faults: list[str] = field(default_factory=list)
    made: dict[str, int] = field(default_factory=dict)

    def run(self) -> list[str]:
        """Go through all of it; give what is wrong."""
        self._began = monotonic()
        self._lock = Lock()
        with ExitStack() as stack:
            self._set_up(stack)
            with self._going_on():
                self._make_changes()
            self._tell("the faults are over, all is to be published now")
            self._settle()
            self._judge()
        return self.faults

    # --- before -------------------------------------------------------------------------------

    def _set_up(self, stack: ExitStack) -> None:
        wishes, folder = self.wishes, self.folder
        self.brokers: Broker | Cluster
        if wishes.is_cluster:
            self.brokers = stack.enter_context(start_cluster())
        else:
            self.brokers = stack.enter_context(start_broker(listeners={"FRONT": "PLAINTEXT"}))
        make_topics(self.brokers, PREFIX, partitions=4)
        self.clone = new_repository(folder / "work")
        self.changes = Changes(self.clone, self._dice("changes"))
        self.changes.begin()
        self.environ = Project(self.clone, self._settings()).variables()
        self.volume = Volume(self.clone.root / "status")
        stack.callback(self.volume.close)
        self.job = clone_repository(self.clone.root, folder / "job")
        library = find_library()
        self.daemons = [self._daemon(name, library) for name in _ONE_BY_ONE]
        for daemon in self.daemons:
            stack.callback(daemon.kill)
            daemon.options = self._mode()
            daemon.start()
        self.ended = Event()
        missing = ["clock steps"] * (not library) + ["full disks"] * (not self.volume.is_there)
        self._tell(f"begins on {self.brokers}; without {' and '.join(missing) or 'nothing'}")

    def _settings(self) -> dict[str, str]:
        address = {}
        if isinstance(self.brokers, Broker):
            address = {"KAFKA_BOOTSTRAP_SERVERS": self.brokers.address("FRONT")}
        return self.brokers.settings(
            KAFKA_TOPIC_PREFIX=PREFIX,
            KAFKA_CONNECT_TIMEOUT="4",
            KAFKA_TRANSACTION_TIMEOUT="8",
            **address,
        )

    def _daemon(self, name: str, library: Path | None) -> Daemon:
        clock = SteppedClock(self.folder / f"{name}.clock", library) if library else None
        log = self.folder / f"{name}.log"
        return Daemon(name, self.clone.root, self.environ, log, self._complain, clock)

    def _dice(self, purpose: str) -> random.Random:
        return random.Random(f"{self.wishes.seed} {purpose}")

    def _mode(self) -> tuple[str, ...]:
        """Follow saves for the first half, commits for the second."""
        is_first = monotonic() - self._began < self.wishes.seconds / 2
        return ("--worktree",) if is_first else ()

    # --- meanwhile ----------------------------------------------------------------------------

    @contextmanager
    def _going_on(self) -> Iterator[None]:
        """Let faults happen and look at the daemons, until the block has ended."""
        threads = [Thread(target=self._guarded, args=[faults.run]) for faults in self._all_faults()]
        threads.append(Thread(target=self._guarded, args=[self._observe]))
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.ended.set()
            for thread in threads:
                thread.join()

    def _all_faults(self) -> Iterator[Faults]:
        sorts: dict[str, Mapping[Callable[[], str], int]] = {
            "daemons": OfDaemons(self._lasting("daemons"), self.daemons, self._mode).kinds,
            "log": OfTheLog(self._lasting("log"), self.brokers).kinds,
            "folder": OfTheFolder(
                self._lasting("folder"),
                self.volume,
                self.job,
                self.environ,
                self.folder / "job.log",
                self._complain,
            ).kinds,
        }
        for name, kinds in sorts.items():
            dice = self._dice(name)
            yield Faults(dice, self.ended, self._tell, kinds, self.wishes.pauses, self.made)

    def _lasting(self, sort: str) -> Lasting:
        return Lasting(self._dice(f"{sort}'s durations"), self.ended, self.wishes.scale)

    def _make_changes(self) -> None:
        pause, end = self._dice("pauses"), self._began + self.wishes.seconds
        while monotonic() < end:
            self.changes.make_one()
            self.ended.wait(pause.choice([0.0, 0.05, 0.2, 0.5, 1.5]))
        self.changes.mend_all()

    def _observe(self) -> None:
        told = monotonic()
        while not self.ended.wait(_LOOK_SECONDS):
            for daemon in self.daemons:
                daemon.look()
            if monotonic() - told > _TELL_SECONDS:
                told = monotonic()
                self._tell(self._state())

    def _state(self) -> str:
        held = [life.lives[-1].samples[-1:] for life in self.daemons]
        memory = ", ".join(f"{sample[0].megabytes:.0f} MB" for sample in held if sample)
        roles = ", ".join(str(each.status().get("role", "?")) for each in self.daemons)
        return f"{len(self.changes.asked)} requests; {roles}; {memory}"

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except Exception as error:  # noqa: BLE001 - the soak itself went wrong: say so, end
            self._complain(f"the soak failed: {type(error).__name__}: {error}")
            self.ended.set()

    # --- after --------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Wait until the daemons have published everything, without any further wake-up."""
        began = monotonic()
        for daemon in self.daemons:
            commit = "" if daemon.options else self.clone.head
            try:
                daemon.wait_until_settled(SETTLE_SECONDS, commit)
            except TimeoutError as late:
                self._complain(str(late))
        self._tell(f"settled after {monotonic() - began:.1f} s")
        waiting = self._ask("plan", "-o", "json", "--fail-on-changes")
        if waiting:
            self._complain(f"not all is published: {waiting}")
        for daemon in self.daemons:  # each at the same commit, in the same mode
            daemon.stop()
            daemon.options = ()
        self.daemons[0].start()
        self.daemons[0].wait_until_settled(SETTLE_SECONDS, self.clone.head)
        self.daemons[0].stop()

    def _judge(self) -> None:
        names = Names(PREFIX)
        records = console_consume(self.brokers.bootstrap, names.events, seconds=120)
        for fault in judge_events(records, self.changes.asked):
            self._complain(fault)
        for fault in judge_memory(life for each in self.daemons for life in each.lives):
            self._complain(fault)
        drift = self._ask("verify", "--fail-on-warnings")
        if drift:
            self._complain(f"verify: {drift}")
        self._compare_status_files()
        for log in sorted(self.folder.glob("*.log")):
            self._search(log)
        self._write_memory()
        self._tell(self._summary(len(records)))

    def _compare_status_files(self) -> None:
        """Hold the status files against those that a fresh clone makes of commit and ledger."""
        fresh = Project(clone_repository(self.clone.root, self.folder / "fresh"), self._settings())
        done = fresh.run("publish", "-o", "json")
        if '"published": 0' not in done.stdout:
            self._complain(f"a fresh clone publishes: {done.stdout[:2000]}{done.stderr[-2000:]}")
        expected, found = fresh.status_files(), Project(self.clone).status_files()
        for path in sorted({*expected, *found}):
            if expected.get(path) != found.get(path):
                self._complain(
                    f"status/{path} is {found.get(path)!r}, expected {expected.get(path)!r}"
                )

    def _ask(self, *arguments: str) -> str:
        """Run the command line; nothing if it is content, else what it says."""
        done = subprocess.run(
            [sys.executable, "-m", "franc_gitops", *arguments],
            cwd=self.clone.root,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return (done.stdout[:3000] + done.stderr[-2000:]) if done.returncode else ""

    def _search(self, log: Path) -> None:
        for line in log.read_text(errors="replace").splitlines():
            if "Traceback" in line or "this is a bug" in line:
                self._complain(f"{log.name}: {line[:1000]}")

    def _write_memory(self) -> None:
        rows = (
            f"{life.daemon} {number} {sample.second:.1f} {sample.megabytes:.1f}\n"
            for each in self.daemons
            for number, life in enumerate(each.lives)
            for sample in life.samples
        )
        (self.folder / "memory.txt").write_text("".join(rows))

    def _summary(self, events: int) -> str:
        lives = [life for each in self.daemons for life in each.lives]
        slopes = [f"{life.slope:+.2f}" for life in lives if life.slope is not None]
        most = max((s.megabytes for life in lives for s in life.samples), default=0.0)
        return (
            f"{len(self.changes.asked)} requests, {events} events seen by Kafka's console consumer;"
            f" changes {_listed(self.changes.made)}; faults {_listed(self.made)};"
            f" {len(lives)} lives of daemons, at most {most:.0f} MB,"
            f" MB a minute after the warm-up: {', '.join(slopes) or 'no life was long enough'}"
        )

    # --- what is said -------------------------------------------------------------------------

    def _complain(self, fault: str) -> None:
        with self._lock:
            self.faults.append(fault)
        self._tell(f"WRONG: {fault}")

    def _tell(self, text: str) -> None:
        self.wishes.tell(f"{monotonic() - self._began:7.1f} s  {text}")


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
