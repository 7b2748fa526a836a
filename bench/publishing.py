"""The rows about a first publication: to the last readable record, and the whole command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.bare_producer import BareProducer, Sent
from bench.consumer import consumer_process, read
from bench.process import FRANC, run
from bench.table import Row, take_turns
from franc_gitops.eventlogs.kafka.names import Names
from tests.support.kafka_log import fresh_prefix
from tests.support.topics import create_topics

if TYPE_CHECKING:
    from pathlib import Path

    from bench.setting import Setting

PER_REQUEST = 4
"""Records of one request: request event, status update, completion, ledger record."""

VALIDATE = "franc-gitops validate"
TO_KAFKA = "publish to Kafka"
EMBEDDED = "publish, embedded log"


def readable(setting: Setting) -> Row:
    """From the start of `publish` to the last record that a consumer reads."""
    files = setting.size(10_000)
    records = files * PER_REQUEST
    row = Row(
        "readable",
        f"{files:,} new requests, {records:,} records: from the start of the process `publish` "
        "until a read_committed consumer, in a process of its own that was ready before, has read "
        "the last record; bare: an idempotent producer without transactions, connected before, "
        "sends the same records from memory to the same consumer",
    )
    repository = setting.repository(files)
    sample = _publish_and_keep(setting, repository, records)
    producer = BareProducer(setting.broker.bootstrap, warm_up_topic(setting))

    def publish() -> float:
        publication = setting.kafka()
        topics = Names(publication.prefix).all
        with consumer_process(setting.broker.bootstrap, records, topics) as last:
            ran = run(publication.command, repository, publication.environment)
            return last() - ran.started

    def bare() -> float:
        prefix = setting.fresh_topics()
        with consumer_process(setting.broker.bootstrap, records, Names(prefix).all) as last:
            span = producer.send(sample, prefix)
            return last() - span.started

    take_turns(row, setting.rounds(5), {"publish": publish, "bare": bare}, warm_up=True)
    row.compare("publish", "bare", "times as long as the bare producer")
    row.remarks.append(
        "wanted with 10,000 requests: below 2.3 s, aim 1.0 s (Bento on another machine)"
    )
    return row


def whole_command(setting: Setting) -> Row:
    """The whole command `publish`, status files included, against `validate`."""
    files = setting.size(20_000)
    row = Row(
        "publish",
        f"whole process, {files:,} new requests of one commit, status files written; validate "
        "reads the same files from the work tree; topics or embedded log are fresh in each run",
    )
    repository = setting.repository(files)

    def to_kafka() -> float:
        command, environment, *_ = setting.kafka()
        return run(command, repository, environment).seconds

    def embedded() -> float:
        command, environment, *_ = setting.embedded()
        return run(command, repository, environment).seconds

    contenders = {
        VALIDATE: lambda: run([FRANC, "validate"], repository).seconds,
        TO_KAFKA: to_kafka,
        EMBEDDED: embedded,
    }
    take_turns(row, setting.rounds(5), contenders, warm_up=True)
    row.compare(TO_KAFKA, VALIDATE, "to Kafka, times the time of validate", "at most 3, aim 2")
    row.compare(EMBEDDED, VALIDATE, "embedded, times the time of validate")
    return row


def _publish_and_keep(setting: Setting, repository: Path, records: int) -> list[Sent]:
    """Publish once and read back what was sent."""
    command, environment, _, prefix = setting.kafka()
    run(command, repository, environment)
    found = read(setting.broker.bootstrap, Names(prefix).all, records)
    return [
        Sent(
            str(message.topic()).removeprefix(f"{prefix}."),
            message.partition() or 0,
            message.key() or b"",
            message.value() or b"",
            message.headers(),
        )
        for message in found
    ]


def warm_up_topic(setting: Setting) -> str:
    """A topic for what a bare producer sends before it is measured."""
    topic = f"{fresh_prefix()}.warm-up"
    create_topics(setting.broker.bootstrap, [topic], partitions=1)
    return topic
