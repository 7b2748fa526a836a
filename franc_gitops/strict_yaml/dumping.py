"""The stable dump: the same value gives the same bytes, in the order of its keys.

A direct writer, because status files are rendered twenty thousand at a time. A collection that
holds no other collection is written on one line, everything else as a block.
"""

from __future__ import annotations

import re
from functools import lru_cache
from json.encoder import encode_basestring
from typing import TYPE_CHECKING

from franc_gitops.strict_yaml.scalars import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SURE = re.compile(r"(?:[A-Za-z/][A-Za-z0-9_./()+ -]*|[0-9]+ [A-Za-z]+)(?<! )").fullmatch
"""Text that no reader takes for a number or a time, wherever it stands."""

_SURE_IN_BLOCK = re.compile(r"[A-Za-z][A-Za-z0-9_-]*:[A-Za-z0-9][A-Za-z0-9_./+=-]*").fullmatch
"""A colon inside is safe too, but some readers stumble over it between braces."""

_WORDS = frozenset({"y", "yes", "n", "no", "on", "off", "true", "false", "null"})
"""What YAML 1.1 or 1.2 readers take for a boolean or for nothing, in any case."""

_COLLECTIONS = (dict, list, tuple)
_LAST_OF_BASIC_PLANE = 0xFFFF


def dump(value: Mapping[str, object]) -> str:
    """Write a mapping as YAML; `load` reads it back, numbers and booleans as text.

    Raises TypeError for anything but str, int, float, bool, None, list, tuple and dict.
    """
    if not value:
        return "{}\n"
    lines: list[str] = []
    _write_mapping(value, "", "", lines)
    lines.append("")
    return "\n".join(lines)


def scalar(value: object, *, block: bool = True) -> str:
    """Write one value: plain where every reader takes it for the same, else in double quotes.

    `block` is False between brackets and braces.
    """
    if isinstance(value, str):
        if (_SURE(value) and value.lower() not in _WORDS) or (block and _SURE_IN_BLOCK(value)):
            return value
        return quoted(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    raise TypeError(f"cannot write {type(value).__name__} as YAML")


@lru_cache(maxsize=1024)
def _key(key: str) -> str:
    return scalar(key, block=False)


def quoted(text: str) -> str:
    """Write text in double quotes, as JSON does, with every character visible."""
    return HIDDEN.sub(_escape, encode_basestring(text))


def _escape(found: re.Match[str]) -> str:
    point = ord(found[0])
    return f"\\u{point:04x}" if point <= _LAST_OF_BASIC_PLANE else f"\\U{point:08x}"


def _write_mapping(mapping: Mapping[str, object], lead: str, indent: str, lines: list[str]) -> None:
    """Write one `key: value` a line; `lead` stands before the first, `indent` before the rest."""
    for key, value in mapping.items():
        name = f"{lead}{_key(key)}:"
        if not isinstance(value, _COLLECTIONS):
            lines.append(f"{name} {scalar(value)}")
        elif _is_flat(value):
            lines.append(f"{name} {_flow(value)}")
        else:
            lines.append(name)
            _write_block(value, f"{indent}  ", lines)
        lead = indent


def _write_block(
    value: Mapping[str, object] | Sequence[object], indent: str, lines: list[str]
) -> None:
    if isinstance(value, dict):
        _write_mapping(value, indent, indent, lines)
        return
    for member in value:
        if isinstance(member, dict) and not _is_flat(member):
            _write_mapping(member, f"{indent}- ", f"{indent}  ", lines)
        else:
            lines.append(f"{indent}- {_flow(member)}")


def _is_flat(value: Mapping[str, object] | Sequence[object]) -> bool:
    members = value.values() if isinstance(value, dict) else value
    for member in members:  # noqa: SIM110 - twice as fast as any()
        if member and isinstance(member, _COLLECTIONS):
            return False
    return True


def _flow(value: object) -> str:
    if isinstance(value, dict):
        inner = ", ".join([f"{_key(key)}: {_flow(member)}" for key, member in value.items()])
        return f"{{{inner}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_flow, value))}]"
    return scalar(value, block=False)
