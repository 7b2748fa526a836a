"""What is shipped for CI systems: valid by the systems' own schemas, careful, and run for real."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from bench.corpus import request_text
from franc_gitops.cli.application import VERBS
from tests.support import ci
from tests.support.git import clone_repository
from tests.support.hosts import obeyed, read_gitlab, read_junit, read_markdown, read_sarif
from tests.support.kafka_jars import REPOSITORY
from tests.support.project import Project, new_project

if TYPE_CHECKING:
    from pathlib import Path

WRONG = request_text(3).replace("location", "locaton")
PIECES = dict(ci.shell_of_everything())
WITH_OUR_DEPENDENCIES = {
    "PIP_NO_DEPS": "1",
    "PIP_NO_BUILD_ISOLATION": "0",  # pip reads a no of a no
    "PYTHONPATH": ":".join(path for path in sys.path if "site-packages" in path),
}
"""What is shipped is really installed; what it depends on is that of the tests, not fetched."""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return new_project(tmp_path / "work")


@pytest.fixture
def reviewed(project: Project) -> tuple[Project, str]:
    """A repository with a branch that adds a good and a bad request, and the commit it left."""
    project.add(range(2))
    base = project.clone.head
    project.clone.git("checkout", "--quiet", "-b", "change")
    project.clone.commit({"requests/bad.yaml": WRONG, "requests/new.yaml": request_text(7)})
    return project, base


# --- form -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.github-actions", ci.ACTION),
        ("vendor.github-workflows", ci.WORKFLOW),
        ("custom.github-workflows-require-timeout", ci.WORKFLOW),
        ("vendor.gitlab-ci", ci.PIPELINE),
    ],
)
def test_what_is_shipped_is_valid_by_the_schema_of_its_system(schema: str, file: Path) -> None:
    command = [str(ci.TOOLS / "check-jsonschema"), "--builtin-schema", schema, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", sorted(PIECES))
def test_no_shell_that_is_shipped_has_a_common_mistake(name: str) -> None:
    command = [str(ci.TOOLS / "shellcheck"), "--shell=bash", "-"]
    done = subprocess.run(command, input=PIECES[name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", sorted(PIECES))
def test_no_expression_of_github_stands_in_a_script(name: str) -> None:
    """A branch may be called `$(…)`: what users give comes in variables."""
    assert "${{" not in PIECES[name]


def test_every_verb_that_is_called_exists() -> None:
    called = {
        verb for text in PIECES.values() for verb in re.findall(r"franc-gitops ([a-z]+)\b", text)
    }
    assert called == {"validate", "plan", "publish", "verify"}
    assert called <= set(VERBS)


# --- care -----------------------------------------------------------------------------------


def test_actions_of_others_are_pinned_to_a_commit() -> None:
    used = re.findall(r"uses: (.*)", ci.WORKFLOW.read_text())
    assert used
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", use) for use in used)
    assert "uses:" not in ci.ACTION.read_text()


def test_each_job_has_the_least_permissions() -> None:
    workflow = ci.read_yaml(ci.WORKFLOW)
    assert workflow["permissions"] == {}
    allowed = {name: job["permissions"]["contents"] for name, job in workflow["jobs"].items()}
    assert allowed == {"review": "read", "publish": "write", "verify": "read"}
    assert all(list(job["permissions"]) == ["contents"] for job in workflow["jobs"].values())


def test_a_review_sees_no_secret_and_no_broker() -> None:
    jobs = ci.read_yaml(ci.WORKFLOW)["jobs"]
    assert "secrets." not in json.dumps(jobs["review"])
    assert "KAFKA" not in json.dumps(jobs["review"])
    assert "secrets." in json.dumps(jobs["publish"])


def test_publications_wait_for_each_other_and_none_is_left_out_for_its_paths() -> None:
    workflow = ci.read_yaml(ci.WORKFLOW)
    assert workflow["jobs"]["publish"]["concurrency"]["cancel-in-progress"] == "false"
    assert "paths" not in json.dumps(workflow["on"])
    publish = ci.read_yaml(ci.PIPELINE)["franc-gitops publish"]
    assert publish["resource_group"]
    assert publish["interruptible"] == "false"
    assert all("changes" not in rule for rule in publish["rules"])


def test_only_the_default_branch_is_published_and_as_it_is_now() -> None:
    """A run may be started by hand elsewhere, wait for long, or be started again."""
    jobs = ci.read_yaml(ci.WORKFLOW)["jobs"]
    assert "github.ref == 'refs/heads/@BRANCH@'" in jobs["publish"]["if"]
    assert jobs["publish"]["steps"][0]["with"]["ref"] == "@BRANCH@"
    for rule in ci.read_yaml(ci.PIPELINE)["franc-gitops publish"]["rules"]:
        assert "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH" in rule["if"]
    newest = {"franc-gitops publish": "$CI_DEFAULT_BRANCH", "Publish": "$BRANCH_NAME"}
    scripts = [ci.pipeline_script("franc-gitops publish"), *ci.jenkins_scripts()]
    for script, branch in zip(
        [s for s in scripts if " publish " in s], newest.values(), strict=True
    ):
        assert f'git fetch --quiet origin "{branch}"' in script


def test_an_audit_comes_also_after_a_publication_that_held_something() -> None:
    assert "!cancelled()" in ci.read_yaml(ci.WORKFLOW)["jobs"]["verify"]["if"]
    [rule] = ci.read_yaml(ci.PIPELINE)["franc-gitops verify"]["rules"]
    assert rule["when"] == "always"
    stage = ci.JENKINSFILE.read_text().split("stage('Publish')")[1].split("stage(")[0]
    assert "catchError" in stage


# --- the action -----------------------------------------------------------------------------


class Action:
    """action.yml as a runner runs it; dependencies are those of the tests, nothing is fetched."""

    def __init__(self, project: Project, place: Path, *, installed: bool = True) -> None:
        self.project = project
        self.temp = place / "temp"
        self.temp.mkdir()
        if installed:  # by an earlier step of the job
            (self.temp / "franc-gitops").symlink_to(ci.TOOLS.parent)
        self.definition: dict[str, Any] = ci.read_yaml(ci.ACTION)

    def run(self, **inputs: str) -> tuple[subprocess.CompletedProcess[str], dict[str, str]]:
        """Run all steps; give how the last one ended, and the outputs of the action."""
        wanted = {name.replace("_", "-"): value for name, value in inputs.items()}
        assert set(wanted) <= set(self.definition["inputs"])
        values = {"github.action_path": str(REPOSITORY), "runner.temp": str(self.temp)}
        for name, about in self.definition["inputs"].items():
            default = ci.expand(about["default"], values)
            values[f"inputs.{name}"] = wanted.get(name, default)
        output, summary = self.temp / "output", self.temp / "summary"
        output.write_text("")
        given = {
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
            **WITH_OUR_DEPENDENCIES,
        }
        install, run = (
            (step["run"], {name: ci.expand(text, values) for name, text in step["env"].items()})
            for step in self.definition["runs"]["steps"]
        )
        done = ci.run_step(self.project, install[0], **given, **install[1])
        assert done.returncode == 0, done.stderr
        done = ci.run_step(self.project, run[0], **given, **run[1])
        return done, dict(line.split("=", 1) for line in output.read_text().splitlines())


def test_the_action_validates_plans_and_publishes(project: Project, tmp_path: Path) -> None:
    project.add(range(2))
    for name in ("json", "pip", "runpy", "venv"):  # not taken for Python's own
        project.clone.write(f"{name}.py", "raise SystemExit('the repository was run')")
    action = Action(project, tmp_path, installed=False)
    done, outputs = action.run()
    assert not (action.temp / "franc-gitops").is_symlink()
    assert done.returncode == 0, done.stdout + done.stderr
    assert outputs == {"exit-code": "0", "reports": str(action.temp / "franc-gitops-reports")}
    done, outputs = action.run(command="plan")
    assert (outputs["plan"], outputs["held"]) == ("2", "0")
    done, outputs = action.run(command="publish", args=f"--expect\n{outputs['digest']}\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (outputs["published"], outputs["held"], outputs["failed"]) == ("2", "0", "0")
    assert "2 published" in (action.temp / "summary").read_text()
    done, outputs = action.run(command="verify")
    assert (done.returncode, outputs["exit-code"]) == (0, "0")
    report = action.temp / "franc-gitops-reports" / "report.xml"
    assert read_junit(report.read_text()).get("name") == "franc-gitops verify"
    declared = set(action.definition["outputs"])
    assert {"exit-code", "reports", "plan", "digest", "published", "held", "failed"} == declared


def test_the_action_marks_errors_up_and_writes_every_report(
    reviewed: tuple[Project, str], tmp_path: Path
) -> None:
    project, base = reviewed
    action = Action(project, tmp_path)
    done, outputs = action.run(command="plan", base=base, args="--offline")
    assert (done.returncode, outputs["exit-code"], outputs["plan"]) == (1, "1", "1")
    assert obeyed(done.stdout)[0].properties["file"] == "requests/bad.yaml"
    folder = action.temp / "franc-gitops-reports"
    assert len(read_sarif((folder / "report.sarif").read_text())["results"]) == 2
    assert read_junit((folder / "report.xml").read_text()).get("failures") == "2"
    assert read_markdown((folder / "report.md").read_text()).findall(".//details")
    done, outputs = action.run(fail_on="never", paths="requests/bad.yaml\n\n")
    assert (done.returncode, outputs["exit-code"]) == (0, "1")


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({"command": "destroy"}, "command is destroy"),
        ({"fail_on": "x"}, "fail-on is x"),
        ({"paths": "$(touch hacked)\n; touch hacked"}, "no request file found: "),
        ({"args": "--rev\nx; touch hacked", "command": "plan"}, "x; touch hacked"),
    ],
)
def test_the_action_refuses_what_it_does_not_know_and_runs_nothing_that_is_given(
    project: Project, tmp_path: Path, inputs: dict[str, str], told: str
) -> None:
    project.add(range(1))
    done, _ = Action(project, tmp_path).run(**inputs)
    assert done.returncode == 2
    assert told in done.stdout + done.stderr
    assert not (project.root / "hacked").exists()


# --- GitHub, GitLab, Jenkins, a shell -------------------------------------------------------


def test_the_github_workflow_reviews_a_pull_request(
    reviewed: tuple[Project, str], tmp_path: Path
) -> None:
    project, base = reviewed
    steps = ci.workflow_steps("review")
    done = ci.run_step(project, steps["Is it all valid?"]["run"])
    assert done.returncode == 1
    assert {c.properties.get("file") for c in obeyed(done.stdout)} >= {"requests/bad.yaml"}
    planned = steps["What would be sent?"]
    places = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"), "RUNNER_TEMP": str(tmp_path)}
    done = ci.run_step(project, planned["run"], BASE=base, **places)
    assert done.returncode == 1
    summary = (tmp_path / "summary.md").read_text()
    assert "1 to publish, 1 held" in read_markdown(summary).text_content()


def test_the_github_workflow_obeys_nothing_that_a_pull_request_names(
    reviewed: tuple[Project, str], tmp_path: Path
) -> None:
    project, base = reviewed
    project.clone.commit({"requests/##[add-mask]a.yaml": WRONG.replace("CHG", "##[error]CHG")})
    project.clone.write("plan.md", "not the report")
    project.clone.write("requests/##[add-mask]b.yaml", "not committed")
    planned = ci.workflow_steps("review")["What would be sent?"]
    places = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"), "RUNNER_TEMP": str(tmp_path)}
    done = ci.run_step(project, planned["run"], BASE=base, **places)
    assert "##[add-mask]a.yaml" in done.stdout
    [command] = obeyed(done.stdout)
    assert command.name == "stop-commands"
    assert not obeyed(done.stderr)
    assert (project.root / "plan.md").read_text() == "not the report"


def test_the_gitlab_pipeline_reviews_a_merge_request(reviewed: tuple[Project, str]) -> None:
    project, base = reviewed
    script = ci.pipeline_script("franc-gitops review")
    done = ci.run_step(project, script, CI_MERGE_REQUEST_DIFF_BASE_SHA=base)
    assert done.returncode == 1
    reports = ci.read_yaml(ci.PIPELINE)["franc-gitops review"]["artifacts"]["reports"]
    assert len(read_gitlab((project.root / reports["codequality"]).read_text())) == 2
    assert read_junit((project.root / reports["junit"]).read_text()).get("failures") == "2"
    assert "1 to publish, 1 held" in (project.root / "plan.md").read_text()


def test_jenkins_reviews_a_change(reviewed: tuple[Project, str], tmp_path: Path) -> None:
    project, base = reviewed
    project.clone.git("branch", "--force", "main", base)
    project.clone.git("remote", "add", "origin", str(project.root))
    (tmp_path / "venv").symlink_to(ci.TOOLS.parent)
    [script] = [script for script in ci.jenkins_scripts() if "CHANGE_TARGET" in script]
    given = {"CHANGE_TARGET": "main", "WORKSPACE_TMP": str(tmp_path)}
    done = ci.run_step(project, script, expression=("-xe",), **given)
    assert done.returncode == 1, done.stderr
    assert "1 to publish, 1 held" in (project.root / "reports/plan.md").read_text()
    assert read_junit((project.root / "reports/validate.xml").read_text()).get("failures") == "2"


@pytest.mark.parametrize("write_back", ["files", "push"])
def test_a_shell_anywhere_publishes_what_is_merged(
    project: Project, tmp_path: Path, write_back: str
) -> None:
    project.add(range(2))
    remote = tmp_path / "remote.git"
    project.clone.git("clone", "--quiet", "--bare", str(project.root), str(remote))
    project.clone.git("remote", "add", "origin", str(remote))
    folder = tmp_path / "clone"
    script = f"{ci.SCRIPTS[1]} '{remote}' '{folder}' -o json=out.json"
    for expected in (2, 0):
        done = ci.run_step(project, script, FRANC_WRITE_BACK=write_back)
        assert done.returncode == 0, done.stderr
        assert json.loads((folder / "out.json").read_text())["summary"]["published"] == expected
    project.clone.git("pull", "--quiet", "--rebase", "origin", "main")
    project.add(range(2, 3))
    project.clone.git("push", "--quiet", "origin", "HEAD:main")
    done = ci.run_step(project, script, FRANC_WRITE_BACK=write_back)
    assert json.loads((folder / "out.json").read_text())["summary"]["published"] == 1
    pushed = clone_repository(remote, tmp_path / "again").root / "status"
    assert len(list(pushed.rglob("*.yaml"))) == (3 if write_back == "push" else 0)


def test_gitlab_publishes_what_is_merged_and_finds_a_status_file_edited_by_hand(
    project: Project, tmp_path: Path
) -> None:
    project.add(range(2))
    remote = tmp_path / "remote.git"
    project.clone.git("clone", "--quiet", "--bare", str(project.root), str(remote))
    job = Project(clone_repository(remote, tmp_path / "job"))
    job.clone.git("checkout", "--quiet", "--detach")
    given = {"CI_DEFAULT_BRANCH": "main", "FRANC_WRITE_BACK": "push"}
    publish = ci.run_step(job, ci.pipeline_script("franc-gitops publish"), **given)
    assert publish.returncode == 0, publish.stderr
    assert read_junit((job.root / "publish.xml").read_text()).get("tests") == "2"
    verify = ci.pipeline_script("franc-gitops verify")
    done = ci.run_step(job, verify, CI_DEFAULT_BRANCH="main")
    assert done.returncode == 0, done.stdout + done.stderr
    editor = clone_repository(remote, tmp_path / "editor")
    status = next((editor.root / "status").rglob("*.yaml"))
    text = status.read_text().replace("Completed", "Failed")
    editor.commit({status.relative_to(editor.root).as_posix(): text})
    editor.git("push", "--quiet", "origin", "main")
    done = ci.run_step(job, verify, CI_DEFAULT_BRANCH="main")
    assert done.returncode == 1, done.stdout + done.stderr
    assert status.name in done.stdout
    [case] = read_junit((job.root / "verify.xml").read_text()).iter("testcase")
    assert case.get("name") == "FRN620"
    assert json.loads((job.root / "verify.json").read_text())["summary"]["errors"] == 1


def test_the_shell_recipe_goes_on_where_it_was_killed_and_touches_nothing_else(
    project: Project, tmp_path: Path
) -> None:
    project.add(range(1))
    folder = tmp_path / "clone"
    (folder / ".git").mkdir(parents=True)  # as far as a clone came
    script = f"{ci.SCRIPTS[1]} '{project.root}' '{folder}'"
    done = ci.run_step(project, script, FRANC_WRITE_BACK="files")
    assert done.returncode == 0, done.stderr
    assert "1 published" in done.stderr
    other = tmp_path / "other"
    other.mkdir()
    (other / "requests").write_text("mine")
    done = ci.run_step(project, f"{ci.SCRIPTS[1]} '{project.root}' '{other}'")
    assert done.returncode == 2
    assert (other / "requests").read_text() == "mine"


def test_the_shell_recipe_tells_how_it_is_used(project: Project) -> None:
    done = ci.run_step(project, str(ci.SCRIPTS[1]))
    assert done.returncode == 2
    assert done.stderr.startswith("Publish from anywhere that has a shell")
    assert "publish REPOSITORY FOLDER" in done.stderr


# --- pre-commit -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """What is shipped, as the repository that pre-commit clones the hooks from."""
    shipped = new_project(tmp_path_factory.mktemp("hooks") / "franc-gitops")
    for name in ("pyproject.toml", "README.md", ".pre-commit-hooks.yaml"):
        shipped.clone.write(name, (REPOSITORY / name).read_bytes())
    for file in (REPOSITORY / "franc_gitops").rglob("*"):
        if file.is_file() and file.suffix != ".pyc":
            shipped.clone.write(file.relative_to(REPOSITORY).as_posix(), file.read_bytes())
    shipped.clone.commit()
    return shipped


def pre_commit(project: Project, hooks: Project, *arguments: str) -> tuple[int, dict[str, str]]:
    """Run pre-commit; give its exit code, and how each hook ended with what it said."""
    done = ci.run_step(
        project,
        f"pre-commit {' '.join(arguments)}",
        PRE_COMMIT_HOME=str(hooks.root.parent / "cache"),
        PRE_COMMIT_COLOR="never",
        **WITH_OUR_DEPENDENCIES,
    )
    told = done.stdout + done.stderr
    found = re.findall(r"^(request files.*?)\.\.+(?:\(.*\))?(\w+)$", told, re.MULTILINE)
    assert found, told
    return done.returncode, {**{name.split(",")[0]: end for name, end in found}, "told": told}


def test_pre_commit_runs_the_hooks_on_what_is_committed(project: Project, hooks: Project) -> None:
    config = f"""\
