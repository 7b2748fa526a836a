"""The transaction part of `publish` against a bare producer that sends the same records."""

from __future__ import annotations

import gc
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING

from confluent_kafka import murmur2

from bench.bare_producer import BareProducer, Sent
from bench.publishing import PER_REQUEST, warm_up_topic
from bench.setting import PARTITIONS
from bench.table import Row, take_turns
from franc_gitops.clock import SystemClock
from franc_gitops.eventlogs.kafka import KafkaEventLog
from franc_gitops.eventlogs.kafka.names import LEDGER_PARTITIONS, LEDGER_TOPIC
from franc_gitops.pipeline.publish import BATCH, Publisher
from franc_gitops.settings import load_settings
from franc_gitops.wiring import Choices, open_pass
from tests.support.kafka_log import connection_to

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from bench.setting import Setting
    from franc_gitops.eventlogs import Committed, Recorder, Session, Target
    from franc_gitops.ledger import Ledger
    from franc_gitops.model import Event, Position
    from franc_gitops.pipeline.actions import Plan

TRANSACTIONS = "transactions"
BARE = "bare producer"


def transactions(setting: Setting) -> Row:
    """Session.commit of the product's own batches, and the same records without transactions."""
    requests = setting.size(20_000)
    row = Row(
        "transactions",
        f"{requests:,} requests, {requests * PER_REQUEST:,} records, in one process by turns: the "
        f"time inside Session.commit, in transactions of up to {BATCH:,} requests (events, flush, "
        "ledger records with the offsets, flush, commit); the bare idempotent producer sends the "
        "same records to the same partitions of other topics, with one flush at the end. Both are "
        "connected before; the events are made before",
    )
    plan = _plan(setting.repository(requests))
    captured: list[Sent] = []
    producer = BareProducer(setting.broker.bootstrap, warm_up_topic(setting))
    # As the command does: see franc_gitops/cli/__init__.py.
    gc.set_threshold(100_000, 20, 20)

    def in_transactions() -> float:
        prefix = setting.fresh_topics()
        log = _TimedLog(KafkaEventLog(connection_to(setting.broker), prefix))
        _publish(log, _with_prefix(plan, prefix))
        captured[:] = log.sent(prefix)
        return log.seconds

    def bare() -> float:
        gc.collect()
        return producer.send(captured, setting.fresh_topics()).seconds

    contenders = {TRANSACTIONS: in_transactions, BARE: bare}
    take_turns(row, setting.rounds(7), contenders, warm_up=True)
    row.compare(BARE, TRANSACTIONS, "of the bare producer's speed", "at least 0.9, aim 1.0")
    for name in contenders:
        speed = requests * PER_REQUEST / row.median(name)
        row.remarks.append(f"{name}: {speed:,.0f} records/s")
    return row


@dataclass
class _TimedLog:
    """The log with a watch on `commit`; it keeps what was committed."""

    log: KafkaEventLog
    seconds: float = 0.0
    commits: list[tuple[Sequence[Event], list[tuple[str, str, bytes]]]] = field(
        default_factory=list
    )

    def fence(self) -> _TimedSession:
        return _TimedSession(self, self.log.fence())

    def __getattr__(self, name: str) -> object:
        return getattr(self.log, name)

    def sent(self, prefix: str) -> list[Sent]:
        """What was committed, in the order of sending, as a bare producer may send it."""
        found = []
        for events, records in self.commits:
            found += [
                Sent(
                    event.topic.removeprefix(f"{prefix}."),
                    murmur2(event.key, PARTITIONS),
                    event.key,
                    event.value,
                    list(event.headers),
                )
                for event in events
            ]
            found += [
                Sent(
                    LEDGER_TOPIC,
                    murmur2(change.encode(), LEDGER_PARTITIONS),
                    request_id.encode(),
                    value,
                    None,
                )
                for change, request_id, value in records
            ]
        return found


@dataclass
class _TimedSession:
    log: _TimedLog
    session: Session

    def target(self) -> Target:
        return self.session.target()

    def commit(self, events: Iterable[Event], recorder: Recorder) -> Committed:
        kept: list[tuple[str, str, bytes]] = []
        sent = list(events)

        def record(positions: Sequence[Position]) -> Iterator[tuple[str, str, bytes]]:
            for made in recorder(positions):
                kept.append(made)
                yield made

        gc.collect()
        began = monotonic()
        committed = self.session.commit(sent, record)
        self.log.seconds += monotonic() - began
        self.log.commits.append((sent, kept))
        return committed

    def close(self) -> None:
        self.session.close()


def _plan(repository: Path) -> Plan:
    settings = load_settings(repository, is_tracked=lambda _: False, environ={})
    with open_pass(settings, Choices(write_back=False)) as turn:
        return turn.plan()


def _with_prefix(plan: Plan, prefix: str) -> Plan:
    envelope = replace(plan.situation.envelope, prefix=prefix)
    return replace(plan, situation=replace(plan.situation, envelope=envelope))


def _publish(log: _TimedLog, plan: Plan) -> None:
    def refuse(_: Ledger) -> Plan:
        raise AssertionError("nobody else writes to this ledger")

    publisher = Publisher(log, SystemClock())  # type: ignore[arg-type]
    publisher.publish(replace(plan, known=publisher.ledger.state), refuse)
    publisher.close()
