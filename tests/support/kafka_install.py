"""Makes Kafka ready to run: fetches it, and keeps class data so that each JVM starts faster.

    python -m tests.support.kafka_install

A class data archive (dynamic CDS) halves the start of a JVM. Each is written by one training run,
when its JVM ends; without them everything works, only slower.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from confluent_kafka import Producer

from tests.support.broker import Broker, console_consume, create_topics
from tests.support.kafka_jars import KafkaMissingError, archive, home, jars, one_at_a_time

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("format", "broker", "console")


def install() -> None:
    """Fetch what is missing; of several processes at a time, one does it and the others wait."""
    jars()
    with one_at_a_time("train"):
        if not all(archive(kind).is_file() for kind in KINDS):
            _train()


def _train() -> None:
    with Broker() as broker:
        with _recorded("format"):
            broker.format()
        with _recorded("broker"):
            broker.launch()
            broker.wait_ready()
            _use(broker)
            broker.stop()


def _use(broker: Broker) -> None:
    """Let the broker load what the tests will need: topics, a transaction, a group, a consumer."""
    create_topics(broker.bootstrap, ["training"], config={"cleanup.policy": "compact"})
    settings = {"bootstrap.servers": broker.bootstrap, "log_level": 0}
    producer = Producer({**settings, "transactional.id": "training"})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce("training", key="key", value="value", headers={"header": "value"})
    producer.commit_transaction(30)
    with _recorded("console"):
        console_consume(broker.bootstrap, ["training"])


@contextmanager
def _recorded(kind: str) -> Iterator[None]:
    """Have the JVM that is started inside leave an archive of its classes when it ends."""
    fresh = home() / f"{kind}.jsa.new"
    before = os.environ.get("JDK_JAVA_OPTIONS")
    os.environ["JDK_JAVA_OPTIONS"] = f"-XX:ArchiveClassesAtExit={fresh}"
    try:
        yield
    finally:
        os.environ.pop("JDK_JAVA_OPTIONS")
        if before is not None:
            os.environ["JDK_JAVA_OPTIONS"] = before
    if fresh.is_file():
        fresh.rename(archive(kind))


def main() -> int:
    """Install; one line says what is missing."""
    try:
        install()
    except KafkaMissingError as missing:
        print(f"franc-gitops: {missing}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
