"""`validate` as users, editors and pre-commit run it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bench.corpus import request_text
from tests.support.project import Project, new_project
from tests.support.terminal import on_terminal

if TYPE_CHECKING:
    from pathlib import Path

POP = """\
type: pop_deployment
change_number: CHG-2024-001236
pop_name: NYC-PoP-01
location: New York Metro
design_pattern: Hub-Spoke
provider: Equinix
"""
WRONG = POP.replace("location", "locaton")
LONELY = """\
type: device_connection
change_number: CHG-2024-001234
device_name: NYC-Core-SW01
device_type: Switch
location: NYC Building A
interfaces:
  - {name: Gi0/1, speed: 1 Gbit, role: data, vpc_group: vPC-1}
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return new_project(tmp_path / "work")


def test_valid_files_are_counted_and_nothing_is_printed(project: Project) -> None:
    project.add(range(5))
    done = project.run("validate")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "5 files, 5 valid requests, 0 errors, 0 warnings\n"


def test_a_problem_is_told_with_place_line_caret_and_hint(project: Project) -> None:
    project.clone.write("requests/a.yaml", WRONG)
    done = project.run("validate")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    place = lines.index("    4 | locaton: New York Metro") - 1
    assert lines[place].startswith("requests/a.yaml:4:1: error FRN202 ")
    assert lines[place + 2] == "      | ^"
    assert lines[place + 3] == "  hint: did you mean location?"
    assert done.stderr == "1 file, 0 valid requests, 2 errors, 0 warnings\n"


def test_the_json_shape_is_that_of_the_contract(project: Project) -> None:
    project.clone.write("requests/a.yaml", WRONG)
    project.clone.write("requests/b.yaml", POP)
    found = project.json("validate", exit_code=1)
    assert found["summary"] == {"files": 2, "requests": 1, "errors": 2, "warnings": 0}
    fields = ["code", "severity", "path", "line", "column", "field", "message", "hint"]
    assert [list(problem) for problem in found["problems"]] == [fields, fields]
    assert {problem["code"] for problem in found["problems"]} == {"FRN201", "FRN202"}


def test_jsonl_is_one_problem_a_line(project: Project) -> None:
    project.clone.write("requests/a.yaml", WRONG)
    done = project.run("validate", "-o", "jsonl")
    assert [json.loads(line)["severity"] for line in done.stdout.splitlines()] == ["error"] * 2


def test_standard_input_is_a_file_called_stdin(project: Project) -> None:
    done = project.run("validate", "-", stdin=WRONG)
    assert done.returncode == 1
    assert "<stdin>:4:1: error FRN202" in done.stdout
    assert "    4 | locaton: New York Metro" in done.stdout
    assert project.run("validate", "-", stdin=POP).returncode == 0


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"\0", b"a: b\n" * 300_000, b"[" * 10_000])
def test_bad_input_is_a_problem_and_never_a_traceback(project: Project, content: bytes) -> None:
    done = project.run("validate", "-", stdin=content)
    assert done.returncode == 1
    assert done.stdout.startswith("<stdin>:")


def test_files_folders_and_standard_input_go_together(project: Project) -> None:
    project.add(range(2))
    project.clone.write("elsewhere/a.txt", POP)
    done = project.run("validate", "requests", "elsewhere/a.txt", "-", stdin=LONELY)
    assert done.returncode == 0
    assert done.stderr == "4 files, 4 valid requests, 0 errors, 1 warning\n"


@pytest.mark.parametrize("path", ["nowhere.yaml", "nowhere/", "empty", "req*ests"])
def test_a_path_that_matches_nothing_is_exit_2(project: Project, path: str) -> None:
    project.add(range(1))
    (project.root / "empty").mkdir()
    done = project.run("validate", "requests", path)
    assert done.returncode == 2
    assert f"error: no request file found: {path}\n" in done.stderr
    assert project.run("validate", "requests", path, "--allow-empty").returncode == 0


