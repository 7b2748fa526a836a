"""What a freeze looks like in the settings: text → `Calendar`."""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from typing import TYPE_CHECKING

from franc_gitops.freeze import Calendar, Freeze, Once, Weekly, WeekTime, earliest, latest
from franc_gitops.settings.forms import Form, Unfit, read_members

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, tzinfo

    from franc_gitops.freeze import Span
    from franc_gitops.model import Value

_NEEDED = ("reason", "from", "until")
_OPTIONAL = ("time_zone", "types")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_WEEK_TIME = re.compile(rf"({'|'.join(_DAYS)}) ([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_LONGEST_REASON = 200
_EXPECTED = (
    "from and until are both times with an offset (2026-12-24T18:00:00Z), both dates "
    "(2026-12-24; until the end of that day), or both times of the week (Fri 18:00)"
)


def _read_freezes(value: Value) -> Calendar:
    if not isinstance(value, list):
        raise Unfit("it is a list of freezes, each with reason, from and until")
    return Calendar(tuple(read_members(value, _read_freeze, "freeze")))


def _read_freeze(value: Value) -> Freeze:
    expected = "it has reason, from and until, and may have time_zone and types"
    if not isinstance(value, dict):
        raise Unfit(expected)
    for name in value:
        if name not in {*_NEEDED, *_OPTIONAL}:
            raise Unfit(f"there is no field {name}; {expected}", name, is_key=True)
    if not {*_NEEDED} <= {*value}:
        raise Unfit(expected)
    reason, begin, end, zone = (value.get(name) for name in (*_NEEDED, "time_zone"))
    if not isinstance(reason, str) or not 0 < len(reason) <= _LONGEST_REASON:
        raise Unfit(f"reason is a text of at most {_LONGEST_REASON} characters", "reason")
    if not isinstance(begin, str) or not isinstance(end, str):
        raise Unfit(_EXPECTED, "until" if isinstance(begin, str) else "from")
    span = _read_span(begin, end, zone)
    return Freeze(reason, span, _read_types(value.get("types")), written=value)


def _read_span(begin: str, end: str, zone: Value) -> Span:
    if _DATE.fullmatch(begin) and _DATE.fullmatch(end):
        return _read_days(begin, end, _read_zone(zone))
    weekly = _WEEK_TIME.fullmatch(begin), _WEEK_TIME.fullmatch(end)
    if weekly[0] and weekly[1]:
        if begin == end:
            raise Unfit(f"from {begin} until {end} would never end", "until")
        return Weekly(_week_time(weekly[0]), _week_time(weekly[1]), _read_zone(zone))
    return _read_times(begin, end, zone)


def _read_days(begin: str, end: str, zone: tzinfo) -> Once:
    first, behind = _day("from", begin), _day("until", end, 1)
    wrong = "from"
    try:
        start = earliest(first, time(), zone)
        wrong = "until"
        return _once(start, latest(behind, time(), zone))
    except OverflowError:
        raise Unfit(f"{begin} until {end} reaches out of the calendar", wrong) from None


def _read_times(begin: str, end: str, zone: Value) -> Once:
    from franc_gitops.kinds.common import read_time

    times = read_time(begin), read_time(end)
    if times[0] is None or times[1] is None:
        wrong = "from" if times[0] is None else "until"
        raise Unfit(f"{begin!r} and {end!r} are not such a pair: {_EXPECTED}", wrong)
    if zone is not None:
        raise Unfit("times with an offset need no time_zone", "time_zone")
    return _once(times[0], times[1])


def _once(begin: datetime, end: datetime) -> Once:
    if begin >= end:
        raise Unfit("until is not later than from", "until")
    return Once(begin, end)


def _day(name: str, text: str, later: int = 0) -> date:
    try:
        return date.fromisoformat(text) + timedelta(days=later)
    except (ValueError, OverflowError):
        raise Unfit(f"{text} is not in the calendar", name) from None


def _week_time(found: re.Match[str]) -> WeekTime:
    return WeekTime(_DAYS.index(found[1]), time(int(found[2]), int(found[3])))


def _read_zone(name: Value) -> tzinfo:
    from zoneinfo import ZoneInfo

    if not isinstance(name, str):
        told = "dates and times of the week need a time_zone, such as Europe/Berlin"
        raise Unfit(told, "time_zone")
    try:
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError):
        raise Unfit(
            f"{name!r} is not a time zone that this machine knows, such as Europe/Berlin or UTC",
            "time_zone",
        ) from None


def _read_types(value: Value) -> tuple[str, ...]:
    from franc_gitops import kinds

    if value is None:
        return ()
    known = [kind.type for kind in kinds.all_kinds()]
    expected = f"types is a list out of {', '.join(known)}"
    if not isinstance(value, list) or not value:
        raise Unfit(expected, "types")
    for position, name in enumerate(value):
        if name not in known:
            raise Unfit(expected, "types", position)
    return tuple(map(str, value))


_TEXT: Mapping[str, object] = {"type": "string", "minLength": 1}
_FREEZE = {
    "type": "object",
    "properties": {
        "reason": {**_TEXT, "maxLength": _LONGEST_REASON},
        "from": {**_TEXT, "description": _EXPECTED},
        "until": {**_TEXT, "description": _EXPECTED},
        "time_zone": {**_TEXT, "description": "IANA name, for dates and times of the week."},
        "types": {"type": "array", "minItems": 1, "items": _TEXT},
    },
    "required": list(_NEEDED),
    "additionalProperties": False,
}
FREEZES = Form(
    _read_freezes,
    {"type": "array", "items": _FREEZE},
    """\
freeze:
  - {reason: end of the year, from: 2026-12-21, until: 2027-01-03, time_zone: Europe/Berlin}
  - {reason: weekend, from: Fri 18:00, until: Mon 06:00, time_zone: Europe/Berlin}
  - reason: move of the data center
    from: 2026-11-28T20:00:00+01:00
    until: 2026-11-29T08:00:00+01:00
    types: [datacenter_deployment]""",
)
