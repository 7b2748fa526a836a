"""Bytes → text that may be parsed, with the faults that lie in single bytes and characters."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from franc_gitops.model import START, Place
from franc_gitops.strict_yaml.places import Fault
from franc_gitops.strict_yaml.scalars import BYTE_ORDER_MARK, DIRECTIVE, UNREADABLE, describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from franc_gitops.strict_yaml.limits import Limits

_SAVE_AS = "save the file as UTF-8 without a byte order mark"


def decode(data: bytes, limits: Limits) -> tuple[str | None, list[Fault]]:
    """Give the text, or None where a parser would only add noise, and what is wrong with it."""
    if len(data) > limits.size:
        message = f"the file is larger than {limits.size:,} bytes"
        return None, [Fault("FRN104", START, message, "split it into several files")]
    if data[:64].count(0) * 3 > len(data[:64]):
        return None, [Fault("FRN101", START, "the file is UTF-16 or binary", _SAVE_AS)]
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return None, [_undecodable(data, error)]
    return _check_text(text, limits)


def place_at(text: str, index: int) -> Place:
    """Give line and column of a character."""
    line_start = text.rfind("\n", 0, index) + 1
    return Place(text.count("\n", 0, index) + 1, index - line_start + 1)


def _undecodable(data: bytes, error: UnicodeDecodeError) -> Fault:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Fault("FRN101", START, "the file is UTF-16", _SAVE_AS)
    before = data[: error.start].decode()
    message = f"the byte 0x{data[error.start]:02X} is not UTF-8"
    hint = f"the file is probably Latin-1 or Windows-1252: {_SAVE_AS}"
    return Fault("FRN101", place_at(before, len(before)), message, hint)


def _check_text(text: str, limits: Limits) -> tuple[str | None, list[Fault]]:
    faults: list[Fault] = []
    if text.startswith(BYTE_ORDER_MARK):
        text = text[1:]
        message = "the file begins with a byte order mark"
        faults.append(Fault("FRN102", START, message, _SAVE_AS))
    unreadable = list(islice(_find_unreadable(text), limits.faults))
    if unreadable:
        return None, (faults + unreadable)[: limits.faults]
    for found in islice(DIRECTIVE.finditer(text), limits.faults):
        message = "a line begins with %, a YAML directive"
        faults.append(Fault("FRN116", place_at(text, found.start()), message, "delete the line"))
    return DIRECTIVE.sub("#", text), faults


def _find_unreadable(text: str) -> Iterator[Fault]:
    """Find characters that no file may hold; of a run of them only the first."""
    end = -1
    for found in UNREADABLE.finditer(text):
        if found.start() != end:
            message = f"{describe(found[0])} may not stand in a request file"
            yield Fault("FRN103", place_at(text, found.start()), message, "delete it")
        end = found.end()
