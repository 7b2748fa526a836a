"""The short way: request files in their plainest form, read without a YAML parser.

Nearly every request file is `field: value` lines and one list of small mappings, with values
that mean the same in every YAML version. Such a file is read here four times as fast as by
libyaml. Anything that is not beyond doubt gives None, and libyaml decides: a quoted escape,
a tab, a `#` or `:` inside a value, a letter beyond ASCII, odd indentation, a duplicate key.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from franc_gitops.strict_yaml.scalars import NULLS

if TYPE_CHECKING:
    from franc_gitops.model import Value

_KEY = "[A-Za-z_][A-Za-z0-9_]{0,63}+"
_WORD = "[A-Za-z0-9][A-Za-z0-9 _./()+-]*"
_PLAIN = r"[A-Za-z0-9][A-Za-z0-9 _./()+,-]*(?::[A-Za-z0-9][A-Za-z0-9 _./()+,-]*)*+(?<! )"
_QUOTED = """"(?:[!#-[\\]-~](?:[ !#-[\\]-~]*[!#-[\\]-~])?)?\""""
_WORDS = rf"{_WORD}(?<! )(?:, {_WORD}(?<! ))*+"
_PAIRS = rf"{_KEY}: {_WORD}(?<! )(?:, {_KEY}: {_WORD}(?<! ))*+"
_END = r"(?: +#[ -~]*+| *)\n"
_BLANK = r" *(?:#[ -~]*+)?\n"

_FIELDS = re.compile(
    rf"({_KEY}):(?: +({_PLAIN}|{_QUOTED}|\[{_WORDS}\]))?{_END}"
    r"((?: *- [ -~]*+\n(?: +[ -~]*+\n|\n)*+)*+)"
    rf"|{_BLANK}|([\s\S])"
).findall
"""Top-level fields as (key, value, the list below it, anything else)."""

_ITEMS = re.compile(
    rf"( *)(- )?(?:({_KEY}):(?: +({_PLAIN}|{_QUOTED}))?|\{{({_PAIRS})\}}){_END}"
    rf"|{_BLANK}|([\s\S])"
).findall
"""Lines of a list of mappings as (indentation, dash, key, value, flow mapping, anything else)."""

DEPTH = 3
"""How deep a plain file can be nested; it has at most as many nodes as bytes."""


class _NotPlainError(Exception):
    """The file needs a real parser."""


def read_plain(data: bytes) -> list[dict[str, Value]] | None:
    """Give the documents of a file in plain form, or None when the parser must decide."""
    try:
        text = data.decode("ascii").replace("\r\n", "\n").removeprefix("---\n")
        head, *tail = text.removesuffix("\n").split("\n---\n")
        first = _document(head)
        documents = [first] if first or not tail else []
        documents += map(_document, tail)
    except (UnicodeDecodeError, _NotPlainError):
        return None
    return documents if all(documents) else None


def _document(text: str) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    for key, value, below, other in _FIELDS(text + "\n"):
        if key:
            if key in fields or (value and below):
                raise _NotPlainError
            fields[key] = _items(below) if below else _value(value)
        elif other:
            raise _NotPlainError
    return fields


def _value(text: str) -> Value:
    if text in NULLS:
        return None
    if text[0] == '"':
        return text[1:-1]
    if text[0] == "[":
        return [None if word in NULLS else word for word in text[1:-1].split(", ")]
    return text


def _items(text: str) -> list[Value]:
    items: list[Value] = []
    first = len(text) - len(text.lstrip(" "))
    item: dict[str, Value] | None = None
    for indent, dash, key, value, pairs, other in _ITEMS(text):
        if dash:
            if len(indent) != first:
                raise _NotPlainError
            item = {} if key else None
            items.append(_pairs(pairs) if item is None else item)
        elif pairs or other or (key and len(indent) != first + 2):
            raise _NotPlainError
        if key:
            if item is None or key in item:
                raise _NotPlainError
            item[key] = _value(value)
    return items


def _pairs(text: str) -> dict[str, Value]:
    pairs = text.split(", ")
    found: dict[str, Value] = {}
    for pair in pairs:
        key, value = pair.split(": ")
        found[key] = None if value in NULLS else value
    if len(found) != len(pairs):
        raise _NotPlainError
    return found
