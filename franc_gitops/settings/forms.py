"""What the value of a setting looks like: how its text is read, and the same as JSON Schema.

Values arrive as text, lists and mappings of text, never as anything else (see `strict_yaml`);
a variable of the environment is always text. A reader raises Unfit with what it expects.
Pydantic is not used here: it would name neither the variable nor the line, and it would cost
a fifth of the start-up time of `validate`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from franc_gitops.model import Pin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from franc_gitops.model import Value

T = TypeVar("T")

_WORDS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
_LEDGER_PARTITIONS = 32
_LAST_PORT = 65_535


class Unfit(Exception):
    """What was written is not such a value; the message says what is expected.

    `at` leads from the value of the setting to what is wrong in it: keys and list positions;
    `is_key` tells that the last key itself is.
    """

    def __init__(self, message: str, *at: str | int, is_key: bool = False) -> None:
        """Take what to say, and where."""
        super().__init__(message)
        self.at = at
        self.is_key = is_key

    def inside(self, step: str | int, name: str = "") -> Unfit:
        """Give the same as a fault of what holds this value, with the value's name before it."""
        return Unfit(f"{name}{self}", step, *self.at, is_key=self.is_key)


class Form(NamedTuple):
    """One kind of value: `read` turns what was written into the value or raises Unfit.

    `example` shows how it is written in the file, where that is not plain.
    """

    read: Callable[[Value], Any]
    schema: Mapping[str, Any]
    example: str = ""


def one_of(*today: str, later: tuple[str, ...] = ()) -> Form:
    """Make the form of a word out of a few; the `later` ones are known but do nothing yet."""

    def read(value: Value) -> str:
        if value in today:
            return str(value)
        if value in later:
            raise Unfit(f"{value!r} is not in this version; it knows {_listed(today)}")
        raise Unfit(f"{value!r} is not {_listed(today)}")

    return Form(read, {"enum": list(today)})


def text(pattern: str, expected: str) -> Form:
    """Make the form of text that matches a pattern as a whole."""
    matches = re.compile(pattern).fullmatch

    def read(value: Value) -> str:
        if not isinstance(value, str) or not matches(value):
            raise Unfit(f"{value!r} is not {expected}")
        return value

    return Form(read, {"type": "string", "pattern": f"^(?:{pattern})$"})


def _read_folder(value: Value) -> str:
    """Read a folder below the repository's root; a trailing slash is not part of its name."""
    if not isinstance(value, str) or re.search(r"[\x00-\x1f\x7f\\]", value):
        raise Unfit(f"{value!r} is not the path of a folder")
    parts = [part for part in value.split("/") if part != "."]
    if value.startswith(("/", "~")) or ".." in parts:
        raise Unfit(f"{value!r} leads out of the repository")
    folder = "/".join(part for part in parts if part)
    if not folder:
        raise Unfit("it must be a folder below the repository's root, not the root itself")
    if any(part.casefold() == ".git" for part in parts):  # some file systems know no case
        raise Unfit(f"{value!r} belongs to git")
    return folder


FOLDER = Form(
    _read_folder,
    {"type": "string", "minLength": 1, "pattern": r"^(?!/)(?!~)(?!(.*/)?\.\.(/|$))[^\\]+$"},
)


def _read_keys_file(value: Value) -> str:
    """Read `PATH` or `REV:PATH`, the file of the trusted keys."""
    if not isinstance(value, str) or value.lower() in _WORDS:
        raise Unfit("it says where the trusted keys are: PATH, or REV:PATH")
    revision, _, path = value.rpartition(":")
    if not re.fullmatch(r"[^-\x00-\x20\x7f:][^\x00-\x20\x7f:]*|", revision):
        raise Unfit(f"{revision!r} is not the name of a revision")
    if value.startswith(":"):
        raise Unfit(f"{value!r} has no revision before the colon")
    return f"{revision}:{_read_folder(path)}" if revision else _read_folder(path)


KEYS_FILE = Form(_read_keys_file, {"type": "string"})


