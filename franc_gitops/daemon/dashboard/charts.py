"""Small bar charts of the last hour: numbers in, rectangles out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.daemon.dashboard.words import duration, number, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from franc_gitops.daemon.history import Minute

WIDTH, HEIGHT = 600, 100
_STEP, _GAP = 10, 2
_ROUND = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
_LEAST = 2.0  # so that the smallest value can be seen


class Bar(NamedTuple):
    """One minute: how high the bar is and, within it, its darker part; `title` says it."""

    x: float
    y: float
    height: float
    inner_y: float
    inner_height: float
    title: str


class Chart(NamedTuple):
    """A chart with its scale's top and what it says in one sentence."""

    name: str
    top: str
    summary: str
    bars: tuple[Bar, ...]
    rows: tuple[tuple[int, str], ...]
    """(seconds of the epoch, words) for the minutes in which something happened."""


def throughput(minutes: Sequence[Minute]) -> Chart:
    """Chart how many requests were published in each minute."""
    total = sum(minute.published for minute in minutes)
    most = max(minute.published for minute in minutes)
    return _chart(
        "Published per minute",
        f"{plural(total, 'request')} in the last hour, at most {number(most)} a minute",
        [(m.start, m.published, m.published, plural(m.published, "request")) for m in minutes],
        number,
    )


def latency(minutes: Sequence[Minute]) -> Chart:
    """Chart how long requests waited, the median and the slowest of each minute."""
    medians = sorted(minute.median for minute in minutes if minute.median is not None)
    slowest = max((minute.slowest or 0 for minute in minutes), default=0)
    usual = duration(medians[len(medians) // 2]) if medians else ""
    return _chart(
        "From seen to published",
        f"usually {usual}, slowest {duration(slowest)}" if usual else "Nothing was published",
        [(m.start, m.slowest or 0, m.median or 0, _said(m)) for m in minutes],
        duration,
    )


def _said(minute: Minute) -> str:
    if minute.median is None or minute.slowest is None:
        return "nothing"
    return f"median {duration(minute.median)}, slowest {duration(minute.slowest)}"


def _chart(
    name: str,
    summary: str,
    values: Sequence[tuple[int, float, float, str]],
    write: Callable[[float], str],
) -> Chart:
    top = nice_top(max(value for _, value, _, _ in values))
    bars = [
        _bar(at, value / top, inner / top, f"{_ago(len(values) - 1 - at)}: {said}")
        for at, (_, value, inner, said) in enumerate(values)
        if value
    ]
    rows = tuple((start, said) for start, value, _, said in reversed(values) if value)
    return Chart(name, write(top), summary, tuple(bars), rows)


def _bar(at: int, share: float, inner: float, title: str) -> Bar:
    height = max(_LEAST, share * HEIGHT)
    inside = min(height, max(_LEAST, inner * HEIGHT))
    return Bar(
        at * _STEP + _GAP / 2,
        round(HEIGHT - height, 1),
        round(height, 1),
        round(HEIGHT - inside, 1),
        round(inside, 1),
        title,
    )


def _ago(minutes: int) -> str:
    return "this minute" if not minutes else f"{minutes} min ago"


def nice_top(most: float) -> float:
    """Give the next round number that is not smaller; 1 for nothing."""
    if most <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(most))
    return next((size * part for part in _ROUND if size * part >= most), 10 * size)
