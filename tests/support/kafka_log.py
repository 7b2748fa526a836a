"""A `KafkaEventLog` on a test broker, with its topics created as `topics create` does."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from franc_gitops.eventlogs.kafka import KafkaEventLog
from franc_gitops.eventlogs.kafka.topics import KafkaTopics, TopicWishes
from franc_gitops.kafka_connection import KafkaConnection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.broker import Broker, Cluster


def connection_to(broker: Broker | Cluster, **settings: object) -> KafkaConnection:
    """The plaintext listener, where everything is allowed; `settings` override fields."""
    return KafkaConnection(**{"bootstrap_servers": broker.bootstrap, **settings})  # type: ignore[arg-type]


def connection_from(variables: Mapping[str, str], **settings: object) -> KafkaConnection:
    """A connection from KAFKA_* variables, as the broker's `…_settings` methods give them."""
    fields = {
        name.removeprefix("KAFKA_").lower(): value
        for name, value in variables.items()
        if name != "KAFKA_ENABLED"
    }
    return KafkaConnection(**{**fields, **settings})  # type: ignore[arg-type]


def fresh_prefix() -> str:
    """A topic prefix that no other test uses."""
    return f"t{uuid.uuid4().hex[:10]}"


def make_topics(broker: Broker | Cluster, prefix: str, *, partitions: int = 3) -> None:
    """Create the event topics and the ledger of a prefix."""
    KafkaTopics(connection_to(broker), prefix).create(TopicWishes(event_partitions=partitions))


def make_log(broker: Broker | Cluster, prefix: str = "", **settings: object) -> KafkaEventLog:
    """A log on its own topics; without a prefix, on fresh ones."""
    prefix = prefix or fresh_prefix()
    make_topics(broker, prefix)
    return KafkaEventLog(connection_to(broker, **settings), prefix)
