"""One module per type of request. A module here that has a `KIND` is one; there is no list.

`fields.py` says what fields can be, `common.py` which ones every type has, `kind.py` what
makes a type. A new type needs one new file, and `make schemas`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from franc_gitops.errors import SettingsError
from franc_gitops.kinds.fields import Rows, Text
from franc_gitops.kinds.kind import Kind
from franc_gitops.suggestion import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from franc_gitops.kinds.fields import Rule

__all__ = [
    "Kind",
    "all_kinds",
    "by_type",
    "check_rule_names",
    "configurable",
    "find_unknown",
    "rules_of",
    "type_field",
]


@cache
def _registry() -> dict[str, Kind]:
    """Walk the package; sorted by type, so that nothing depends on the order of files."""
    modules = (import_module(f"{__name__}.{entry.name}") for entry in iter_modules(__path__))
    found = [module.KIND for module in modules if hasattr(module, "KIND")]
    return {kind.type: kind for kind in sorted(found, key=lambda kind: kind.type)}


def all_kinds() -> tuple[Kind, ...]:
    """Give every type of request, sorted by name."""
    return tuple(_registry().values())


@cache
def by_type(name: str) -> Kind:
    """Give the type of that name; raises KeyError."""
    return _registry()[name]


def type_field(*names: str) -> Text:
    """Give the field `type`, for some types or all."""
    types = names or tuple(_registry())
    meaning = "What is asked for; it decides which other fields there are."
    return Text("type", meaning, types[0], rule=types, code="FRN205")


def configurable() -> tuple[str, ...]:
    """Give the fields that a value rule may name, members as in `interfaces.speed`."""
    return tuple(dict.fromkeys(name for kind in all_kinds() for name in _configurable(kind)))


def _configurable(kind: Kind) -> Iterable[str]:
    for field in kind.fields:
        if isinstance(field, Rows):
            yield from (f"{field.name}.{member.name}" for member in field.members)
        elif isinstance(field, Text) and field.configurable:
            yield field.name


def rules_of(kind: Kind, rules: Mapping[str, Rule]) -> dict[str, Rule]:
    """Give the rules for the fields of a type; those that name the type come first."""
    start = f"{kind.type}."
    own = {n.removeprefix(start): rule for n, rule in rules.items() if n.startswith(start)}
    return {**rules, **own}


def check_rule_names(names: Iterable[str]) -> None:
    """Raise SettingsError for a value rule about something that is not a field."""
    unknown = find_unknown(names)
    if unknown is not None:
        name, hint = unknown
        raise SettingsError(f"rules: there is no field {name}", hint=hint)


def find_unknown(names: Iterable[str]) -> tuple[str, str] | None:
    """Give the first name of a value rule that is not a field, and what may be meant instead."""
    wanted = list(names)
    if not wanted:
        return None
    known = configurable()
    of_types = [f"{kind.type}.{name}" for kind in all_kinds() for name in _configurable(kind)]
    fields = [*known, *of_types]
    name = next((name for name in wanted if name not in fields), None)
    if name is None:
        return None
    listed = f"rules can be about {', '.join(known)}, or TYPE.FIELD"
    return name, did_you_mean(name, fields) or listed
