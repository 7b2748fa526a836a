"""An event log in memory with the transaction semantics of Apache Kafka, down to its hazards.

`MemoryCluster` is the broker: partitions, a transaction coordinator with producer epochs,
open, committed and aborted records, high watermark and last stable offset. Any number of
`MemoryEventLog` clients share one. It speaks the transaction protocol that librdkafka
speaks (no epoch bump per transaction), so a late duplicate of a commit can end the *next*
transaction of the same epoch. `step` is called before each request to the broker, which
lets a test interleave, kill and disturb clients; see `Disturbance`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.errors import EventLogUnreachable, OutcomeUnknown
from franc_gitops.eventlogs import Committed, NoRecord, Record
from franc_gitops.model import LogIdentity, Position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from franc_gitops.eventlogs import LedgerRecord, Recorder, Target, Wanted
    from franc_gitops.model import Event, Pin

LEDGER = "ledger"


class Disturbance(Enum):
    """What can happen to a commit request on its way."""

    NONE = "none"
    LOST = "lost"  # never arrives
    LATE = "late"  # the client gives up; it arrives some time later
    UNANSWERED = "unanswered"  # arrives, the answer is lost
    REPEATED = "repeated"  # answered, but slowly; a duplicate arrives some time later


class _State(Enum):
    OPEN = "open"
    COMMITTED = "committed"
    ABORTED = "aborted"


class _Epoch(NamedTuple):
    transactional_id: str
    number: int


@dataclass(slots=True)
class _Stored:
    """A record in a partition and the fate of its transaction."""

    epoch: _Epoch
    key: str
    headers: tuple[tuple[str, bytes], ...]
    value: bytes
    state: _State = _State.OPEN


@dataclass(slots=True)
class MemoryCluster:
    """The broker and its transaction coordinator."""

    partitions: int = 4
    pin: Pin | None = None
    name: str = "embedded"
    compacted: bool = True
    max_record_bytes: dict[str, int] = field(default_factory=dict)
    logs: dict[tuple[str, int], list[_Stored]] = field(default_factory=lambda: defaultdict(list))
    epochs: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    starts: dict[tuple[str, int], int] = field(default_factory=dict)
    """Where a log begins of which retention has removed the beginning."""
    late: list[tuple[_Epoch, bool]] = field(default_factory=list)
    """Commit requests that are still under way: (epoch, a duplicate of an answered one)."""

    def place(self, change_number: str) -> int:
        """Choose the partition of a key."""
        return sum(change_number.encode()) % self.partitions

    def init(self, transactional_id: str) -> _Epoch:
        """Start a new epoch: abort what an earlier one left open, fence it for ever."""
        old = _Epoch(transactional_id, self.epochs[transactional_id])
        self._end(old, _State.ABORTED)
        self.epochs[transactional_id] += 1
        return _Epoch(transactional_id, self.epochs[transactional_id])

    def append(self, epoch: _Epoch, topic: str, partition: int, record: _Stored) -> Position:
        """Append to a partition; a record of an old epoch is refused."""
        self.check(epoch)
        log = self.logs[topic, partition]
        log.append(record)
        return Position(partition, len(log) - 1)

    def end(self, epoch: _Epoch, state: _State) -> None:
        """End the open transaction of an epoch, whichever it is; nothing open is fine."""
        self.check(epoch)
        self._end(epoch, state)

    def check(self, epoch: _Epoch) -> None:
        """Raise for an epoch that is not the newest of its transactional id."""
        if self.epochs[epoch.transactional_id] != epoch.number:
            message = "fenced: a newer producer uses the same transactional.id"
            raise OutcomeUnknown(message, fenced=True)

    def deliver_late(self) -> None:
        """Let the oldest commit request that is under way arrive."""
        epoch, _ = self.late.pop(0)
        if self.epochs[epoch.transactional_id] == epoch.number:
            self._end(epoch, _State.COMMITTED)

    def expire(self) -> None:
        """Abort all open transactions, as the coordinator does after the time-out."""
        for epoch in {
            record.epoch
            for log in self.logs.values()
            for record in log
            if record.state is _State.OPEN
        }:
            self._end(epoch, _State.ABORTED)
            self.epochs[epoch.transactional_id] += 1

    def high_watermark(self, partition: int) -> int:
        """Give the end of a ledger partition, open transactions included."""
        return len(self.logs[LEDGER, partition])

    def stable(self, topic: str, partition: int) -> int:
        """Give the last stable offset: the first record whose fate is open, or the end."""
        log = self.logs[topic, partition]
        return next((n for n, record in enumerate(log) if record.state is _State.OPEN), len(log))

    def _end(self, epoch: _Epoch, state: _State) -> None:
        for log in self.logs.values():
            for record in log:
                if record.epoch == epoch and record.state is _State.OPEN:
                    record.state = state


@dataclass(slots=True)
class MemoryEventLog:
    """A client of a `MemoryCluster`; `transactional_id` is one for all publishers of a ledger."""

    cluster: MemoryCluster = field(default_factory=MemoryCluster)
    step: Callable[[str], None] = lambda _: None
    disturb: Callable[[], Disturbance] = lambda: Disturbance.NONE
    transactional_id: str = "publisher"

    def identify(self) -> LogIdentity:
        """Say which log this is."""
        self.step("identify")
        cluster = self.cluster
        return LogIdentity(cluster.name, cluster.pin, cluster.compacted, cluster.max_record_bytes)

    def mark(self) -> str:
        """Say where the committed ledger ends in each partition of this very cluster."""
        cluster = self.cluster
        ends = [cluster.stable(LEDGER, number) for number in range(cluster.partitions)]
        return f"{id(cluster)} {ends}"

    def reader(self) -> MemoryReader:
        """Open a reader at the beginning."""
        return MemoryReader(self)

    def fence(self) -> MemorySession:
        """Open a session; every earlier one is fenced."""
        self.step("fence")
        return MemorySession(self, self.cluster.init(self.transactional_id))

    def high_watermarks(self) -> Target:
        """Give the ends of the ledger's partitions, open transactions included."""
        self.step("target")
        cluster = self.cluster
        return {number: cluster.high_watermark(number) for number in range(cluster.partitions)}

    def events(self, *, follow: bool = False) -> Iterator[Record]:
        """Yield committed events, topic by topic; in memory nobody waits, so `follow` ends too."""
        del follow
        for topic, partition in sorted(self.cluster.logs):
            if topic == LEDGER:
                continue
            start = self.cluster.starts.get((topic, partition), 0)
            for offset in range(start, self.cluster.stable(topic, partition)):
                found = self._at(topic, partition, offset)
                if isinstance(found, Record):
                    yield found

    def look_up(self, wanted: Wanted) -> Iterator[Record | NoRecord]:
        """Answer for each place with its event, or that there is none."""
        for (topic, partition), offsets in wanted.items():
            for offset in offsets:
                yield self._at(topic, partition, offset)

    def _at(self, topic: str, partition: int, offset: int) -> Record | NoRecord:
        log = self.cluster.logs.get((topic, partition), [])
        removed = offset < self.cluster.starts.get((topic, partition), 0)
        if removed or offset >= len(log) or log[offset].state is not _State.COMMITTED:
            return NoRecord(topic, partition, offset, removed)
        stored = log[offset]
        key = stored.key.encode()
        return Record(topic, partition, offset, key, stored.headers, stored.value)

    def close(self) -> None:
        """Nothing to let go of."""


