"""Imports point one way and each third-party library has one room: read from the sources.

Rules name who may import a module, so a new module needs no entry until it wants something.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "franc_gitops"
ROOT = Path(__file__).resolve().parents[1] / PACKAGE

LIBRARY_ROOMS = {
    "confluent_kafka": {"eventlogs.kafka"},
    "dotenv": {"settings"},
    "h11": {"daemon.connections"},
    "jinja2": {"daemon.dashboard"},
    "prometheus_client": {"daemon.metrics"},
    "rich": {"cli"},
    "re2": {"settings.patterns"},
    "sqlite3": {"eventlogs.sqlite", "eventlogs.sqlite_file"},
    "starlette": {"daemon"},
    "structlog": {"cli", "daemon", "logs", "pipeline", "wiring"},
    "subprocess": {"executors", "repositories.git"},
    "tenacity": {"daemon", "pipeline.writeback_git"},
    "typer": {"cli"},
    "uvicorn": {"daemon.connections", "daemon.http"},
    "watchdog": {"daemon"},
    "yaml": {"strict_yaml"},
}
IMPORTERS = {
    "audit": {"wiring", "cli", "daemon", "reports"},
    "__main__": set[str](),
    "cli": {"__main__"},
    "daemon": {"cli"},
    "eventlogs.kafka": {"wiring", "kafka_integration"},
    "eventlogs.memory": {"wiring"},
    "eventlogs.sqlite": {"wiring"},
    "eventlogs.sqlite_file": {"eventlogs.sqlite"},
    "executors": {"wiring"},
    "kafka_integration": {"__init__"},
    "pipeline": {"audit", "wiring", "cli", "daemon", "reports"},
    "reports": {"cli", "daemon"},
    # Whether git tracks .env must be known before there are settings to wire anything with.
    "repositories.git": {"wiring", "cli.invocation", "kafka_integration"},
    "repositories.directory": {"wiring", "repositories.followed", "repositories.given"},
    "repositories.followed": {"wiring"},
    "repositories.given": {"cli.validate", "cli.cancel"},
    "repositories.replacing": {"cli.cancel"},
    "settings": {"wiring", "cli", "daemon", "explain", "kafka_integration", "reports", "starter"},
    "wiring": {"cli", "daemon"},
}
FOUNDATION = {"clock", "errors", "model", "problems", "suggestion"}
# The last two hand the environment on to the programs they start.
ENVIRONMENT_READERS = {"settings", "executors", "repositories.git.command"}


@dataclass(frozen=True)
class Import:
    """One import: `module` imports `target` (within the package: without its name) at a line."""

    module: str
    target: str
    line: int
    deferred: bool

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def within(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def in_any(module: str, rooms: set[str]) -> bool:
    return any(within(module, room) for room in rooms)


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package by its name below it; a package is called like its folder."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    return found


@cache
def imports() -> tuple[Import, ...]:
    return tuple(found for name, tree in modules().items() for found in _imports(name, tree))


def _imports(name: str, tree: ast.AST, *, deferred: bool = False) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, _local(alias.name), node.lineno, deferred)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name}:{node.lineno}: relative imports hide where they point"
            for target in _targets(str(node.module), [alias.name for alias in node.names]):
                yield Import(name, _local(target), node.lineno, deferred)
        else:
            later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or _for_types(node)
            yield from _imports(name, node, deferred=deferred or later)


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _targets(module: str, names: list[str]) -> set[str]:
    """What `from module import names` imports: submodules as such, anything else as the module."""
    known = {f"{PACKAGE}.{name}" for name in modules()}
    return {f"{module}.{name}" if f"{module}.{name}" in known else module for name in names}


def _local(target: str) -> str:
    if target == PACKAGE:
        return "__init__"
    return target.removeprefix(f"{PACKAGE}.")


@pytest.mark.parametrize("library", sorted(LIBRARY_ROOMS))
def test_a_library_is_imported_in_its_room_only(library: str) -> None:
    strangers = [
        str(found)
        for found in imports()
        if within(found.target, library) and not in_any(found.module, LIBRARY_ROOMS[library])
    ]
    assert not strangers


def test_a_library_that_is_imported_has_a_room_and_is_a_dependency_of_ours() -> None:
    """What only another library brings along may leave with its next version."""
    imported = {found.target.partition(".")[0] for found in imports()}
    own = {name.partition(".")[0] for name in modules()}
    libraries = imported - own - sys.stdlib_module_names - {"__init__"}
    rooms = {name for name in LIBRARY_ROOMS if name not in sys.stdlib_module_names}
    assert libraries == rooms
    text = (ROOT.parent / "pyproject.toml").read_text(encoding="utf-8")
    listed = tomllib.loads(text)["project"]["dependencies"]
    declared = {_normal(re.split(r"[<>=!~ ;\[]", name)[0]) for name in listed}
    brought = packages_distributions()
    assert not [name for name in libraries if declared.isdisjoint(map(_normal, brought[name]))]


def _normal(name: str) -> str:
    """Give the name of a distribution as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("target", sorted(IMPORTERS))
def test_a_module_is_imported_by_those_above_it_only(target: str) -> None:
    strangers = [
        str(found)
        for found in imports()
        if within(found.target, target)
        and not within(found.module, target)
        and not in_any(found.module, IMPORTERS[target])
    ]
    assert not strangers


@pytest.mark.parametrize("module", sorted(FOUNDATION))
def test_the_foundation_stands_on_itself(module: str) -> None:
    own = set(modules()) - FOUNDATION
    assert not [str(i) for i in imports() if i.module == module and i.target in own]


def test_no_modules_import_each_other_in_a_circle_when_they_load() -> None:
    known = set(modules())
    wanted = {
        name: {i.target for i in imports() if i.module == name and not i.deferred} & known
        for name in known
    }
    while free := {name for name, targets in wanted.items() if not targets - {name}}:
        wanted = {n: targets - free for n, targets in wanted.items() if n not in free}
    assert not wanted


def test_only_the_settings_read_the_environment() -> None:
    readers = [
        f"{name}:{node.lineno} uses {ast.unparse(node)}"
        for name, tree in modules().items()
        if not in_any(name, ENVIRONMENT_READERS)
        for node in _looked_up(tree)
        if ast.unparse(node) in {"os.environ", "os.environb", "os.getenv"}
    ]
    assert not readers


def _looked_up(tree: ast.AST) -> Iterator[ast.Attribute]:
    """Every attribute but the one in `os.environ.setdefault`, which sets."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    set_only = {id(node.value) for node in nodes if node.attr == "setdefault"}
    return (node for node in nodes if id(node) not in set_only)
