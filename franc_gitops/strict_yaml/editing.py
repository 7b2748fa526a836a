"""Writing one field into a file by hand: text is inserted, every other byte stays as it is.

Loading and dumping a file would lose its comments, order, quotes and line ends. So the parser
is only asked where things stand. What comes out is read again: it must say the same as
before and the new field, or nothing is given back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from franc_gitops.strict_yaml.dumping import quoted, scalar
from franc_gitops.strict_yaml.loading import Refused, load
from franc_gitops.strict_yaml.parser import event_types, open_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from franc_gitops.model import Value
    from franc_gitops.strict_yaml.parser import Event


class CannotEdit(Exception):
    """The file is not strict YAML, or written in a way that text cannot safely be put into."""


@dataclass(slots=True)
class _Member:
    """A field of a document: where its key begins, and where its value begins and ends."""

    key: int
    start: int
    end: int


@dataclass(slots=True)
class _Mapping:
    """A document: whether it stands between braces, and its fields."""

    flow: bool
    members: dict[str, _Member] = field(default_factory=dict)


def add_field(data: bytes, document: int, name: str, value: str, *, after: str) -> bytes:
    """Put a field into a document (counted from 1), behind the field `after`.

    A field that is there without a value gets it. Raises CannotEdit.
    """
    try:
        before = load(data)
    except Refused as error:
        raise CannotEdit from error
    wanted = [dict(fields) for fields in before]
    wanted[document - 1][name] = value
    text = data.decode()
    mapping = _find(text, document)
    if after not in mapping.members:
        raise CannotEdit
    for insertion in _ways(text, mapping, name, value, after):
        made = insertion.encode()
        if _says(made, wanted):
            return made
    raise CannotEdit


def _says(data: bytes, wanted: list[dict[str, Value]]) -> bool:
    try:
        return load(data) == wanted
    except Refused:
        return False


def _ways(text: str, mapping: _Mapping, name: str, value: str, after: str) -> Iterator[str]:
    """Give the text with the field in each way that may do, the most readable first."""
    empty = mapping.members.get(name)
    if empty:
        gap = " " if text[empty.start - 1] == ":" else ""
        written = scalar(value, block=not mapping.flow)
        yield f"{text[: empty.start]}{gap}{written}{text[empty.end :]}"
        return
    place = mapping.members[after]
    if mapping.flow:
        key, written = name, scalar(value, block=False)
        if text[place.key] == '"':  # JSON stays JSON
            key, written = quoted(name), quoted(value)
        yield f"{text[: place.end]}, {key}: {written}{text[place.end :]}"
        return
    if "\n" in value:
        yield _with_lines(text, place, [f"{name}: |-", *_indented(value)])
    yield _with_lines(text, place, [f"{name}: {scalar(value)}"])


def _indented(value: str) -> Iterator[str]:
    return (f"  {line}" if line else "" for line in value.split("\n"))


def _with_lines(text: str, place: _Member, lines: list[str]) -> str:
    """Put lines below the one that a value ends in, with its indentation and line break."""
    begin = text.rfind("\n", 0, place.key) + 1
    first = text[begin : place.key]
    indent = first[: len(first) - len(first.lstrip(" "))]
    written = [indent + line if line else line for line in lines]
    at_line_start = text[place.end - 1] == "\n"  # where a block scalar ends
    end = place.end if at_line_start else text.find("\n", place.end) + 1
    line_break = _line_break(text, end or len(text))
    if end:
        return f"{text[:end]}{''.join(line + line_break for line in written)}{text[end:]}"
    return line_break.join([text, *written])


def _line_break(text: str, end: int) -> str:
    """Give the line break before `end`; in a last line without one, the file's first."""
    if text[end - 1] != "\n":
        end = text.find("\n") + 1
    return "\r\n" if text[max(0, end - 2) : end] == "\r\n" else "\n"


def _find(text: str, document: int) -> _Mapping:
    """Find the fields of a document of a file that `load` has accepted."""
    types, read = event_types(), open_events(text.encode())
    seen = 0
    while (event := read()) is not None:
        if isinstance(event, types.document_start):
            seen += 1
            root = _next(read)
            if seen == document:
                return _members(root, read)
    raise CannotEdit


def _members(root: Event, read: Callable[[], Event | None]) -> _Mapping:
    types, found = event_types(), _Mapping(root.flow_style)
    while not isinstance(key := _next(read), types.mapping_end):
        first = last = _next(read)
        depth = _depth(first)
        while depth:
            last = _next(read)
            depth += _depth(last)
        found.members[key.value] = _Member(
            key.start_mark.index, first.start_mark.index, last.end_mark.index
        )
    return found


def _depth(event: Event) -> int:
    """Tell whether an event begins something that another one ends, or ends it."""
    types = event_types()
    if isinstance(event, types.mapping_start | types.sequence_start):
        return 1
    return -1 if isinstance(event, types.mapping_end | types.sequence_end) else 0


def _next(read: Callable[[], Event | None]) -> Event:
    event = read()
    if event is None:
        raise CannotEdit
    return event
