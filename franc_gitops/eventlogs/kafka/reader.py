"""Reads the ledger topic: committed records from the beginning, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import IsolationLevel

from franc_gitops.errors import GuardRefused
from franc_gitops.eventlogs.kafka.scan import RecordsLostError, Scan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from franc_gitops.eventlogs import LedgerRecord, Target
    from franc_gitops.eventlogs.kafka.admin import Admin, Place


class KafkaLedgerReader:
    """Keeps its place in each partition of the ledger."""

    def __init__(self, admin: Admin, topic: str, partitions: int) -> None:
        """Stand at the beginning of the topic's partitions; nothing is opened yet."""
        self._admin = admin
        self._topic = topic
        self._scan = Scan(admin.connection, {(topic, number): 0 for number in range(partitions)})

    def read(self, target: Target | None) -> Iterator[Sequence[LedgerRecord]]:
        """Yield what is committed and not yet read, up to `target` or the last stable offset."""
        ends: Mapping[Place, int]
        if target is None:
            patience = self._admin.connection.connect_timeout
            ends = self._admin.ends(self._scan.at, IsolationLevel.READ_COMMITTED)
            self._refuse_shorter(ends)
        else:
            patience = self._scan.patience
            ends = {(self._topic, partition): end for partition, end in target.items()}
        try:
            for messages in self._scan.until(ends, patience):
                yield [
                    (key.decode(errors="surrogateescape"), value)
                    for key, value in ((each.key(), each.value()) for each in messages)
                    if key is not None and value is not None
                ]
        except RecordsLostError as error:
            raise _lost(str(error)) from error

    def target(self) -> Target:
        """Give the ledger's high watermarks now, open transactions included."""
        ends = self._admin.ends(self._scan.at, IsolationLevel.READ_UNCOMMITTED)
        return {partition: end for (_, partition), end in ends.items()}

    def close(self) -> None:
        """Let go of the consumer."""
        self._scan.close()

    def _refuse_shorter(self, ends: Mapping[Place, int]) -> None:
        """Refuse a ledger that ends now where we have been already."""
        for (topic, partition), end in ends.items():
            at = self._scan.at[topic, partition]
            if end < at:
                raise _lost(f"{topic} partition {partition} ends at {end}, we have read to {at}")


def _lost(reason: str) -> GuardRefused:
    return GuardRefused(
        f"the ledger has lost records: {reason}",
        hint="find out who deleted records or re-created the topic; see docs/kafka.md",
    )
