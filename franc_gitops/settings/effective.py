"""What the settings are in the end and where each came from, for people to see: no secrets."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.freeze import Calendar
from franc_gitops.settings.kafka import ENABLED, TOPIC_PREFIX, Variable, variables
from franc_gitops.settings.model import KEYS
from franc_gitops.settings.secrets import SECRETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from franc_gitops.model import Pin
    from franc_gitops.settings.model import Settings
    from franc_gitops.settings.rules import Rules

MASK = "********"
DEFAULT = "default"


class Effective(NamedTuple):
    """A setting as it counts; `value` is what JSON can hold."""

    name: str
    value: object
    origin: str


def effective(settings: Settings) -> Iterator[Effective]:
    """Give every setting, first those of the file, then how to reach Kafka."""
    yield Effective("root", str(settings.root), "where it was started")
    for name in KEYS:
        origin = settings.origins.get(name, DEFAULT)
        yield Effective(name, _plain(getattr(settings, name)), origin)
    for secret in SECRETS.values():
        origin = settings.origins.get(secret.name, DEFAULT)
        yield Effective(secret.variable, MASK if getattr(settings, secret.name) else None, origin)
    for variable in variables().values():
        origin = settings.origins.get(variable.name, DEFAULT)
        yield Effective(variable.name, _kafka_value(settings, variable), origin)


def _plain(value: object) -> object:
    """Write rules, freezes and pins as they stand in the file."""
    if isinstance(value, Calendar):
        return [dict(entry.written) for entry in value.entries] or None
    if isinstance(value, dict):
        return _plain_rules(value)
    if isinstance(value, tuple):
        return _plain_pins(value)
    return value or None


def _plain_rules(rules: Rules) -> dict[str, object]:
    return {
        name: list(rule) if isinstance(rule, tuple) else {"pattern": rule.pattern}
        for name, rule in rules.items()
    }


def _plain_pins(pins: tuple[Pin, ...]) -> list[dict[str, object]]:
    return [asdict(pin) for pin in pins]


def _kafka_value(settings: Settings, variable: Variable) -> object:
    own = {ENABLED: settings.kafka_enabled, TOPIC_PREFIX: settings.topic_prefix}
    if variable.name in own:
        return own[variable.name]
    value: object = getattr(settings.kafka, variable.field)
    return MASK if variable.secret and value else value
