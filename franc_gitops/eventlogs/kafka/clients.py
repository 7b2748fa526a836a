"""librdkafka's clients as we want them: made from a connection, silent, heard by `Complaints`.

Clients are made after a fork, never before: librdkafka's threads do not survive one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from franc_gitops.eventlogs.kafka.causes import explain, trouble_of
from franc_gitops.eventlogs.kafka.names import GROUP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from franc_gitops.eventlogs.kafka.causes import Complaints
    from franc_gitops.kafka_connection import KafkaConnection, Properties

Client = TypeVar("Client", Producer, Consumer, AdminClient)

RETRY_BACKOFF_MS = 200
"""librdkafka's first retry of a request comes after 80 to 120 % of this, never earlier."""

_COMMON: Properties = {
    "log_level": 6,
    "retry.backoff.ms": RETRY_BACKOFF_MS,
    # The first connection waits half of this (100 ms by default); it doubles at every failure.
    "reconnect.backoff.ms": 20,
    "allow.auto.create.topics": False,
}
_CONSUMER: Properties = {
    "group.id": GROUP,
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    "auto.offset.reset": "error",
    "check.crcs": True,
    # How long a broker holds an empty answer back: with the default of 500 ms every read
    # would end in half a second of waiting.
    "fetch.wait.max.ms": 10,
    # Little at a time: a ledger larger than the queue is read four times as fast as with the
    # defaults, in a quarter of the memory, because the queue never makes the fetcher pause (1 s).
    "fetch.queue.backoff.ms": 5,
    "fetch.message.max.bytes": 262_144,
    "fetch.max.bytes": 4_194_304,
    "queued.max.messages.kbytes": 16_384,
}
_PRODUCER: Properties = {
    "acks": "all",
    "enable.idempotence": True,
    "compression.type": "lz4",
    "linger.ms": 5,
    "partitioner": "murmur2_random",
    # How long a topic that the broker does not know may still turn up.
    "topic.metadata.propagation.max.ms": 5_000,
    "queue.buffering.max.messages": 200_000,
    "queue.buffering.max.kbytes": 262_144,
}


def make_admin(connection: KafkaConnection, complaints: Complaints) -> AdminClient:
    """Make an admin client."""
    return _make(AdminClient, connection, complaints, {})


def make_consumer(
    connection: KafkaConnection, complaints: Complaints, extra: Mapping[str, object] | None = None
) -> Consumer:
    """Make a read_committed consumer that commits nothing and fails at a truncated log."""
    return _make(Consumer, connection, complaints, {**_CONSUMER, **(extra or {})})


def make_producer(
    connection: KafkaConnection,
    complaints: Complaints,
    transactional_id: str,
    extra: Mapping[str, object] | None = None,
) -> Producer:
    """Make a transactional producer; `transactional_id` decides whom it fences."""
    timeout = connection.transaction_timeout
    transaction = {
        "transactional.id": transactional_id,
        "transaction.timeout.ms": round(timeout * 1000),
        "delivery.timeout.ms": round(max(timeout * 0.8, timeout - 5) * 1000),
    }
    return _make(Producer, connection, complaints, {**_PRODUCER, **transaction, **(extra or {})})


def _make(
    make: Callable[[dict[str, Any]], Client],
    connection: KafkaConnection,
    complaints: Complaints,
    extra: Mapping[str, object],
) -> Client:
    properties = {**_COMMON, **connection.librdkafka(), **extra}
    properties |= {"error_cb": complaints, "logger": complaints}
    try:
        return make(properties)
    except KafkaException as error:
        raise explain(connection, [trouble_of(error)]) from None
