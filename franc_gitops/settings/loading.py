"""Flags > environment > `.env` > `franc-gitops.yaml` > defaults → `Settings`.

Everything that is wrong is collected and told at once, with the line or variable it stands in.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from franc_gitops.settings import sources
from franc_gitops.settings.faults import Faults
from franc_gitops.settings.forms import Unfit
from franc_gitops.settings.model import (
    FILE_NAME,
    KEYS,
    PREFIX,
    KafkaSettings,
    Key,
    Settings,
)
from franc_gitops.settings.secrets import SECRETS, VARIABLES, read_secrets
from franc_gitops.settings.sources import Given
from franc_gitops.suggestion import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from franc_gitops.settings.sources import Variables

_KUBERNETES = re.compile(r"FRANC_([A-Z0-9]+_)*(SERVICE_(HOST|PORT.*)|PORT(_\d+_(TCP|UDP).*)?)")
"""What Kubernetes sets in every pod for a service that is called franc or franc-…"""


def find_root(start: Path) -> Path:
    """Give the nearest folder, from `start` upwards, that is a clone or holds our file."""
    start = start.absolute()
    for folder in (start, *start.parents):
        if any(os.path.lexists(folder / mark) for mark in (".git", FILE_NAME)):
            return folder
    return start


def load_settings(
    start: Path,
    flags: Mapping[str, str] | None = None,
    *,
    is_tracked: Callable[[Path], bool],
    environ: Mapping[str, str] | None = None,
    with_kafka: bool = True,
    offline: bool = False,
) -> Settings:
    """Read all settings for the repository around `start`; raises SettingsError.

    `is_tracked` tells whether git tracks a file; it is asked only if there is a `.env`.
    `with_kafka=False` looks at no KAFKA_* variable: what needs no broker does not care;
    `offline` looks only at the one that is part of the events, the prefix of their topics.
    """
    root = find_root(start)
    environment = sources.read_environment(environ, start)
    dotenv, warning = sources.read_dotenv(root, is_tracked)
    faults = Faults()
    layers = _Layers(root, faults)
    layers.take_file(sources.read_file(root))
    layers.take_variables(dotenv)
    layers.take_variables(environment)
    layers.take_flags(flags or {})
    values = layers.read()
    warnings = (warning,) if warning else ()
    settings = Settings(root=root, origins=layers.origins, warnings=warnings, **values)
    if with_kafka:
        settings = _with_kafka(settings, (environment, dotenv), faults, offline=offline)
    faults.raise_all()
    return settings


def _with_kafka(
    settings: Settings, places: Sequence[Variables], faults: Faults, *, offline: bool
) -> Settings:
    from franc_gitops.settings.kafka import TOPIC_PREFIX, read_kafka

    kafka = read_kafka(places, faults, only={TOPIC_PREFIX} if offline else None)
    secrets = {} if offline else read_secrets(places, faults)
    return replace(
        settings,
        hook_secret=_text(secrets.get("hook_secret")),
        http_token=_text(secrets.get("http_token")),
        kafka_enabled=kafka.enabled,
        topic_prefix=kafka.topic_prefix,
        kafka=kafka.connection,
        origins={
            **settings.origins,
            **{name: given.origin for name, given in secrets.items()},
            **kafka.origins,
        },
        warnings=(*settings.warnings, *kafka.warnings),
    )


def _text(given: Given | None) -> str:
    return str(given.value) if given else ""


def load_kafka_settings(
    start: Path,
    *,
    is_tracked: Callable[[Path], bool],
    environ: Mapping[str, str] | None = None,
) -> KafkaSettings:
    """Read the KAFKA_* variables alone; raises SettingsError."""
    from franc_gitops.settings.kafka import read_kafka

    dotenv, _ = sources.read_dotenv(find_root(start), is_tracked)
    faults = Faults()
    kafka = read_kafka((sources.read_environment(environ, start), dotenv), faults)
    faults.raise_all()
    return kafka


class _Layers:
    """The settings of `franc-gitops.yaml`: what is taken later overrides what was taken before."""

    def __init__(self, root: Path, faults: Faults) -> None:
        self.origins: dict[str, str] = {}
        self._root = root
        self._faults = faults
        self._given: dict[str, Given] = {}

    def take_file(self, values: Mapping[str, Any]) -> None:
        """Take the keys of the file, which never says where to connect and holds no secret."""
        for key, value in values.items():
            if key not in KEYS:
                self._faults.add(self._in_file(key), *_refuse_key(key))
            elif not KEYS[key].in_file:
                self._faults.add(self._in_file(key), *_refuse_in_file(KEYS[key]))
            elif value is not None:
                self._given[key] = Given(value, FILE_NAME)

    def take_variables(self, given: Variables) -> None:
        """Take the FRANC_* variables of one place."""
        for name in given.names(PREFIX):
            key = name.removeprefix(PREFIX).lower()
            if key in KEYS:
                self._given[key] = given[name]
            elif name not in VARIABLES and not _KUBERNETES.fullmatch(name):
                self._faults.add(given[name].origin, *_refuse_variable(key))

    def take_flags(self, flags: Mapping[str, str]) -> None:
        """Take what the command line says."""
        for key, value in flags.items():
            if key in KEYS:
                self._given[key] = Given(value, f"flag --set {key}")
            else:
                self._faults.add(f"flag --set {key}", *_refuse_key(key))

    def read(self) -> dict[str, Any]:
        """Read the value of every key that was given; the others keep their defaults."""
        values = {}
        for key, given in self._given.items():
            self.origins[key] = given.origin
            try:
                values[key] = _read_value(key, given)
            except Unfit as error:
                is_key = error.is_key or not error.at
                is_here = given.origin == FILE_NAME
                origin = self._in_file(key, *error.at, is_key=is_key) if is_here else given.origin
                self._faults.add_value(origin, key, str(error))
        self._check_folders(values)
        return values

    def _in_file(self, key: str, *inside: str | int, is_key: bool = True) -> str:
        line, column = sources.place_in_file(self._root, (key, *inside), is_key=is_key)
        return f"{FILE_NAME}:{line}:{column}"

    def _check_folders(self, values: Mapping[str, Any]) -> None:
        """Keep the three folders apart and, links followed, inside the repository."""
        names = ("requests_dir", "status_dir", "state_dir")
        folders = {name: values.get(name, KEYS[name].default) for name in names}
        root = self._root.resolve()
        for name, folder in folders.items():
            if not (root / folder).resolve().is_relative_to(root):
                self._faults.add(name, f"{folder!r} is a link that leads out of the repository")
            for other, around in folders.items():
                if name != other and f"{folder}/".startswith(f"{around}/"):
                    self._faults.add(name, f"{folder!r} must not be inside {other}, {around!r}")


def _read_value(key: str, given: Given) -> object:
    form, value = KEYS[key].form, given.value
    if given.origin != FILE_NAME and form.schema.get("type") in {"array", "object"}:
        value = sources.parse_value(str(value))
    return form.read(value)


def _refuse_key(key: str) -> tuple[str, str]:
    """Say why a key cannot stand in the file or in --set, and what to do instead."""
    from franc_gitops.settings.kafka import variables

    variable = f"KAFKA_{key.upper().removeprefix('KAFKA_')}"
    if variable in variables():
        return _refuse_connection(key, variable)
    if key in SECRETS:
        return _refuse_connection(key, SECRETS[key].variable)
    return _refuse(key, f"unknown setting {key!r}", KEYS)


def _refuse_variable(key: str) -> tuple[str, str]:
    known = [*(entry.variable for entry in KEYS.values()), *sorted(VARIABLES)]
    return _refuse(PREFIX + key.upper(), "unknown variable", known)


def _refuse(name: str, message: str, known: Iterable[str]) -> tuple[str, str]:
    return message, did_you_mean(name, known) or f"known are {', '.join(known)}"


def _refuse_in_file(key: Key) -> tuple[str, str]:
    return (
        f"{key.name} is never read from here: a pull request could switch it off",
        f"set {key.variable} in the environment or in an untracked {sources.DOTENV}",
    )


def _refuse_connection(key: str, variable: str) -> tuple[str, str]:
    return (
        f"{key} is never read from here: a pull request could change where events go",
        f"set {variable} in the environment or in an untracked {sources.DOTENV}",
    )
