"""`watch` as a process: how it starts, and how it ends when it is asked to."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from bench.corpus import request_text
from franc_gitops.errors import Stopped
from tests.support.project import Project, new_project
from tests.support.waiting import wait_for
from tests.support.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = new_project(tmp_path / "work")
    made.add(range(1))
    return made


@contextmanager
def watching(project: Project, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A daemon whose first turn has ended; killed in the end."""
    process = project.start("watch", "--http", "off", *arguments)
    assert process.stderr is not None
    try:
        assert any('"event": "turn"' in line for line in iter(process.stderr.readline, ""))
        yield process
    finally:
        process.kill()
        process.communicate()


def end(process: subprocess.Popen[str], number: int) -> tuple[int, dict[str, Any]]:
    """Send a signal; give the exit code and what it logged last."""
    process.send_signal(number)
    _, log = process.communicate(timeout=60)
    assert "Traceback" not in log
    return process.returncode, json.loads([line for line in log.splitlines() if line[0] == "{"][-1])


def test_sigterm_ends_it_with_0_and_ctrl_c_with_130(project: Project) -> None:
    for number, code in ((signal.SIGTERM, 0), (signal.SIGINT, 130)):
        with watching(project) as process:
            began = time.monotonic()
            ended, last = end(process, number)
            assert (ended, last["event"], last["unsent"]) == (code, "stopped", 0)
            assert time.monotonic() - began < 10


@pytest.mark.parametrize("fails", [False, True])
def test_a_daemon_that_never_reached_its_event_log_claims_nothing(
    project: Project, fails: bool
) -> None:
    seconds = "1" if fails else "60"
    away = {"KAFKA_ENABLED": "true", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    project.settings.update(away, KAFKA_CONNECT_TIMEOUT=seconds)
    process = project.start("watch", "--http", "off", "--grace", "2")
    assert process.stderr is not None
    awaited = '"stage": "event_log"' if fails else "{"
    try:
        assert any(awaited in line for line in iter(process.stderr.readline, ""))
        _, last = end(process, signal.SIGTERM)
    finally:
        process.kill()
        process.communicate()
    assert (last["event"], last["unsent"], last["requests"]) == ("stopped", None, [])
    assert last["reason"] == "the first pass did not end: what waits to be published is not known"


def test_once_without_a_request_file_is_exit_2_as_of_publish(tmp_path: Path) -> None:
    empty = new_project(tmp_path / "empty")
    empty.clone.commit({"README.md": "Network changes\n"})
    for verb in (["publish"], ["watch", "--once"]):
        done = empty.run(*verb)
        assert done.returncode == 2
        assert "error: there is no request file below requests/ " in done.stderr
    assert not (empty.root / "status").exists()


def test_an_option_is_refused_in_its_own_name(project: Project) -> None:
    for option, value in (("--http", "8081"), ("--interval", "x"), ("--poll", "-1")):
        done = project.run("watch", f"{option}={value}")
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: {option}: '{value}' is not ")


def test_a_call_that_hangs_does_not_outlive_the_grace_period() -> None:
    """A library's call that never returns to Python lets no exception in, so a thread ends it."""
    done = subprocess.run(
        [sys.executable, "-c", _HANGS], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "overdue\n", "")


_HANGS = """
import hashlib, os, signal
from franc_gitops.daemon.signals import Stop, handled
from franc_gitops.daemon.wakeups import Wakeups
stop = Stop(Wakeups(), overdue=lambda: print("overdue", flush=True), in_loop=True)
with handled(stop, grace=0.3):
    os.kill(os.getpid(), signal.SIGTERM)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2 * 10**9)
"""


def test_sighup_makes_a_pass_at_once(project: Project) -> None:
    with watching(project, "--interval", "3600") as process:
        (project.root / "status/0000/000000.yaml").write_text("edited by hand")
        process.send_signal(signal.SIGHUP)
        wait_for(
            lambda: "edited" not in (project.root / "status/0000/000000.yaml").read_text(),
            what="the status file to be made right",
            seconds=60,
        )
        assert process.poll() is None


def test_what_a_human_must_change_first_ends_it_at_once(project: Project) -> None:
    for arguments, said in (
        (["--interval", "never"], "interval"),
        (["--grace", "-1", "--http", "off"], "--grace"),
        (["--http", "nowhere"], "HOST:PORT"),
    ):
        done = project.run("watch", *arguments)
        assert done.returncode == 2
        assert said in done.stderr
    shutil.rmtree(project.root / ".franc", ignore_errors=True)
    (project.root / ".franc").write_text("in the way")
    done = project.run("watch", "--http", "off")
    assert done.returncode == 2
    assert "embedded event log" in done.stderr


def test_once_is_one_turn(project: Project) -> None:
    done = project.run("watch", "--once")
    assert done.returncode == 0
    assert '"published": 1' in done.stderr
    assert '"seconds": 0.0,' not in done.stderr
    assert (project.root / "status/0000/000000.yaml").exists()
    project.clone.commit({"requests/bad.yaml": "type: nonsense\n"})
    assert project.run("watch", "--once").returncode == 1


def test_a_publication_is_ended_between_two_transactions(tmp_path: Path) -> None:
    """What is committed gets its status files; the rest is named, and sent by the next pass."""
    world = World(tmp_path / "work", is_daemon=False)
    for number in range(1, 6):
        world.write(f"requests/{number}.yaml", request_text(number), number)
    publisher = world.turn.publisher
    publisher.batch, publisher.progress = 2, stop_after(4)
    report = world.turn.run()
    assert isinstance(report.failure, Stopped)
    assert (len(report.published), len(report.unsent)) == (4, 1)
    assert sorted(file.name for file in (world.root / "status").rglob("*.yaml")) == [
        f"{number}.yaml" for number in range(1, 5)
    ]
    assert len(world.turn.run().published) == 1


def stop_after(requests: int) -> Callable[[int, int], None]:
    """What a daemon's progress does once it is asked to stop."""

    def progress(done: int, total: int) -> None:
        if requests <= done < total:
            raise Stopped(f"{done} of {total}")

    return progress
