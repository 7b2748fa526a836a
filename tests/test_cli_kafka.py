"""The verbs on a real Apache Kafka: topics, doctor, and what `publish` says there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from franc_gitops.cli.publish import SUCCESS
from tests.support.project import Project, new_project

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.support.broker import Broker


@pytest.fixture
def project(tmp_path: Path, kafka: Broker, topics_prefix: str) -> Project:
    """An empty repository whose topics do not exist yet."""
    settings = kafka.settings(KAFKA_ENABLED="true", KAFKA_TOPIC_PREFIX=topics_prefix)
    return new_project(tmp_path / "work", settings)


@pytest.fixture
def ready(project: Project) -> Project:
    """The same with its topics and some requests."""
    assert project.run("topics", "create").returncode == 0
    project.add(range(2))
    return project


def test_topics_are_checked_created_and_checked_again(project: Project, topics_prefix: str) -> None:
    assert {row["state"] for row in project.json("topics", "check", exit_code=1)} == {"missing"}
    created = project.json("topics", "create", "--partitions", "2", "--retention-days", "7")
    assert {row["state"] for row in created} == {"created"}
    ledger = created[-1]
    assert (ledger["topic"], ledger["partitions"]) == (f"{topics_prefix}.gitops.ledger", 32)
    assert ledger["config"]["cleanup.policy"] == "compact"
    again = project.run("topics", "create", "--partitions", "2", "--retention-days", "7")
    assert [line.split()[0] for line in again.stdout.splitlines()] == ["ok"] * 6


def test_a_topic_that_is_weaker_than_wished_is_shown_with_the_way_out(ready: Project) -> None:
    done = ready.run("topics", "check", "--retention-days", "90")
    assert done.returncode == 0
    assert done.stdout.count("warning: retention.ms is ") == 5
    assert "hint: kafka-configs --alter" in done.stdout


def test_topics_are_shown_as_they_are_with_the_wish_beside_it(
    project: Project, topics_prefix: str
) -> None:
    missing = project.json("topics", "check", exit_code=1)[0]
    assert (missing["partitions"], missing["replication"], missing["config"]) == (None, None, {})
    assert missing["wanted"]["partitions"] == 6
    first = project.run("topics", "check").stdout.splitlines()[0]
    assert first.endswith("to have partitions 6, replicas 1, delete")

    made = project.run("topics", "create", "--partitions", "2", "--retention-days", "60").stdout
    assert made.splitlines()[0].endswith("  partitions 2, replicas 1, delete")
    for verb in ("create", "check"):
        wish = ["topics", verb, "--partitions", "4", "--retention-days", "30"]
        row = project.json(*wish)[0]
        assert (row["state"], row["partitions"]) == ("ok", 2)
        assert row["config"]["retention.ms"] == str(60 * 24 * 60 * 60 * 1000)
        assert row["wanted"]["partitions"] == 4
        assert row["wanted"]["config"]["retention.ms"] == str(30 * 24 * 60 * 60 * 1000)
        shown = project.run(*wish).stdout.splitlines()[0]
        assert shown.endswith("  partitions 2 (wished for: 4; left as it is), replicas 1, delete")
    copies = project.run("topics", "check", "--partitions", "2", "--replication", "3").stdout
    assert "replicas 1 (wished for: 3; left as it is), delete" in copies.splitlines()[0]


@pytest.mark.parametrize(
    "wish", [["--partitions", "0"], ["--partitions", "x"], ["--retention-days", "-2"]]
)
def test_an_odd_wish_is_exit_2(project: Project, wish: Sequence[str]) -> None:
    assert project.run("topics", "create", *wish).returncode == 2


def test_doctor_is_content_with_a_broker_that_is_ready(ready: Project) -> None:
    done = ready.run("doctor", "-o", "json")
    assert done.returncode == 0, done.stdout
    outcomes = {check["name"]: check["outcome"] for check in json.loads(done.stdout)}
    for name in ("settings", "repository", "broker", "login", "isolation", "pins"):
        assert outcomes[name] == "ok"
    assert outcomes["TLS"] == "skipped"
    assert outcomes["clock"] in {"ok", "skipped"}


def test_doctor_says_what_to_do_about_missing_topics(project: Project) -> None:
    done = project.run("doctor")
    assert done.returncode == 2
    assert "skipped  pins: not tried" in done.stdout
    assert "hint: franc-gitops topics create" in done.stdout
    assert "KAFKA_TOPIC_PREFIX" in done.stdout


def test_doctor_tells_a_broker_that_is_away_from_a_wrong_setting(project: Project) -> None:
    project.add(range(1))
    away = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "KAFKA_CONNECT_TIMEOUT": "1"}
    assert project.run("doctor", **away).returncode == 4
    done = project.run("doctor", KAFKA_SECURITY_PROTOCOL="nonsense")
    assert done.returncode == 2
    assert done.stdout.startswith("failed   settings: environment KAFKA_SECURITY_PROTOCOL: ")


def test_publish_says_it_in_the_words_of_the_guide(ready: Project) -> None:
    done = ready.run("publish")
    assert done.returncode == 0
    pins, success, summary = done.stderr.splitlines()
    assert pins.endswith(" is new: pinned in status/.ledger.yaml")
    assert success == f"{SUCCESS} (2 requests)"
    assert summary.endswith(": 2 published, 0 unchanged")
    again = ready.run("publish")
    assert SUCCESS not in again.stderr
    assert ".ledger.yaml" not in again.stderr


def test_a_broker_that_is_away_is_a_warning_and_exit_4(project: Project) -> None:
    project.add(range(1))
    away = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "KAFKA_CONNECT_TIMEOUT": "1"}
    done = project.run("publish", **away)
    assert done.returncode == 4
    assert "warning: publishing failed; what is missing stays pending" in done.stderr
    assert "error FRN501: " in done.stderr


def test_logs_tell_partition_and_offset_once_published(ready: Project) -> None:
    done = ready.run("publish", "-v")
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert len(lines) == 2
    for line in lines:
        assert line["partition"] >= 0
        assert line["offset"] >= 0
        assert set(line["offsets"]) > {"task_status_update", "task_completion"}
