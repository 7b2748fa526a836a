"""The fast reader: bytes → values, or `Refused` at the first thing that is wrong.

It touches no line or column: where a file is refused, `examine` reads it again and says where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from franc_gitops.strict_yaml.limits import DEFAULT
from franc_gitops.strict_yaml.parser import event_types, open_events
from franc_gitops.strict_yaml.plain import DEPTH, read_plain
from franc_gitops.strict_yaml.scalars import (
    BIDI,
    BYTE_ORDER_MARK,
    DIRECTIVE,
    MERGE,
    NULLS,
    UNREADABLE,
    is_clean,
    settle,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from franc_gitops.model import Value
    from franc_gitops.strict_yaml.limits import Limits
    from franc_gitops.strict_yaml.parser import Event


class Refused(Exception):
    """The file is not strict YAML; `examine` tells why and where."""


def load(data: bytes, limits: Limits = DEFAULT) -> list[dict[str, Value]]:
    """Read the documents of a file, all mappings; raises Refused where `examine` finds a fault."""
    if len(data) > limits.size:
        raise Refused
    if len(data) <= limits.nodes and limits.depth >= DEPTH:
        documents = read_plain(data)
        if documents is not None:
            return documents
    return _parse(data, limits)


def _parse(data: bytes, limits: Limits) -> list[dict[str, Value]]:
    from yaml import YAMLError

    try:
        _check_characters(data)
        documents = _Loading(open_events(data), limits).documents()
    except (UnicodeDecodeError, YAMLError) as error:
        raise Refused from error
    if not documents:
        raise Refused
    return documents


def _check_characters(data: bytes) -> None:
    text = data.decode()
    if UNREADABLE.search(text) or DIRECTIVE.search(text) or text.startswith(BYTE_ORDER_MARK):
        raise Refused
    if not data.isascii() and BIDI.search(text):
        raise Refused


class _Loading:
    """One reading of a file.

    Nodes are counted as if aliases were written out. An anchor is known from the end of its
    node on, so that no node can hold itself.
    """

    def __init__(self, get_event: Callable[[], Event | None], limits: Limits) -> None:
        self.types = event_types()
        self.read = get_event
        self.depth_left = limits.depth
        self.nodes_left = limits.nodes
        self.aliases_left = limits.aliases
        self.anchors: dict[str | None, tuple[Value, int]] = {}

    def _next(self) -> Event:
        event = self.read()
        if event is None:
            raise Refused
        return event

    def documents(self) -> list[dict[str, Value]]:
        """Read the whole stream."""
        found: list[dict[str, Value]] = []
        while (event := self.read()) is not None:
            if isinstance(event, self.types.document_start):
                root = self._next()
                if not isinstance(root, self.types.mapping_start):
                    raise Refused
                self.anchors.clear()
                found.append(self._mapping(root))
        return found

    def _node(self, event: Event, key: str) -> Value:
        if isinstance(event, self.types.scalar):
            return self._scalar(event, key)
        if isinstance(event, self.types.alias):
            return self._alias(event.anchor, key)
        if isinstance(event, self.types.mapping_start):
            return self._mapping(event)
        return self._sequence(event)

    def _scalar(self, event: Event, key: str) -> str | None:
        self._count(1)
        text: str = event.value
        value = None if text in NULLS and event.implicit[0] else settle(key, text)
        if event.tag is not None or (value and not is_clean(key, value)):
            raise Refused
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, 1)
        return value

    def _alias(self, name: str | None, key: str) -> Value:
        self.aliases_left -= 1
        if self.aliases_left < 0 or name not in self.anchors:
            raise Refused
        value, size = self.anchors[name]
        self._count(size)
        if isinstance(value, str) and not is_clean(key, value):
            raise Refused
        return value

    def _mapping(self, start: Event) -> dict[str, Value]:
        before = self._enter(start)
        found: dict[str, Value] = {}
        while not isinstance(event := self._next(), self.types.mapping_end):
            key = self._key(event)
            if key in found:
                raise Refused
            found[key] = self._node(self._next(), key)
        self._leave(start, found, before)
        return found

    def _key(self, event: Event) -> str:
        if not isinstance(event, self.types.scalar):
            raise Refused
        self._count(1)
        key: str = event.value
        if not key or key == MERGE or event.tag is not None or not is_clean("", key):
            raise Refused
        if event.anchor is not None:
            self.anchors[event.anchor] = (key, 1)
        return key

    def _sequence(self, start: Event) -> list[Value]:
        before = self._enter(start)
        found: list[Value] = []
        while not isinstance(event := self._next(), self.types.sequence_end):
            found.append(self._node(event, ""))
        self._leave(start, found, before)
        return found

    def _enter(self, start: Event) -> int:
        before = self.nodes_left
        self._count(1)
        self.depth_left -= 1
        if self.depth_left < 0 or start.tag is not None:
            raise Refused
        if start.anchor is not None:
            self.anchors.pop(start.anchor, None)
        return before

    def _leave(self, start: Event, found: Value, before: int) -> None:
        self.depth_left += 1
        if start.anchor is not None:
            self.anchors[start.anchor] = (found, before - self.nodes_left)

    def _count(self, nodes: int) -> None:
        self.nodes_left -= nodes
        if self.nodes_left < 0:
            raise Refused
