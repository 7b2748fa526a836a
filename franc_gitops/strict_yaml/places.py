"""What the placed reader tells: documents whose every key and value has a place, and faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from franc_gitops.model import START, Place

if TYPE_CHECKING:
    from franc_gitops.model import Value

Path = tuple[str | int, ...]
"""Where in a document: keys and list positions (from 0) from the top."""


def field_path(path: Path) -> str:
    """Write a path as users read it: `interfaces[1].speed`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that keeps a file from being strict YAML; `code` is one of problems.py."""

    code: str
    place: Place
    message: str
    hint: str = ""
    path: Path = ()


@dataclass(slots=True)
class PlacedDocument:
    """One document: its fields, and for every path where its key and its value begin.

    A list's member has no key; its place as a key is that of its value.
    """

    fields: dict[str, Value]
    place: Place = START
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)

    def key_place(self, path: Path) -> Place:
        """Find the key at `path`, or the nearest thing around it."""
        return self._nearest(self.keys, path)

    def value_place(self, path: Path) -> Place:
        """Find the value at `path`, or the nearest thing around it."""
        return self._nearest(self.values, path)

    def _nearest(self, places: dict[Path, Place], path: Path) -> Place:
        while path:
            if path in places:
                return places[path]
            path = path[:-1]
        return self.place


@dataclass(frozen=True, slots=True)
class Examination:
    """What a file holds and what is wrong with it, in reading order.

    A document that was read to its end is here even if it has faults, with the text that was
    probably meant, so that its fields can be checked all the same.
    """

    documents: list[PlacedDocument]
    faults: list[Fault]
