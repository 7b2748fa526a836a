"""Are transactions really isolated? Abort one on purpose and look whether it stays hidden.

The canary goes to the ledger under a transactional id of its own, so it fences no publisher;
its transaction times out soon; its key is one that the ledger never folds. The marker that
ends it carries the broker's time, which tells how far the clocks are apart.
"""

from __future__ import annotations

from contextlib import suppress
from time import time
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from franc_gitops.eventlogs.kafka.causes import Complaints, Trouble, explain, trouble_of
from franc_gitops.eventlogs.kafka.clients import make_producer
from franc_gitops.eventlogs.kafka.scan import Scan
from franc_gitops.eventlogs.kafka.session import initialise, release
from franc_gitops.ledger import PRIVATE_KEY

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, Producer

    from franc_gitops.eventlogs.kafka.admin import Admin
    from franc_gitops.eventlogs.kafka.names import Names

KEY = f"{PRIVATE_KEY}doctor".encode()
PARTITION = 0
_SECONDS = 10.0
_HOUR = 3600.0


class Canary(NamedTuple):
    """Where the aborted record stands, and our clock, in seconds, when it was aborted."""

    topic: str
    offset: int
    aborted_at: float


def abort_canary(admin: Admin, names: Names) -> Canary:
    """Write a record to the ledger and abort its transaction; raises by cause."""
    complaints, report = Complaints(), _Report()
    milliseconds = round(_SECONDS * 1000)
    times = {"transaction.timeout.ms": milliseconds, "delivery.timeout.ms": milliseconds - 2000}
    producer = make_producer(admin.connection, complaints, names.doctor, times)
    try:
        initialise(producer, complaints, admin.connection, names.doctor, names.ledger)
        producer.begin_transaction()
        # An hour old, so that the marker is the newest record, also by a clock that is ahead.
        stamp = round((time() - _HOUR) * 1000)
        producer.produce(names.ledger, b"{}", KEY, PARTITION, report, timestamp=stamp)
        producer.flush(_SECONDS)
        if report.offset is None:
            troubles = [*report.troubles, *_state(producer), *complaints]
            raise explain(admin.connection, troubles)
        producer.abort_transaction(_SECONDS)
    except KafkaException as error:
        trouble = trouble_of(error, f"topic {names.ledger}", "Write")
        raise explain(admin.connection, [trouble, *complaints]) from error
    finally:
        with suppress(Exception):
            producer.abort_transaction(1.0)
        release(producer)
    return Canary(names.ledger, report.offset, time())


def is_hidden(admin: Admin, canary: Canary) -> bool:
    """Tell whether a read_committed consumer that reads past the canary does not see it."""
    place = (canary.topic, PARTITION)
    scan = Scan(admin.connection, {place: canary.offset})
    ends = admin.ends([place], IsolationLevel.READ_UNCOMMITTED)
    try:
        seen = [each.offset() for batch in scan.until(ends, scan.patience) for each in batch]
    finally:
        scan.close()
    return canary.offset not in seen


def clock_skew(admin: Admin, canary: Canary) -> float | None:
    """Give how many seconds our clock is ahead of the broker's; None where that is not told."""
    place = TopicPartition(canary.topic, PARTITION)
    newest = admin.ask(
        lambda client, seconds: client.list_offsets(
            {place: OffsetSpec.max_timestamp()}, request_timeout=seconds
        )
    )
    found = next(iter(newest.values()))
    if isinstance(found, Trouble) or found.offset != canary.offset + 1:
        return None
    return canary.aborted_at - float(found.timestamp) / 1000


class _Report:
    """The canary's delivery report."""

    def __init__(self) -> None:
        self.offset: int | None = None
        self.troubles: list[Trouble] = []

    def __call__(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.offset = message.offset()
        else:
            self.troubles.append(trouble_of(error, f"topic {message.topic()}", "Write"))


def _state(producer: Producer) -> list[Trouble]:
    """Ask why the transaction failed: to begin another one is refused with that."""
    try:
        producer.begin_transaction()
    except KafkaException as error:
        return [trouble_of(error)]
    return []
