"""`plan --offline`: without asking the event log, and without claiming what only it knows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.project import Project, new_project
from tests.support.review import (
    ID_ONE,
    ID_THREE,
    ID_TWO,
    ONE,
    THREE,
    TWO,
    A,
    B,
    C,
    changed,
    codes,
    on_main,
    opened,
    publish,
    raised,
    review_of,
    told,
)

if TYPE_CHECKING:
    from pathlib import Path

    from franc_gitops.pipeline.review import Review

CANCELLED = f"{ONE}cancel: not needed\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A repository whose first commit holds no request."""
    made = new_project(tmp_path / "work")
    made.clone.commit({"README.md": "nothing yet"})
    return made


def reasons(review: Review) -> dict[str, str]:
    return {action.request_id: action.reason for action in review.plan.actions}


# --- what is not known is said ----------------------------------------------------------------


def test_it_is_said_in_text_json_and_summary(project: Project) -> None:
    project.clone.commit({A: ONE})
    done = project.run("plan", "--offline")
    assert done.returncode == 0
    first, action, digest = done.stdout.splitlines()
    assert first == (
        "offline   the event log was not asked whether any of this is published already"
    )
    assert action == (
        f"publish   {ID_ONE} (revision 1)  {A}: to be sent unless it is published already"
    )
    assert digest.startswith("digest    sha256:")
    assert done.stderr.endswith(
        ", offline (the event log was not asked): 1 to publish, 0 unchanged\n"
    )
    plan = project.json("plan", "--offline")
    assert (plan["offline"], plan["log"]) == (True, None)


def test_everything_valid_is_shown_as_to_be_sent_published_or_not(project: Project) -> None:
    project.clone.commit({A: ONE, B: TWO})
    publish(project.root)
    project.clone.commit({C: THREE.replace("location", "locaton")})
    with opened(project.root, offline=True) as turn:
        plan = turn.plan()
    assert [action.request_id for action in plan.sends] == [ID_ONE, ID_TWO]
    assert {found.path for found in plan.problems} == {C}


def test_no_event_log_is_made_or_opened(project: Project) -> None:
    project.clone.commit({A: ONE})
    assert project.run("plan", "--offline").returncode == 0
    assert not (project.root / ".franc").exists()


def test_no_setting_of_kafka_is_looked_at_but_the_prefix_of_its_topics(project: Project) -> None:
    project.clone.commit({A: ONE})
    project.settings |= {
        "KAFKA_ENABLED": "true",
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "KAFKA_SECURITY_PROTOCOL": "nonsense",
        "KAFKA_SASL_PASSWORD_FILE": "/nowhere",
        "KAFKA_TOPIC_PREFIX": "lab",
    }
    plan = project.json("plan", "--offline")
    topics = [event["topic"] for event in plan["actions"][0]["events"]]
    assert topics == ["lab.datacenter.deployment", "lab.task.status", "lab.task.completion"]


def test_the_bytes_are_those_that_are_published(project: Project) -> None:
    project.clone.commit({A: ONE, B: TWO})
    plan = project.json("plan", "--offline")
    planned = [event for action in plan["actions"] for event in action["events"]]
    assert project.run("publish", "--expect", plan["digest"]).returncode == 0
    lines = map(json.loads, project.run("events", "-o", "jsonl").stdout.splitlines())
    sent = [{name: line[name] for name in planned[0]} for line in lines]
    assert sorted(sent, key=json.dumps) == sorted(planned, key=json.dumps)


def test_a_cancellation_is_shown_without_the_event_that_names_another(project: Project) -> None:
    project.clone.commit({A: CANCELLED})
    with opened(project.root, offline=True) as turn:
        plan = turn.plan()
    assert [(str(action.kind), action.request_id) for action in plan.actions] == [
        ("cancel", ID_ONE)
    ]
    assert plan.actions[0].reason.startswith("cancels it if it is published; ")
    shown = project.json("plan", "--offline")
    assert shown["actions"][0]["events"] == []


