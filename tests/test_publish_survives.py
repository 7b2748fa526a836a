"""Exactly once on a real Apache Kafka, whatever dies: seen by Kafka's own console consumer."""

from __future__ import annotations

import json
import random
import subprocess
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.support.broker import console_consume
from tests.support.git import clone_repository
from tests.support.kafka_log import make_topics
from tests.support.project import Project, new_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.broker import Broker
    from tests.support.console import ConsumedRecord

TOPICS = (
    "device.connection",
    "datacenter.deployment",
    "pop.deployment",
    "task.status",
    "task.completion",
)
SECONDS = 120


@pytest.fixture
def project(tmp_path: Path, kafka: Broker, topics_prefix: str) -> Project:
    """An empty repository that publishes to topics of its own."""
    make_topics(kafka, topics_prefix)
    settings = kafka.settings(KAFKA_TOPIC_PREFIX=topics_prefix)
    return new_project(tmp_path / "work", settings)


def consume(kafka: Broker, prefix: str) -> list[ConsumedRecord]:
    """Read all events with Kafka's own console consumer, committed ones only."""
    return console_consume(kafka.bootstrap, [f"{prefix}.{topic}" for topic in TOPICS])


def check_each_once(records: list[ConsumedRecord], requests: int) -> None:
    """Hold what the console consumer saw against what was ordered."""
    ids = Counter(record.header("ce_id") for record in records)
    assert [event_id for event_id, count in ids.items() if count > 1] == []
    of_type = Counter(record.header("ce_type") for record in records)
    assert of_type["franc.task_status_update.v1"] == requests
    assert of_type["franc.task_completion.v1"] == requests
    assert sum(of_type.values()) == 3 * requests


def check_status_files(project: Project, records: list[ConsumedRecord], requests: int) -> None:
    """Hold every status file against the events that the console consumer saw."""
    places = {record.header("ce_id"): record for record in records}
    files = project.status_files()
    assert len(files) == requests
    for content in files.values():
        status = yaml.safe_load(content)
        assert status["phase"] == "Completed", content
        for event in status["requests"][0]["events"]:
            record = places[event["event_id"]]
            where = (record.topic, record.partition, record.offset)
            assert where == (event["topic"], event["partition"], event["offset"])


def check_rebuilt(project: Project, elsewhere: Path) -> None:
    """A fresh clone that publishes nothing writes the very same status files."""
    twin = Project(clone_repository(project.root, elsewhere), project.settings)
    assert twin.json("publish")["summary"]["published"] == 0
    assert twin.status_files() == project.status_files()


def kill_at_random(project: Project, chance: random.Random, longest: float) -> bool:
    """Start a publication and kill it without warning; give whether it was still running."""
    process = project.start("publish")
    try:
        process.communicate(timeout=chance.uniform(0.05, longest))
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return True
    assert process.returncode == 0
    return False


@pytest.mark.timeout(600)
def test_kill_at_any_moment_loses_and_repeats_nothing(
    project: Project, kafka: Broker, topics_prefix: str, tmp_path: Path
) -> None:
    """2,000 requests arrive in 40 merges; the publisher is killed at least 40 times on the way."""
    chance = random.Random(20240709)
    kills = rounds = 0
    while rounds < 40 or kills < 40:
        if rounds < 40:
            project.add(range(rounds * 50, rounds * 50 + 50))
        rounds += 1
        kills += kill_at_random(project, chance, longest=1.2)
    assert project.run("publish").returncode == 0
    records = consume(kafka, topics_prefix)
    check_each_once(records, requests=2000)
    check_status_files(project, records, requests=2000)
    check_rebuilt(project, tmp_path / "elsewhere")


@pytest.mark.timeout(300)
def test_four_publishers_at_once_publish_each_request_once(
    project: Project, kafka: Broker, topics_prefix: str, tmp_path: Path
) -> None:
    """Clones of one repository publish at the same moment; all end well."""
    project.add(range(1000))
    twins = [
        Project(clone_repository(project.root, tmp_path / f"clone{n}"), project.settings)
        for n in range(4)
    ]
    running = [twin.start("publish", "-o", "json") for twin in twins]
    reports = [process.communicate(timeout=SECONDS) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0, 0], reports
    published = sum(json.loads(out)["summary"]["published"] for out, _ in reports)
    records = consume(kafka, topics_prefix)
    check_each_once(records, requests=1000)
    assert published == 1000
    for twin in twins:
        check_status_files(twin, records, requests=1000)
    assert len({tuple(twin.status_files().items()) for twin in twins}) == 1
