"""Example requests, found by walking: what a valid one becomes, what is wrong with the others.

Beside each valid `x.yaml` stands `x.requests.json`, beside each with problems
`x.problems.json`. To make one anew, delete it and run the tests: the missing file is written
and its test fails once, so that somebody reads it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema import Draft7Validator

from franc_gitops import kinds, schemas
from franc_gitops.pipeline.checks import Checks
from franc_gitops.strict_yaml import load

if TYPE_CHECKING:
    from franc_gitops.model import Problem, Request

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "tests" / "examples"
ACROSS = EXAMPLES / "across"
FILES = sorted(path for path in EXAMPLES.rglob("*.y*ml") if ACROSS not in path.parents)
VALID = [path for path in FILES if path.parent.name == "valid"]
INVALID = [path for path in FILES if path.parent.name == "invalid"]
CHECKS = Checks()


def name_of(path: Path) -> str:
    return path.relative_to(EXAMPLES).as_posix()


def check(path: Path) -> tuple[list[Request], list[Problem]]:
    requests, problems, _ = CHECKS.check_file(name_of(path), path.read_bytes())
    return requests, problems


def compare_with_golden(golden: Path, found: object) -> None:
    """Hold a result against its file; a missing file is written, and must be looked at."""
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    if not golden.exists():
        golden.write_text(text, encoding="utf-8")
        pytest.fail(f"{golden} is new: read it, then commit it")
    assert json.loads(text) == json.loads(golden.read_text(encoding="utf-8"))


def describe(request: Request) -> dict[str, Any]:
    """Show a request as JSON, its own fields as the object that they are a part of."""
    own_fields = json.loads(f"{{{request.own_fields}}}")
    compact = json.dumps(own_fields, ensure_ascii=False, separators=(",", ":"))
    assert compact == f"{{{request.own_fields}}}"
    return {
        "type": request.type,
        "change_number": request.change_number,
        "item": request.item,
        "revision": request.revision,
        "request_id": request.request_id,
        "document": f"{request.document} of {request.documents}, line {request.place.line}",
        "user_id": request.user_id,
        "cancel": request.cancel,
        "not_before": request.not_before and request.not_before.isoformat(),
        "not_after": request.not_after and request.not_after.isoformat(),
        "digest": request.digest,
        "own_fields": own_fields,
    }


def test_every_type_has_examples_of_both_sorts() -> None:
    found = {name_of(path.parent) for path in FILES}
    wanted = {f"{kind.type}/{sort}" for kind in kinds.all_kinds() for sort in ("valid", "invalid")}
    assert found == wanted


@pytest.mark.parametrize("path", VALID, ids=name_of)
def test_a_valid_file_becomes_requests(path: Path) -> None:
    requests, problems = check(path)
    assert not [problem for problem in problems if problem.is_error]
    compare_with_golden(path.with_suffix(".requests.json"), [describe(r) for r in requests])


@pytest.mark.parametrize("path", VALID, ids=name_of)
def test_a_valid_file_has_only_the_warnings_beside_it(path: Path) -> None:
    problems = [problem.as_dict() for problem in check(path)[1]]
    golden = path.with_suffix(".problems.json")
    if problems or golden.exists():
        compare_with_golden(golden, problems)


@pytest.mark.parametrize("path", INVALID, ids=name_of)
def test_an_invalid_file_has_the_problems_beside_it(path: Path) -> None:
    problems = check(path)[1]
    assert any(problem.is_error for problem in problems)
    assert problems == sorted(problems, key=lambda problem: problem.sort_key)
    compare_with_golden(path.with_suffix(".problems.json"), [p.as_dict() for p in problems])


@pytest.mark.parametrize("path", VALID, ids=name_of)
def test_the_own_fields_are_those_of_the_event(path: Path) -> None:
    """The event schema, which is the guide's, allows the fields in this order and no other."""
    for request in check(path)[0]:
        schema = schemas.event_schemas()[f"{request.type}.event"]
        own_fields = json.loads(f"{{{request.own_fields}}}")
        order = list(schema["properties"])
        assert list(own_fields) == order[order.index("source") + 1 :]
        only_own = {**schema, "required": list(own_fields)}
        assert not list(Draft7Validator(only_own).iter_errors(own_fields))


# --- what editors say --------------------------------------------------------------------------


class EditorLoader(yaml.CSafeLoader):
    """Reads as editors do: YAML 1.2 core schema."""


EditorLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"(?:~|null|Null|NULL|)\Z", ["~", "n", "N", ""]),
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)\Z", "tTfF"),
    ("int", r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z", "-+.0123456789"),
):
    EditorLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first)
    )


def errors_in_editor(path: Path, schema: str) -> list[str]:
    validator = Draft7Validator(schemas.all_schemas()[schema])
    documents = yaml.load_all(path.read_text(encoding="utf-8"), EditorLoader)
    return [error.message for found in documents for error in validator.iter_errors(found)]


@pytest.mark.parametrize("path", VALID, ids=name_of)
def test_editors_accept_what_validate_accepts(path: Path) -> None:
    assert errors_in_editor(path, "request") == []
    assert errors_in_editor(path, path.parts[-3]) == []


@pytest.mark.parametrize(
    "name",
    [
        "pop_deployment/invalid/unknown_type.yaml",
        "pop_deployment/invalid/fields_of_another_type.yaml",
        "device_connection/invalid/everything_at_once.yaml",
        "device_connection/invalid/second_document.yaml",
        "datacenter_deployment/invalid/shapes.yaml",
        "datacenter_deployment/invalid/type_left_out.yaml",
    ],
)
def test_editors_see_what_a_schema_can_see(name: str) -> None:
    assert errors_in_editor(EXAMPLES / name, "request")


def test_the_committed_schemas_are_those_of_the_kinds() -> None:
    """Run `make schemas` where this fails."""
    for name, schema in schemas.all_schemas().items():
        file = ROOT / "schemas" / f"{name}.schema.json"
        assert file.read_text(encoding="utf-8") == schemas.encode(schema)


# --- the examples of the repository ------------------------------------------------------------

REQUESTS = sorted((ROOT / "requests").rglob("*.yaml"))


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.name)
def test_the_example_requests_are_valid_without_a_warning(path: Path) -> None:
    assert check_request(path) == []


def check_request(path: Path) -> list[Problem]:
    return CHECKS.check_file(path.name, path.read_bytes()).problems


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.name)
def test_the_example_requests_name_a_schema_that_exists(path: Path) -> None:
    modeline = path.read_text(encoding="utf-8").splitlines()[0]
    schema = modeline.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / schema).resolve().parent == ROOT / "schemas"
    assert (path.parent / schema).is_file()


def test_the_example_requests_are_of_every_type() -> None:
    types = {document["type"] for path in REQUESTS for document in load(path.read_bytes())}
    assert types == {kind.type for kind in kinds.all_kinds()}
