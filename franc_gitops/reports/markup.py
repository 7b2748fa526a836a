"""Markdown that nothing in the data can break out of, and reports that fit into a comment.

Outside of code every character that could be markup is written as an HTML entity: those are
text to every Markdown there is, in tables too. What a host would make a mention or a reference
of is parted by a zero-width space. What stands between backticks is shown as code.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.reports.annotations import clip
from franc_gitops.reports.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LONGEST = 500
"""Characters of one text: a table with longer ones could not be read."""

_MARKUP = re.compile(
    r"""[!"#$%&*:<>@\[\\\]^`{|}~]|(?<=www)\.|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])""", re.IGNORECASE
)
_REFERENCE = re.compile(r"(?<=[@#!~%$&])(?=\w)")
_CODE = re.compile("`([^`]*)`")
_PART = "\u200b"


def text(content: str) -> str:
    """Show text as it is, with what stands between backticks as code."""
    pieces = _CODE.split(clip(printable(content), LONGEST))
    shown = [code(piece) if at % 2 else _entities(piece) for at, piece in enumerate(pieces)]
    return "".join(shown)


def code(content: str) -> str:
    """Show text as code; a pipe, which would end a cell even there, needs HTML."""
    shown = clip(printable(content), LONGEST)
    if not shown or "|" in shown:
        return html_code(shown)
    fence = "`" * (_longest_run(shown) + 1)
    pad = " " if shown[0] + shown[-1] == "  " or "`" in shown[0] + shown[-1] else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def html_code(content: str) -> str:
    """Show text as code where Markdown is not read, as in a summary."""
    inside = _entities(clip(printable(content), LONGEST))
    return f"<code>{inside}</code>" if inside else ""


def _entities(piece: str) -> str:
    parted = _REFERENCE.sub(_PART, piece)
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", parted)


def _longest_run(content: str) -> int:
    """Count the longest run of backticks."""
    return max(map(len, re.findall("`+", content)), default=0)


def fenced(content: str, language: str = "") -> str:
    """Show lines as they are, in a block that no line in it can end."""
    lines = "\n".join(map(printable, content.removesuffix("\n").split("\n")))
    fence = "`" * max(3, _longest_run(lines) + 1)
    return f"{fence}{language}\n{lines}\n{fence}\n"


def row(*cells: str) -> str:
    """Write a row of a table from cells that are markup already."""
    return f"| {' | '.join(cells)} |\n"


class Section(NamedTuple):
    """A list of a report: items are made when they are shown, so that a list may be long.

    `left_out` says that so many items of the middle are not there.
    """

    heading: str
    number: int
    item: Callable[[int], str]
    left_out: Callable[[int], str]


def fit(head: str, sections: Sequence[Section], in_full: str, room: int) -> Iterator[str]:
    """Yield head and sections in so many bytes; sections that are too long lose their middle.

    Short sections are shown whole, the long ones share what is left. `in_full` is the command
    that shows all. A room of 0 is as large as need be.
    """
    sections = [section for section in sections if section.number]
    yield head
    if not room or _fit_whole(sections, room - size(head)):
        for section in sections:
            yield section.heading
            yield from map(section.item, range(section.number))
        return
    notice = f"\nCut to fit; the whole of it: {code(in_full)}\n"
    frames = (section.heading + section.left_out(section.number) for section in sections)
    left = room - size(head) - size(notice) - sum(map(size, frames))
    cut = False
    for section, share in _shares(sections, left):
        pieces, whole = _middle_out(section, share)
        cut = cut or not whole
        yield from (section.heading, *pieces)
    if cut:
        yield notice


def _fit_whole(sections: Sequence[Section], room: int) -> bool:
    for section in sections:
        room -= size(section.heading)
        room -= _need(section, room)
        if room < 0:
            return False
    return True


def size(text: str) -> int:
    """Give the bytes of a text as it is sent."""
    return len(text.encode(errors="backslashreplace"))


def _shares(sections: Sequence[Section], room: int) -> Iterator[tuple[Section, int]]:
    """Give each section its bytes: the shortest ones what they need, the others equal parts."""
    needs = {at: _need(section, room) for at, section in enumerate(sections)}
    shares, left = {}, len(sections)
    for at in sorted(needs, key=needs.__getitem__):
        shares[at] = min(needs[at], max(0, room) // left)
        room -= shares[at]
        left -= 1
    return ((section, shares[at]) for at, section in enumerate(sections))


def _need(section: Section, most: int) -> int:
    """Give the bytes of all items, or more than `most` if it is more."""
    need = 0
    for at in range(section.number):
        need += size(section.item(at))
        if need > most:
            break
    return need


def _middle_out(section: Section, share: int) -> tuple[list[str], bool]:
    """Give the first and last items that fit, a note between them, and whether that is all."""
    if _need(section, share) <= share:
        return [section.item(at) for at in range(section.number)], True
    first: list[str] = []
    last: deque[str] = deque()
    at, end, half = 0, section.number, share // 2
    while at < end and (cost := size(piece := section.item(at))) <= half:
        first.append(piece)
        at, half, share = at + 1, half - cost, share - cost
    while at < end and (cost := size(piece := section.item(end - 1))) <= share:
        last.appendleft(piece)
        end, share = end - 1, share - cost
    return [*first, section.left_out(end - at), *last], False
