"""JSON Schema of `franc-gitops.yaml`, for editors; draft-07, which all of them know."""

from __future__ import annotations

from typing import Any

from franc_gitops.settings.model import FILE_NAME, KEYS, Key


def configuration_schema() -> dict[str, Any]:
    """Give the schema; a key without a value is as good as none."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": FILE_NAME,
        "description": "Settings of franc-gitops that may stand in git: no secrets, no addresses.",
        "type": "object",
        "properties": {key.name: _property(key) for key in KEYS.values() if key.in_file},
        "additionalProperties": False,
    }


def _property(key: Key) -> dict[str, Any]:
    made: dict[str, Any] = {
        "description": key.meaning,
        "anyOf": [dict(key.form.schema), {"type": "null"}],
    }
    if key.default and isinstance(key.default, str):
        made["default"] = key.default
    return made
