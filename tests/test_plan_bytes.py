"""What a review shows is, byte for byte, what is published after the merge."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bench.corpus import request_text
from tests.support.broker import console_consume
from tests.support.git import clone_repository, new_repository
from tests.support.kafka_log import make_topics
from tests.support.project import Project, new_project
from tests.support.review import ONE, THREE, TWO, A, B, C, changed, on_main, raised

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.broker import Broker


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A repository whose first commit holds no request."""
    made = new_project(tmp_path / "work")
    made.clone.commit({"README.md": "nothing yet"})
    return made


def planned_events(plan: Any) -> list[Any]:
    """Give the records that a plan shows, in a stable order."""
    events = [event for action in plan["actions"] for event in action["events"]]
    assert events
    return sorted(events, key=json.dumps)


def published_events(project: Project, *but: str) -> list[Any]:
    """Give the records that the embedded log shows, but those of some change numbers."""
    lines = map(json.loads, project.run("events", "-o", "jsonl").stdout.splitlines())
    names = ("topic", "key", "headers", "value")
    shown = [{name: line[name] for name in names} for line in lines if line["key"] not in but]
    return sorted(shown, key=json.dumps)


def pull_request(project: Project) -> Project:
    """Make a change of several commits: a new request, a higher revision, a cancellation."""
    on_main(project, {A: ONE, C: THREE, "requests/d.yaml": request_text(2)})
    changed(project, {B: TWO})
    changed(project, {A: f"{ONE}revision: 3\n"})
    return changed(project, {A: raised(0, 3), C: f"{THREE}cancel: not needed\n"})


def merge(project: Project, manner: str) -> None:
    """Bring the change to main as a git host does, a while later."""
    git = project.clone.git
    git("checkout", "-q", "main")
    if manner != "fast-forward":
        project.clone.commit({"docs.md": "meanwhile"})
    if manner == "fast-forward":
        git("merge", "--quiet", "--ff-only", "change")
    elif manner == "merge commit":
        project.clone.merge("change")
    elif manner == "squash":
        git("merge", "--quiet", "--squash", "change")
        project.clone.commit()
    else:
        git("rebase", "--quiet", "main", "change")
        git("checkout", "-q", "main")
        git("merge", "--quiet", "--ff-only", "change")


@pytest.mark.parametrize("manner", ["fast-forward", "merge commit"])
def test_what_a_review_shows_is_what_is_published_after_the_merge(
    project: Project, manner: str
) -> None:
    plan = pull_request(project).json("plan", "--base", "main")
    before = published_events(project)
    merge(project, manner)
    assert project.run("publish", "--expect", plan["digest"]).returncode == 0
    after = published_events(project)
    assert planned_events(plan) == [event for event in after if event not in before]


@pytest.mark.parametrize("manner", ["squash", "rebase"])
def test_a_merge_that_makes_new_commits_keeps_the_digest_but_not_the_times(
    project: Project, manner: str
) -> None:
    plan = pull_request(project).json("plan", "--base", "main")
    before = published_events(project)
    merge(project, manner)
    assert project.run("publish", "--expect", plan["digest"]).returncode == 0
    after = [event for event in published_events(project) if event not in before]
    assert [e["topic"] for e in planned_events(plan)] == [e["topic"] for e in after]
    assert planned_events(plan) != after


def test_a_shallow_clone_shows_the_bytes_of_a_whole_one(project: Project, tmp_path: Path) -> None:
    pull_request(project)
    project.clone.git("update-ref", "refs/pull/1/merge", project.clone.head)
    whole = project.json("plan", "--base", "main", "--offline")
    clone = new_repository(tmp_path / "ci")
    clone.git("remote", "add", "origin", project.root.as_uri())
    clone.git("fetch", "-q", "--depth=1", "origin", "+refs/pull/1/merge:refs/ci/change")
    clone.git("checkout", "-q", "--detach", "refs/ci/change")
    shallow = Project(clone).json("plan", "--base", "origin/main", "--offline")
    assert planned_events(shallow) == planned_events(whole)
    assert shallow["digest"] == whole["digest"]


def test_a_shallow_clone_that_cannot_be_deepened_warns_of_the_times(
    project: Project, tmp_path: Path
) -> None:
    on_main(project, {A: ONE})
    project.clone.git("checkout", "-q", "-b", "host")
    project.clone.git("checkout", "-q", "change")
    changed(project, {B: TWO})
    project.clone.git("checkout", "-q", "host")
    project.clone.merge("change")
    clone = clone_repository(project.root, tmp_path / "ci", "--depth=2", "--branch=host")
    clone.git("remote", "set-url", "origin", (tmp_path / "gone").as_uri())
    base = project.clone.git("rev-parse", "main")
    done = Project(clone).run("plan", "--base", base, "--offline")
    assert done.returncode == 0
    assert "warning: the clone is shallow and its remote gives no more" in done.stderr


def test_what_a_review_shows_is_what_kafka_holds_after_the_merge(
    tmp_path: Path, kafka: Broker, topics_prefix: str
) -> None:
    make_topics(kafka, topics_prefix)
    project = new_project(tmp_path / "work", kafka.settings(KAFKA_TOPIC_PREFIX=topics_prefix))
    project.clone.commit({C: THREE, "status/.gitignore": "*\n"})
    assert project.run("publish").returncode == 0
    project.clone.git("checkout", "-q", "-b", "change")
    changed(project, {B: TWO, A: request_text(2)})
    plan = project.json("plan", "--base", "main")
    assert plan["log"].startswith("kafka:")
    merge(project, "merge commit")
    assert project.run("publish", "--expect", plan["digest"]).returncode == 0
    topics = {event["topic"] for event in planned_events(plan)}
    seen = [
        {
            "topic": record.topic,
            "key": (record.key or b"").decode(),
            "headers": {name: (value or b"").decode() for name, value in record.headers},
            "value": (record.value or b"").decode(),
        }
        for record in console_consume(kafka.bootstrap, topics)
        if record.key != b"CHG-2024-000006"
    ]
    assert planned_events(plan) == sorted(seen, key=json.dumps)
