"""systemd: what the daemon tells it over a real datagram socket, and the unit that starts it."""

from __future__ import annotations

import configparser
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from franc_gitops.clock import SystemClock
from franc_gitops.daemon.board import Board, Role, Stage
from franc_gitops.daemon.notify import notifying
from franc_gitops.settings.sources import Supervisor, find_supervisor
from tests.support.project import new_project
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPLOY = Path(__file__).resolve().parents[1] / "deploy" / "systemd"
UNIT = DEPLOY / "franc-gitops.service"


class Systemd:
    """The socket that systemd listens on, and what has been said on it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.said: list[dict[str, str]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.settimeout(0.1)
        self._ended = False
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while not self._ended:
            try:
                message = self._socket.recv(4096).decode()
            except TimeoutError:
                continue
            self.said.append(dict(line.split("=", 1) for line in message.splitlines()))

    def close(self) -> None:
        self._ended = True
        self._thread.join()
        self._socket.close()

    def hears(self, name: str, value: str = "1", *, seconds: float = 10) -> None:
        wait_for(
            lambda: any(said.get(name) == value for said in list(self.said)),
            what=f"{name}={value} in {self.said}",
            seconds=seconds,
        )

    def count(self, name: str) -> int:
        return sum(name in said for said in list(self.said))


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    listening = Systemd(str(tmp_path / "notify"))
    try:
        yield listening
    finally:
        listening.close()


@contextmanager
def told(
    systemd: Systemd, *, watchdog: float | None = None, hung_after: float = 300.0
) -> Iterator[Board]:
    board = Board(SystemClock(), hung_after=hung_after)
    with notifying(board, Supervisor(systemd.address, watchdog)):
        yield board


# -------------------------------------------------------------------------------- over the socket


@pytest.mark.parametrize("role", [Role.LEADER, Role.STANDBY])
def test_it_is_ready_when_its_first_pass_has_ended_and_not_before(
    systemd: Systemd, role: Role
) -> None:
    with told(systemd) as board:
        wait_for(lambda: systemd.said, what="a first word", seconds=10)
        assert systemd.count("READY") == 0
        board.role(role)
        systemd.hears("READY")
        board.condition(Stage.EVENT_LOG, ok=False, message="away")
        systemd.hears("STATUS", f"{role}: away")
        assert systemd.count("READY") == 1
    systemd.hears("STOPPING")


def test_draining_is_told_at_once(systemd: Systemd) -> None:
    with told(systemd) as board:
        board.role(Role.LEADER)
        systemd.hears("READY")
        board.role(Role.DRAINING)
        systemd.hears("STOPPING")


def test_the_watchdog_is_fed_by_the_heartbeat_and_starves_with_it(systemd: Systemd) -> None:
    with told(systemd, watchdog=0.2, hung_after=1.0) as board:
        board.role(Role.LEADER)
        wait_for(lambda: systemd.count("WATCHDOG") >= 3, what="food", seconds=10)
        wait_for(lambda: not board.liveness(), what="a hung loop", seconds=10)
        starved = systemd.count("WATCHDOG") + 1  # one may be under way
        assert not _grows(systemd, starved)
        board.beat()
        assert _grows(systemd, starved)


def _grows(systemd: Systemd, count: int) -> bool:
    try:
        wait_for(lambda: systemd.count("WATCHDOG") > count, what="food", seconds=1)
    except TimeoutError:
        return False
    return True


def test_many_changes_are_few_messages(systemd: Systemd) -> None:
    with told(systemd, watchdog=60) as board:
        board.role(Role.LEADER)
        systemd.hears("READY")
        for number in range(1000):
            board.progress(number, 1000)
    assert len(systemd.said) < 20
    assert systemd.count("WATCHDOG") <= 2


def test_a_message_of_several_lines_says_nothing_but_its_first(systemd: Systemd) -> None:
    with told(systemd) as board:
        board.role(Role.LEADER)
        board.condition(Stage.EVENT_LOG, ok=False, message="no\nMAINPID=1")
        systemd.hears("STATUS", "leader: no MAINPID=1")
        assert systemd.count("MAINPID") == 0


def test_a_name_that_is_in_no_file_system_is_found() -> None:
    listening = Systemd(f"@franc-gitops-test-{id(object())}")
    try:
        with told(listening) as board:
            board.role(Role.LEADER)
            listening.hears("READY")
    finally:
        listening.close()


def test_a_socket_that_is_gone_disturbs_nobody(tmp_path: Path) -> None:
    board = Board(SystemClock())
    with notifying(board, Supervisor(str(tmp_path / "nobody"), 0.1)):
        board.role(Role.LEADER)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"NOTIFY_SOCKET": "relative"}, None),
        ({"NOTIFY_SOCKET": "/run/n"}, Supervisor("/run/n", None)),
        ({"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "2000000"}, Supervisor("@n", 2.0)),
        ({"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "x"}, Supervisor("@n", None)),
        (
            {"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "9", "WATCHDOG_PID": "1"},
            Supervisor("@n", None),
        ),
    ],
)  # fmt: skip
def test_who_started_it_is_read_from_the_environment(
    environ: dict[str, str], expected: Supervisor | None
) -> None:
    assert find_supervisor(environ) == expected


def test_watch_tells_systemd_that_it_is_ready_and_that_it_stops(
    systemd: Systemd, tmp_path: Path
) -> None:
    project = new_project(tmp_path / "work")
    project.add(range(1))
    project.settings |= {
        "NOTIFY_SOCKET": systemd.address,
        "WATCHDOG_USEC": "1000000",
        "FRANC_HTTP": "off",
    }
    daemon = project.start("watch")
    try:
        systemd.hears("READY", seconds=60)
        systemd.hears("WATCHDOG", seconds=60)
        daemon.send_signal(signal.SIGTERM)
        _, err = daemon.communicate(timeout=60)
    finally:
        daemon.kill()
        daemon.wait()
    assert daemon.returncode == 0, err
    systemd.hears("STOPPING")


# --------------------------------------------------------------------------------------- the unit


def directives() -> dict[str, str]:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNIT)
    return {**parser["Unit"], **parser["Service"]}


def test_the_unit_waits_for_readiness_is_watched_and_hardened() -> None:
    found = directives()
    assert (found["Type"], found["NotifyAccess"]) == ("notify", "main")
    assert float(found["WatchdogSec"]) > 0
    assert found["RestartPreventExitStatus"] == "2"
    assert (found["NoNewPrivileges"], found["ProtectSystem"]) == ("yes", "strict")
    assert found["CapabilityBoundingSet"] == ""
    assert found["ExecReload"] == "/bin/kill -HUP $MAINPID"


def test_the_example_settings_are_settings(tmp_path: Path) -> None:
    lines = (DEPLOY / "environment.example").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    given["KAFKA_SSL_CAFILE"] = __file__
    project = new_project(tmp_path / "work", given)
    shown = {row["name"]: row["value"] for row in project.json("config", "show")}
    assert shown["KAFKA_SASL_MECHANISM"] == "SCRAM-SHA-512"
    assert shown["http"] == "127.0.0.1:8080"


@pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")
@pytest.mark.parametrize("command", [["verify", "--man=no"], ["security", "--offline=true"]])
def test_systemd_itself_takes_the_unit(tmp_path: Path, command: list[str]) -> None:
    """With the program that is installed here in the place of the one that it names."""
    program = Path(sys.executable).parent / "franc-gitops"
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/franc-gitops/bin/franc-gitops", str(program)))
    analyze = shutil.which("systemd-analyze")
    assert analyze, "install systemd (systemd-analyze on PATH), then run the tests again"
    strict = ["--threshold=20"] if command[0] == "security" else []
    done = subprocess.run(
        [analyze, *command, *strict, str(unit)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert command[0] == "security" or done.stderr == ""
