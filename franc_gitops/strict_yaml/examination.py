"""The placed reader: everything that is wrong with a file, and where each key and value stands.

It is asked only about files that `load` refused or whose values broke a rule, so it takes its
time: it goes on after every fault that still lets the parser go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from franc_gitops.model import START, Place
from franc_gitops.strict_yaml.encoding import decode, place_at
from franc_gitops.strict_yaml.limits import DEFAULT
from franc_gitops.strict_yaml.parser import event_types, open_events
from franc_gitops.strict_yaml.places import Examination, Fault, PlacedDocument, field_path
from franc_gitops.strict_yaml.scalars import (
    BIDI,
    HIDDEN,
    MERGE,
    NULLS,
    cleaned,
    describe,
    is_clean,
    settle,
    visible,
)
from franc_gitops.strict_yaml.syntax import explain_syntax

if TYPE_CHECKING:
    from franc_gitops.model import Value
    from franc_gitops.strict_yaml.limits import Limits
    from franc_gitops.strict_yaml.parser import Event
    from franc_gitops.strict_yaml.places import Path

_ODD_KEY = "?"
"""Stands in a path for a key that is not text."""


class _Enough(Exception):
    """Nothing more can or should be read."""


def examine(data: bytes, limits: Limits = DEFAULT) -> Examination:
    """Find all faults of a file, in reading order, and the place of every key and value."""
    text, faults = decode(data, limits)
    documents: list[PlacedDocument] = []
    if text is not None:
        reading = _Examining(text, faults, limits)
        reading.run()
        documents = reading.documents
    faults.sort(key=lambda fault: fault.place)
    return Examination(documents, faults[: limits.faults])


class _Examining:
    """One reading of a file; mirrors `loading._Loading`, which stops where this notes a fault."""

    def __init__(self, text: str, faults: list[Fault], limits: Limits) -> None:
        self.types = event_types()
        self.text = text
        self.faults = faults
        self.limits = limits
        self.read = open_events(text.encode())
        self.documents: list[PlacedDocument] = []
        self.document = PlacedDocument({})
        self.depth = 0
        self.nodes = 0
        self.aliases = 0
        self.anchors: dict[str | None, tuple[Value, int]] = {}
        self.told: set[int] = set()
        """Where in the text the hidden characters stand that a fault already names."""

    def run(self) -> None:
        """Read until the end, a fatal fault, or more faults than anyone wants to see."""
        from yaml import YAMLError

        try:
            self._stream()
        except YAMLError as error:
            self.faults.append(explain_syntax(error, self.text))
        except _Enough:
            return
        self._check_bidi()

    def _stream(self) -> None:
        empty = True
        while (event := self.read()) is not None:
            if isinstance(event, self.types.document_start):
                empty = False
                self._document(self._next())
        if empty:
            hint = "delete the file, or see `franc-gitops new`"
            self._fault("FRN115", START, "the file holds no request", hint)

    def _document(self, root: Event) -> None:
        place = _start(root)
        self.anchors.clear()
        self.document = PlacedDocument({}, place)
        if isinstance(root, self.types.mapping_start):
            self.document.fields = self._mapping(root, ())
            self.documents.append(self.document)
            return
        self._node(root, ())
        what = "a list" if isinstance(root, self.types.sequence_start) else "text"
        if getattr(root, "value", None) == "":
            what = "nothing"
        message = f"{what} stands where `field: value` lines are expected"
        self._fault("FRN110", place, message, "write `type: …` first; delete a `---` too many")

    def _next(self) -> Event:
        event = self.read()
        if event is None:
            raise _Enough
        return event

    # --- nodes

    def _node(self, event: Event, path: Path) -> Value:
        place = _start(event)
        self.document.keys.setdefault(path, place)
        self.document.values.setdefault(path, place)
        if isinstance(event, self.types.scalar):
            return self._scalar(event, path)
        if isinstance(event, self.types.alias):
            return self._alias(event, path)
        if isinstance(event, self.types.mapping_start):
            return self._mapping(event, path)
        return self._sequence(event, path)

    def _scalar(self, event: Event, path: Path) -> str | None:
        self._count(1, event, path)
        self._check_tag(event, path)
        key = _key_of(path)
        value = None if event.value in NULLS and event.implicit[0] else settle(key, event.value)
        if value and not is_clean(key, value):
            value = self._clean(event, key, value, path)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, 1)
        return value

    def _alias(self, event: Event, path: Path) -> Value:
        self.aliases += 1
        if self.aliases > self.limits.aliases:
            self._stop("FRN106", event, f"more than {self.limits.aliases} aliases", path)
        if event.anchor not in self.anchors:
            message = f"the alias *{event.anchor} names nothing that is complete before it"
            self._fault("FRN117", _start(event), message, "write the value out", path)
            return None
        value, size = self.anchors[event.anchor]
        self._count(size, event, path)
        key = _key_of(path)
        if isinstance(value, str) and not is_clean(key, value):
            return self._clean(event, key, value, path)
        return value

    def _sequence(self, start: Event, path: Path) -> list[Value]:
        before = self._enter(start, path)
        found: list[Value] = []
        while not isinstance(event := self._next(), self.types.sequence_end):
            found.append(self._node(event, (*path, len(found))))
        self._leave(start, found, before)
        return found

    def _mapping(self, start: Event, path: Path) -> dict[str, Value]:
        before = self._enter(start, path)
        found: dict[str, Value] = {}
        merged: dict[str, Value] = {}
        while not isinstance(event := self._next(), self.types.mapping_end):
            key = self._key(event, path)
            known = key is None or key in found
            inside = (*path, _ODD_KEY if key is None else key)
            if key is not None and known:
                self._duplicate(event, key, inside)
            self.document.keys.setdefault(inside, _start(event))
            value = self._node(self._next(), inside)
            if key is not None and not known:
                found[key] = value
            elif key is None and isinstance(value, dict):
                merged |= value
        found = merged | found  # so that a field from a merge is not reported as missing too
        self._leave(start, found, before)
        return found

    def _key(self, event: Event, path: Path) -> str | None:
        """Give the name of a field, or None for a key that names none."""
        if not isinstance(event, self.types.scalar):
            hint = "write the field's name out"
            self._fault("FRN112", _start(event), "a key is not text", hint, path)
            if not isinstance(event, self.types.alias):
                self._node(event, (*path, _ODD_KEY))
            return None
        self._count(1, event, path)
        self._check_tag(event, path)
        key: str = event.value
        if event.anchor is not None:
            self.anchors[event.anchor] = (key, 1)
        if key == MERGE:
            hint = "write the fields out"
            self._fault("FRN109", _start(event), "the merge key << is not allowed", hint, path)
            return None
        if not key:
            self._fault("FRN112", _start(event), "a key is empty", "name the field", path)
            return None
        return key if is_clean("", key) else self._clean(event, "", key, (*path, cleaned(key)))

    def _duplicate(self, event: Event, key: str, path: Path) -> None:
        first = self.document.key_place(path)
        message = f"`{key}` stands twice, first in line {first.line}"
        hint = "delete one of the two"
        if path == ("type",):
            hint += "; if another request begins here, put a line `---` before it"
        self._fault("FRN107", _start(event), message, hint, path)

    # --- limits

    def _enter(self, start: Event, path: Path) -> int:
        before = self.nodes
        self._count(1, start, path)
        self.depth += 1
        if self.depth > self.limits.depth:
            self._stop("FRN105", start, f"nested more than {self.limits.depth} deep", path)
        self._check_tag(start, path)
        if start.anchor is not None:
            self.anchors.pop(start.anchor, None)
        return before

    def _leave(self, start: Event, found: Value, before: int) -> None:
        self.depth -= 1
        if start.anchor is not None:
            self.anchors[start.anchor] = (found, self.nodes - before)

    def _count(self, nodes: int, event: Event, path: Path) -> None:
        self.nodes += nodes
        if self.nodes > self.limits.nodes:
            message = f"more than {self.limits.nodes:,} values, aliases written out"
            self._stop("FRN106", event, message, path)

    # --- faults

    def _fault(
        self, code: str, place: Place, message: str, hint: str = "", path: Path = ()
    ) -> None:
        self.faults.append(Fault(code, place, message, hint, path))
        if len(self.faults) >= self.limits.faults:
            raise _Enough

    def _stop(self, code: str, event: Event, message: str, path: Path) -> None:
        self._fault(code, _start(event), message, "split the file", path)
        raise _Enough

    def _check_tag(self, event: Event, path: Path) -> None:
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            message = f"the tag {tag} is not allowed"
            self._fault("FRN108", _start(event), message, "delete it: every value is text", path)

    def _clean(self, event: Event, key: str, value: str, path: Path) -> str:
        """Say what is wrong with a text; give what was meant, so that it is said only once."""
        shown = visible(key, value)
        for character in dict.fromkeys(HIDDEN.findall(shown)):
            place = self._place_of(character, event)
            message = f"{describe(character)} may not stand in {_name(path)}"
            self._fault("FRN113", place, message, f"write: {cleaned(value)}", path)
        bare = HIDDEN.sub("", shown)
        if bare != bare.strip():
            message = f"a space stands around {_name(path)}"
            self._fault("FRN114", _start(event), message, f"write: {cleaned(value)}", path)
        return cleaned(value)

    def _place_of(self, character: str, event: Event) -> Place:
        first, last = event.start_mark.index, event.end_mark.index
        found = [i for i in range(first, last) if self.text[i] == character]
        self.told.update(found)
        return place_at(self.text, found[0]) if found and character != "\n" else _start(event)

    def _check_bidi(self) -> None:
        for found in BIDI.finditer(self.text):
            if len(self.faults) >= self.limits.faults:
                return
            if found.start() not in self.told:
                place = place_at(self.text, found.start())
                message = f"{describe(found[0])} makes the line look different from what it is"
                self.faults.append(Fault("FRN113", place, message, "delete it"))


def _start(event: Event) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


def _key_of(path: Path) -> str:
    """Give the key that a value belongs to directly; a list's members belong to none."""
    return path[-1] if path and isinstance(path[-1], str) else ""


def _name(path: Path) -> str:
    return f"`{field_path(path)}`" if path else "the text"
