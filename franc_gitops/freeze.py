"""The freeze calendar: when nothing new is published, once or week by week.

All arithmetic is in UTC, so that a change of the clocks neither repeats nor skips anything; a
weekly freeze and one of whole days begin and end by the clocks of their time zone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, tzinfo

    from franc_gitops.model import Value

_LONGEST_CHAIN = 100
"""So many freezes that follow upon each other without a gap count as one without end."""

_REMEMBERED = 1000
_LAST_YEAR = 9999
"""In it no freeze is looked for: its weeks may end where no calendar reaches."""


class Span(Protocol):
    """When a freeze holds: from a beginning, which is part of it, to an end, which is not."""

    def end_after(self, moment: datetime) -> datetime | None:
        """Give the end of the freeze that a moment, in UTC, is in; None if it is in none."""
        ...


@dataclass(frozen=True, slots=True)
class Once(Span):
    """From one moment to another; the end keeps the offset it is to be shown with."""

    begin: datetime
    end: datetime

    def end_after(self, moment: datetime) -> datetime | None:
        """Give the end if the moment is before it and not before the beginning."""
        return self.end if self.begin <= moment < self.end else None


class WeekTime(NamedTuple):
    """A time of every week; Monday is day 0."""

    weekday: int
    time: time


@dataclass(frozen=True, slots=True)
class Weekly(Span):
    """From one time of the week to another, by the clocks of a time zone."""

    begin: WeekTime
    end: WeekTime
    zone: tzinfo

    def end_after(self, moment: datetime) -> datetime | None:
        """Give the end of this week's freeze, or of one that began in the week before."""
        today = moment.astimezone(self.zone).date()
        first = today - timedelta(days=(today.weekday() - self.begin.weekday) % 7)
        for day in (first, first - timedelta(days=7)):
            begin = earliest(day, self.begin.time, self.zone)
            end = latest(day + self._length(), self.end.time, self.zone)
            if begin <= moment < end:
                return end
        return None

    def _length(self) -> timedelta:
        days = (self.end.weekday - self.begin.weekday) % 7
        return timedelta(days=days or (0 if self.begin.time < self.end.time else 7))


def earliest(day: date, clock: time, zone: tzinfo) -> datetime:
    """Give the moment at which the clocks of a zone show a time, where a freeze begins.

    A time that they show twice, or skip, stands for two moments: a freeze is the longer one.
    """
    return min(_moments(day, clock, zone)).astimezone(zone)


def latest(day: date, clock: time, zone: tzinfo) -> datetime:
    """Give the same where a freeze ends."""
    return max(_moments(day, clock, zone)).astimezone(zone)


def _moments(day: date, clock: time, zone: tzinfo) -> list[datetime]:
    return [datetime.combine(day, clock.replace(fold=n), zone).astimezone(UTC) for n in (0, 1)]


@dataclass(frozen=True, slots=True)
class Freeze:
    """One entry of the calendar; `types` are those that it holds, none is all of them.

    `written` is the entry as it stands in the settings.
    """

    reason: str
    span: Span
    types: tuple[str, ...] = ()
    written: Mapping[str, Value] = field(default_factory=dict, compare=False)

    def end_after(self, moment: datetime, kind: str) -> datetime | None:
        """Give the end of the freeze for a type, if the moment is in it."""
        is_meant = not self.types or kind in self.types
        return self.span.end_after(moment) if is_meant else None


class Frozen(NamedTuple):
    """What holds something: a reason, and when the last of the freezes in a row ends, if ever."""

    reason: str
    until: datetime | None


@dataclass(frozen=True)
class Calendar:
    """All freezes; asked the same again and again, it answers from memory, which is bounded.

    One that somebody overrides holds nothing, and `in_force` tells what it would have held.
    """

    entries: tuple[Freeze, ...] = ()
    overridden_by: str = ""
    _known: dict[tuple[str, datetime], Frozen | None] = field(
        default_factory=dict, compare=False, repr=False
    )

    def __bool__(self) -> bool:
        """Whether there is any freeze at all."""
        return bool(self.entries)

    def frozen(self, kind: str, moment: datetime) -> Frozen | None:
        """Tell what holds requests of a type at a moment; None if nothing does."""
        if not self.entries or self.overridden_by:
            return None
        key = (kind, moment)
        if key not in self._known:
            if len(self._known) >= _REMEMBERED:  # a daemon asks at ever new moments
                self._known.clear()
            self._known[key] = self._frozen(kind, moment)
        return self._known[key]

    @property
    def in_force(self) -> Calendar:
        """The same, overridden by nobody."""
        return replace(self, overridden_by="", _known={}) if self.overridden_by else self

    def _frozen(self, kind: str, moment: datetime) -> Frozen | None:
        found = self._last_to_end(kind, moment)
        if found is None:
            return None
        reason, until = found
        for _ in range(_LONGEST_CHAIN):
            following = self._last_to_end(kind, until)
            if following is None:
                return Frozen(reason, until)
            until = following[1]
        return Frozen(reason, None)

    def _last_to_end(self, kind: str, moment: datetime) -> tuple[str, datetime] | None:
        # Within one zone Python compares what clocks show, not moments: hence UTC.
        now = moment.astimezone(UTC)
        if now.year >= _LAST_YEAR:
            return None
        ends = [
            (entry.reason, end)
            for entry in self.entries
            if (end := entry.end_after(now, kind)) is not None
        ]
        return max(ends, key=lambda found: found[1].astimezone(UTC), default=None)
