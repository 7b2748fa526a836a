"""The rows about the daemon: from a save or a commit to a readable record, and doing nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from time import monotonic
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, TopicPartition

from bench.consumer import consumer_process
from bench.corpus import commit, request_text, write_corpus
from bench.process import FRANC, clean_environment
from bench.publishing import PER_REQUEST
from bench.table import Ratio, Row
from franc_gitops.eventlogs.kafka.names import Names
from tests.support.kafka_log import fresh_prefix
from tests.support.topics import create_topics
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.setting import Setting

_FIRST = 800_000
"""Numbers of the requests that are saved while it is measured."""

_PAUSE = 0.02
_WARM_UP = 10
"""So many of the first ones do not count."""

FLOOR = "floor"


def saved(setting: Setting) -> Row:
    """From the closing of a file to its event in a read_committed consumer."""
    count = setting.size(500)
    row = Row(
        "saved",
        f"{count} files, one after another, in a plain folder: from closing a file until a "
        "read_committed consumer has its event; floor: a process that has watchdog call it and "
        "sends the file's content in a transaction of one record",
        unit="ms",
    )
    _measure_floor(setting, row, count)
    prefix, folder = setting.fresh_topics(), setting.fresh_folder()
    (folder / "requests").mkdir()
    with _reading(setting, Names(prefix).events) as consumer, _watch(setting, folder, prefix):
        for number in _numbers(count):
            began = _save(folder, number)
            row.add("watch", 1000 * (consumer.wait(_key(number)) - began))
    _percentiles(row, "watch", "p50 below 14 ms, p99 below 60 ms on the reference machine")
    _percentiles(row, FLOOR, "there: p50 5 to 9 ms, p99 9 to 29 ms")
    row.compare("watch", FLOOR, "times the floor")
    return row


def committed(setting: Setting) -> Row:
    """From the end of `git commit` to its event in a read_committed consumer."""
    count = setting.size(200)
    row = Row(
        "committed",
        f"{count} commits of one file, one after another, in a local repository: from the end of "
        "git commit until a read_committed consumer has the event",
        unit="ms",
    )
    prefix, folder = setting.fresh_topics(), setting.repository(10)
    with _reading(setting, Names(prefix).events) as consumer, _watch(setting, folder, prefix):
        for number in _numbers(count):
            _save(folder, number)
            commit(folder)
            began = monotonic()
            row.add("watch", 1000 * (consumer.wait(_key(number)) - began))
    _percentiles(row, "watch", "p50 below 60 ms on the reference machine")
    return row


def dropped(setting: Setting) -> Row:
    """From the beginning of a large copy to its last event in a read_committed consumer."""
    files = setting.size(10_000)
    row = Row(
        "dropped",
        f"{files:,} files copied at once into the folder of a running daemon: from the start of "
        f"cp until a read_committed consumer has the last of {files * PER_REQUEST:,} records; cp: "
        "the copy alone",
    )
    source = setting.fresh_folder()
    write_corpus(source, files)
    for _ in range(setting.rounds(3)):
        prefix, folder = setting.fresh_topics(), setting.fresh_folder()
        (folder / "requests").mkdir()
        topics = Names(prefix).all
        with (
            consumer_process(setting.broker.bootstrap, files * PER_REQUEST, topics) as last,
            _watch(setting, folder, prefix),
        ):
            began = monotonic()
            subprocess.run(["cp", "-r", f"{source}/requests", str(folder)], check=True)
            row.add("cp", monotonic() - began)
            row.add("watch", last() - began)
        shutil.rmtree(folder)
    row.ratios.append(Ratio(row.median("watch"), "seconds", "below 3 on the reference machine"))
    return row


def idle(setting: Setting) -> Row:
    """What a daemon costs that has nothing to do, with many requests."""
    files, seconds = setting.size(100_000), max(10.0, setting.rounds(60))
    row = Row(
        "idle",
        f"a daemon on a clone with {files:,} published requests, started when all is published: "
        f"processor time and memory in {seconds:.0f} s without a change, once a second of them has "
        "taken less than 50 ms; HTTP included",
        unit="%",
    )
    folder, prefix = setting.repository(files), setting.fresh_topics()
    with _watch(setting, folder, prefix, "--http", "127.0.0.1:0"):
        pass
    with _watch(setting, folder, prefix, "--http", "127.0.0.1:0") as process:
        wait_for(lambda: _spends(process.pid, 1.0) < 0.05, what="it to be idle", seconds=60)
        row.add("processor", 100 * _spends(process.pid, seconds) / seconds)
        row.remarks.append(f"memory {_memory(process.pid, 'VmRSS'):.0f} MB (wanted: below 150)")
        row.remarks.append(f"most so far {_memory(process.pid, 'VmHWM'):.0f} MB")
    row.ratios.append(Ratio(row.median("processor"), "% of one processor", "below 1"))
    return row


# --- the parts --------------------------------------------------------------------------------


class _Reader:
    """A consumer in this process that waits for one record after another."""

    def __init__(self, bootstrap: str, topics: Sequence[str]) -> None:
        settings: dict[str, str | bool] = {
            "bootstrap.servers": bootstrap,
            "group.id": "bench",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
        self.consumer = Consumer(settings)
        known = self.consumer.list_topics(timeout=10).topics
        places = [TopicPartition(t, number) for t in topics for number in known[t].partitions]
        for place in places:
            place.offset = self.consumer.get_watermark_offsets(place, timeout=10)[1]
        self.consumer.assign(places)
        self.consumer.poll(1)

    def wait(self, key: bytes) -> float:
        """The time at which a record with that key was read."""
        deadline = monotonic() + 60
        while monotonic() < deadline:
            message = self.consumer.poll(1)
            if message is not None and not message.error() and message.key() == key:
                return monotonic()
        raise TimeoutError(key)


@contextmanager
def _reading(setting: Setting, topics: Sequence[str]) -> Iterator[_Reader]:
    reader = _Reader(setting.broker.bootstrap, topics)
    try:
        yield reader
    finally:
        reader.consumer.close()


@contextmanager
def _watch(
    setting: Setting, folder: Path, prefix: str, *arguments: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon that has made its first turn."""
    options = arguments or ("--http", "off")
    log = folder.with_name(f"{folder.name}.log")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [FRANC, "watch", *options],
            cwd=folder,
            env=clean_environment(setting.broker.settings(KAFKA_TOPIC_PREFIX=prefix)),
            stdout=out,
            stderr=out,
        )
    try:
        has_begun = '"event": "role"'
        wait_for(lambda: has_begun in log.read_text(), what="the first turn", seconds=600)
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()[-2000:]
    finally:
        process.kill()
        process.wait()


