"""Reads partitions as a read_committed consumer, from known places to known ends.

Ends are asked for before reading, so nothing new costs one question and no waiting. Two
things tell where we stand: librdkafka's position after the last record, and end-of-partition
events, which alone pass the markers that end transactions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import TopicPartition

from franc_gitops.errors import EventLogUnreachable
from franc_gitops.eventlogs.kafka.causes import Cause, Complaints, explain, trouble_of
from franc_gitops.eventlogs.kafka.clients import make_consumer
from franc_gitops.eventlogs.kafka.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from confluent_kafka import Consumer, KafkaError, Message

    from franc_gitops.eventlogs.kafka.admin import Place
    from franc_gitops.kafka_connection import KafkaConnection

BATCH = 2_000
PAUSE = 0.01
OPEN_TRANSACTION_MARGIN = 15.0
"""Seconds after a transaction's time-out in which the broker must have aborted it."""


class RecordsLostError(Exception):
    """A partition no longer holds the place where we read on."""

    def __init__(self, place: Place, at: int) -> None:
        """Take the partition and where we stood."""
        super().__init__(f"{place[0]} partition {place[1]} no longer holds offset {at}")


class Scan:
    """A consumer of some partitions that knows where it stands in each (`at`).

    Between two reads it fetches nothing.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        at: Mapping[Place, int],
        isolation: str = "read_committed",
    ) -> None:
        """Stand at some places; nothing is opened before there is something to read."""
        self._isolation = isolation
        self.at = dict(at)
        self._connection = connection
        self._complaints = Complaints()
        self._consumer: Consumer | None = None

    @property
    def patience(self) -> float:
        """Seconds in which an open transaction of somebody else's must have ended."""
        return self._connection.transaction_timeout + OPEN_TRANSACTION_MARGIN

    def until(self, ends: Mapping[Place, int], patience: float) -> Iterator[list[Message]]:
        """Yield the committed records before the ends, in batches.

        Raises EventLogUnreachable naming a partition when nothing moves for `patience` seconds,
        EventLogRefused, or RecordsLostError.
        """
        missing = self._missing(ends)
        if not missing:
            return
        deadline = Deadline(patience)
        consumer = self.assign(missing)
        try:
            while missing:
                before = dict(self.at)
                messages = self.take(PAUSE)
                missing = self._missing(missing)
                if messages:
                    yield messages
                if self.at != before:
                    deadline.restart()
                elif missing:
                    self._check(missing, deadline)
        finally:
            consumer.unassign()

    def assign(self, places: Iterable[Place]) -> Consumer:
        """Begin to fetch from where we stand in some partitions."""
        if self._consumer is None:
            extra = {"isolation.level": self._isolation}
            self._consumer = make_consumer(self._connection, self._complaints, extra)
        self._complaints.clear()
        # Absolute offsets: a logical one, like "beginning", costs another question of 0.5 s.
        self._consumer.assign([TopicPartition(*place, self.at[place]) for place in places])
        return self._consumer

    def take(self, pause: float) -> list[Message]:
        """Give the records that have come within `pause` seconds, and move behind them."""
        if self._consumer is None:
            return []
        records: list[Message] = []
        others: list[Message] = []
        for message in self._consumer.consume(BATCH, pause):
            (others if message.error() else records).append(message)
        for place in self._consumer.position(self._consumer.assignment()) if records else ():
            where = (place.topic, place.partition)
            self.at[where] = max(self.at[where], place.offset)
        for message in others:
            self._take_event(message)
        if records:
            self._complaints.clear()
        elif self._complaints.conclusive:
            raise explain(self._connection, self._complaints)
        return records

    def close(self) -> None:
        """Let go of the consumer."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _missing(self, ends: Mapping[Place, int]) -> dict[Place, int]:
        return {place: end for place, end in ends.items() if self.at[place] < end}

    def _take_event(self, message: Message) -> None:
        """Take what is not a record: the end of a partition, or a trouble."""
        error: KafkaError = message.error()  # type: ignore[assignment]  # not a record
        topic, partition = message.topic(), message.partition()
        trouble = trouble_of(error, f"topic {topic}" if topic else "", "Read")
        if topic is None or partition is None:
            self._complaints(error)
        elif trouble.name == "_PARTITION_EOF":
            self.at[topic, partition] = max(self.at[topic, partition], message.offset() or 0)
        elif trouble.name in {"_AUTO_OFFSET_RESET", "OFFSET_OUT_OF_RANGE"}:
            raise RecordsLostError((topic, partition), self.at[topic, partition])
        elif trouble.cause in {Cause.AUTHORIZATION, Cause.TOPIC}:
            raise explain(self._connection, [trouble])
        else:
            self._complaints(error)

    def _check(self, missing: Mapping[Place, int], deadline: Deadline) -> None:
        """Give up once nothing has moved for long."""
        if not deadline.passed:
            return
        if self._complaints:
            raise explain(self._connection, self._complaints)
        (topic, partition), end = min(missing.items())
        raise EventLogUnreachable(
            f"{topic} partition {partition} stands at {self.at[topic, partition]} of {end} "
            f"for {deadline.seconds:.0f} s",
            hint="a transaction hangs: kafka-transactions.sh find-hanging, then abort",
        )
