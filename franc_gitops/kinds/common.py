"""The fields that every type of request has: what it is called and how it is to be published."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from franc_gitops.kinds.fields import Finding, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from franc_gitops.kinds.fields import Fields

_LOOSE_CHANGE = re.compile(r"(?:chg)?[-_ ]*(\d{4})[-_ ]*(\d{1,6})", re.IGNORECASE | re.ASCII)
_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.IGNORECASE | re.ASCII
)


def correct_change_number(text: str) -> str:
    """Turn `chg 2024-1234` into `CHG-2024-001234`."""
    found = _LOOSE_CHANGE.fullmatch(text)
    return f"CHG-{found[1]}-{found[2]:0>6}" if found else text


def correct_revision(text: str) -> str:
    """Turn `010`, `+2`, `2.0`, `1_000` into the plain number."""
    plain = re.sub(r"^\+|_|\.0*$", "", text)
    return plain.lstrip("0") if plain.isascii() and plain.isdigit() else text


def correct_item(text: str) -> str:
    """Turn `Leaf 01` into `leaf-01`."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def correct_time(text: str) -> str:
    """Turn `2024-07-09 14:25` into `2024-07-09T14:25:00Z`."""
    try:
        time = datetime.fromisoformat(text.upper())
    except ValueError:
        return text
    return time.isoformat().removesuffix("+00:00") + ("" if time.utcoffset() else "Z")


def read_time(text: str | None) -> datetime | None:
    """Read RFC 3339 with an offset; None for anything else, such as the 30th of February.

    Also for a time that is in no calendar as UTC, such as the end of the year 9999 in New York.
    """
    if text is None or not _TIME.fullmatch(text):
        return None
    try:
        time = datetime.fromisoformat(text.upper())
        time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return time


def inspect_window(fields: Fields) -> Iterator[Finding]:
    """Find times that no calendar has, and a window that no time is in."""
    times = []
    for name in ("not_before", "not_after"):
        text = fields.get(name)
        if isinstance(text, str) and _TIME.fullmatch(text):
            times.append(read_time(text))
            if times[-1] is None:
                yield Finding("FRN209", (name,), f"`{text}` is not in the calendar")
    match times:
        case [datetime() as begin, datetime() as end] if begin >= end:
            hint = "as it is, the request would be held for ever"
            yield Finding("FRN210", ("not_after",), "not_after is not later than not_before", hint)


CHANGE_NUMBER = Text(
    "change_number",
    "The change that asks for this, as in the change management system. It is the key of every "
    "event of the request, so their order is kept.",
    "CHG-2024-001234",
    rule=re.compile(r"CHG-[0-9]{4}-[0-9]{6}"),
    expected="a change number: CHG-, four digits of the year, -, six digits",
    code="FRN206",
    configurable=False,
    correct=correct_change_number,
)
_TIME_EXPECTED = "a time with date and offset (RFC 3339)"

COMMON = (
    CHANGE_NUMBER,
    Text(
        "item",
        "Tells requests of one type apart that share a change number; part of the request's id.",
        "leaf-01",
        required=False,
        rule=re.compile(r"[a-z0-9-]{1,32}"),
        expected="a short name of lower-case letters, digits and hyphens, at most 32",
        code="FRN208",
        configurable=False,
        correct=correct_item,
    ),
    Text(
        "revision",
        "Raise it to send a request again that was changed after publication; 1 if absent.",
        "2",
        required=False,
        rule=re.compile(r"[1-9][0-9]{0,5}"),
        expected="a plain decimal number from 1 to 999999",
        code="FRN207",
        bounds=(1, 999_999),
        configurable=False,
        correct=correct_revision,
    ),
    Text(
        "cancel",
        "Takes the request back; the text is the reason and may have several lines.",
        "customer withdrew the order",
        required=False,
        longest=4000,
        configurable=False,
    ),
    Text(
        "user_id",
        "Who asks for the change; null in the event if absent.",
        "jdoe",
        required=False,
    ),
    Text(
        "not_before",
        "The request is held as Scheduled until this time.",
        "2024-07-09T22:00:00Z",
        required=False,
        rule=_TIME,
        expected=_TIME_EXPECTED,
        code="FRN209",
        configurable=False,
        correct=correct_time,
    ),
    Text(
        "not_after",
        "The request is held as Scheduled from this time on.",
        "2024-07-10T04:00:00+02:00",
        required=False,
        rule=_TIME,
        expected=_TIME_EXPECTED,
        code="FRN209",
        configurable=False,
        correct=correct_time,
    ),
)
