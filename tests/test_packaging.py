"""What is shipped: the wheel in a clean environment, the image's build steps, the compose file."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from franc_gitops import __version__
from tests.support.kafka_jars import POM, REPOSITORY
from tests.support.shared import shared_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

DOCKERFILE = REPOSITORY / "Dockerfile"
COMPOSE = REPOSITORY / "compose.yaml"
TOOLS = Path(sys.executable).parent
INSTALLED = "/opt/franc-gitops"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build stage of the Dockerfile, carried out below a folder instead of in a container."""
    return shared_folder(tmp_path_factory, "image", build_image)


def build_image(root: Path) -> None:
    source = root / "src"
    source.mkdir()
    for instruction, arguments in build_stage():
        if instruction == "COPY":
            *origins, target = arguments.split()
            for origin in origins:
                copy(REPOSITORY / origin, source / target)
        elif instruction == "RUN":
            run(["sh", "-ec", below(root, arguments)], cwd=source)
    shutil.rmtree(source)


def test_the_installed_command_says_its_version(image: Path) -> None:
    assert __version__ in installed(image, "--version")


def test_the_wheel_holds_the_package_and_nothing_else(image: Path) -> None:
    [wheel] = (image / "wheels").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    folders = {name.split("/")[0] for name in names}
    assert folders == {"franc_gitops", f"franc_gitops-{__version__}.dist-info"}
    assert "franc_gitops/py.typed" in names
    for asset in ("templates/overview.html", "static/franc.css", "static/franc.js"):
        assert f"franc_gitops/daemon/dashboard/{asset}" in names
    assert not [name for name in names if "__pycache__" in name]


def test_a_request_is_validated_without_the_checkout(image: Path, tmp_path: Path) -> None:
    scaffold = installed(image, "new", "datacenter_deployment")
    (tmp_path / "request.yaml").write_text(scaffold)
    installed(image, "validate", "request.yaml", cwd=tmp_path)


def test_a_repository_is_set_up_without_the_checkout(image: Path, tmp_path: Path) -> None:
    installed(image, "init", "--ci", "gitlab", cwd=tmp_path)
    installed(image, "validate", cwd=tmp_path)
    assert (tmp_path / ".gitlab-ci.yml").is_file()


@pytest.mark.parametrize("arguments", [["--version"], ["validate", "request.yaml"]])
def test_without_kafka_the_kafka_client_need_not_exist(
    image: Path, tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "request.yaml").write_text(installed(image, "new", "pop_deployment"))
    blocked = (
        "import runpy, sys; sys.modules['confluent_kafka'] = None;"
        "runpy.run_module('franc_gitops', run_name='__main__')"
    )
    run([str(program(image, "python")), "-c", blocked, *arguments], cwd=tmp_path)


def test_the_dockerfile_passes_its_linter() -> None:
    run([str(TOOLS / "hadolint"), "--no-color", str(DOCKERFILE)], cwd=REPOSITORY)


def test_what_the_dockerfile_copies_reaches_the_build() -> None:
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    let_in = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {
        origin
        for instruction, arguments in build_stage()
        if instruction == "COPY"
        for origin in arguments.split()[:-1]
    }
    assert "*" in lines
    assert copied == let_in


def test_the_image_does_not_run_as_root() -> None:
    users = [arguments for instruction, arguments in instructions() if instruction == "USER"]
    assert users
    assert users[-1].split(":")[0] not in {"0", "root"}


def test_the_compose_file_is_valid() -> None:
    schema = ["--builtin-schema", "vendor.compose-spec"]
    run([str(TOOLS / "check-jsonschema"), *schema, str(COMPOSE)], cwd=REPOSITORY)


def test_the_compose_file_runs_the_kafka_that_the_tests_run() -> None:
    image = yaml.safe_load(COMPOSE.read_text())["services"]["kafka"]["image"]
    version = re.search("<kafka.version>(.*)</kafka.version>", POM.read_text())
    assert version is not None
    assert image == f"apache/kafka:{version[1]}"


# ---------------------------------------------------------------- what the above is said with


@cache
def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order, comments gone and continued lines joined."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ").splitlines()
    words = [line.split(maxsplit=1) for line in joined if line.strip()]
    return [(name, arguments.strip()) for name, arguments in words]


def build_stage() -> list[tuple[str, str]]:
    starts = [at for at, (name, _) in enumerate(instructions()) if name == "FROM"]
    return instructions()[starts[0] : starts[1]]


def below(root: Path, command: str) -> str:
    """The command with the image's absolute folders moved below `root`."""
    return command.replace("/wheels", f"{root}/wheels").replace(INSTALLED, f"{root}{INSTALLED}")


def copy(origin: Path, target: Path) -> None:
    if origin.is_dir():
        shutil.copytree(origin, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(origin, target)


def program(image: Path, name: str) -> Path:
    return image / INSTALLED.lstrip("/") / "bin" / name


def installed(image: Path, *arguments: str, cwd: Path | None = None) -> str:
    """What the installed command prints, run where there is no checkout."""
    return run([str(program(image, "franc-gitops")), *arguments], cwd=cwd or image)


def run(command: Sequence[str], *, cwd: Path) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    path = f"{TOOLS}{os.pathsep}{os.environ['PATH']}"
    environment = {**kept, "PATH": path, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout
