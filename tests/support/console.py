"""The independent witness: Kafka's own console consumer (Java), and what it printed as records.

As a program, for people:  python -m tests.support.console localhost:9092 franc.device.connection
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Literal, Self

from confluent_kafka import Consumer, IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from tests.support.kafka_jars import java_command
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Isolation = Literal["read_committed", "read_uncommitted"]
Offsets = dict[tuple[str, int], int]

MAIN = "org.apache.kafka.tools.consumer.ConsoleConsumer"
# ASCII's own separators, which JSON text never contains unescaped.
FIELD, RECORD, HEADER, NULL = "\x1f", "\x1e", "\x1d", "\x1a"
FORMAT = {
    "print.timestamp": "true",
    "print.partition": "true",
    "print.offset": "true",
    "print.headers": "true",
    "print.key": "true",
    "key.separator": FIELD,
    "line.separator": RECORD,
    "headers.separator": HEADER,
    "null.literal": NULL,
}


@dataclass(frozen=True, order=True)
class ConsumedRecord:
    """One record as the console consumer printed it; `timestamp` in milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    headers: tuple[tuple[str, bytes | None], ...]
    key: bytes | None
    value: bytes | None

    def header(self, name: str) -> str | None:
        """The text of the first header of that name."""
        return next((v.decode() for n, v in self.headers if n == name and v is not None), None)


def console_consume(
    bootstrap: str,
    topics: Iterable[str],
    *,
    isolation: Isolation = "read_committed",
    config: Mapping[str, str] | None = None,
    seconds: float = 60,
) -> list[ConsumedRecord]:
    """Everything that is in the topics at the moment of the call, by topic, partition, offset.

    The end is not guessed from silence: each console consumer joins a group, commits how far it
    has printed, and is stopped once that has reached the end that the broker named at the start
    (the last stable offset for read_committed). `config` holds further consumer settings.
    """
    names = sorted(set(topics))
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    ends = _ends(admin, names, isolation)
    deadline = time.monotonic() + seconds
    with ExitStack() as stack:
        readers = [
            stack.enter_context(_Reader(bootstrap, topic, isolation, config or {}))
            for topic in names
            if any(name == topic for name, _ in ends)
        ]
        for reader in readers:
            wanted = {place: end for place, end in ends.items() if place[0] == reader.topic}
            reader.wait_until(wanted, deadline - time.monotonic())
        return sorted(record for reader in readers for record in reader.records())


class _Reader:
    """One console consumer on one topic; it does not print the topic, so each has its own."""

    def __init__(
        self, bootstrap: str, topic: str, isolation: Isolation, config: Mapping[str, str]
    ) -> None:
        self.topic = topic
        self._group = f"console-{uuid.uuid4()}"
        settings = {"auto.commit.interval.ms": "50", "fetch.max.wait.ms": "50", **config}
        self._command = java_command(
            "console",
            MAIN,
            *("--bootstrap-server", bootstrap, "--topic", topic, "--group", self._group),
            *("--from-beginning", "--isolation-level", isolation),
            *_repeated("--formatter-property", FORMAT),
            *_repeated("--command-property", settings),
        )
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 -- closed in __exit__
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115

        # A consumer that never joins, only to ask how far its group is: the admin client's
        # list_consumer_group_offsets crashes the process while the coordinator is loading
        # (librdkafka#5040).
        self._offsets = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": self._group, "log_level": 0}
        )

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._errors
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._offsets.close()
        self._output.close()
        self._errors.close()

    def wait_until(self, ends: Offsets, seconds: float) -> None:
        """Return once all that lies before the ends is printed."""
        try:
            wait_for(
                lambda: self._has_reached(ends),
                what=f"the console consumer to read {self.topic} to its end",
                seconds=seconds,
                every=0.05,
            )
        except TimeoutError as late:
            raise TimeoutError(f"{late}\n{self._complaints()}") from None

    def records(self) -> list[ConsumedRecord]:
        """Stop, and parse what was printed."""
        self._process.terminate()
        self._process.wait()
        self._output.seek(0)
        printed = self._output.read().decode(errors="surrogateescape").split(RECORD)
        return [_parsed(self.topic, text) for text in printed if text]

    def _has_reached(self, ends: Offsets) -> bool:
        if self._process.poll() is not None:
            message = f"the console consumer ended early\n{self._complaints()}"
            raise RuntimeError(message)
        try:
            places = self._offsets.committed([TopicPartition(*place) for place in ends], timeout=5)
        except KafkaException:  # the group's coordinator is not up yet; the deadline decides
            return False
        return all(place.offset >= ends[place.topic, place.partition] for place in places)

    def _complaints(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-3000:]


def _ends(admin: AdminClient, topics: Sequence[str], isolation: Isolation) -> Offsets:
    """Where each partition that holds anything ends for a consumer of that isolation."""
    known = admin.list_topics(timeout=10).topics
    missing = [topic for topic in topics if topic not in known]
    if missing:
        message = f"no such topic: {', '.join(missing)}"
        raise LookupError(message)
    places = [
        TopicPartition(topic, number) for topic in topics for number in known[topic].partitions
    ]
    level = (
        IsolationLevel.READ_COMMITTED
        if isolation == "read_committed"
        else IsolationLevel.READ_UNCOMMITTED
    )
    first = admin.list_offsets({place: OffsetSpec.earliest() for place in places})
    latest = admin.list_offsets(
        {place: OffsetSpec.latest() for place in places}, isolation_level=level
    )
    start = {(p.topic, p.partition): f.result(timeout=10).offset for p, f in first.items()}
    end = {(p.topic, p.partition): f.result(timeout=10).offset for p, f in latest.items()}
    return {place: end[place] for place in end if end[place] > start[place]}


def _repeated(option: str, settings: Mapping[str, str]) -> list[str]:
    return [word for name, value in settings.items() for word in (option, f"{name}={value}")]


def _parsed(topic: str, text: str) -> ConsumedRecord:
    timestamp, partition, offset, headers, key, value = text.split(FIELD)
    return ConsumedRecord(
        topic=topic,
        partition=int(partition.removeprefix("Partition:")),
        offset=int(offset.removeprefix("Offset:")),
        timestamp=int(timestamp.partition(":")[2]),
        headers=tuple(_header(pair) for pair in headers.split(HEADER) if headers != "NO_HEADERS"),
        key=_bytes(key),
        value=_bytes(value),
    )


def _header(pair: str) -> tuple[str, bytes | None]:
    name, _, value = pair.partition(":")
    return name, _bytes(value)


def _bytes(text: str) -> bytes | None:
    return None if text == NULL else text.encode(errors="surrogateescape")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the topics' committed records, one paragraph each."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.console")
    parser.add_argument("bootstrap")
    parser.add_argument("topics", nargs="+")
    chosen = parser.parse_args(arguments)
    for record in console_consume(chosen.bootstrap, chosen.topics):
        print(f"{record.topic} [{record.partition}] @{record.offset} key {_text(record.key)}")
        for name, value in record.headers:
            print(f"    {name}: {_text(value)}")
        print(f"    {_text(record.value)}")


def _text(content: bytes | None) -> str:
    return "null" if content is None else content.decode(errors="replace")


if __name__ == "__main__":
    main()
