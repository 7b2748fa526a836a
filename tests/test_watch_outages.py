"""What `watch` needs goes away and comes back: it says so, loses nothing, sends nothing twice."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bench.corpus import request_text
from franc_gitops.daemon.board import Stage
from franc_gitops.daemon.wakeups import Wake
from franc_gitops.errors import EventLogUnreachable
from franc_gitops.eventlogs.kafka.names import Names
from tests.support.broker import console_consume, free_port, start_broker
from tests.support.kafka_log import make_topics
from tests.support.watching import Running, watching
from tests.support.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.broker import Broker


@pytest.fixture(scope="module")
def fragile() -> Iterator[Broker]:
    """A broker that tests stop, freeze and move."""
    with start_broker(listeners={"FRONT": "PLAINTEXT"}) as broker:
        yield broker


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "requests").mkdir()
    return tmp_path


def settings(broker: Broker, prefix: str) -> dict[str, str]:
    make_topics(broker, prefix)
    return broker.settings(
        KAFKA_TOPIC_PREFIX=prefix, KAFKA_CONNECT_TIMEOUT="3", KAFKA_TRANSACTION_TIMEOUT="6"
    )


def save(folder: Path, *numbers: int) -> None:
    for number in numbers:
        (folder / f"requests/{number:06d}.yaml").write_text(request_text(number))


def is_down(running: Running) -> bool:
    ready, reasons = running.daemon.board.readiness()
    return not ready and any(reason.stage == "event_log" for reason in reasons)


def assert_each_once(broker: Broker, prefix: str, requests: int) -> None:
    """As Kafka's own consumer sees it."""
    records = console_consume(broker.bootstrap, Names(prefix).events)
    ids = [record.header("ce_id") for record in records]
    assert len(ids) == len(set(ids)) == requests * 3


def go_away(step: str) -> None:
    """Break off what writes and what reads; the log still says which one it is."""
    if step != "identify":
        raise EventLogUnreachable("away")


def test_what_is_saved_in_an_outage_is_counted_whatever_was_read_last(tmp_path: Path) -> None:
    """A reading that is broken off does not make what is published count as waiting."""
    world = World(tmp_path / "world", is_daemon=True)
    world.write("requests/1.yaml", request_text(1), 1)
    world.look(frozenset())
    assert world.turns
    world.log.step = go_away
    seen = []
    for number in (2, 3, 4):
        path = f"requests/{number}.yaml"
        world.write(path, request_text(number), number)
        outcome = world.turns.take(Wake(frozenset(["save"]), frozenset([path])), publishes=True)
        assert outcome
        assert isinstance(outcome.report.failure, EventLogUnreachable)
        seen.append(sorted(name[-1] for name in outcome.report.unsent))
    assert seen == [["2"], ["2", "3"], ["2", "3", "4"]]


def test_an_outage_costs_a_look_at_all_files_for_news_alone(tmp_path: Path) -> None:
    world = World(tmp_path / "world", is_daemon=True)
    world.look(frozenset())
    assert world.turns
    world.log.step = go_away
    assert world.turns.take(Wake.everything("timer"), publishes=True)
    for reason in ("retry", "takeover"):
        with pytest.raises(EventLogUnreachable):
            world.turns.take(Wake.everything(reason), publishes=True)


def test_a_broker_that_is_away_for_a_while(
    fragile: Broker, folder: Path, topics_prefix: str
) -> None:
    """It is said, counted and kept; what waits is sent by itself afterwards, oldest first."""
    save(folder, 1)
    with watching(folder, settings(fragile, topics_prefix)) as running:
        running.wait_for_published(1)
        fragile.stop()
        for number in (2, 3, 4):
            save(folder, number)
            os.utime(folder / f"requests/{number:06d}.yaml", (10_000 - number,) * 2)
        running.wait_until(lambda: is_down(running), "the outage to be told")
        running.wait_until(lambda: running.daemon.board.register.pending()[0] == 3, "3 to wait")
        assert running.daemon.board.liveness()
        assert not (folder / "status/000002.yaml").exists()
        fragile.restart()
        running.wait_for_published(4)
        running.wait_until(lambda: running.daemon.board.readiness()[0], "it to be ready again")
        assert running.published[1:] == [
            "device_conn_CHG-2024-000004",
            "device_conn_CHG-2024-000003",
            "device_conn_CHG-2024-000002",
        ]
        assert (folder / "status/000002.yaml").exists()
    assert_each_once(fragile, topics_prefix, 4)


def test_a_broker_that_freezes_in_the_middle(
    fragile: Broker, folder: Path, topics_prefix: str
) -> None:
    """A commit without an answer is neither believed nor repeated: the ledger tells."""
    with watching(folder, settings(fragile, topics_prefix)) as running:
        running.wait_for_start()
        save(folder, 1)
        running.wait_for_published(1)
        fragile.pause()
        save(folder, 2)
        running.wait_until(lambda: is_down(running), "the outage to be told")
        save(folder, 3)
        fragile.resume()
        running.wait_until((folder / "status/000003.yaml").exists, "the last status")
    assert_each_once(fragile, topics_prefix, 3)


def test_a_broker_that_is_away_at_the_start_and_comes_back_elsewhere(
    fragile: Broker, folder: Path, topics_prefix: str
) -> None:
    """The address that was configured stays, the one that brokers are reached at is another."""
    environ = settings(fragile, topics_prefix)
    environ["KAFKA_BOOTSTRAP_SERVERS"] = fragile.address("FRONT")
    fragile.stop()
    save(folder, 1)
    with watching(folder, environ) as running:
        running.wait_until(lambda: is_down(running), "the outage to be told")
        fragile.restart(port=free_port())
        running.wait_for_published(1)
        save(folder, 2)
        running.wait_for_published(2)
    assert running.said.roles == ["leader", "draining"]
    assert_each_once(fragile, topics_prefix, 2)


def test_a_status_folder_that_cannot_be_written_heals(folder: Path) -> None:
    (folder / "status").write_text("in the way")
    save(folder, 1)
    with watching(folder) as running:
        running.wait_for_published(1)
        running.wait_until(lambda: running.said.failures, "the failure")
        ready, reasons = running.daemon.board.readiness()
        assert not ready
        assert [reason.stage for reason in reasons] == ["write_back"]
        save(folder, 2)
        (folder / "status").unlink()
        running.wait_until((folder / "status/000001.yaml").exists, "the status file")
        running.wait_for_published(2)
        running.wait_until(lambda: running.daemon.board.readiness()[0], "it to be ready again")
    assert len(running.published) == 2


def test_a_folder_that_goes_away_and_comes_back(folder: Path) -> None:
    save(folder, 1)
    with watching(folder) as running:
        running.wait_for_published(1)
        (folder / "requests").rename(folder / "hidden")
        (folder / "requests").write_text("not a folder")
        running.look_at_everything_in_vain()
        assert running.daemon.board.view().conditions
        (folder / "requests").unlink()
        (folder / "hidden").rename(folder / "requests")
        save(folder, 2)
        running.wait_for_published(2)
    conditions = {c.stage: c.ok for c in running.daemon.board.view().conditions}
    assert conditions[Stage.REPOSITORY]
