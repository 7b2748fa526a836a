"""`watch` as a user starts it, and its HTTP: addresses, hooks, and a page that is live."""

from __future__ import annotations

import json
import signal
import socket
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from bench.corpus import request_text
from tests.support.broker import start_broker
from tests.support.browser import open_browser, visiting
from tests.support.http import ask, bearer
from tests.support.project import Project, new_project
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "0123456789abcdef"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = new_project(tmp_path / "changes", {"FRANC_HOOK_SECRET": SECRET})
    project.add(range(2))
    return project


@contextmanager
def watch(project: Project, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `watch` and give its address, once it is ready."""
    daemon = project.start("watch", "--http", "127.0.0.1:0", *arguments)
    try:
        address = _address(daemon)
        wait_for(lambda: ask(address, "/readyz").status == 200, what="readiness", seconds=60)
        yield address, daemon
    finally:
        daemon.kill()
        daemon.communicate()


def _address(daemon: subprocess.Popen[str]) -> str:
    assert daemon.stderr is not None
    for line in daemon.stderr:
        told: dict[str, Any] = json.loads(line)
        if told["event"] == "http":
            return str(told["address"]).removeprefix("http://").removesuffix("/")
    pytest.fail("it ended without an address")


def test_a_save_is_on_the_page_within_a_second(project: Project) -> None:
    with ExitStack() as stack:
        address, _ = stack.enter_context(watch(project, "--worktree"))
        visitor = stack.enter_context(visiting(stack.enter_context(open_browser()), address))
        page = visitor.go()
        seconds: list[float] = []
        for number in range(10, 15):
            project.clone.write(f"requests/{number}.yaml", request_text(number))
            began = time.monotonic()
            expect(page.locator(".row", has_text=f"CHG-2024-{number:06d}")).to_be_visible()
            seconds.append(time.monotonic() - began)
            if len(seconds) > 1 and min(seconds) < 1:
                break
        assert min(seconds) < 1
        assert visitor.complaints == []


def test_a_push_hook_publishes_what_is_committed_and_a_stop_ends_in_order(
    project: Project,
) -> None:
    with watch(project, "--interval", "3600") as (address, daemon):
        commit = project.add(range(2, 4))
        hook = ask(address, "/hooks/push", method="POST", body=b"{}", headers=bearer(SECRET))
        assert hook.status == 202

        def published() -> bool:
            told = ask(address, "/status").json()
            return bool(told["requests"] == {"Completed": 4} and told["commit"] == commit)

        wait_for(published, what="the commit", seconds=60, every=0.3)
        assert "franc_wakeups_total" in ask(address, "/metrics").text
        daemon.send_signal(signal.SIGTERM)
        daemon.communicate(timeout=60)
        assert daemon.returncode == 0


@pytest.mark.timeout(420)
def test_a_broker_that_stops_is_told_with_its_reason_and_everything_drains_by_itself(
    project: Project,
) -> None:
    with start_broker() as broker:
        project.settings |= broker.settings(KAFKA_CONNECT_TIMEOUT="3")
        assert project.run("topics", "create").returncode == 0
        with watch(project) as (address, _):
            broker.kill()
            project.add(range(2, 5))
            wait_for(lambda: pending(address) == 3, what="3 pending", seconds=60, every=0.3)
            assert ask(address, "/livez").status == 200
            answer = ask(address, "/readyz")
            assert answer.status == 503
            [reason] = answer.json()["reasons"]
            assert reason["stage"] == "event_log"
            broker.restart()
            wait_for_health(address, seconds=240)
            assert pending(address) == 0
            assert ask(address, "/status").json()["requests"] == {"Completed": 5}


def wait_for_health(address: str, seconds: float) -> None:
    """Return once it is ready; what keeps it from that is said."""
    try:
        wait_for(lambda: ask(address, "/readyz").status == 200, what="", seconds=seconds, every=0.3)
    except TimeoutError:
        pytest.fail(ask(address, "/status").text)


def pending(address: str) -> int:
    """What the metric says."""
    for line in ask(address, "/metrics").text.splitlines():
        if line.startswith("franc_outbox_pending "):
            return int(float(line.split()[1]))
    return -1


def test_an_address_that_is_taken_ends_it_with_what_to_do(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = project.run("watch", "--http", address)
    assert done.returncode == 2
    assert f"HTTP cannot listen on {address}" in done.stderr
    assert "--http off" in done.stderr


@pytest.mark.parametrize(
    ("option", "value", "wanted"),
    [("--http", "8080", "HOST:PORT"), ("--grace", "soon", "number of seconds")],
)
def test_an_option_that_is_wrong_is_refused_before_anything_begins(
    project: Project, option: str, value: str, wanted: str
) -> None:
    done = project.run("watch", option, value)
    assert done.returncode == 2
    assert wanted in done.stderr
    assert "watching" not in done.stderr