# --- against a base ---------------------------------------------------------------------------


def test_only_what_differs_from_the_base_is_shown(project: Project) -> None:
    on_main(project, {A: ONE}, published=False)
    review = review_of(changed(project, {B: TWO}).root, offline=True)
    assert told(review) == [("publish", ID_TWO)]
    assert (review.changed, review.pending) == (1, 0)
    assert reasons(review)[ID_TWO] == "to be sent unless it is published already"


@pytest.mark.parametrize(
    ("was", "now", "kind", "reason"),
    [
        (ONE, f"# moved\n{ONE}", "skip", "as it stands at the base"),
        (ONE, raised(0), "publish", "revision 2 follows 1 of the base"),
        (
            ONE,
            ONE.replace("Spine-Leaf", "Hub-Spoke"),
            "publish",
            "changed; held if revision 1 is published: set revision: 2 then",
        ),
        (
            raised(0),
            ONE,
            "publish",
            "revision went back from 2; held if that is published",
        ),
        (
            ONE,
            CANCELLED,
            "cancel",
            "cancels it if it is published; the event names one that only the ledger knows",
        ),
        (
            CANCELLED,
            ONE,
            "publish",
            "its `cancel` was taken out; held if the cancellation is published",
        ),
        (CANCELLED, f"# why\n{CANCELLED}", "skip", "as it stands at the base"),
    ],
)
def test_a_request_is_held_against_what_it_was(
    project: Project, was: str, now: str, kind: str, reason: str
) -> None:
    on_main(project, {A: was, C: THREE}, published=False)
    review = review_of(changed(project, {A: None, B: now}).root, offline=True)
    assert told(review) == [(kind, ID_ONE)]
    assert reasons(review)[ID_ONE] == reason


def test_a_request_that_is_gone_is_named(project: Project) -> None:
    on_main(project, {A: ONE, B: TWO})
    review = review_of(changed(project, {A: None}).root, offline=True)
    assert told(review) == [("skip", ID_ONE)]
    assert reasons(review)[ID_ONE] == "no file asks for it any more; nothing is sent"


def test_problems_of_the_changed_files_are_shown_and_no_others(project: Project) -> None:
    wrong = ONE.replace("location", "locaton")
    on_main(project, {A: wrong}, published=False)
    changed(project, {B: TWO, C: f"# again\n{TWO}"})
    review = review_of(project.root, offline=True)
    assert codes(review) == [("FRN301", B), ("FRN301", C)]


def test_a_request_outside_its_window_is_still_held(project: Project) -> None:
    on_main(project, {A: ONE})
    late = f"{TWO}not_after: 2024-01-02T00:00:00Z\n"
    review = review_of(changed(project, {B: late}).root, offline=True)
    assert told(review) == [("hold", ID_TWO)]


def test_the_digest_is_that_of_the_plan_with_the_ledger(project: Project) -> None:
    on_main(project, {A: ONE, B: TWO})
    changed(project, {A: raised(0), B: f"{TWO}cancel: no\n", C: THREE})
    asked, unasked = review_of(project.root), review_of(project.root, offline=True)
    assert told(asked) == told(unasked)
    assert asked.plan.digest == unasked.plan.digest
    assert {action.request_id for action in asked.plan.sends} == {ID_ONE, ID_TWO, ID_THREE}


def test_a_repository_without_any_request_is_still_exit_2(project: Project) -> None:
    project.clone.git("checkout", "-q", "-b", "change")
    assert project.run("plan", "--base", "main", "--offline").returncode == 2
    project.clone.commit({A: ONE})
    project.clone.git("checkout", "-q", "-b", "docs")
    changed(project, {"README.md": "more"})
    done = project.run("plan", "--base", "change", "--offline")
    assert done.returncode == 0
    assert done.stderr.endswith(": no request file differs, nothing is added\n")
