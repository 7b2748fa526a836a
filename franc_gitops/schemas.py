"""JSON Schemas of requests and events, made from the kinds; `schemas/` holds them in git.

Draft 7, which the YAML language server of editors speaks. An editor reads YAML 1.2 and
guesses types, while requests are read as text: `revision: 2` is a number for it. So every
field also accepts what an editor would make of its text.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeAlias

from franc_gitops import kinds
from franc_gitops.kinds.fields import Names, Rows, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from franc_gitops.kinds import Kind
    from franc_gitops.kinds.fields import Field, Rule

Schema: TypeAlias = "dict[str, Any]"
Rules: TypeAlias = "Mapping[str, Rule]"

DRAFT = "http://json-schema.org/draft-07/schema#"
STATUSES = ("pending", "in_progress", "completed", "failed")
COMPLETIONS = ("completed", "failed", "cancelled")


def request_schemas(rules: Rules | None = None) -> dict[str, Schema]:
    """Give the schemas of requests: `request` for any, and one for each type."""
    rules = rules or {}
    made = {kind.type: _request_schema(kind, rules) for kind in kinds.all_kinds()}
    return {"request": _any_request(made), **{name: _head(body) for name, body in made.items()}}


def event_schemas() -> dict[str, Schema]:
    """Give the schemas of events: `event` for any, and `TYPE.event` for each type."""
    made = {kind.type: _request_event(kind) for kind in kinds.all_kinds()}
    made["task_status_update"] = _status_event()
    made["task_completion"] = _completion_event()
    named = {f"{name}.event": _identify(name, body) for name, body in made.items()}
    return {"event": _any_event(made), **named}


def all_schemas(rules: Rules | None = None) -> dict[str, Schema]:
    """Give every schema made here by its name; `write` calls its file NAME.schema.json."""
    return {**request_schemas(rules), **event_schemas()}


def encode(schema: Schema) -> str:
    """Write a schema as its file holds it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write(directory: Path, schemas: Mapping[str, Schema]) -> list[Path]:
    """Write each schema into a file of its own; give the files."""
    directory.mkdir(parents=True, exist_ok=True)
    files = []
    for name, schema in schemas.items():
        files.append(directory / f"{name}.schema.json")
        files[-1].write_text(encode(schema), encoding="utf-8")
    return files


# --- requests

_SCALARS = ["string", "number", "boolean"]


def _head(body: Schema) -> Schema:
    return {"$schema": DRAFT, **body}


def _any_request(made: Mapping[str, Schema]) -> Schema:
    """Choose by `type`: editors explain an if better than a oneOf."""
    names = list(made)
    choices = [
        {
            "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
            "then": {"$ref": f"#/definitions/{name}"},
        }
        for name in names
    ]
    field = kinds.type_field()
    type_schema = {"title": field.name, "description": field.meaning, "enum": names}
    return {
        "$schema": DRAFT,
        "title": "Change request",
        "type": "object",
        "properties": {"type": type_schema},
        "required": ["type"],
        "allOf": choices,
        "definitions": dict(made),
    }


def _request_schema(kind: Kind, rules: Rules) -> Schema:
    own = kinds.rules_of(kind, rules)
    fields = [field.with_rules(own, field.name) for field in kind.fields]
    type_field = kinds.type_field(kind.type)
    body = _mapping([type_field, *fields], _field_schema)
    return {"title": kind.title, "description": kind.meaning, **body}


def _mapping(fields: Sequence[Field], describe: Callable[[Field], Schema]) -> Schema:
    return {
        "type": "object",
        "properties": {field.name: describe(field) for field in fields},
        "required": [field.name for field in fields if field.required],
        "additionalProperties": False,
    }


def _field_schema(field: Field) -> Schema:
    about: Schema = {"title": field.name, "description": field.meaning}
    if isinstance(field, Text):
        about["examples"] = [field.example]
    choices = _choices(field)
    if not field.required:
        choices.append({"type": "null"})
    return {**about, **(choices[0] if len(choices) == 1 else {"anyOf": choices})}