repos:
  - repo: {hooks.root}
    rev: {hooks.clone.head}
    hooks: [{{id: franc-gitops-validate}}, {{id: franc-gitops-validate-all}}]
"""
    each, together = "request files", "request files against each other"
    project.add(range(3))
    project.clone.write(".pre-commit-config.yaml", config)
    project.clone.git("add", ".")
    code, ends = pre_commit(project, hooks, "run")
    assert (code, ends[each], ends[together]) == (0, "Skipped", "Skipped"), ends["told"]

    project.clone.write("requests/bad.yaml", WRONG)
    project.clone.git("add", ".")
    code, ends = pre_commit(project, hooks, "run")
    assert (code, ends[each], ends[together]) == (1, "Failed", "Failed")
    assert "requests/bad.yaml:6:1: error FRN202" in ends["told"]

    twin = (project.root / "requests/0000/000001.yaml").read_text()
    project.clone.write("requests/bad.yaml", f"# the same again\n{twin}")
    project.clone.git("add", ".")
    code, ends = pre_commit(project, hooks, "run")
    assert (code, ends[each], ends[together]) == (1, "Passed", "Failed")
    assert "FRN301" in ends["told"]

    project.clone.git("rm", "-r", "--quiet", "--force", "requests")
    project.clone.write("franc-gitops.yaml", "source: x\n")
    project.clone.git("add", ".")
    code, ends = pre_commit(project, hooks, "run")
    assert (code, ends[each], ends[together]) == (0, "Skipped", "Passed"), ends["told"]
