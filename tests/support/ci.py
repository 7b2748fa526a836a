"""CI systems as far as their jobs are shell: the steps of what we ship, run by bash."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.support.kafka_jars import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.support.project import Project

TOOLS = Path(sys.executable).parent
STARTER = REPOSITORY / "franc_gitops" / "starter" / "files"
ACTION = REPOSITORY / "action.yml"
WORKFLOW = STARTER / "github.yml"
PIPELINE = STARTER / "gitlab.yml"
JENKINSFILE = REPOSITORY / "deploy" / "ci" / "Jenkinsfile"
SCRIPTS = (REPOSITORY / "deploy/ci/github-action", REPOSITORY / "deploy/ci/publish")


def read_yaml(file: Path) -> Any:  # noqa: ANN401 - whatever it holds
    """Read a file of a CI system; `on:` is a word there, not a truth."""
    return yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506 - text only


def run_step(
    project: Project, script: str, *, expression: Sequence[str] = ("-e",), **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a step's script as CI systems do: by bash, which ends at the first failure."""
    environment = project.variables()
    path = f"{TOOLS}:{environment['PATH']}"
    return subprocess.run(
        ["bash", *expression, "-o", "pipefail", "-c", script],
        cwd=project.root,
        env={**environment, "PATH": path, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def expand(text: str, values: Mapping[str, str]) -> str:
    """Put values into `${{ … }}`; one that is not known is a mistake."""
    return re.sub(r"\$\{\{ *([^}]*?) *\}\}", lambda found: values[found[1]], text)


def workflow_steps(job: str) -> dict[str, dict[str, Any]]:
    """Give the steps of a job of the GitHub workflow that run something, by name."""
    steps = read_yaml(WORKFLOW)["jobs"][job]["steps"]
    return {step["name"]: step for step in steps if "run" in step}


def pipeline_script(job: str) -> str:
    """Give what a job of the GitLab pipeline runs."""
    return "\n".join(read_yaml(PIPELINE)[job]["script"])


def jenkins_scripts() -> list[str]:
    """Give what the Jenkinsfile runs, stage by stage."""
    return re.findall(r"sh '''\n(.*?)'''", JENKINSFILE.read_text(), re.DOTALL)


def shell_of_everything() -> Iterator[tuple[str, str]]:
    """Give every piece of shell that is shipped for CI systems, with a name."""
    for file in SCRIPTS:
        yield file.name, file.read_text()
    for at, step in enumerate(read_yaml(ACTION)["runs"]["steps"]):
        yield f"action-{at}", step["run"]
    for job in read_yaml(WORKFLOW)["jobs"]:
        for name, step in workflow_steps(job).items():
            yield f"github-{job}-{name}", step["run"]
    for job in ("review", "publish", "verify"):
        yield f"gitlab-{job}", pipeline_script(f"franc-gitops {job}")
    for at, script in enumerate(jenkins_scripts()):
        yield f"jenkins-{at}", script
