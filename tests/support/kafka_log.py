"""A `KafkaEventLog` on a test broker, with its topics created as `topics create` does."""

from __future__ import annotations

import random
import uuid
from typing import TYPE_CHECKING

from franc_gitops.eventlogs.kafka import KafkaEventLog
from franc_gitops.eventlogs.kafka.hanging import find_open
from franc_gitops.eventlogs.kafka.topics import KafkaTopics, TopicWishes
from franc_gitops.kafka_connection import KafkaConnection
from franc_gitops.model import Event
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from franc_gitops.eventlogs import LedgerRecord, Target
    from franc_gitops.model import Position
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


def make_event(
    log: KafkaEventLog, number: int, suffix: str = "task.status", size: int = 0
) -> Event:
    """An event of its own change number, with headers as real ones have them."""
    headers = (("ce_id", b"id-%d" % number), ("ce_subject", "requests/größe.yaml".encode()))
    key = b"CHG-2024-%06d" % number
    value = b'{"number":%d}' % number + random.Random(number).randbytes(size)  # not compressible
    topic = f"{log.names.prefix}.{suffix}"
    return Event("task_status_update", f"id-{number}", topic, key, headers, value)


def record_places(positions: Sequence[Position]) -> list[tuple[str, str, bytes]]:
    """A recorder: one ledger record an event, which says where the event is."""
    return [
        (f"CHG-2024-{number:06d}", f"request-{number}", b"%d %d" % position)
        for number, position in enumerate(positions)
    ]


def read_all(log: KafkaEventLog, target: Target | None = None) -> list[LedgerRecord]:
    """What a new reader reads of the ledger: up to the target, else what is visible now."""
    reader = log.reader()
    try:
        return [record for records in reader.read(target) for record in records]
    finally:
        reader.close()


def settle(log: KafkaEventLog) -> None:
    """Return once all committed is visible: the markers that end a transaction come after it."""
    log.identify()
    layout = log.layout()
    wait_for(lambda: not find_open(log.admin, layout), what="transactions to end", seconds=30)
