"""A request file as a page shows it: numbered lines, keys told apart, problems at their line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.daemon.dashboard.words import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

LINES = 2000
_COLUMNS = 2000
_BREAK = re.compile("\r\n|[\r\n]")
_PARTS = re.compile(r"(?P<indent>\s*(?:-\s+)*)(?P<key>[A-Za-z_][\w-]*:(?=\s|$))?(?P<rest>.*)")


class Piece(NamedTuple):
    """Some text of a line and what it is: key, comment, text or escape."""

    kind: str
    text: str


class Line(NamedTuple):
    """A line and what is wrong in it."""

    number: int
    pieces: tuple[Piece, ...]
    problems: tuple[Mapping[str, object], ...]


class Listing(NamedTuple):
    """The lines that are shown, how many are not, and problems of lines that are not there."""

    lines: tuple[Line, ...]
    left_out: int
    elsewhere: tuple[Mapping[str, object], ...]


def listing(content: bytes, problems: Sequence[Mapping[str, object]]) -> Listing:
    """Lay out a file; whatever its bytes are, it is text in the end."""
    texts = _BREAK.split(content.decode(errors="backslashreplace"))
    if not texts[-1]:
        texts.pop()
    shown = texts[:LINES]
    by_line: dict[object, list[Mapping[str, object]]] = {}
    for problem in problems:
        by_line.setdefault(problem["line"], []).append(problem)
    lines = tuple(
        Line(number, tuple(_pieces(text[:_COLUMNS])), tuple(by_line.pop(number, ())))
        for number, text in enumerate(shown, 1)
    )
    elsewhere = tuple(problem for left in by_line.values() for problem in left)
    return Listing(lines, len(texts) - len(shown), elsewhere)


def _pieces(text: str) -> Iterator[Piece]:
    if text.lstrip().startswith("#"):
        yield from _shown("comment", text)
        return
    found = _PARTS.fullmatch(text)
    if found is None:
        yield from _shown("text", text)
        return
    yield from _shown("text", found["indent"])
    yield from _shown("key", found["key"] or "")
    yield from _shown("text", found["rest"])


def _shown(kind: str, text: str) -> Iterable[Piece]:
    return (Piece("escape" if hidden else kind, part) for hidden, part in visible(text))
