"""Several daemons and jobs on one ledger: one leads, the others follow and take over."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from bench.corpus import request_text
from franc_gitops.daemon.board import Role
from tests.support.project import Project, new_project
from tests.support.waiting import wait_for
from tests.support.watching import Running, watching

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "requests").mkdir()
    return tmp_path


def save(folder: Path, number: int) -> None:
    (folder / f"requests/{number:06d}.yaml").write_text(request_text(number))


def roles(*daemons: Running) -> list[Role]:
    return [running.daemon.board.view().role for running in daemons]


def test_of_two_daemons_one_leads_and_the_other_follows(folder: Path) -> None:
    """The newer one leads; the older one learns it from the next request, and stays ready."""
    with watching(folder) as one:
        one.wait_for_start()
        with watching(folder) as two:
            two.wait_until(lambda: roles(one, two) == [Role.CANDIDATE] * 2, "both to be ready")
            for number in range(1, 6):
                save(folder, number)
                two.wait_for_published(number)
            one.wait_until(lambda: roles(one, two) == [Role.STANDBY, Role.LEADER], "the roles")
            assert one.daemon.board.readiness()[0]
            one.wait_until(lambda: one.daemon.board.register.pending()[0] == 0, "it to follow")
        save(folder, 6)
        one.wait_for_published(1)
        assert roles(one) == [Role.LEADER]
    assert [*two.published, *one.published] == sorted(
        {*two.published, *one.published}, key=lambda name: name[-6:]
    )
    assert one.said.roles == ["candidate", "standby", "leader", "draining"]


def test_two_daemons_do_not_take_turns(folder: Path) -> None:
    with watching(folder) as one, watching(folder) as two:
        one.wait_for_start()
        two.wait_for_start()
        for number in range(1, 40):
            save(folder, number)
        one.wait_until(lambda: len(one.published) + len(two.published) == 39, "all of them")
        one.wait_until(
            lambda: not any(r.daemon.board.register.pending()[0] for r in (one, two)), "both"
        )
    changes = one.said.roles + two.said.roles
    assert changes.count("leader") <= 3, changes


def test_a_job_may_publish_meanwhile(tmp_path: Path) -> None:
    project = new_project(tmp_path / "work")
    project.add(range(1))
    with watching(project.root) as running:
        running.wait_for_published(1)
        (project.root / "requests/job.yaml").write_text(request_text(7))
        assert project.run("publish", "--worktree").returncode == 0
        project.clone.commit({}, "Commit what is published")
        project.add(range(1, 2))
        running.wait_for_published(2)
        running.wait_until(
            (project.root / "status/job.yaml").exists, "the status of the job's request"
        )
    assert len(project.run("events", "-o", "jsonl").stdout.splitlines()) == 9


def test_a_leader_at_rest_learns_that_another_has_published(folder: Path) -> None:
    """No request tells it: so one that was frozen does not call itself leader for long."""
    inner = folder / "inner"
    (inner / "requests").mkdir(parents=True)
    save(inner, 1)
    with watching(inner) as one:
        one.wait_until(lambda: roles(one) == [Role.LEADER], "it to lead")
        save(folder, 2)
        with watching(folder, state_dir="inner/.franc") as two:
            two.wait_until(lambda: roles(two) == [Role.LEADER], "the other to lead")
            one.wait_until(lambda: roles(one) == [Role.STANDBY], "it to learn that")
            assert one.daemon.board.readiness()[0]
        save(inner, 3)
        one.wait_for_published(2)
        assert roles(one) == [Role.LEADER]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = new_project(tmp_path / "work")
    (made.root / "requests").mkdir()
    return made


def published(project: Project) -> int:
    """How many events consumers see."""
    return len(project.run("events", "-o", "jsonl").stdout.splitlines()) // 3


def test_a_killed_leader_is_replaced_within_ten_seconds(project: Project) -> None:
    first = project.start("watch", "--worktree", "--http", "off")
    save(project.root, 1)
    wait_for(lambda: published(project) == 1, what="the first request", seconds=60)
    second = project.start("watch", "--worktree", "--http", "off")
    try:
        wait_for(lambda: is_ready(second), what="the second to be ready", seconds=60)
        save(project.root, 2)
        wait_for(lambda: published(project) == 2, what="the second request", seconds=60)
        wait_for((project.root / "status/000002.yaml").exists, what="status", seconds=60)
        second.kill()
        second.wait()
        save(project.root, 3)
        began = time.monotonic()
        wait_for((project.root / "status/000003.yaml").exists, what="3", seconds=60)
        assert time.monotonic() - began < 10
        first.send_signal(signal.SIGTERM)
        assert first.wait(30) == 0
        assert published(project) == 3
    finally:
        for process in (first, second):
            process.kill()
            process.communicate()


def is_ready(process: subprocess.Popen[str]) -> bool:
    """Read what a daemon logs until it says that it is ready to publish."""
    assert process.stderr is not None
    return any('"role": "candidate"' in line for line in iter(process.stderr.readline, ""))
