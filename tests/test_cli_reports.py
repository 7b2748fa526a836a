"""`-o` as CI jobs use it: several reports, files, the step's summary, nothing to look at."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bench.corpus import request_text
from tests.support.hosts import obeyed, read_gitlab, read_junit, read_markdown, read_sarif
from tests.support.project import Project, new_project

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

WRONG = request_text(3).replace("location", "locaton")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return new_project(tmp_path / "work")


# --- what a pull request shows --------------------------------------------------------------


def test_forty_invalid_files_give_ten_annotations_and_a_notice_of_the_rest(
    project: Project,
) -> None:
    lonely = request_text(2).replace("vPC-3", "vPC-1", 1)
    project.clone.write("requests/00-warning.yaml", lonely)
    for number in range(40):
        wrong = request_text(number).replace("change_number: CHG-", "change_number: CHANGE-")
        project.clone.write(f"requests/{number + 10}.yaml", wrong)
    summary = project.root / "summary.md"
    done = project.run(
        *("validate", "-o", "github", "-o", "sarif=out/franc.sarif", "-o", "junit=out/franc.xml"),
        *("-o", "gitlab=out/franc.json"),
        GITHUB_STEP_SUMMARY=str(summary),
    )
    assert done.returncode == 1
    commands = obeyed(done.stdout)
    assert [command.name for command in commands[:11]] == ["error"] * 10 + ["notice"]
    assert commands[10].data.startswith("32 more (30 errors, 2 warnings): ")
    assert commands[0].properties == {
        "file": "requests/10.yaml",
        "line": "4",
        "col": "16",
        "title": "franc (FRN206)",
    }
    out = project.root / "out"
    assert len(read_sarif((out / "franc.sarif").read_text())["results"]) == 42
    assert len(read_gitlab((out / "franc.json").read_text())) == 42
    assert read_junit((out / "franc.xml").read_text()).get("failures") == "40"
    assert len(read_markdown(summary.read_text()).findall(".//tbody/tr")) == 42


def test_a_plan_and_a_pass_are_shown_in_the_summary_of_their_steps(project: Project) -> None:
    project.add(range(2))
    summary = project.root / "summary.md"
    for verb in ("plan", "publish"):
        done = project.run(verb, "-o", "github", GITHUB_STEP_SUMMARY=str(summary))
        assert done.returncode == 0, done.stderr
        assert f"::group::franc-gitops {verb}\n" in done.stdout
    shown = summary.read_text()
    assert shown.index("franc-gitops:plan") < shown.index("franc-gitops:publish")
    assert "2 published, 0 unchanged" in shown


def test_the_summary_of_a_step_stays_within_what_github_takes(project: Project) -> None:
    project.add(range(600))
    summary = project.root / "summary.md"
    summary.write_text("x" * 500_000)
    project.run("plan", "-o", "github", GITHUB_STEP_SUMMARY=str(summary))
    assert 1_000_000 < summary.stat().st_size <= 1 << 20
    project.run("plan", "-o", "github", GITHUB_STEP_SUMMARY=str(summary))
    assert summary.stat().st_size <= 1 << 20


def test_a_summary_that_cannot_be_written_spoils_nothing(project: Project) -> None:
    project.add(range(1))
    done = project.run("validate", "-o", "github", GITHUB_STEP_SUMMARY=str(project.root))
    assert done.returncode == 0
    assert "warning: no step summary: Is a directory" in done.stderr


def test_why_a_run_failed_is_an_annotation_too(project: Project) -> None:
    project.add(range(1))
    done = project.run("plan", "-o", "github", "--rev", "nowhere")
    assert done.returncode == 2
    [command] = obeyed(done.stderr)
    assert command.name == "error"
    assert "nowhere" in command.data
    assert not obeyed(project.run("plan", "--rev", "nowhere").stderr)


def test_a_workflow_obeys_nothing_that_a_warning_names(project: Project) -> None:
    project.add(range(1))
    for name in ("a\n::error::b", "##[stop-commands]c"):
        project.clone.write(f"requests/{name}.yaml", request_text(7))
    done = project.run("plan", "-o", "github")
    assert done.returncode == 0
    assert "not committed" in done.stderr
    assert not obeyed(done.stderr)
    done = project.run("plan", "-o", "github", "--rev", "x\n::warning::y##[error]z")
    assert done.returncode == 2
    assert [command.name for command in obeyed(done.stderr)] == ["error"]


def test_paths_begin_at_the_top_of_the_clone(project: Project) -> None:
    project.clone.write("net/franc-gitops.yaml", "source: x\n")
    project.clone.write("net/requests/a.yaml", WRONG)
    done = project.run("validate", "-C", "net", "-o", "github")
    assert {c.properties["file"] for c in obeyed(done.stdout) if c.name == "error"} == {
        "net/requests/a.yaml"
    }


# --- several reports ------------------------------------------------------------------------


def test_several_reports_of_one_pass_say_the_same(project: Project) -> None:
    project.clone.commit({"requests/a.yaml": WRONG, "requests/b.yaml": request_text(1)})
    arguments = (
        "-o",
        "text",
        "-o",
        "json=r/p.json",
        "-o",
        "junit=r/p.xml",
        "-o",
        "markdown=r/p.md",
    )
    done = project.run("publish", *arguments)
    assert done.returncode == 1
    assert "Completed pop_CHG-2024-000001" in done.stdout
    report = json.loads((project.root / "r/p.json").read_text())
    assert report["summary"]["published"] == 1
    assert len(report["requests"][0]["events"]) == 3
    suite = read_junit((project.root / "r/p.xml").read_text())
    assert [case.get("name") for case in suite][-1] == "pop_CHG-2024-000001"
    page = read_markdown((project.root / "r/p.md").read_text()).text_content()
    assert "1 published, 0 unchanged, 1 held" in page


def test_reports_in_files_leave_standard_output_alone(project: Project) -> None:
    project.clone.write("requests/a.yaml", WRONG)
    done = project.run("validate", "-o", "json=out.json")
    assert (done.returncode, done.stdout) == (1, "")
    assert json.loads((project.root / "out.json").read_text())["summary"]["errors"] == 2


def test_a_report_of_a_path_that_is_not_utf_8_can_be_read(project: Project) -> None:
    project.clone.write("requests/\udcff.yaml", request_text(1))
    project.run("validate", "-o", "sarif=s", "-o", "gitlab=g", "-o", "junit=j", "-o", "markdown=m")
    [result] = read_sarif((project.root / "s").read_text())["results"]
    assert result["ruleId"] == "FRN123"
    read_gitlab((project.root / "g").read_text())
    read_junit((project.root / "j").read_text())
    read_markdown((project.root / "m").read_text())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-o", "text", "-o", "json"], "two reports cannot both go to standard output"),
        (["-o", "json=a", "-o", "sarif=./a"], "two reports cannot both go to "),
        (["-o", "json="], "-o json= names no file"),
        (["-o", "jsn=a"], "-o jsn is not a format here"),
        (["-o", "json=requests"], "no report can be written to requests: it is a folder"),
        (["-o", "json=requests/a.yaml/x"], "no report can be written to requests/a.yaml/x: "),
        (["--max-length", "many"], "--max-length many: a number of bytes is expected"),
    ],
)
def test_a_report_that_cannot_be_is_refused_before_anything_is_published(
    project: Project, arguments: Sequence[str], told: str
) -> None:
    project.clone.commit({"requests/a.yaml": request_text(1)})
    done = project.run("publish", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert project.run("events").stdout == ""


def test_an_earlier_report_is_never_taken_for_that_of_a_run_that_failed(project: Project) -> None:
    project.add(range(1))
    assert project.run("plan", "-o", "json=plan.json").returncode == 0
    assert (project.root / "plan.json").exists()
    assert project.run("plan", "-o", "json=plan.json", "--rev", "nowhere").returncode == 2
    assert not (project.root / "plan.json").exists()
    assert [file.name for file in project.root.iterdir() if "plan" in file.name] == []


def test_a_report_goes_into_a_device_as_it_comes(project: Project) -> None:
    project.add(range(1))
    done = project.run("validate", "-o", "json=/dev/stderr", "-q")
    assert done.returncode == 0
    assert json.loads(done.stderr)["summary"]["requests"] == 1


def test_a_report_that_finds_no_space_hides_nothing_that_was_published(project: Project) -> None:
    project.add(range(1))
    done = project.run("publish", "-o", "json=/dev/full")
    assert done.returncode == 2
    assert "1 published, 0 unchanged" in done.stderr
    assert "no report is written to /dev/full: No space left on device" in done.stderr


def test_the_length_of_a_comment_can_be_chosen(project: Project) -> None:
    project.add(range(60))
    short = project.run("plan", "-o", "markdown", "--max-length", "5000").stdout
    assert len(short.encode()) <= 5000
    usual = project.run("plan", "-o", "markdown").stdout
    assert 32_000 < len(usual.encode()) <= 65_000
    assert len(project.run("plan", "-o", "markdown", "--max-length", "0").stdout) > 65_535


# --- nothing to look at ---------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["validate", "plan", "publish"])
def test_a_check_that_looked_at_nothing_is_green_only_if_that_was_said_to_be_fine(
    project: Project, verb: str
) -> None:
    project.clone.commit({"README.md": "no requests yet\n"})
    refused = project.run(verb, "-o", "github")
    assert refused.returncode == 2
    assert [command.name for command in obeyed(refused.stderr)] == ["error"]
    allowed = project.run(
        verb, "-o", "github", "-o", "junit=j", "-o", "markdown=m", "--allow-empty"
    )
    assert allowed.returncode == 0
    told = "no request file: nothing was checked"
    [case] = read_junit((project.root / "j").read_text())
    assert [skipped.get("message") for skipped in case] == [told]
    assert told in read_markdown((project.root / "m").read_text()).text_content()
    assert [command.data for command in obeyed(allowed.stdout)] == [told]
    assert told in allowed.stderr


@pytest.mark.parametrize("content", ["", "# soon\n", "---\n", "---\n---\n"])
def test_a_request_file_without_a_request_is_never_zero_of_zero_fine(
    project: Project, content: str
) -> None:
    project.clone.commit({"requests/a.yaml": content})
    for arguments in (["validate"], ["validate", "--allow-empty"], ["plan", "--allow-empty"]):
        done = project.run(*arguments)
        assert done.returncode == 1, arguments
        assert "requests/a.yaml:" in done.stdout


def test_a_valid_request_in_a_refused_file_is_not_counted_as_valid(project: Project) -> None:
    project.clone.write("requests/a.yaml", f"{request_text(1)}---\n{WRONG}")
    done = project.run("validate")
    assert done.stderr == "1 file, 0 valid requests, 2 errors, 0 warnings\n"
    assert project.json("validate", exit_code=1)["summary"]["requests"] == 0


def test_two_requests_that_nothing_parts_are_told_how_to_part_them(project: Project) -> None:
    done = project.run("validate", "-", stdin=request_text(0) + request_text(1))
    assert done.returncode == 1
    assert "error FRN107 `type` stands twice, first in line " in done.stdout
    assert "if another request begins here, put a line `---` before it" in done.stdout
