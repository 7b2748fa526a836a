"""libyaml's event stream, imported when the first file needs it: that costs 30 ms."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from franc_gitops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


class Mark(Protocol):
    """A place in the text: line, column and character, all counted from 0."""

    line: int
    column: int
    index: int


class Event(Protocol):
    """One of libyaml's events; `value` and `implicit` are a scalar's only, `flow_style` not."""

    value: str
    implicit: tuple[bool, bool]
    """Whether the scalar is plain, whether it is quoted."""
    flow_style: bool
    """Whether a mapping or list stands between brackets."""
    tag: str | None
    anchor: str | None
    start_mark: Mark
    end_mark: Mark


class EventTypes(NamedTuple):
    """The classes that tell events apart."""

    document_start: type
    scalar: type
    alias: type
    mapping_start: type
    mapping_end: type
    sequence_start: type
    sequence_end: type


def event_types() -> EventTypes:
    """Give the library's classes."""
    from yaml import events

    return EventTypes(
        events.DocumentStartEvent,
        events.ScalarEvent,
        events.AliasEvent,
        events.MappingStartEvent,
        events.MappingEndEvent,
        events.SequenceStartEvent,
        events.SequenceEndEvent,
    )


def open_events(data: bytes) -> Callable[[], Event | None]:
    """Give a function that returns the next event of a file, None at its end.

    It raises yaml.YAMLError from the first place on that is not YAML. Raises UsageError where
    libyaml is missing; the pure Python parser is too slow and accepts other files.
    """
    try:
        from yaml._yaml import CParser
    except ImportError as error:
        raise UsageError(
            "PyYAML was installed without libyaml, the parser that reads the requests",
            hint="pip install --force-reinstall --only-binary :all: pyyaml",
        ) from error
    return cast("Callable[[], Event | None]", CParser(data).get_event)
