"""`watch` on a terminal: a calm view for people; a line of JSON for each thing elsewhere."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from bench.corpus import request_text
from franc_gitops.cli.news import News
from franc_gitops.daemon.wakeups import Wake
from tests.support.project import COMMAND, Project, new_project
from tests.support.waiting import wait_for
from tests.support.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS = 60.0
STYLE = re.compile(r"\x1b\[[0-9;]*m")
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A terminal that `watch` runs on, and everything that was sent to it."""

    def __init__(self, controller: int, process: subprocess.Popen[bytes]) -> None:
        self.controller = controller
        self.process = process
        self.modes = termios.tcgetattr(controller)
        self.sent = ""
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            while chunk := os.read(self.controller, 65536):
                self.sent += chunk.decode(errors="replace")
        except OSError:  # Linux says so when the other end is closed
            pass

    def resize(self, columns: int) -> None:
        """Make the window so wide."""
        fcntl.ioctl(self.controller, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def wait_for(self, text: str, after: int = 0) -> None:
        """Return once a text is shown."""
        try:
            wait_for(lambda: text in self.sent[after:], what=text, seconds=SECONDS)
        except TimeoutError:
            raise TimeoutError(f"{text!r} is not in {self.sent[after:]!r}") from None

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self.controller, keys)

    def wait(self) -> int:
        """Wait for the end; give the exit code."""
        return self.process.wait(SECONDS)

    @property
    def lines(self) -> list[str]:
        """What stays on the screen: lines that were ended, without styles."""
        shown = [CONTROL.sub("", line) for line in self.sent.split("\r\n")[:-1]]
        return [line.rpartition("\r")[2] for line in shown]


@contextmanager
def watching_on_terminal(project: Project, **variables: str) -> Iterator[Terminal]:
    controller, terminal = pty.openpty()
    environ = {**project.variables(), "TERM": "xterm", **variables}
    environ.pop("COLUMNS", None)
    process = subprocess.Popen(
        [*COMMAND, "watch", "--http", "off", "--worktree"],
        cwd=project.root,
        env=environ,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no threads yet
    )
    os.close(terminal)
    shown = Terminal(controller, process)
    try:
        shown.resize(100)
        yield shown
    finally:
        process.kill()
        process.wait()
        os.close(controller)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = new_project(tmp_path / "work")
    (made.root / "requests").mkdir()
    return made


def save(project: Project, number: int, text: str = "") -> None:
    (project.root / f"requests/{number:06d}.yaml").write_text(text or request_text(number))


def test_a_line_for_each_request_that_changed_and_one_that_says_how_it_stands(
    project: Project,
) -> None:
    save(project, 1)
    with watching_on_terminal(project) as shown:
        shown.wait_for("1 request published")
        save(project, 2, "type: nonsense\n")
        shown.wait_for("FRN205")
        save(project, 3)
        shown.wait_for("2 requests published")
        save(project, 2)
        shown.wait_for("3 requests published")
        shown.process.send_signal(signal.SIGHUP)
        shown.wait_for("(signal")
        shown.process.send_signal(signal.SIGTERM)
        assert shown.wait() == 0
        shown.wait_for("\x1b[1A\x1b[2K")
    told = [line for line in shown.lines if "requests/" in line]
    assert [line.split()[1:4] for line in told] == [
        ["Completed", "pop_CHG-2024-000001", "requests/000001.yaml"],
        ["requests/000002.yaml:1:7:", "error", "FRN205"],
        ["Completed", "device_conn_CHG-2024-000003", "requests/000003.yaml"],
        ["Completed", "device_conn_CHG-2024-000002", "requests/000002.yaml"],
    ]
    assert "\x1b[32m" in shown.sent
    assert "\x1b[1A\x1b[2K" in shown.sent.rpartition("last look")[2], "the last line stays"


def test_ctrl_c_leaves_the_terminal_as_it_was(project: Project) -> None:
    with watching_on_terminal(project) as shown:
        shown.wait_for("candidate")
        hidden = shown.sent.rfind("\x1b[?25l")
        assert shown.sent.rfind("\x1b[?25h") > hidden, "the cursor is hidden: a kill leaves it so"
        shown.type(b"\x03")
        assert shown.wait() == 130
        shown.wait_for("\x1b[2Kinterrupted\r\n")
        assert shown.sent.rfind("\x1b[?25h") > shown.sent.rfind("\x1b[?25l")
        assert termios.tcgetattr(shown.controller) == shown.modes


def test_a_window_that_becomes_narrow_gets_a_short_last_line(project: Project) -> None:
    with watching_on_terminal(project) as shown:
        shown.wait_for("last look")
        shown.resize(30)
        before = len(shown.sent)
        save(project, 1)
        shown.wait_for("1 request", before)
        shown.wait_for("…", before)
    last = CONTROL.sub("", shown.sent[before:]).split("\r")[-1]
    assert len(last) <= 30, last


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_colours_and_movement_only_where_they_are_wanted(
    variables: dict[str, str], project: Project
) -> None:
    save(project, 1)
    with watching_on_terminal(project, **variables) as shown:
        shown.wait_for("Completed")
        shown.wait_for("requests/000001.yaml")
        assert not STYLE.search(shown.sent)
        if variables.get("TERM") == "dumb":
            shown.process.send_signal(signal.SIGTERM)
            assert shown.wait() == 0
            shown.wait_for("stopped")
            assert "\x1b" not in shown.sent
            assert any("pop_CHG-2024-000001" in line for line in shown.lines)


def test_elsewhere_each_thing_is_a_line_of_json(project: Project) -> None:
    save(project, 1)
    save(project, 2, "type: nonsense\n")
    done = project.run("watch", "--worktree", "--once")
    said = [json.loads(line) for line in done.stderr.splitlines()]
    assert {"request", "problem", "turn"} <= {line["event"] for line in said}
    quiet = project.run("watch", "--worktree", "--once", "-q")
    assert {json.loads(line)["event"] for line in quiet.stderr.splitlines()} == {"problem"}


def test_everything_is_said_once_and_again_only_if_it_happens_again(tmp_path: Path) -> None:
    world, news, second = World(tmp_path / "world", is_daemon=True), News(), 0
    assert world.turns

    def say(text: str, *, whole: bool = False) -> tuple[list[str], list[str]]:
        nonlocal second
        second += 1
        world.write("requests/1.yaml", text, second)
        wake = Wake(frozenset(["save"]), None if whole else frozenset(["requests/1.yaml"]))
        assert world.turns
        outcome = world.turns.take(wake, publishes=True)
        assert outcome
        said = news.take(outcome.report, outcome.paths)
        return [row["phase"] for row in said.rows], [problem.code for problem in said.problems]

    late = request_text(2) + "not_before: 2030-01-01T00:00:00Z\n"
    world.look(frozenset())
    assert say("type: nonsense\n") == ([], ["FRN205"])
    assert say("type: nonsense\n", whole=True) == ([], [])
    assert say(late) == (["Scheduled"], [])
    assert say(late + "# the same\n") == ([], [])
    assert say("type: nonsense\n") == ([], ["FRN205"])
    assert say(late) == (["Scheduled"], [])
    assert say(request_text(2)) == (["Completed"], [])
