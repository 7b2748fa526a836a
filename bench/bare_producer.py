"""The floor: confluent-kafka's idempotent producer, sending records that lie in memory.

No transaction, no ledger, no offsets asked for: what the same client library takes at least
for the same bytes to the same partitions.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import Producer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confluent_kafka._types import HeadersType

_POLL_EVERY = 5_000


class Sent(NamedTuple):
    """A record as it went to its partition; `topic` is without the prefix."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: HeadersType | None


class Span(NamedTuple):
    """From a moment of the monotonic clock, so many seconds."""

    started: float
    seconds: float


class BareProducer:
    """Connected, and with a producer id, before it is measured."""

    def __init__(self, bootstrap: str, warm_up: str) -> None:
        """Connect, and send one record to the topic `warm_up`, which is not measured."""
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "log_level": 2,
                "acks": "all",
                "enable.idempotence": True,
                "compression.type": "lz4",
                "linger.ms": 5,
                "queue.buffering.max.messages": 200_000,
                "queue.buffering.max.kbytes": 262_144,
            }
        )
        self._producer.produce(warm_up, b"warm-up")
        assert self._producer.flush(30) == 0, "the broker did not take the first record"

    def send(self, records: Sequence[Sent], prefix: str) -> Span:
        """Send the records and wait until the broker has all of them."""
        produce, poll = self._producer.produce, self._producer.poll
        topics = {topic: f"{prefix}.{topic}" for topic in {record.topic for record in records}}
        for name in topics.values():
            self._producer.list_topics(name, timeout=10)
        rows = [(topics[each.topic], *each[1:]) for each in records]
        began = monotonic()
        for number, (topic, partition, key, value, headers) in enumerate(rows, 1):
            while True:
                try:
                    produce(topic, value, key, partition, None, None, 0, headers)
                    break
                except BufferError:
                    poll(0.1)
            if not number % _POLL_EVERY:
                poll(0)
        left = self._producer.flush(60)
        ended = monotonic()
        assert left == 0, f"{left} records were not acknowledged"
        return Span(began, ended - began)
