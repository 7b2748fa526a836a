"""A read_committed consumer in a process of its own, to see when the last record is readable.

    python -m bench.consumer BOOTSTRAP COUNT TOPIC…

It prints `ready` once it stands at the end of every partition, and after COUNT records the
monotonic time at which it had read the last one.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from bench.process import clean_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from confluent_kafka import Message

_PATIENCE = 120.0


@contextmanager
def consumer_process(
    bootstrap: str, count: int, topics: Sequence[str]
) -> Iterator[Callable[[], float]]:
    """Start a consumer and wait until it is ready; gives what waits for its last record."""
    command = [sys.executable, "-m", "bench.consumer", bootstrap, str(count), *topics]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=clean_environment()
    ) as process:
        told = process.stdout
        assert told is not None
        try:
            assert told.readline() == "ready\n", "the consumer did not start"
            yield lambda: float(told.readline())
        finally:
            process.kill()


def read(bootstrap: str, topics: Sequence[str], count: int) -> list[Message]:
    """Every record of some topics; there must be `count`."""
    found: list[Message] = []
    consumer = _open(bootstrap, topics)
    for messages in _batches(consumer):
        found += (message for message in messages if not message.error())
        if len(found) >= count:
            break
    consumer.close()
    assert len(found) == count, f"{len(found)} records instead of {count}"
    return found


def _open(bootstrap: str, topics: Sequence[str]) -> Consumer:
    """Stand at the beginning of every partition, as a consumer that waits for records does."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 10,
        }
    )
    known = consumer.list_topics(timeout=10).topics
    consumer.assign(
        [TopicPartition(topic, number, 0) for topic in topics for number in known[topic].partitions]
    )
    return consumer


def _batches(consumer: Consumer) -> Iterator[list[Message]]:
    last = monotonic()
    while monotonic() - last < _PATIENCE:
        messages = consumer.consume(10_000, 0.02)
        for message in messages:
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
                raise KafkaException(error)
        if messages:
            last = monotonic()
            yield messages


def wait_until_readable(bootstrap: str, topics: Sequence[str]) -> None:
    """Wait until every partition answers: a broker needs a while for new topics."""
    consumer = _open(bootstrap, topics)
    waiting = {(each.topic, each.partition) for each in consumer.assignment()}
    for messages in _batches(consumer):
        waiting.difference_update((each.topic(), each.partition()) for each in messages)
        if not waiting:
            break
    consumer.close()


def main() -> None:
    """Wait for the last record."""
    bootstrap, count, *topics = sys.argv[1:]
    consumer = _open(bootstrap, topics)
    waiting = {(each.topic, each.partition) for each in consumer.assignment()}
    left = int(count)
    for messages in _batches(consumer):
        ends = [(each.topic(), each.partition()) for each in messages if each.error()]
        if waiting:
            waiting.difference_update(ends)
            if not waiting:
                print("ready", flush=True)
        left -= len(messages) - len(ends)
        if left <= 0:
            print(monotonic(), flush=True)
            return
    raise SystemExit(f"{left} records did not come within {_PATIENCE:.0f} s")


if __name__ == "__main__":
    main()
