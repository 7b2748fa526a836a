"""JSON Schema of status files, for programs that read them; draft-07, as the other schemas."""

from __future__ import annotations

from typing import Any

from franc_gitops.model import FILE_PHASE_ORDER, Phase

_TEXT = {"type": "string"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_NUMBER = {"type": "integer", "minimum": 0}
_EVENT_FIELDS = ("event_type", "event_id", "topic", "timestamp")


def status_schema() -> dict[str, Any]:
    """Give the schema of a status file as YAML 1.2 readers see it."""
    phases = [phase.value for phase in (Phase.REJECTED, *FILE_PHASE_ORDER)]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Status file",
        "description": "Written by franc-gitops from the ledger; what became of a request file.",
        **_object(
            {
                "file": {**_TEXT, "description": "Path of the request file."},
                "phase": {"enum": phases, "description": "Where its requests stand."},
                "requests": {"type": "array", "items": _request()},
                "problems": {"type": "array", "items": _problem()},
            }
        ),
    }


def _object(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _request() -> dict[str, Any]:
    return _object(
        {
            "request_id": _TEXT,
            "type": _TEXT,
            "change_number": {"type": "string", "pattern": "^CHG-[0-9]{4}-[0-9]{6}$"},
            "revision": {"type": "integer", "minimum": 1},
            "phase": {"enum": [phase.value for phase in Phase]},
            "message": _TEXT,
            "commit": {
                **_TEXT_OR_NULL,
                "description": "The commit that was published.",
            },
            "digest": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
            "log": {"type": "string", "pattern": "^(embedded|kafka:.+)$"},
            "events": {"type": "array", "items": _event()},
            "task": {"anyOf": [_task(), {"type": "null"}]},
        }
    )


def _event() -> dict[str, Any]:
    places = {"partition": _NUMBER, "offset": _NUMBER}
    return _object({**dict.fromkeys(_EVENT_FIELDS, _TEXT), **places}, optional=tuple(places))


def _task() -> dict[str, Any]:
    return _object(
        {
            "status": {"enum": ["pending", "in_progress", "completed", "failed"]},
            "progress_percentage": {**_NUMBER, "maximum": 100},
            "status_message": _TEXT,
            "completion_status": {"enum": ["completed", "failed", "cancelled", None]},
            "completion_message": _TEXT_OR_NULL,
            "result_data": {"type": ["object", "null"]},
            "error_details": _TEXT_OR_NULL,
            "execution_duration": {"type": ["number", "null"], "minimum": 0},
        }
    )


def _problem() -> dict[str, Any]:
    places = {
        "line": {"type": "integer", "minimum": 1},
        "column": {"type": "integer", "minimum": 1},
    }
    texts = dict.fromkeys(("field", "message", "hint"), _TEXT)
    return _object({"code": {"type": "string", "pattern": "^FRN[0-9]{3}$"}, **places, **texts})
