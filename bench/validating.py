"""The rows about `validate`: one file, and ten thousand."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

from bench.corpus import write_corpus
from bench.process import FRANC, run
from bench.table import Row, take_turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.setting import Setting

SCHEMAS = Path(__file__).resolve().parents[1] / "schemas"
SCHEMA = SCHEMAS / "request.schema.json"
CHECK_JSONSCHEMA = str(Path(sys.executable).with_name("check-jsonschema"))
OURS = "franc-gitops validate"


def one_file(setting: Setting) -> Row:
    """`validate` of one file: mostly start-up."""
    row = Row(
        "one-file",
        "whole process, one valid request file; check-jsonschema with the schema that "
        "franc-gitops generates, Python and --version for what starting up costs",
    )
    folder = setting.fresh_folder()
    write_corpus(folder, 3)
    file = sorted((folder / "requests").rglob("*.yaml"))[2].relative_to(folder)
    commands = {
        OURS: [FRANC, "validate", str(file)],
        "check-jsonschema": [CHECK_JSONSCHEMA, "--schemafile", str(SCHEMA), str(file)],
        "franc-gitops --version": [FRANC, "--version"],
        "python -c pass": [sys.executable, "-c", "pass"],
    }
    contenders = {name: _seconds(command, folder) for name, command in commands.items()}
    take_turns(row, setting.rounds(15), contenders, warm_up=True)
    row.compare("check-jsonschema", OURS, "times as fast as check-jsonschema", "at least 1")
    return row


def many_files(setting: Setting) -> Row:
    """`validate` of ten thousand files."""
    files = setting.size(10_000)
    row = Row(
        "validate",
        f"whole process, {files:,} valid request files in a plain folder; check-jsonschema and ajv "
        "with the schema that franc-gitops generates, ajv on copies with times in quotes (it reads "
        "plain ones as no text); kubeconform with the schema of each type, on copies with the two "
        "lines more (apiVersion, kind) that it wants",
    )
    folder = setting.fresh_folder()
    write_corpus(folder, files)
    names = [str(file.relative_to(folder)) for file in sorted(folder.rglob("*.yaml"))]
    contenders = {
        OURS: _seconds([FRANC, "validate"], folder),
        "check-jsonschema": _seconds(
            [CHECK_JSONSCHEMA, "--schemafile", str(SCHEMA), *names], folder
        ),
    }
    if _found(row, "ajv"):
        contenders["ajv"] = _ajv(setting, files)
    if _found(row, "kubeconform"):
        contenders["kubeconform"] = _kubeconform(setting, files)
    take_turns(row, setting.rounds(5), contenders)
    row.compare("check-jsonschema", OURS, "times as fast as check-jsonschema", "at least 20")
    row.compare("kubeconform", OURS, "times as fast as kubeconform", "aim: above 1")
    row.compare("ajv", OURS, "times as fast as ajv")
    return row


def _seconds(command: list[str], folder: Path) -> Callable[[], float]:
    return lambda: run(command, folder).seconds


def _found(row: Row, program: str) -> bool:
    if which(program):
        return True
    row.missing[program] = "not on PATH"
    return False


def _ajv(setting: Setting, files: int) -> Callable[[], float]:
    """Put quotes around times for ajv-cli, whose YAML reader makes dates of them."""
    folder = setting.fresh_folder()
    for file in write_corpus(folder, files):
        file.write_text(
            re.sub(r"^(not_before: )(.*)$", r'\1"\2"', file.read_text(), flags=re.MULTILINE)
        )
    command = ["ajv", "validate", "--strict=false", "-s", str(SCHEMA), "-d", "requests/**/*.yaml"]
    return _seconds(command, folder)


def _kubeconform(setting: Setting, files: int) -> Callable[[], float]:
    """Give kubeconform the type as `kind`: by that it finds a schema."""
    folder = setting.fresh_folder()
    for file in write_corpus(folder, files):
        text = file.read_text()
        kind = next(line for line in text.splitlines() if line.startswith("type: "))[6:]
        file.write_text(f"apiVersion: franc/v1\nkind: {kind}\n{text}")
    for path in SCHEMAS.glob("*.schema.json"):
        schema = json.loads(path.read_text())
        schema.get("properties", {}).update(apiVersion={}, kind={})
        (folder / path.name.replace(".schema", "")).write_text(json.dumps(schema))
    template = f"{folder}/{{{{.ResourceKind}}}}.json"
    command = ["kubeconform", "-schema-location", template, "requests"]
    return _seconds(command, folder)
