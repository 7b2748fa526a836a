"""`franc-gitops init`: what it puts into an empty repository works at once."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import jsonschema
import pytest
import yaml

from franc_gitops import __version__, starter
from tests.support import ci
from tests.support.project import Project, new_project

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = "requests/2024/CHG-2024-001234-device_connection.yaml"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return new_project(tmp_path / "work")


@pytest.mark.parametrize(
    "system",
    ["github", *(pytest.param(s, marks=pytest.mark.proof) for s in starter.CI if s != "github")],
)
def test_after_init_everything_is_green(project: Project, system: str) -> None:
    made = project.run("init", "--ci", system)
    assert made.returncode == 0, made.stderr
    assert project.run("validate", "--fail-on-warnings").returncode == 0
    paths = made.stdout.split()
    project.clone.git("add", "--all")
    assert sorted(project.clone.git("diff", "--cached", "--name-only").split()) == sorted(paths)
    project.clone.commit()
    for verb in ("plan", "publish", "status", "doctor"):
        done = project.run(verb)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_sends_nothing_until_somebody_wants_it(project: Project) -> None:
    project.run("init")
    project.clone.commit()
    assert project.json("publish")["summary"]["published"] == 0
    text = (project.root / EXAMPLE).read_text()
    project.clone.commit({EXAMPLE: text.replace("cancel: this is an example\n", "")})
    assert project.json("publish")["summary"]["published"] == 1


def test_editors_are_pointed_to_schemas_that_are_there_and_hold(project: Project) -> None:
    project.run("init")
    for path in ("franc-gitops.yaml", EXAMPLE):
        file = project.root / path
        modeline, text = file.read_text().split("\n", 1)
        target = modeline.removeprefix("# yaml-language-server: $schema=")
        schema = json.loads((file.parent / target).read_text())
        jsonschema.Draft7Validator(schema).validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    ("system", "schema"),
    [("github", "vendor.github-workflows"), ("gitlab", "vendor.gitlab-ci")],
)
def test_the_workflow_it_writes_is_valid_and_installs_this_version(
    project: Project, system: str, schema: str
) -> None:
    project.clone.git("checkout", "--quiet", "-b", "release/2")
    made = project.run("init", "--ci", system)
    file = project.root / starter.CI[system]
    command = [str(ci.TOOLS / "check-jsonschema"), "--builtin-schema", schema, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert f"franc-gitops=={__version__}" in file.read_text()
    if system == "github":
        assert "publishes what is on the branch release/2" in made.stderr
        workflow = ci.read_yaml(file)
        assert workflow["on"]["push"]["branches"] == ["release/2"]
        assert workflow["jobs"]["verify"]["steps"][0]["with"]["ref"] == "release/2"


@pytest.mark.parametrize("system", sorted(starter.CI))
def test_no_word_is_left_to_be_filled_in(system: str) -> None:
    own = starter.own_files(system, "main")
    texts = {**own, **starter.shared_files(system, "@acme/network")}
    assert not [
        path for path, text in texts.items() for word in text.split("@")[1:] if word[:1].isupper()
    ]


def test_the_hooks_it_writes_run(project: Project) -> None:
    project.run("init", "--ci", "none")
    project.clone.git("add", "--all")
    done = ci.run_step(
        project, "pre-commit run --color never", PRE_COMMIT_HOME=str(project.root.parent / "cache")
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Passed") == 2
    project.clone.write("requests/a.yaml", "type: x\n")
    project.clone.git("add", "--all")
    done = ci.run_step(
        project, "pre-commit run --color never", PRE_COMMIT_HOME=str(project.root.parent / "cache")
    )
    assert done.returncode == 1
    assert "requests/a.yaml:1:7: error FRN205" in done.stdout


def test_nothing_is_ever_overwritten(project: Project) -> None:
    project.clone.write("franc-gitops.yaml", "source: mine\n")
    done = project.run("init")
    assert done.returncode == 2
    assert "nothing is written, for there is already franc-gitops.yaml" in done.stderr
    assert [file.name for file in project.root.iterdir()] == [".git", "franc-gitops.yaml"] or len(
        list(project.root.iterdir())
    ) == 2
    assert (project.root / "franc-gitops.yaml").read_text() == "source: mine\n"


def test_files_with_lines_of_others_stay_and_what_they_lack_is_told(project: Project) -> None:
    project.clone.write(".gitignore", "*.log\n")
    project.clone.link(".github/CODEOWNERS", "../nowhere")
    done = project.run("init", "--owner", "@acme/network")
    assert done.returncode == 0
    assert (project.root / ".gitignore").read_text() == "*.log\n"
    assert ".gitignore" not in done.stdout.split()
    assert "warning: .gitignore is there already and stays as it is; add to it:" in done.stderr
    assert "    .env\n" in done.stderr
    assert "    /status/ @acme/network\n" in done.stderr
    assert not (project.root / "nowhere").exists()


def test_owners_are_named_or_left_open(project: Project, tmp_path: Path) -> None:
    project.run("init", "--owner", "@acme/network")
    owned = (project.root / ".github/CODEOWNERS").read_text().splitlines()
    for path in ("/status/", "/franc-gitops.yaml", "/.github/workflows/franc-gitops.yml"):
        assert f"{path} @acme/network" in owned
    other = new_project(tmp_path / "other")
    other.run("init", "--ci", "gitlab")
    lines = (other.root / ".gitlab/CODEOWNERS").read_text().splitlines()
    assert all(line.startswith("# ") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--ci", "githb"], "did you mean github?"),
        (["--owner", "two names"], "--owner two names: a name as in @acme/network is expected"),
        (["-C", "below"], "is not the top of its repository"),
    ],
)
def test_a_wrong_wish_is_exit_2_and_writes_nothing(
    project: Project, arguments: list[str], told: str
) -> None:
    (project.root / "below").mkdir()
    done = project.run("init", *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert not list((project.root / "below").iterdir())
    assert not (project.root / "franc-gitops.yaml").exists()
