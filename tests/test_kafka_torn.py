"""A committed transaction of which the brokers lost a part is never aborted by us."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer

from franc_gitops.errors import EventLogRefused
from franc_gitops.ledger import LedgerEntry, SentEvent
from franc_gitops.model import Phase
from tests.support.kafka_log import make_event, make_log, read_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from franc_gitops.eventlogs.kafka import KafkaEventLog
    from franc_gitops.model import Position
    from tests.support.broker import Broker

ENTRY = LedgerEntry(
    request_id="pop_CHG-2024-000001",
    type="pop_deployment",
    change_number="CHG-2024-000001",
    item=None,
    revision=1,
    digest="sha256:aa",
    path="requests/a.yaml",
    blob="b" * 40,
    document=1,
    documents=1,
    commit="c" * 40,
    phase=Phase.COMPLETED,
    completion="accept",
    timestamp="2024-07-09T14:25:30.000000Z",
)


@pytest.fixture
def log(kafka: Broker, topics_prefix: str) -> Iterator[KafkaEventLog]:
    """A log on topics of its own."""
    made = make_log(kafka, topics_prefix)
    made.identify()
    yield made
    made.close()


@contextmanager
def left_open(kafka: Broker, topic: str, value: bytes) -> Iterator[tuple[int, int]]:
    """Hold a record open, as brokers do that lost a transaction's end; give where it is."""
    settings = {"bootstrap.servers": kafka.bootstrap, "transactional.id": f"lost-{topic}"}
    producer = Producer(settings)
    producer.init_transactions(30)
    producer.begin_transaction()
    told: list[tuple[int, int]] = []
    producer.produce(
        topic,
        value,
        b"CHG-2024-000001",
        on_delivery=lambda _, message: told.append(
            (message.partition() or 0, message.offset() or 0)
        ),
    )
    producer.flush(30)
    try:
        yield told[0]
    finally:
        producer.abort_transaction(30)


def entry_of(topic: str, place: tuple[int, int]) -> bytes:
    """Make the ledger record of a request whose event is at a place."""
    event = SentEvent("pop_deployment", "pop_1", topic, *place, "2024-07-09T14:25:30.000000Z")
    return replace(ENTRY, events=(event,)).encode()


def test_an_open_event_that_the_ledger_names_is_not_aborted(
    kafka: Broker, log: KafkaEventLog
) -> None:
    """The ledger record is visible: its transaction was committed, and its event is lost to us."""
    topic = f"{log.names.prefix}.pop.deployment"
    session = log.fence()
    with left_open(kafka, topic, b"{}") as place:
        session.commit(
            [], lambda _: [(ENTRY.change_number, ENTRY.request_id, entry_of(topic, place))]
        )
        with pytest.raises(EventLogRefused, match="committed transaction"):
            log.fence()
    assert [key for key, _ in read_all(log)] == [ENTRY.request_id]


def test_an_open_ledger_record_of_a_visible_event_is_not_aborted(
    kafka: Broker, log: KafkaEventLog
) -> None:
    """The event is visible: aborting its ledger record would send it again."""
    event = make_event(log, 1)
    places: list[tuple[int, int]] = []

    def note(found: Sequence[Position]) -> list[tuple[str, str, bytes]]:
        places.extend((partition, offset) for partition, offset in found)
        return []

    log.fence().commit([event], note)
    with (
        left_open(kafka, log.names.ledger, entry_of(event.topic, places[0])),
        pytest.raises(EventLogRefused, match="committed transaction"),
    ):
        log.fence()


def test_what_others_hold_open_is_no_obstacle(kafka: Broker, log: KafkaEventLog) -> None:
    """An open transaction that belongs to nothing of ours is passed by."""
    with left_open(kafka, f"{log.names.prefix}.pop.deployment", b"{}"):
        log.fence().commit([make_event(log, 1)], lambda _: [])