@dataclass(slots=True)
class MemoryReader:
    """Reads the ledger as a read_committed consumer does."""

    log: MemoryEventLog
    patience: int = 100
    _at: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def read(self, target: Target | None) -> Iterator[Sequence[LedgerRecord]]:
        """Yield committed records; with a target, wait for open transactions to end."""
        for partition in range(self.log.cluster.partitions):
            self.log.step("read")
            if target is not None:
                self._wait(partition, target[partition])
            yield self._take(partition)

    def _wait(self, partition: int, target: int) -> None:
        for _ in range(self.patience):
            if self.log.cluster.stable(LEDGER, partition) >= target:
                return
            self.log.step("wait")
        message = f"ledger partition {partition} is held by an open transaction"
        raise EventLogUnreachable(message)

    def _take(self, partition: int) -> list[LedgerRecord]:
        cluster = self.log.cluster
        begin, end = self._at[partition], cluster.stable(LEDGER, partition)
        self._at[partition] = max(begin, end)
        log = cluster.logs[LEDGER, partition]
        return [(r.key, r.value) for r in log[begin:end] if r.state is _State.COMMITTED]

    def target(self) -> Target:
        """Give the high watermarks of the ledger."""
        return self.log.high_watermarks()

    def close(self) -> None:
        """Nothing to let go of."""


@dataclass(slots=True)
class MemorySession:
    """One producer epoch."""

    log: MemoryEventLog
    epoch: _Epoch
    _end: int = -1

    def target(self) -> Target:
        """Give the high watermarks of the ledger."""
        self._end = self._length()
        return self.log.high_watermarks()

    def is_overtaken(self) -> bool:
        """Tell whether the ledger is longer than this session left it."""
        return 0 <= self._end < self._length()

    def _length(self) -> int:
        cluster = self.log.cluster
        return sum(cluster.high_watermark(number) for number in range(cluster.partitions))

    def commit(self, events: Iterable[Event], recorder: Recorder) -> Committed:
        """Write events and ledger records in one transaction."""
        cluster = self.log.cluster
        positions = []
        for event in events:
            self.log.step("produce")
            key = event.key.decode()
            stored = _Stored(self.epoch, key, event.headers, event.value)
            positions.append(cluster.append(self.epoch, event.topic, cluster.place(key), stored))
        records = []
        for change_number, request_id, value in recorder(positions):
            self.log.step("produce")
            stored = _Stored(self.epoch, request_id, (), value)
            cluster.append(self.epoch, LEDGER, cluster.place(change_number), stored)
            records.append((request_id, value))
        clean = self._finish()
        if self._end >= 0:
            self._end += len(records)
        return Committed(records, clean=clean)

    def _finish(self) -> bool:
        """Send the commit request through what the test makes of the network."""
        self.log.step("commit")
        cluster, fate = self.log.cluster, self.log.disturb()
        if fate is Disturbance.LATE:
            cluster.late.append((self.epoch, False))
        if fate in {Disturbance.LOST, Disturbance.LATE}:
            message = "no answer to the commit"
            raise OutcomeUnknown(message)
        cluster.end(self.epoch, _State.COMMITTED)
        if fate is Disturbance.UNANSWERED:
            message = "no answer to the commit"
            raise OutcomeUnknown(message)
        if fate is Disturbance.REPEATED:
            cluster.late.append((self.epoch, True))
        return fate is Disturbance.NONE

    def close(self) -> None:
        """Abort what is open, unless another session has done so already."""
        if self.log.cluster.epochs[self.epoch.transactional_id] == self.epoch.number:
            self.log.cluster._end(self.epoch, _State.ABORTED)  # noqa: SLF001  - same module
