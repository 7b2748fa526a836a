"""Value rules: what a field of a request may be, as the configuration says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from franc_gitops.settings.forms import Form, Unfit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from franc_gitops.model import Value
    from franc_gitops.settings.patterns import Pattern

Rules: TypeAlias = "Mapping[str, tuple[str, ...] | Pattern]"
"""Field -> the values it may have, or the pattern that its whole value must match."""


def _read_rules(value: Value) -> Rules:
    if not isinstance(value, dict):
        raise Unfit("it is a mapping of fields to a list of values or {pattern: …}")
    _check_names(value)
    return {name: _read_rule(name, rule) for name, rule in value.items()}


def _check_names(rules: Mapping[str, Value]) -> None:
    from franc_gitops import kinds

    unknown = kinds.find_unknown(rules)
    if unknown is not None:
        name, hint = unknown
        raise Unfit(f"there is no field {name}; {hint}", name, is_key=True)


def _read_rule(name: str, rule: Value) -> tuple[str, ...] | Pattern:
    if isinstance(rule, list) and rule and all(isinstance(entry, str) for entry in rule):
        return tuple(str(entry) for entry in rule)
    if isinstance(rule, dict) and isinstance(rule.get("pattern"), str) and len(rule) == 1:
        return _compile(name, str(rule["pattern"]))
    raise Unfit(f"the rule of {name} is neither a list of values nor {{pattern: …}}", name)


def _compile(name: str, pattern: str) -> Pattern:
    from franc_gitops.settings.patterns import Pattern

    try:
        return Pattern(pattern)
    except Unfit as error:
        told = f"the pattern of {name} is not a regular expression: {error}"
        raise Unfit(told, name, "pattern") from None


_RULE = {
    "oneOf": [
        {"type": "array", "minItems": 1, "items": {"type": "string"}},
        {
            "type": "object",
            "properties": {"pattern": {"type": "string", "format": "regex"}},
            "required": ["pattern"],
            "additionalProperties": False,
        },
    ]
}
RULES = Form(
    _read_rules,
    {"type": "object", "additionalProperties": _RULE},
    """\
rules:
  device_type: [Switch, Router, Firewall]
  datacenter_deployment.location: [New York Metro, Boston Metro]
  interfaces.speed: [10 Gbit, 100 Gbit]
  device_name:
    pattern: '[A-Z]{3}-[A-Za-z]+-SW[0-9]{2}'""",
)
