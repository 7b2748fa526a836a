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
committed, and aborting the rest would tear it: `refuse_torn` then leaves it to a human.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from confluent_kafka import IsolationLevel, KafkaException

from franc_gitops.errors import EventLogRefused
from franc_gitops.eventlogs.kafka.causes import explain, trouble_of
from franc_gitops.eventlogs.kafka.deadline import Deadline
from franc_gitops.eventlogs.kafka.reader import KafkaLedgerReader
from franc_gitops.eventlogs.kafka.scan import Scan
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


def refuse_torn(admin: Admin, layout: Layout, places: Sequence[Place]) -> None:
    """Raise EventLogRefused if a part of what is open in the places is visible elsewhere.

    The ledger records say which events belong together: one that is visible must not name
    an open event, and one that is open must not name a visible event.
    """
    open_from = admin.ends(places, IsolationLevel.READ_COMMITTED)
    ends = admin.ends(places, IsolationLevel.READ_UNCOMMITTED)
    visible = _named(_ledger_values(admin, layout))
    hidden = _named(
        _values(admin, {p: (open_from[p], ends[p]) for p in places if p[0] == layout.ledger})
    )
    torn = {
        place for place, offset in visible if place in open_from and offset >= open_from[place]
    } | {place for place, offset in hidden if _is_visible(admin, place, offset)}
    if torn:
        topic, partition = min(torn)
        raise EventLogRefused(
            f"the brokers lost the end of a committed transaction: a part of it is visible, "
            f"another is not ({topic} partition {partition})",
            hint="do not abort it; see «a transaction that was torn» in docs/kafka.md",
        )


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


def _is_visible(admin: Admin, place: Place, offset: int) -> bool:
    """Tell whether a read_committed consumer sees the record at an offset."""
    stable = admin.ends([place], IsolationLevel.READ_COMMITTED)[place]
    ends = {place: (offset, min(offset + 1, stable))}
    return any(True for _ in _values(admin, ends, read="read_committed"))


def _values(
    admin: Admin, ranges: Mapping[Place, tuple[int, int]], read: str = "read_uncommitted"
) -> Iterator[bytes]:
    """Give the values of the records between offsets of some partitions."""
    wanted = {place: (start, end) for place, (start, end) in ranges.items() if start < end}
    if not wanted:
        return
    scan = Scan(admin.connection, {place: start for place, (start, _) in wanted.items()}, read)
    try:
        ends = {place: end for place, (_, end) in wanted.items()}
        for messages in scan.until(ends, admin.connection.connect_timeout):
            for message in messages:
                place = (message.topic() or "", message.partition() or 0)
                value = message.value()
                if value is not None and (message.offset() or 0) < ends[place]:
                    yield value
    finally:
        scan.close()


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
