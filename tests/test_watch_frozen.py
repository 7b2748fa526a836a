"""A daemon that is asked to end while its broker is frozen: in time, in order, and nothing lost."""

from __future__ import annotations

import json
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from franc_gitops.eventlogs.kafka.names import Names
from tests.support.broker import console_consume, free_port, start_broker
from tests.support.kafka_log import make_topics
from tests.support.project import new_project
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    import subprocess

    from tests.support.project import Project

PREFIX = "frozen"
GRACE = 10.0
"""Seconds that `docker stop` gives."""


@dataclass
class Started:
    """A daemon, and what it answers."""

    process: subprocess.Popen[str]
    address: str

    def status(self) -> dict[str, Any]:
        """Give what it says of itself; nothing while it does not answer."""
        try:
            with urlopen(f"http://{self.address}/status", timeout=2) as answer:
                told: dict[str, Any] = json.load(answer)
                return told
        except (URLError, OSError):
            return {}

    def is_at_rest(self) -> bool:
        """Whether its first turn has ended."""
        told = self.status()
        return bool(told) and told["role"] != "starting" and not told["in_flight"]

    def is_publishing(self) -> bool:
        """Whether a turn has gone on for so long that only the broker can be waited for."""
        told: dict[str, Any] = self.status().get("in_flight") or {"seconds": 0.0}
        return bool(told["seconds"] > 1)

    def terminate(self) -> float:
        """Send SIGTERM; give when."""
        self.process.send_signal(signal.SIGTERM)
        return time.monotonic()


class Ending(NamedTuple):
    """How a daemon ended: its exit code, so long after the last signal, and what it logged."""

    code: int
    seconds: float
    log: str


class Story(NamedTuple):
    """Two daemons that ended while their broker was frozen, and what there is afterwards."""

    asked_once: Ending
    asked_twice: Ending
    ids: list[str | None]


@pytest.fixture
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """One daemon gets one SIGTERM, the other two; then the broker goes on, and a pass is made."""
    with start_broker() as broker:
        make_topics(broker, PREFIX)
        settings = broker.settings(KAFKA_TOPIC_PREFIX=PREFIX)
        project = new_project(tmp_path_factory.mktemp("frozen") / "work", settings)
        project.add(range(1))
        first, second = start(project), start(project)
        try:
            broker.pause()
            project.add(range(1, 2))
            for daemon in (first, second):
                wait_for(daemon.is_publishing, what="a turn in vain", seconds=60)
            second.terminate()
            wait_for(lambda: second.status().get("draining"), what="it to say so", seconds=10)
            twice = ending(second, second.terminate())
            once = ending(first, first.terminate())
        finally:
            broker.resume()
            for daemon in (first, second):
                daemon.process.kill()
                daemon.process.wait()
        wait_for(
            lambda: project.run("watch", "--once").returncode == 0,
            what="a pass that publishes the rest",
            seconds=90,
        )
        records = console_consume(broker.bootstrap, Names(PREFIX).events)
        return Story(once, twice, [record.header("ce_id") for record in records])


def start(project: Project) -> Started:
    address = f"127.0.0.1:{free_port()}"
    daemon = Started(project.start("watch", "--http", address), address)
    wait_for(daemon.is_at_rest, what="the first turn", seconds=60)
    return daemon


def ending(daemon: Started, began: float) -> Ending:
    _, log = daemon.process.communicate(timeout=60)
    return Ending(daemon.process.returncode, time.monotonic() - began, log)


def test_daemons_whose_broker_is_frozen_end_when_they_are_asked_to(story: Story) -> None:
    """In time, saying what was not sent; at once if asked twice; the next start sends it once."""
    once, twice = story.asked_once, story.asked_twice
    assert "Traceback" not in once.log + twice.log
    last = json.loads([line for line in once.log.splitlines() if line.startswith("{")][-1])
    assert (once.code, last["event"]) == (0, "stopped")
    assert (last["unsent"], last["requests"]) == (1, ["pop_CHG-2024-000001"])
    assert once.seconds < GRACE
    assert (twice.code, twice.seconds < 1.5) == (128 + signal.SIGTERM, True)
    assert len(story.ids) == len(set(story.ids)) == 2 * 3
