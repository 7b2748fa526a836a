"""Reads the ledger topic: from the beginning, committed records only, up to a known end.

The end is asked for before reading, so an empty or unchanged ledger costs one question and
no waiting. End-of-partition events tell the place behind transaction markers, which no
message shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import Consumer, IsolationLevel, KafkaError, TopicPartition

from franc_gitops.errors import EventLogUnreachable, GuardRefused
from franc_gitops.eventlogs.kafka.causes import Cause, Complaints, explain, trouble_of
from franc_gitops.eventlogs.kafka.clients import make_consumer
from franc_gitops.eventlogs.kafka.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from confluent_kafka import Message

    from franc_gitops.eventlogs import LedgerRecord, Target
    from franc_gitops.eventlogs.kafka.admin import Admin

BATCH = 2_000
PAUSE = 0.01
OPEN_TRANSACTION_MARGIN = 15.0
"""Seconds after a transaction's time-out in which the broker must have aborted it."""


class KafkaLedgerReader:
    """Reads the committed records of the ledger; keeps its place in each partition."""

    def __init__(self, admin: Admin, topic: str, partitions: int) -> None:
        """Stand at the beginning of the topic's partitions; nothing is opened yet."""
        self._admin = admin
        self._connection = admin.connection
        self._topic = topic
        self._at = dict.fromkeys(range(partitions), 0)
        self._complaints = Complaints()
        self._consumer: Consumer | None = None

    def read(self, target: Target | None) -> Iterator[Sequence[LedgerRecord]]:
        """Yield what is committed and not yet read, up to `target` or the last stable offset."""
        if target is None:
            patience = self._connection.connect_timeout
            yield from self._read_to(self._stable_ends(), Deadline(patience))
        else:
            patience = self._connection.transaction_timeout + OPEN_TRANSACTION_MARGIN
            yield from self._read_to(target, Deadline(patience))

    def close(self) -> None:
        """Let go of the consumer."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _stable_ends(self) -> dict[int, int]:
        places = [(self._topic, partition) for partition in self._at]
        ends = self._admin.ends(places, IsolationLevel.READ_COMMITTED)
        return {partition: end for (_, partition), end in ends.items()}

    def _read_to(
        self, ends: Mapping[int, int], patience: Deadline
    ) -> Iterator[Sequence[LedgerRecord]]:
        missing = {p: end for p, end in ends.items() if self._at[p] < end}
        self._refuse_truncated(ends)
        if not missing:
            return
        consumer = self._begin(missing)
        try:
            patience.restart()
            while missing:
                messages = consumer.consume(BATCH, PAUSE)
                before = dict(self._at)
                records = self._take(messages)
                missing = {p: end for p, end in missing.items() if self._at[p] < end}
                if records:
                    yield records
                if self._at != before:
                    patience.restart()
                elif missing:
                    self._check(missing, patience)
        finally:
            consumer.unassign()

    def _begin(self, partitions: Mapping[int, int]) -> Consumer:
        """Fetch where something is missing, from where we stand; an idle reader fetches nothing."""
        if self._consumer is None:
            self._consumer = make_consumer(self._connection, self._complaints)
        self._complaints.clear()
        self._consumer.assign(
            [
                TopicPartition(self._topic, partition, self._at[partition])
                for partition in partitions
            ]
        )
        return self._consumer

    def _take(self, messages: Sequence[Message]) -> list[LedgerRecord]:
        """Give the records among some messages, and move our place behind them."""
        records: list[LedgerRecord] = []
        at = self._at
        for message in messages:
            error = message.error()
            partition = message.partition()
            if error is not None:
                self._take_event(error, partition, message.offset())
                continue
            at[partition] = message.offset() + 1  # type: ignore[index,operator]  # a record has both
            key, value = message.key(), message.value()
            if key is not None and value is not None:
                records.append((key.decode(errors="surrogateescape"), value))
        return records

    def _take_event(self, error: KafkaError, partition: int | None, offset: int | None) -> None:
        """Take what is not a record: the end of a partition, or a trouble."""
        name = error.name()
        if name == "_PARTITION_EOF" and partition is not None and offset is not None:
            self._at[partition] = max(self._at[partition], offset)
        elif name in {"_AUTO_OFFSET_RESET", "OFFSET_OUT_OF_RANGE"}:
            raise self._truncated(f"partition {partition} does not hold what we read next")
        else:
            trouble = trouble_of(error, f"topic {self._topic}", "Read")
            if trouble.cause in {Cause.AUTHORIZATION, Cause.TOPIC} and partition is not None:
                raise explain(self._connection, [trouble])
            self._complaints(error)

    def _check(self, missing: Mapping[int, int], patience: Deadline) -> None:
        """Give up where waiting makes no sense."""
        if self._complaints.conclusive:
            raise explain(self._connection, self._complaints)
        if not patience.passed:
            return
        partition, end = min(missing.items())
        heard = explain(self._connection, self._complaints).message if self._complaints else ""
        raise EventLogUnreachable(
            f"ledger {self._topic} partition {partition} stands at {self._at[partition]} of {end} "
            f"for {patience.seconds:.0f} s" + (f": {heard}" if heard else ""),
            hint="a transaction may hang: kafka-transactions.sh find-hanging, then abort",
        )

    def _refuse_truncated(self, ends: Mapping[int, int]) -> None:
        for partition, end in ends.items():
            if end < self._at[partition]:
                raise self._truncated(
                    f"partition {partition} ends at {end}, we have read to {self._at[partition]}"
                )

    def _truncated(self, reason: str) -> GuardRefused:
        return GuardRefused(
            f"the ledger {self._topic} has lost records: {reason}",
            hint="find out who deleted records or re-created the topic; docs/kafka.md says how on",
        )
