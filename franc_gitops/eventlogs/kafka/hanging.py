"""Ends what a dead predecessor's transaction left open although its coordinator calls it ended.

Apache Kafka 4.3 skips the marker of a partition that has no leader when the transaction ends
(KRaftMetadataCache.getPartitionLeaderEndpoint answers as for a deleted topic), for example
while the only broker restarts. The records stay open, and the next *commit* of the same
producer id shows them: aborted events would appear after all, and twice once they are sent
again. An *abort* of the same producer id ends them as never sent. So this is looked for
after every fence: then no transaction of ours can be open, and what is open in our
partitions is another producer's, which our abort does not touch, or left over.

A leftover of which nothing is visible may be aborted whatever the coordinator had decided:
it is sent again, and consumers see it once. But where a part of it is visible, it was
committed, and aborting the rest would tear it: `find_leftovers` leaves it to a human.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

from confluent_kafka import IsolationLevel, KafkaException

from franc_gitops.errors import EventLogRefused
from franc_gitops.eventlogs.kafka import scan
from franc_gitops.eventlogs.kafka.causes import explain, trouble_of
from franc_gitops.eventlogs.kafka.deadline import Deadline
from franc_gitops.eventlogs.kafka.reader import KafkaLedgerReader
from franc_gitops.ledger import PRIVATE_KEY, LedgerUnreadable, decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from confluent_kafka import Producer

    from franc_gitops.eventlogs.kafka.admin import Admin, Place
    from franc_gitops.eventlogs.kafka.causes import Complaints
    from franc_gitops.eventlogs.kafka.transaction import Layout

KEY = f"{PRIVATE_KEY}ended".encode()
SETTLE = 0.3
"""Seconds in which another producer's transaction usually ends by itself."""

_PAUSE = 0.05
_ABORT_SECONDS = 10.0


def find_open(admin: Admin, layout: Layout) -> list[Place]:
    """Give the partitions in which a transaction is open, and stays so for a moment."""
    places = [(topic, n) for topic, count in layout.partitions.items() for n in range(count)]
    deadline = Deadline(SETTLE)
    while True:
        high = admin.ends(places, IsolationLevel.READ_UNCOMMITTED)
        stable = admin.ends(places, IsolationLevel.READ_COMMITTED)
        places = [place for place in places if stable[place] < high[place]]
        if not places or deadline.passed:
            return places
        admin.pause(_PAUSE)


def find_leftovers(admin: Admin, layout: Layout) -> list[Place]:
    """Give the partitions whose open transaction may be aborted: nothing of it is visible.

    While another producer's transaction is open, what we committed after it is hidden in that
    partition and looks torn: so it gets the time to end, as when the ledger is read. Raises
    EventLogRefused if it looks torn to the last.
    """
    deadline = Deadline(admin.connection.transaction_timeout + scan.OPEN_TRANSACTION_MARGIN)
    while places := find_open(admin, layout):
        torn = _find_torn(admin, layout, places)
        if torn is None:
            return places
        if deadline.passed:
            raise EventLogRefused(
                "the brokers lost the end of a committed transaction: a part of it is visible, "
                f"another is not ({torn[0]} partition {torn[1]})",
                hint="do not abort it; see «a transaction that was torn» in docs/kafka.md",
            )
    return []


def _find_torn(admin: Admin, layout: Layout, places: Sequence[Place]) -> Place | None:
    """Find a partition in which a part of what is open elsewhere is visible, or the reverse.

    The ledger records say which events belong together: one that is visible must not name
    an open event, and one that is open must not name a visible event.
    """
    stable = admin.ends(places, IsolationLevel.READ_COMMITTED)
    ends = admin.ends(places, IsolationLevel.READ_UNCOMMITTED)
    for place, offset in _named(_ledger_values(admin, layout)):
        if offset >= stable.get(place, offset + 1):
            return place
    ledger = {place: (stable[place], ends[place]) for place in places if place[0] == layout.ledger}
    hidden = _named(value for _, _, value in _records(admin, ledger, "read_uncommitted"))
    return _find_visible(admin, hidden)


def _ledger_values(admin: Admin, layout: Layout) -> Iterator[bytes]:
    reader = KafkaLedgerReader(admin, layout.ledger, layout.partitions[layout.ledger])
    try:
        for records in reader.read(None):
            yield from (value for _, value in records)
    finally:
        reader.close()


def _named(values: Iterable[bytes]) -> Iterator[tuple[Place, int]]:
    """Give the places of the events that ledger records name; other records name none."""
    for value in values:
        with suppress(LedgerUnreadable):
            for event in decode(value).events:
                yield (event.topic, event.partition), event.offset


def _find_visible(admin: Admin, events: Iterable[tuple[Place, int]]) -> Place | None:
    """Find a partition in which a read_committed consumer sees one of the events."""
    wanted: dict[Place, set[int]] = defaultdict(set)
    for place, offset in events:
        wanted[place].add(offset)
    stable = admin.ends(wanted, IsolationLevel.READ_COMMITTED) if wanted else {}
    ranges = {
        place: (min(offsets), min(max(offsets) + 1, stable[place]))
        for place, offsets in wanted.items()
    }
    for place, offset, _ in _records(admin, ranges, "read_committed"):
        if offset in wanted[place]:
            return place
    return None


def _records(
    admin: Admin, ranges: Mapping[Place, tuple[int, int]], isolation: str
) -> Iterator[tuple[Place, int, bytes]]:
    """Give place, offset and value of the records between offsets of some partitions."""
    ranges = {place: (start, end) for place, (start, end) in ranges.items() if start < end}
    reading = scan.Scan(
        admin.connection, {place: start for place, (start, _) in ranges.items()}, isolation
    )
    ends = {place: end for place, (_, end) in ranges.items()}
    try:
        for messages in reading.until(ends, admin.connection.connect_timeout):
            for message in messages:
                place, offset = (message.topic() or "", message.partition() or 0), message.offset()
                if offset is not None and offset < ends[place]:
                    yield place, offset, message.value() or b""
    finally:
        reading.close()


def abort_in(admin: Admin, producer: Producer, complaints: Complaints, places: list[Place]) -> None:
    """Abort a transaction that spans the partitions; the producer must not be used afterwards."""
    try:
        producer.begin_transaction()
        for topic, partition in places:
            producer.produce(topic, b"{}", KEY, partition)
        producer.flush(_ABORT_SECONDS)
        producer.abort_transaction(_ABORT_SECONDS)
    except KafkaException as error:
        raise explain(admin.connection, [trouble_of(error), *complaints]) from error