def _choices(field: Field) -> list[Schema]:
    """Give the schemas of which a value of the field must fit one."""
    if isinstance(field, Rows):
        row = _mapping(field.members, _field_schema)
        return [{"type": "array", "minItems": 1, "items": row}]
    if isinstance(field, Names):
        return [{"type": "array", "items": {"type": _SCALARS}}]
    if isinstance(field.rule, tuple):
        return [{"enum": [form for text in field.rule for form in _forms(text)]}]
    if field.rule is None:
        return [{"type": _SCALARS, "minLength": 1, "maxLength": field.longest}]
    text: Schema = {"type": "string", "maxLength": field.longest}
    if _is_portable(field.rule.pattern):
        text["pattern"] = f"^(?:{field.rule.pattern})$"
    return [text, *_other_forms(field)]


def _forms(text: str) -> list[object]:
    """Give a text, and what a YAML 1.2 reader takes it for where that is something else."""
    try:
        other = json.loads(text)
    except ValueError:
        return [text]
    return [text, other] if isinstance(other, int | float) else [text]


def _other_forms(field: Text) -> list[Schema]:
    """Give the types of value for which an editor may take text that the field accepts."""
    accepts = field.compile()
    if field.bounds:
        return [{"type": "integer", "minimum": field.bounds[0], "maximum": field.bounds[1]}]
    probes = {"integer": "1", "number": "1.5", "boolean": "true"}
    return [{"type": name} for name, text in probes.items() if accepts(text)]


def _is_portable(pattern: str) -> bool:
    """Tell whether JavaScript reads a pattern as we do; the rest is left to `validate`."""
    return not re.search(r"\(\?(?!:)|\\[AZzCQEpPax]|\[\[:|[+*?}]\+", pattern)


# --- events

_TIME: Schema = {"type": "string", "format": "date-time"}
_TEXT: Schema = {"type": "string"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}


def _event(event_type: str, own: Mapping[str, Schema]) -> Schema:
    properties = {
        "event_id": _TEXT,
        "event_type": {"const": event_type},
        "change_number": {"type": "string", "pattern": "^CHG-[0-9]{4}-[0-9]{6}$"},
        "request_id": _TEXT,
        "timestamp": _TIME,
        "user_id": _TEXT_OR_NULL,
        "source": _TEXT,
        **own,
    }
    return {
        "title": event_type,
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _identify(event_type: str, body: Schema) -> Schema:
    """Give an event's schema the id that the header `ce_dataschema` names."""
    return {"$schema": DRAFT, "$id": f"urn:franc:schema:{event_type}:1", **body}


def _any_event(made: Mapping[str, Schema]) -> Schema:
    choices = [{"$ref": f"#/definitions/{name}"} for name in made]
    return {"$schema": DRAFT, "title": "Event", "oneOf": choices, "definitions": dict(made)}


def _request_event(kind: Kind) -> Schema:
    return _event(kind.type, {field.name: _event_field(field) for field in kind.own})


def _event_field(field: Field) -> Schema:
    about = {"description": field.meaning}
    if isinstance(field, Names):
        return {**about, "type": "array", "items": _TEXT}
    if isinstance(field, Rows):
        members = {member.name: _event_field(member) for member in field.members}
        row = {
            "type": "object",
            "properties": members,
            "required": list(members),
            "additionalProperties": False,
        }
        return {**about, "type": "array", "minItems": 1, "items": row}
    return {**about, **(_TEXT if field.required else _TEXT_OR_NULL)}


def _status_event() -> Schema:
    return _event(
        "task_status_update",
        {
            "original_request_id": _TEXT,
            "status": {"enum": list(STATUSES)},
            "progress_percentage": {"type": "integer", "minimum": 0, "maximum": 100},
            "status_message": _TEXT,
            "error_details": _TEXT_OR_NULL,
            "estimated_completion": {"type": ["string", "null"], "format": "date-time"},
        },
    )


def _completion_event() -> Schema:
    return _event(
        "task_completion",
        {
            "original_request_id": _TEXT,
            "completion_status": {"enum": list(COMPLETIONS)},
            "completion_message": _TEXT,
            "result_data": {"type": ["object", "null"]},
            "error_details": _TEXT_OR_NULL,
            "execution_duration": {"type": "number", "minimum": 0, "description": "Seconds."},
        },
    )
