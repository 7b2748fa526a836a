"""Administration of a test cluster (topics, settings, ACLs); every call waits for its effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from concurrent.futures import Future

SECONDS = 30


def admin(bootstrap: str) -> AdminClient:
    """An admin client for the plaintext listener."""
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})


def create_topics(
    bootstrap: str,
    names: Iterable[str],
    *,
    partitions: int = 1,
    replication: int = 1,
    config: Mapping[str, str] | None = None,
) -> None:
    """Create the topics, and return once every broker that is asked knows them."""
    wanted = set(names)
    client = admin(bootstrap)
    new = [NewTopic(name, partitions, replication, config=dict(config or {})) for name in wanted]
    _all_done(client.create_topics(new))
    _until(client, lambda known: wanted <= known, f"{sorted(wanted)} to be known")


def delete_topic(bootstrap: str, name: str) -> None:
    """Delete a topic, and return once it is gone."""
    client = admin(bootstrap)
    _all_done(client.delete_topics([name]))
    _until(client, lambda known: name not in known, f"{name} to be gone")


def delete_records(bootstrap: str, topic: str, partition: int, *, before: int) -> None:
    """Remove the records before an offset, as retention does."""
    client = admin(bootstrap)
    _all_done(client.delete_records([TopicPartition(topic, partition, before)]))


def alter_config(bootstrap: str, topic: str, changes: Mapping[str, str | None]) -> None:
    """Set the topic's settings; None takes one back to the broker's default."""
    entries = [
        ConfigEntry(
            name,
            value or "",
            incremental_operation=(
                AlterConfigOpType.DELETE if value is None else AlterConfigOpType.SET
            ),
        )
        for name, value in changes.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    client = admin(bootstrap)
    _all_done(client.incremental_alter_configs([resource]))


def grant(
    bootstrap: str,
    user: str,
    kind: ResourceType,
    name: str,
    operations: Iterable[AclOperation],
    *,
    prefixed: bool = False,
) -> None:
    """Allow `User:{user}` the operations on one resource, or on all whose name starts so."""
    pattern = ResourcePatternType.PREFIXED if prefixed else ResourcePatternType.LITERAL
    acls = [
        AclBinding(kind, name, pattern, f"User:{user}", "*", operation, AclPermissionType.ALLOW)
        for operation in operations
    ]
    client = admin(bootstrap)
    _all_done(client.create_acls(acls))


def revoke(bootstrap: str, user: str) -> None:
    """Take every grant of the user back."""
    every = AclBindingFilter(
        ResourceType.ANY,
        None,  # type: ignore[arg-type]  # None is "any", as its documentation says
        ResourcePatternType.ANY,
        f"User:{user}",
        None,  # type: ignore[arg-type]
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    client = admin(bootstrap)
    _all_done(client.delete_acls([every]))


def _all_done(futures: Mapping[Any, Future[Any]]) -> None:
    for future in futures.values():
        future.result(timeout=SECONDS)


def _until(client: AdminClient, satisfied: Callable[[set[str]], bool], what: str) -> None:
    def look() -> bool:
        try:
            return satisfied(set(client.list_topics(timeout=SECONDS).topics))
        except KafkaException:
            return False

    wait_for(look, what=what, seconds=SECONDS)
