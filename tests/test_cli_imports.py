"""What a verb imports, because importing is most of the time that it takes to start."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.project import Project, new_project

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SLOW = {
    "asyncio",
    "confluent_kafka",
    "dotenv",
    "jinja2",
    "prometheus_client",
    "pydantic",
    "re2",
    "rich",
    "sqlite3",
    "starlette",
    "structlog",
    "uvicorn",
    "watchdog",
}
"""Each of them costs 20 to 140 ms; sqlite3 less, but it is of no use without an event log."""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = new_project(tmp_path / "work")
    made.add(range(1))
    return made


def imported(project: Project, *arguments: str) -> set[str]:
    """The top-level modules that are loaded after a run of the command line."""
    code = (
        "import sys, json, io\n"
        "from franc_gitops.cli import main\n"
        "stdout, sys.stdout = sys.stdout, io.StringIO()\n"
        "code = main(sys.argv[1:])\n"
        "json.dump([code, sorted({name.split('.')[0] for name in sys.modules})], stdout)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=project.root,
        env=project.variables(),
        capture_output=True,
        text=True,
        check=True,
    )
    code_and_names = json.loads(done.stdout)
    assert code_and_names[0] == 0, done.stderr
    return set(code_and_names[1])


@pytest.mark.parametrize(
    "arguments",
    [
        ["validate", "requests/0000/000000.yaml"],
        ["validate", "-o", "json"],
        ["--help"],
        ["--version"],
        ["explain", "FRN204"],
        ["new", "pop_deployment"],
        ["schema"],
        ["config", "show"],
        ["plan", "--offline"],
        ["plan", "--offline", "--base", "HEAD"],
        ["cancel", "CHG-2024-000000", "--reason", "x"],
    ],
)
def test_nothing_slow_is_imported_without_an_event_log(
    project: Project, arguments: Sequence[str]
) -> None:
    assert not imported(project, *arguments) & SLOW


@pytest.mark.parametrize(
    "arguments", [["plan"], ["publish"], ["status"], ["events"], ["verify"], ["doctor"]]
)
def test_the_embedded_log_needs_sqlite_and_nothing_else_that_is_slow(
    project: Project, arguments: Sequence[str]
) -> None:
    assert imported(project, *arguments) & SLOW == {"sqlite3"}


def test_logs_bring_structlog(project: Project) -> None:
    assert "structlog" in imported(project, "publish", "-v")


def test_a_dotenv_brings_its_reader(project: Project) -> None:
    (project.root / ".env").write_text("KAFKA_ENABLED=false\n")
    assert "dotenv" in imported(project, "plan")


def test_validate_loads_only_its_own_verb(project: Project) -> None:
    code = (
        "import sys\n"
        "from franc_gitops.cli import main\n"
        "main(['validate'])\n"
        "print([name for name in sys.modules if name.startswith('franc_gitops.')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project.root,
        env=project.variables(),
        capture_output=True,
        text=True,
        check=True,
    )
    for verb in ("publish", "doctor", "topics", "explain"):
        assert f"'franc_gitops.cli.{verb}'" not in done.stdout
    assert "'franc_gitops.cli.validate'" in done.stdout
