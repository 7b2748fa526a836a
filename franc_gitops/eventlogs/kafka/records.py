"""The events as a read_committed consumer sees them, from the beginning or for ever.

Within a partition the order is the log's; across partitions, events that are read together
are put in the order of their time.
"""

from __future__ import annotations

from collections import defaultdict
from heapq import merge
from typing import TYPE_CHECKING, cast

from confluent_kafka import IsolationLevel, TopicPartition

from franc_gitops.errors import EventLogUnreachable
from franc_gitops.eventlogs import Record
from franc_gitops.eventlogs.kafka.causes import Cause, Complaints, explain, trouble_of
from franc_gitops.eventlogs.kafka.clients import make_consumer
from franc_gitops.eventlogs.kafka.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from confluent_kafka import Consumer, KafkaError, Message

    from franc_gitops.eventlogs.kafka.admin import Admin, Place

WINDOW = 10_000
BATCH = 1_000
PAUSE = 0.01
FOLLOW_PAUSE = 0.2
OPEN_TRANSACTION_MARGIN = 15.0


def read_events(admin: Admin, places: Sequence[Place], *, follow: bool) -> Iterator[Record]:
    """Yield committed events up to the high watermarks of now; with `follow`, wait for more.

    Raises EventLogUnreachable naming the partition if another's open transaction does not end.
    """
    begins = admin.beginnings(places)
    ends = admin.ends(places, IsolationLevel.READ_UNCOMMITTED)
    complaints = Complaints()
    consumer = make_consumer(admin.connection, complaints)
    try:
        consumer.assign([TopicPartition(*place, begins[place]) for place in places])
        stage = _Stage(admin, consumer, complaints, dict(begins))
        yield from stage.until(ends)
        while follow:
            yield from stage.more()
    finally:
        consumer.close()


class _Stage:
    """A consumer, and where it stands in each partition."""

    def __init__(
        self, admin: Admin, consumer: Consumer, complaints: Complaints, at: dict[Place, int]
    ) -> None:
        self._connection = admin.connection
        self._consumer = consumer
        self._complaints = complaints
        self._at = at

    def until(self, ends: Mapping[Place, int]) -> Iterator[Record]:
        """Yield what lies before the ends."""
        patience = Deadline(self._connection.transaction_timeout + OPEN_TRANSACTION_MARGIN)
        window: list[Message] = []
        while missing := {place: end for place, end in ends.items() if self._at[place] < end}:
            before = len(window), dict(self._at)
            window += self._consume(PAUSE)
            if (len(window), self._at) != before:
                patience.restart()
            elif self._complaints.conclusive or patience.passed:
                raise self._stuck(missing, patience)
            if len(window) >= WINDOW:
                yield from _in_order(window)
                window = []
        yield from _in_order(window)

    def more(self) -> Iterator[Record]:
        """Yield what has come since, after a short wait."""
        messages = self._consume(FOLLOW_PAUSE)
        if self._complaints.conclusive:
            raise explain(self._connection, self._complaints)
        if messages:
            self._complaints.clear()
        yield from _in_order(messages)

    def _consume(self, pause: float) -> list[Message]:
        messages = []
        for message in self._consumer.consume(BATCH, pause):
            place = (message.topic() or "", message.partition() or 0)
            error = message.error()
            if error is not None:
                self._take_event(error, place, message.offset())
                continue
            messages.append(message)
            self._at[place] = (message.offset() or 0) + 1
        return messages

    def _take_event(self, error: KafkaError, place: Place, offset: int | None) -> None:
        trouble = trouble_of(error, f"topic {place[0]}", "Read")
        if trouble.name == "_PARTITION_EOF" and offset is not None:
            self._at[place] = max(self._at[place], offset)
        elif trouble.cause in {Cause.AUTHORIZATION, Cause.TOPIC} and place[0]:
            raise explain(self._connection, [trouble])
        else:
            self._complaints(error)

    def _stuck(self, missing: Mapping[Place, int], patience: Deadline) -> Exception:
        if self._complaints:
            return explain(self._connection, self._complaints)
        (topic, partition), end = min(missing.items())
        return EventLogUnreachable(
            f"{topic} partition {partition} stands at {self._at[topic, partition]} of {end} "
            f"for {patience.seconds:.0f} s",
            hint="a transaction may hang: kafka-transactions.sh find-hanging, then abort",
        )


def _in_order(messages: Sequence[Message]) -> Iterator[Record]:
    """Put messages in the order of time, keeping the order within each partition."""
    partitions: dict[tuple[str | None, int | None], list[Message]] = defaultdict(list)
    for message in messages:
        partitions[message.topic(), message.partition()].append(message)
    for message in merge(*partitions.values(), key=lambda each: each.timestamp()[1]):
        yield Record(
            message.topic() or "",
            message.partition() or 0,
            message.offset() or 0,
            message.key() or b"",
            tuple((name, _bytes(value)) for name, value in _headers(message)),
            message.value() or b"",
        )


def _headers(message: Message) -> list[tuple[str, str | bytes | None]]:
    return cast("list[tuple[str, str | bytes | None]]", message.headers() or [])


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
