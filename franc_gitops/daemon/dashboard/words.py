"""How the pages say numbers, times and phases."""

from __future__ import annotations

import re
from typing import NamedTuple

from franc_gitops.model import Phase

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)


class Tone(NamedTuple):
    """How a phase looks: a colour's name and a sign, so that nothing is said by colour alone."""

    color: str
    sign: str


TONES: dict[Phase, Tone] = {
    Phase.REJECTED: Tone("red", "!"),
    Phase.SCHEDULED: Tone("violet", "◷"),
    Phase.PENDING: Tone("amber", "…"),
    Phase.PUBLISHED: Tone("blue", "↑"),
    Phase.RUNNING: Tone("blue", "▶"),
    Phase.STALLED: Tone("amber", "‖"),
    Phase.COMPLETED: Tone("green", "✓"),
    Phase.FAILED: Tone("red", "✕"),
    Phase.CANCELLED: Tone("grey", "⊘"),
}


def duration(seconds: float) -> str:
    """Say how long something took or takes."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    for size, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"


def number(value: float) -> str:
    """Write a number with thin spaces between thousands."""
    return f"{value:,.0f}".replace(",", "\u202f")


def plural(count: int, noun: str) -> str:
    """Count things."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def visible(text: str) -> list[tuple[bool, str]]:
    """Split text into what can be shown and what would hide or turn it around, as escapes."""
    pieces, end = [], 0
    for found in _INVISIBLE.finditer(text):
        if found.start() > end:
            pieces.append((False, text[end : found.start()]))
        pieces.append((True, found[0].encode("unicode_escape").decode()))
        end = found.end()
    if end < len(text):
        pieces.append((False, text[end:]))
    return pieces
