"""`plan`, `publish`, `status` and `events` on the embedded log, as users and scripts run them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bench.corpus import request_text
from tests.support.project import Project, new_project
from tests.support.terminal import on_terminal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

WRONG = request_text(3).replace("location", "locaton")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return new_project(tmp_path / "work")


def published(project: Project, count: int) -> Project:
    """Publish some requests."""
    project.add(range(count))
    assert project.run("publish").returncode == 0
    return project


def keys(value: Any) -> list[str]:
    return list(value)


# --- plan -----------------------------------------------------------------------------------


def test_a_plan_shows_what_would_be_sent_and_changes_nothing(project: Project) -> None:
    project.add(range(2))
    done = project.run("plan")
    assert done.returncode == 0
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["publish", "datacenter_CHG-2024-000000"],
        ["publish", "pop_CHG-2024-000001"],
        ["digest", project.json("plan")["digest"]],
    ]
    assert "  requests/0000/000000.yaml: not published yet\n" in done.stdout
    assert done.stderr.endswith(", embedded log: 2 to publish, 0 unchanged\n")
    assert not project.status_files()
    assert project.run("events").stdout == ""


def test_the_json_of_a_plan_holds_the_exact_bytes_that_are_sent(project: Project) -> None:
    project.add(range(3))
    plan = project.json("plan")
    assert keys(plan) == [
        *("commit", "digest", "log", "offline", "base", "summary", "problems", "actions")
    ]
    assert (plan["log"], plan["offline"], plan["base"]) == ("embedded", False, None)
    assert plan["summary"] == {"publish": 3, "skip": 0, "hold": 0, "cancel": 0, "orphaned": 0}
    assert all(
        keys(action) == ["action", "request_id", "path", "revision", "reason", "events"]
        for action in plan["actions"]
    )
    planned = [event for action in plan["actions"] for event in action["events"]]
    assert all(keys(event) == ["topic", "key", "headers", "value"] for event in planned)
    assert project.run("publish").returncode == 0
    lines = project.run("events", "-o", "jsonl").stdout.splitlines()
    sent = [{name: json.loads(line)[name] for name in planned[0]} for line in lines]
    assert sorted(map(json.dumps, sent)) == sorted(map(json.dumps, planned))


def test_what_is_published_is_skipped_and_listed_for_scripts(project: Project) -> None:
    published(project, 2)
    plan = project.json("plan")
    assert plan["summary"]["skip"] == 2
    assert [action["action"] for action in plan["actions"]] == ["skip", "skip"]
    assert project.run("plan").stdout == ""
    assert project.run("plan", "-v").stdout.count("skip ") == 2


def test_pending_changes_are_exit_3_only_if_asked_for(project: Project) -> None:
    project.add(range(1))
    assert project.run("plan").returncode == 0
    assert project.run("plan", "--fail-on-changes").returncode == 3
    assert project.run("publish").returncode == 0
    assert project.run("plan", "--fail-on-changes").returncode == 0


def test_findings_come_before_changes(project: Project) -> None:
    project.clone.commit({"requests/a.yaml": WRONG, "requests/b.yaml": request_text(1)})
    done = project.run("plan", "--fail-on-changes")
    assert done.returncode == 1
    assert "requests/a.yaml:6:1: error FRN202" in done.stdout
    assert "hold      ?  requests/a.yaml: held: its file has an error" in done.stdout


# --- publish --------------------------------------------------------------------------------


def test_publish_says_what_became_of_each_request(project: Project) -> None:
    project.add(range(2))
    done = project.run("publish")
    assert done.returncode == 0
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["Completed", "datacenter_CHG-2024-000000"],
        ["Completed", "pop_CHG-2024-000001"],
    ]
    told = done.stderr.splitlines()
    assert told[0].startswith("Completed: 2 requests recorded in the embedded event log")
    assert told[1].endswith(": 2 published, 0 unchanged")


def test_publishing_again_sends_nothing(project: Project) -> None:
    published(project, 2)
    before = project.run("events").stdout
    done = project.run("publish")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.endswith(": 0 published, 2 unchanged\n")
    assert project.run("events").stdout == before


def test_the_json_of_publish_is_that_of_the_contract(project: Project) -> None:
    project.add(range(2))
    report = project.json("publish")
    assert keys(report) == ["commit", "log", "summary", "write_back", "requests"]
    assert report["log"] == "embedded"
    assert report["summary"] == {
        "published": 2,
        "skipped": 0,
        "held": 0,
        "cancelled": 0,
        "failed": 0,
    }
    row = report["requests"][0]
    assert keys(row) == ["request_id", "path", "phase", "message", "events"]
    assert [event["event_type"] for event in row["events"]] == [
        "datacenter_deployment",
        "task_status_update",
        "task_completion",
    ]


def test_one_bad_file_is_held_and_the_others_go_on(project: Project) -> None:
    project.clone.commit({"requests/a.yaml": WRONG, "requests/b.yaml": request_text(1)})
    done = project.run("publish")
    assert done.returncode == 1
    assert "requests/a.yaml:6:1: error FRN202" in done.stdout
    assert "1 published, 0 unchanged, 1 held" in done.stderr


def test_strict_holds_everything(project: Project) -> None:
    project.clone.commit({"requests/a.yaml": WRONG, "requests/b.yaml": request_text(1)})
    assert project.json("publish", "--strict", exit_code=1)["summary"]["published"] == 0


def test_uncommitted_files_are_named_and_not_published(project: Project) -> None:
    project.add(range(1))
    for number in range(2, 9):
        project.clone.write(f"requests/new{number}.yaml", request_text(number))
    for verb in ("plan", "publish", "status"):
        told = project.run(verb).stderr
        assert "warning: not committed, and therefore not looked at: requests/new2.yaml" in told
        assert "requests/new6.yaml and 2 more" in told
    assert len(project.run("events").stdout.splitlines()) == 3


def test_worktree_publishes_the_files_as_they_are(project: Project) -> None:
    project.clone.write("requests/new.yaml", request_text(1))
    done = project.run("publish", "--worktree")
    assert done.returncode == 0
    assert "1 published" in done.stderr


def test_an_older_commit_can_be_looked_at(project: Project) -> None:
    project.add(range(1))
    project.add(range(1, 3))
    assert project.json("plan", "--rev", "HEAD~1")["summary"]["publish"] == 1
    done = project.run("plan", "--rev", "nonsense")
    assert done.returncode == 2
    assert "nonsense" in done.stderr


@pytest.mark.parametrize("verb", ["plan", "publish", "status"])
def test_a_commit_without_requests_is_exit_2_unless_that_is_fine(
    project: Project, verb: str
) -> None:
    project.clone.commit({"README": "nothing yet"})
    done = project.run(verb)
    assert done.returncode == 2
    assert "there is no request file below requests/" in done.stderr
    assert project.run(verb, "--allow-empty").returncode == 0


def test_a_misspelt_folder_costs_no_status_file(project: Project) -> None:
    published(project, 2)
    assert project.run("publish", "--set", "requests_dir=request").returncode == 2
    assert len(project.status_files()) == 2


def test_a_request_file_that_cannot_be_read_keeps_its_status_file(project: Project) -> None:
    published(project, 2)
    before = project.status_files()
    folder = project.root / "requests/0000"
    folder.rename(project.root / "elsewhere")
    folder.symlink_to("../elsewhere")
    assert "error FRN122" in project.run("publish", "--worktree").stdout
    assert project.status_files() == before


def test_a_request_that_waits_for_its_time_is_no_finding(project: Project) -> None:
    later = f"{request_text(2)}not_before: 2999-01-01T00:00:00Z\n"
    project.clone.commit({"requests/a.yaml": later})
    done = project.run("publish")
    assert done.returncode == 0
    assert done.stdout.startswith("Scheduled ")


def test_warnings_fail_only_if_asked_to(project: Project) -> None:
    lonely = request_text(2).replace("vPC-3", "vPC-1", 1)
    project.clone.commit({"requests/a.yaml": lonely})
    assert project.run("plan").returncode == 0
    assert project.run("plan", "--fail-on-warnings").returncode == 1
    assert project.run("publish", "--fail-on-warnings").returncode == 1


def test_quiet_says_nothing_but_errors(project: Project) -> None:
    project.add(range(1))
    done = project.run("publish", "-q", "-o", "json")
    assert (done.returncode, done.stderr) == (0, "")


# --- logs -----------------------------------------------------------------------------------


def test_verbose_logs_one_line_of_json_per_request(project: Project) -> None:
    project.add(range(3))
    done = project.run("publish", "-v")
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert [line["change_number"] for line in lines] == [f"CHG-2024-{n:06d}" for n in range(3)]
    assert {line["phase"] for line in lines} == {"Completed"}
    assert all(
        {"timestamp", "level", "event", "request_id", "path"} <= line.keys() for line in lines
    )


def test_logs_are_for_people_on_a_terminal(project: Project) -> None:
    project.add(range(1))
    code, shown = on_terminal(project, "publish", "-v", "--no-color")
    assert code == 0
    assert "change_number=CHG-2024-000000" in shown
    assert "\x1b" not in shown


def test_without_verbose_nothing_is_logged(project: Project) -> None:
    project.add(range(3))
    assert "{" not in project.run("publish").stderr


# --- status ---------------------------------------------------------------------------------


def test_status_shows_what_is_pending_and_what_is_done(project: Project) -> None:
    published(project, 1)
    project.add(range(1, 2))
    done = project.run("status")
    assert done.returncode == 0
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["Completed", "datacenter_CHG-2024-000000"],
        ["Pending", "pop_CHG-2024-000001"],
    ]
    assert done.stderr == "status, embedded log: 1 Completed, 1 Pending\n"


def test_the_json_of_status_is_the_entry_of_the_status_file_with_its_path(
    project: Project,
) -> None:
    published(project, 1)
    rows = project.json("status")
    assert len(rows) == 1
    assert rows[0].pop("path") == "requests/0000/000000.yaml"
    written = project.status_files()["0000/000000.yaml"].decode()
    assert all(f"{name}:" in written for name in rows[0])
    assert rows[0]["task"]["progress_percentage"] == 100


@pytest.mark.parametrize("wanted", ["CHG-2024-000001", "pop_CHG-2024-000001"])
def test_status_of_one_change(project: Project, wanted: str) -> None:
    published(project, 3)
    rows = project.json("status", wanted)
    assert [row["request_id"] for row in rows] == ["pop_CHG-2024-000001"]


def test_status_remembers_a_request_whose_file_is_gone(project: Project) -> None:
    published(project, 2)
    project.clone.commit({"requests/0000/000001.yaml": None})
    assert [row["change_number"] for row in project.json("status")] == ["CHG-2024-000000"]
    assert len(project.json("status", "CHG-2024-000001")) == 1


def test_status_of_an_unknown_change_is_exit_2(project: Project) -> None:
    published(project, 1)
    done = project.run("status", "CHG-2024-999999")
    assert done.returncode == 2
    assert "nothing is known of CHG-2024-999999" in done.stderr


# --- events ---------------------------------------------------------------------------------


def test_events_are_shown_as_a_consumer_sees_them(project: Project) -> None:
    published(project, 2)
    lines = [json.loads(line) for line in project.run("events", "-o", "jsonl").stdout.splitlines()]
    assert len(lines) == 6
    assert keys(lines[0]) == ["topic", "partition", "offset", "key", "headers", "value"]
    assert json.loads(lines[0]["value"])["change_number"] == lines[0]["key"]


def test_events_of_one_change_with_their_bodies(project: Project) -> None:
    published(project, 2)
    shown = project.run("events", "-v", "CHG-2024-000001").stdout
    assert shown.count("CHG-2024-000001 ") == 3
    assert '  {"event_id":"pop_CHG-2024-000001_' in shown
    assert "CHG-2024-000000" not in shown


def test_events_of_one_request_of_a_change(project: Project) -> None:
    """By its id, as `status` lists it; its status and completion are its own, too."""
    text = request_text(1)
    for name in ("a", "b"):
        own = text.replace("NYC-PoP-000001", f"NYC-PoP-{name}")
        project.clone.write(f"requests/{name}.yaml", f"{own}item: {name}\n")
    project.clone.commit()
    assert project.run("publish").returncode == 0
    rows = {row["request_id"]: row for row in project.json("status", "CHG-2024-000001")}
    assert len(rows) == 2
    for name, row in rows.items():
        lines = project.run("events", "-o", "jsonl", name).stdout.splitlines()
        told = [json.loads(json.loads(line)["value"])["event_id"] for line in lines]
        assert sorted(told) == sorted(event["event_id"] for event in row["events"])
    assert len(project.run("events", *rows).stdout.splitlines()) == 6


@pytest.mark.parametrize("name", ["CHG-2024-999999", "pop_CHG-2024-999999", "pop_CHG-2024-000001x"])
def test_events_that_are_not_there_are_said_to_be_missing(project: Project, name: str) -> None:
    """What is there is shown all the same."""
    published(project, 2)
    for others, count in ((), 0), (("CHG-2024-000001",), 3):
        done = project.run("events", name, *others)
        assert (done.returncode, len(done.stdout.splitlines())) == (2, count)
        assert f"error: no event of {name} is in the event log\n" in done.stderr


# --- where it is run ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [["-C", "requests/0000", "publish"], ["publish", "-C", "requests"]]
)
def test_every_verb_finds_the_repository_from_below(
    project: Project, arguments: Sequence[str]
) -> None:
    project.add(range(1))
    assert project.run(*arguments).returncode == 0
    assert list(project.status_files()) == ["0000/000000.yaml"]


def test_folders_come_from_the_settings(project: Project) -> None:
    project.clone.write("franc-gitops.yaml", "requests_dir: orders\nstatus_dir: outcome/lab\n")
    project.clone.commit({"orders/a.yaml": request_text(1)})
    assert project.run("publish", "--set", "source=lab").returncode == 0
    assert (project.root / "outcome" / "lab" / "a.yaml").is_file()
    assert '"source":"lab"' in project.run("events", "-v").stdout


def test_write_back_can_be_switched_off(project: Project) -> None:
    project.add(range(1))
    assert project.run("publish", FRANC_WRITE_BACK="off").returncode == 0
    assert not project.status_files()


def test_a_tracked_dotenv_is_ignored_with_a_warning(project: Project) -> None:
    project.add(range(1))
    (project.root / ".env").write_text("KAFKA_ENABLED=true\n")
    project.clone.git("add", ".env")
    done = project.run("publish")
    assert done.returncode == 0
    assert done.stderr.startswith("warning: .env is ignored, because git tracks it")


def test_an_untracked_dotenv_is_read(project: Project) -> None:
    project.add(range(1))
    (project.root / ".env").write_text("KAFKA_ENABLED=perhaps\n")
    done = project.run("publish")
    assert done.returncode == 2
    assert ".env KAFKA_ENABLED: 'perhaps' is not true, false" in done.stderr


# --- a job of an older commit -----------------------------------------------------------------


def test_a_job_of_an_older_commit_says_that_it_leaves_the_newer_one_alone(
    project: Project,
) -> None:
    old = project.add(range(1))
    raised = f"{request_text(0)}revision: 2\n"
    project.clone.commit({"requests/0000/000000.yaml": raised})
    assert project.run("publish").returncode == 0
    status = project.status_files()
    late = project.run("publish", "--rev", old)
    assert late.returncode == 0
    assert "published from a newer commit, and therefore left alone: datacenter_" in late.stderr
    assert project.status_files() == status
    plan = project.json("plan", "--rev", old)
    assert "a newer one" in plan["actions"][0]["reason"]