def test_a_repository_without_requests_is_exit_2(project: Project) -> None:
    assert project.run("validate").returncode == 2
    assert project.run("validate", "--allow-empty").returncode == 0


def test_warnings_fail_only_if_asked_to(project: Project) -> None:
    project.clone.write("requests/a.yaml", LONELY)
    assert project.run("validate").returncode == 0
    assert project.run("validate", "--fail-on-warnings").returncode == 1


def test_one_identity_in_two_files_is_told_in_both(project: Project) -> None:
    project.clone.write("requests/a.yaml", POP)
    project.clone.write("requests/b.yaml", POP)
    found = project.json("validate", exit_code=1)
    assert [(p["code"], p["path"]) for p in found["problems"]] == [
        ("FRN301", "requests/a.yaml"),
        ("FRN301", "requests/b.yaml"),
    ]


def test_it_needs_no_git_no_broker_and_no_secret(tmp_path: Path, project: Project) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "a.yaml").write_text(POP)
    done = project.run(
        "validate", "-C", str(tmp_path / "plain"), "a.yaml",
        PATH="", KAFKA_ENABLED="maybe", KAFKA_SSL_CAFILE="nowhere",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_it_looks_at_files_that_are_not_committed(project: Project) -> None:
    project.add(range(1))
    project.clone.write("requests/new.yaml", WRONG)
    assert project.run("validate").returncode == 1


def test_it_can_be_run_from_any_folder(project: Project) -> None:
    project.add(range(3))
    assert project.run("validate", "-C", "requests/0000").stderr.startswith("3 files")
    done = project.run("validate", "-C", "requests/0000", "000001.yaml")
    assert done.stderr.startswith("1 file,")


def test_what_we_write_ourselves_is_no_request(project: Project) -> None:
    project.add(range(3))
    assert project.run("publish").returncode == 0
    assert project.run("validate", ".").stderr.startswith("3 files")


def test_value_rules_come_from_the_settings(project: Project) -> None:
    project.clone.write("requests/a.yaml", POP)
    project.clone.write("franc-gitops.yaml", "rules:\n  provider: [Interxion]\n")
    done = project.run("validate")
    assert done.returncode == 1
    assert "requests/a.yaml:6:11: error FRN204" in done.stdout


def test_a_rule_about_no_field_is_a_mistake_in_the_settings(project: Project) -> None:
    project.clone.write("requests/a.yaml", POP)
    project.clone.write("franc-gitops.yaml", "rules:\n  providr: [Interxion]\n")
    done = project.run("validate")
    assert done.returncode == 2
    assert "providr" in done.stderr


def test_a_hostile_file_name_is_shown_as_an_escape(project: Project) -> None:
    project.clone.write("requests/\x1b[2Jx.yaml", POP)
    project.clone.write("requests/\udcff.yaml", POP)
    done = project.run("validate")
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    assert "\\x1b[2Jx.yaml" in done.stdout
    assert "\\xff.yaml" in done.stdout


def test_many_files_are_judged_as_one(project: Project) -> None:
    texts = [request_text(number) for number in range(1500)]
    texts[700] = texts[700].replace("change_number", "change_no")
    for number, text in enumerate(texts):
        project.clone.write(f"requests/{number:04d}.yaml", text)
    done = project.run("validate")
    assert "requests/0700.yaml:" in done.stdout
    assert done.stderr.startswith("1500 files, 1499 valid requests, ")


def test_a_progress_bar_is_drawn_on_a_terminal_for_long_work_only(project: Project) -> None:
    for number in range(1100):
        project.clone.write(f"requests/{number:04d}.yaml", request_text(number))
    code, shown = on_terminal(project, "validate")
    assert code == 0
    assert "validating" in shown
    assert "1100 files, 1100 valid requests" in shown
    assert "validating" not in on_terminal(project, "validate", "-q")[1]
    assert "validating" not in on_terminal(project, "validate", "requests/0000.yaml")[1]
