"""The door of the command line, as a real process: errors, signals, pipes, help, colours."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from franc_gitops import __version__
from franc_gitops.cli.application import VERBS, make_command
from franc_gitops.reports.text import printable
from tests.support.project import COMMAND, Project, new_project
from tests.support.terminal import on_terminal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LEAVES = [
    *(verb for verb in VERBS if verb not in {"config", "topics"}),
    "config show",
    "topics create",
    "topics check",
]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return new_project(tmp_path / "work")


def with_a_bug(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run with a page finder that breaks."""
    code = (
        "import sys, franc_gitops.explain as e, franc_gitops.cli as c\n"
        "e.find = lambda word, *_: {}[word]\n"
        "sys.exit(c.main())"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=project.root,
        env=project.variables(),
        capture_output=True,
        text=True,
        check=False,
    )


# --- help -----------------------------------------------------------------------------------


def test_the_version_is_that_of_the_package(project: Project) -> None:
    done = project.run("--version")
    assert (done.returncode, done.stdout) == (0, f"franc-gitops {__version__}\n")


def test_the_help_page_shows_every_verb_and_the_exit_codes(project: Project) -> None:
    done = project.run("--help")
    assert done.returncode == 0
    assert all(f"\n  {verb} " in done.stdout for verb in VERBS)
    assert "Exit codes:" in done.stdout
    assert "..." not in done.stdout.partition("Commands:")[2]


@pytest.mark.parametrize("verb", LEAVES)
def test_every_verb_has_a_page_with_examples_and_exit_codes(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = make_command().main([*verb.split(), "-h"], "franc-gitops", standalone_mode=False)
    page = capsys.readouterr().out
    assert code == 0
    assert f"  franc-gitops {verb}" in page
    assert "Exit codes:" in page
    assert max(map(len, page.splitlines())) <= 100


def test_without_a_verb_the_help_page_is_shown_and_it_is_a_mistake(project: Project) -> None:
    done = project.run()
    assert done.returncode == 2
    assert "Commands:" in done.stderr
    assert not done.stdout


@pytest.mark.parametrize(
    ("line", "offered"),
    [("franc-gitops p", "plan\npublish\n"), ("franc-gitops events --fo", "--follow\n")],
)
def test_a_shell_can_complete_verbs_and_options(project: Project, line: str, offered: str) -> None:
    done = project.run(
        _FRANC_GITOPS_COMPLETE="complete_bash",
        COMP_WORDS=line,
        COMP_CWORD=str(line.count(" ")),
    )
    assert done.stdout == offered


# --- wrong command lines --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["explian"], "did you mean explain?"),
        (["nonsense"], "franc-gitops --help"),
        (["explain", "--nonsense"], "franc-gitops explain --help"),
        (["--nonsense"], "franc-gitops --help"),
        (["explain", "a", "b"], "franc-gitops explain --help"),
        (["new"], "franc-gitops new --help"),
        (["config"], "franc-gitops config --help"),
        (["config", "show", "-o", "xml"], "-o json, text"),
        (["config", "show", "-o", "../x"], "-o json, text"),
        (["config", "show", "--set", "source"], "--set KEY=VALUE"),
        (["config", "show", "--set", "sorce=x"], "did you mean source?"),
        (["-C", "nowhere", "explain"], "No such file or directory"),
    ],
)
def test_a_wrong_command_line_is_exit_2_with_the_way_out(
    project: Project, arguments: Sequence[str], told: str
) -> None:
    done = project.run(*arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert not done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["-C", "below", "config", "show"],
        ["config", "show", "-C", "below"],
        ["config", "-C", "below", "show"],
    ],
)
def test_common_options_may_stand_before_and_after_the_verb(
    project: Project, arguments: Sequence[str]
) -> None:
    below = project.root / "below"
    below.mkdir()
    (below / "franc-gitops.yaml").write_text("source: below\n")
    assert "source                     below" in project.run(*arguments).stdout


def test_overrides_before_and_after_the_verb_go_together(project: Project) -> None:
    before, after = ("--set", "source=a"), ("--set", "status_dir=b", "--set", "source=c")
    shown = project.run(*before, "config", "show", *after).stdout
    assert "source                     c  " in shown
    assert "status_dir                 b  " in shown


# --- bugs, signals, pipes -------------------------------------------------------------------


def test_a_bug_is_one_line_and_exit_70(project: Project) -> None:
    done = with_a_bug(project, "explain", "FRN204")
    assert done.returncode == 70
    assert done.stderr.startswith("error: this is a bug: KeyError: 'FRN204'")
    assert "Traceback" not in done.stderr


def test_a_bug_shows_where_it_is_with_debug(project: Project) -> None:
    done = with_a_bug(project, "explain", "FRN204", "--debug")
    assert done.returncode == 70
    assert "Traceback (most recent call last)" in done.stderr


def test_a_reader_that_went_away_ends_it_quietly(project: Project) -> None:
    process = project.start("explain")
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(20) == 141
    process.stderr.close()


def test_a_full_disk_is_told_and_is_no_bug(project: Project) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [*COMMAND, "explain"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=project.variables(),
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("error: No space left on device")


@pytest.mark.parametrize(
    ("number", "code", "told"), [(signal.SIGINT, 130, "interrupted\n"), (signal.SIGTERM, 143, "")]
)
def test_a_signal_ends_it_without_a_traceback(
    project: Project, number: signal.Signals, code: int, told: str
) -> None:
    project.add(range(1))
    assert project.run("publish").returncode == 0
    with project.start("events", "--follow") as process:
        assert process.stdout
        assert process.stdout.readline()  # it follows
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (code, told)


# --- colours and characters -----------------------------------------------------------------


def test_colours_appear_on_a_terminal_only(project: Project) -> None:
    assert "\x1b[" not in project.run("explian").stderr
    assert "\x1b[31;1merror" in on_terminal(project, "explian")[1]


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [(["--no-color"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"})],
)
def test_colours_can_be_switched_off(
    project: Project, arguments: Sequence[str], variables: dict[str, str]
) -> None:
    code, shown = on_terminal(project, *arguments, "explian", **variables)
    assert code == 2
    assert "\x1b" not in shown


def test_any_character_can_be_printed_whatever_the_locale(project: Project) -> None:
    done = project.run("explain", "FRN102", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert done.returncode == 0
    assert "«UTF-8»" in done.stdout


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a b é 📡", "a b é 📡"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\u202eb", "a\\u202eb"),
        ("a\nb", "a\\nb"),
        ("\udcff", "\\udcff"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_message_holds_nothing_that_a_terminal_would_obey(project: Project) -> None:
    """Names of files, brokers' answers and words of the command line come from anywhere."""
    done = project.run("-C", "no\x1b[2Jwhere\u202e", "status")
    assert done.returncode == 2
    assert "-C no\\x1b[2Jwhere\\u202e: No such file or directory" in done.stderr
