"""Settings → an event log, and what creates, compares and tries its topics.

Kafka and SQLite are imported here only when they are used.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from franc_gitops.clock import SystemClock
from franc_gitops.errors import SettingsError
from franc_gitops.wiring.state import state_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from franc_gitops.eventlogs import EventLog
    from franc_gitops.eventlogs.kafka.probes import KafkaProbes
    from franc_gitops.eventlogs.kafka.topics import KafkaTopics, TopicWishes
    from franc_gitops.settings import Settings


def stand_in() -> EventLog:
    """Give an empty log, without a name, for plans that ask no other."""
    from franc_gitops.eventlogs.memory import MemoryCluster, MemoryEventLog

    return MemoryEventLog(MemoryCluster(name=""))


def open_event_log(settings: Settings) -> EventLog:
    """Give Kafka if it is enabled, else the embedded log."""
    if settings.kafka_enabled:
        return _open_kafka(settings)
    from franc_gitops.eventlogs.sqlite import SqliteEventLog

    return SqliteEventLog(state_folder(settings), SystemClock().sleep)


def _open_kafka(settings: Settings) -> EventLog:
    """Give the Kafka log; raises SettingsError where its client is not installed."""
    with _needing_the_client():
        from franc_gitops.eventlogs.kafka import KafkaEventLog
    return KafkaEventLog(settings.kafka, settings.topic_prefix, _event_topics())


def _event_topics() -> tuple[str, ...]:
    """Give the guide's topics in its order, then those of further types of request."""
    from franc_gitops import kinds
    from franc_gitops.eventlogs.kafka.names import EVENT_TOPICS

    return tuple(dict.fromkeys([*EVENT_TOPICS, *(kind.topic for kind in kinds.all_kinds())]))


@contextmanager
def _needing_the_client() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise SettingsError(
            f"KAFKA_ENABLED is true, but the Kafka client cannot be imported: {error}",
            hint="pip install confluent-kafka, or set KAFKA_ENABLED=false",
        ) from error


def open_topics(settings: Settings) -> KafkaTopics:
    """Give what creates and compares the topics."""
    with _needing_the_client():
        from franc_gitops.eventlogs.kafka.topics import KafkaTopics
    return KafkaTopics(settings.kafka, settings.topic_prefix, _event_topics())


def topic_wishes(**wishes: int | None) -> TopicWishes:
    """Give what a human wants of new topics; None leaves the default."""
    from franc_gitops.eventlogs.kafka.topics import TopicWishes

    return replace(TopicWishes(), **{name: n for name, n in wishes.items() if n is not None})


def open_probes(settings: Settings) -> KafkaProbes:
    """Give what tries the preconditions of publishing to Kafka."""
    with _needing_the_client():
        from franc_gitops.eventlogs.kafka.probes import KafkaProbes
    return KafkaProbes(settings.kafka, settings.topic_prefix, _event_topics())