BRANCH = text(
    r"(?!.*(\.\.|@\{|//|/\.|\.lock(/|$)))(?!.*[/.]$)(?!@$)[^-/.\x00-\x20\x7f~^:?*\[\\]"
    r"[^\x00-\x20\x7f~^:?*\[\\]{0,199}",
    "the name of a branch, as in `git branch NAME`",
)


def _read_boolean(value: Value) -> bool:
    if isinstance(value, str) and value.lower() in _WORDS:
        return _WORDS[value.lower()]
    raise Unfit(f"{value!r} is not true, false, 1, 0, yes, no, on or off")


BOOLEAN = Form(_read_boolean, {"type": "boolean"})


def _read_seconds(value: Value) -> float:
    if isinstance(value, str) and re.fullmatch(r"\d{1,6}(\.\d{1,3})?", value) and float(value) > 0:
        return float(value)
    raise Unfit(f"{value!r} is not a number of seconds above 0")


SECONDS = Form(_read_seconds, {"type": "number", "exclusiveMinimum": 0})


def _read_pins(value: Value) -> tuple[Pin, ...]:
    """Read the ledgers that may be published to, as `status/.ledger.yaml` lists them."""
    if not isinstance(value, list) or not value:
        raise Unfit("it is a list of ledgers, each with cluster_id, topic and topic_id")
    return tuple(read_members(value, _read_pin))


def read_members(value: list[Value], read: Callable[[Value], T], name: str = "") -> Iterator[T]:
    """Read each member of a list; one that is unfit is told by its place, and `name`d by number."""
    for position, member in enumerate(value):
        try:
            yield read(member)
        except Unfit as error:
            told = f"{name} {position + 1}: " if name else ""
            raise error.inside(position, told) from None


def _read_pin(value: Value) -> Pin:
    names = ("cluster_id", "topic", "topic_id", "partitions")
    if not isinstance(value, dict) or not {*names[:3]} <= {*value} <= {*names}:
        raise Unfit("a ledger has cluster_id, topic, topic_id and, if not 32, partitions")
    cluster_id, topic, topic_id = (value[name] for name in names[:3])
    partitions = value.get("partitions") or str(_LEDGER_PARTITIONS)
    if not (isinstance(cluster_id, str) and isinstance(topic, str) and isinstance(topic_id, str)):
        raise Unfit("cluster_id, topic and topic_id of a ledger are text")
    if not isinstance(partitions, str) or not re.fullmatch(r"[1-9]\d{0,4}", partitions):
        raise Unfit(f"{partitions!r} is not a number of partitions")
    return Pin(cluster_id, topic, topic_id, int(partitions))


_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<host>[A-Za-z0-9._-]+)):(?P<port>\d{1,5})")


def _read_http_address(value: Value) -> str:
    if value == "off":
        return "off"
    found = _ADDRESS.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found["port"]) > _LAST_PORT:
        raise Unfit(f"{value!r} is not HOST:PORT ([ADDRESS]:PORT for IPv6) or off")
    return found[0]


HTTP_ADDRESS = Form(_read_http_address, {"type": "string", "pattern": r"^(off|.+:\d{1,5})$"})


def split_address(address: str) -> tuple[str, int]:
    """Give host and port of what HTTP_ADDRESS has read; the host without brackets."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


COMMIT_URL = text(
    r"https?://[^\s{}\"'<>]*\{commit\}[^\s{}\"'<>]*",
    "an http or https address with {commit} in the commit's place",
)

_PIN_SCHEMA = {
    "type": "object",
    "properties": {
        "cluster_id": {"type": "string"},
        "topic": {"type": "string"},
        "topic_id": {"type": "string"},
        "partitions": {"type": "integer", "minimum": 1, "default": _LEDGER_PARTITIONS},
    },
    "required": ["cluster_id", "topic", "topic_id"],
    "additionalProperties": False,
}
PINS = Form(_read_pins, {"type": "array", "minItems": 1, "items": _PIN_SCHEMA})


def _listed(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
