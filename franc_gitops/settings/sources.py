"""Where settings come from: the environment, an untracked `.env`, `franc-gitops.yaml`.

The only reader of the environment. Nothing is interpreted here but the files' own syntax.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.errors import SettingsError
from franc_gitops.settings.forms import Unfit
from franc_gitops.settings.model import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from franc_gitops.model import Place, Value

DOTENV = ".env"
_LONGEST_FILE = 1 << 16


class Given(NamedTuple):
    """A value as it was written, and where."""

    value: Value
    origin: str


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of one place, empty ones left out; relative paths in them begin at `base`."""

    values: Mapping[str, str] = field(repr=False)
    origin: str
    base: Path

    def names(self, prefix: str) -> Iterator[str]:
        """Give the names that begin with `prefix`, sorted."""
        return (name for name in sorted(self.values) if name.startswith(prefix))

    def __getitem__(self, name: str) -> Given:
        """Give a variable's text with its origin."""
        return Given(self.values[name], f"{self.origin} {name}")

    def __contains__(self, name: str) -> bool:
        return name in self.values


def no_color() -> bool:
    """Tell whether the environment asks for no colour (https://no-color.org)."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def step_summary() -> Path | None:
    """Give the file that a step of a GitHub workflow appends its summary to."""
    from pathlib import Path

    name = os.environ.get("GITHUB_STEP_SUMMARY")
    return Path(name) if name else None


def operator() -> str:
    """Name who runs this, as the CI system or else the machine does; nothing proves it."""
    from getpass import getuser

    known = (os.environ.get(name) for name in _OPERATORS)
    try:
        name = next(filter(None, known), None) or getuser()
    except (KeyError, OSError):  # a container may have a user without a name
        name = f"user {os.getuid()}"
    return "".join(filter(str.isprintable, name))[:_LONGEST_NAME]


_LONGEST_NAME = 100
_OPERATORS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BUILD_USER_ID")


class Supervisor(NamedTuple):
    """Who started us and wants to hear how we are: sd_notify(3), sd_watchdog_enabled(3)."""

    socket: str
    watchdog_seconds: float | None


def find_supervisor(environ: Mapping[str, str] | None = None) -> Supervisor | None:
    """Give where systemd listens, and how often it wants a sign of life; None without it."""
    given = os.environ if environ is None else environ
    address = given.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return None
    microseconds = given.get("WATCHDOG_USEC", "")
    is_ours = given.get("WATCHDOG_PID", "") in {"", str(os.getpid())}
    watched = is_ours and microseconds.isdecimal() and int(microseconds) > 0
    return Supervisor(address, int(microseconds) / 1e6 if watched else None)


def read_environment(environ: Mapping[str, str] | None, base: Path) -> Variables:
    """Take the variables of the process, or those that are passed in instead."""
    given = os.environ if environ is None else environ
    kept = {
        name: value
        for name, value in given.items()
        if value and name.startswith(("FRANC_", "KAFKA_"))
    }
    return Variables(kept, "environment", base)


def read_dotenv(root: Path, is_tracked: Callable[[Path], bool]) -> tuple[Variables, str]:
    """Read `.env` and give it with a warning; one that git tracks is not read.

    Values are taken literally: a `$` in a password stays what it is.
    """
    file = root / DOTENV
    if not file.is_file():
        return Variables({}, DOTENV, root), ""
    if is_tracked(file):
        warning = f"{DOTENV} is ignored, because git tracks it; secrets do not belong into git"
        return Variables({}, DOTENV, root), f"{warning}: git rm --cached {DOTENV}"
    return Variables(dict(_parse_dotenv(_read_small(file))), DOTENV, root), ""


def _parse_dotenv(text: str) -> Iterator[tuple[str, str]]:
    import io

    from dotenv.parser import parse_stream

    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            line = binding.original.line
            raise SettingsError(f"{DOTENV}:{line}:1: this line is not NAME=value")
        if binding.key and binding.value:
            yield binding.key, binding.value


def read_named_file(file: Path) -> str:
    """Read the one line that a file for a secret holds; its line break is not part of it."""
    value = _read_small(file).removesuffix("\n").removesuffix("\r")
    if not value or "\n" in value or "\0" in value:
        raise SettingsError(f"{file} must hold one line with the value")
    return value


def _read_small(file: Path) -> str:
    try:
        return _read_at_most(file).decode()
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file} is not UTF-8") from error


def _read_at_most(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            data = stream.read(_LONGEST_FILE + 1)
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from error
    if len(data) > _LONGEST_FILE:
        raise SettingsError(f"{file} is larger than {_LONGEST_FILE} bytes")
    return data


def read_file(root: Path) -> Mapping[str, Value]:
    """Read `franc-gitops.yaml`; raises SettingsError with the place of each fault."""
    from franc_gitops import strict_yaml

    data = _file_bytes(root)
    if not any(line.strip() and not line.lstrip().startswith(b"#") for line in data.splitlines()):
        return {}
    try:
        documents = strict_yaml.load(data)
    except strict_yaml.Refused:
        raise _refusal(data) from None
    if len(documents) > 1:
        raise SettingsError(f"{FILE_NAME}: one document is expected, {len(documents)} are there")
    return documents[0]


def _file_bytes(root: Path) -> bytes:
    """Read the file's bytes; one that leads out of the repository is not ours to read."""
    file = root / FILE_NAME
    if not os.path.lexists(file):
        return b""
    if not file.is_file() or not file.resolve().is_relative_to(root.resolve()):
        raise SettingsError(f"{file} is not a regular file of the repository")
    return _read_at_most(file)


def _refusal(data: bytes) -> SettingsError:
    from franc_gitops import strict_yaml

    lines = [
        f"{FILE_NAME}:{fault.place.line}:{fault.place.column}: {fault.message}"
        for fault in strict_yaml.examine(data).faults
    ]
    return SettingsError("\n".join(lines), hint="the file is read as strictly as a request")


def place_in_file(root: Path, path: tuple[str | int, ...], *, is_key: bool) -> Place:
    """Tell where in `franc-gitops.yaml` a value stands that a path leads to, or its key."""
    from franc_gitops import strict_yaml

    document = strict_yaml.examine(_file_bytes(root)).documents[0]
    return document.key_place(path) if is_key else document.value_place(path)


def parse_value(text: str) -> Value:
    """Read YAML in a variable, for settings that are lists or mappings; raises Unfit."""
    from franc_gitops import strict_yaml

    try:
        return strict_yaml.load(b"value: " + text.encode())[0]["value"]
    except strict_yaml.Refused:
        raise Unfit("it is not a list or mapping in YAML or JSON") from None