def _measure_floor(setting: Setting, row: Row, count: int) -> None:
    bootstrap, folder = setting.broker.bootstrap, setting.fresh_folder()
    topic = f"{fresh_prefix()}.floor"
    (folder / "requests").mkdir()
    create_topics(bootstrap, [topic], partitions=1)
    command = [sys.executable, "-m", "bench.floor", bootstrap, topic, str(folder / "requests")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n", "the floor did not start"
        with _reading(setting, [topic]) as consumer:
            for number in _numbers(count):
                began = _save(folder, number)
                row.add(FLOOR, 1000 * (consumer.wait(b"floor") - began))
        process.kill()


def _numbers(count: int) -> Iterator[int]:
    """The numbers of requests, one after another and not at once."""
    for number in range(_FIRST, _FIRST + count):
        time.sleep(_PAUSE)  # noqa: TID251  - one save at a time
        yield number


def _save(folder: Path, number: int) -> float:
    """Write a request file; the time just before it is closed."""
    with (folder / f"requests/{number}.yaml").open("w") as file:
        file.write(request_text(number))
        file.flush()
        return monotonic()


def _key(number: int) -> bytes:
    return f"CHG-2024-{number:06d}".encode()


def _percentiles(row: Row, name: str, wanted: str) -> None:
    found = sorted(row.samples[name][_WARM_UP:] or row.samples[name])
    hundred = quantiles(found, n=100) if len(found) > 1 else found * 99
    row.remarks.append(
        f"{name}: p50 {hundred[49]:.1f} ms, p90 {hundred[89]:.1f} ms, p99 {hundred[98]:.1f} ms "
        f"({wanted})"
    )


def _processor_seconds(pid: int) -> float:
    """What a process and those that it has started and waited for have taken."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK")


def _spends(pid: int, seconds: float) -> float:
    """What it takes in so many seconds from now."""
    before = _processor_seconds(pid)
    time.sleep(seconds)  # noqa: TID251  - what is measured is that nothing happens
    return _processor_seconds(pid) - before


def _memory(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024
