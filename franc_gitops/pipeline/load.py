"""File → documents with places.

In: path and bytes of a request file. Out: its documents, and a problem for everything that
keeps it from being strict YAML. Touches nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.model import Document, Place
from franc_gitops.problems import problem
from franc_gitops.strict_yaml import Refused, examine, field_path, load

if TYPE_CHECKING:
    from franc_gitops.model import Problem
    from franc_gitops.strict_yaml import Fault

_COMMENTS = rb"(?:(?:#[^\r\n]*+)?\r?\n)*+(?=[A-Za-z])"
_TO_FIRST_FIELD = re.compile(rb"(?:---\r?\n)?" + _COMMENTS).match
_TO_FIRST_FIELDS = re.compile(rb"(?:\A|^---\r?\n)" + _COMMENTS, re.MULTILINE).finditer
"""From the beginning of a document in its usual form over comments to its first field."""


class Loaded(NamedTuple):
    """What a file holds, and what is wrong with it; with problems, documents may be missing."""

    documents: list[Document]
    problems: list[Problem]


def load_file(path: str, data: bytes) -> Loaded:
    """Read a file; one with faults is examined for all of them at once."""
    try:
        values = load(data)
    except Refused:
        return _examined(path, data)
    if len(values) == 1 and (before := _TO_FIRST_FIELD(data)) is not None:
        place = Place(data.count(b"\n", 0, before.end()) + 1, 1)
        return Loaded([Document(path, 1, values[0], place)], [])
    numbered = enumerate(zip(values, _first_places(data, len(values)), strict=True), 1)
    return Loaded([Document(path, index, *found) for index, found in numbered], [])


def _examined(path: str, data: bytes) -> Loaded:
    examination = examine(data)
    numbered = enumerate(examination.documents, 1)
    return Loaded(
        [Document(path, index, placed.fields, placed.place) for index, placed in numbered],
        [_problem(path, fault) for fault in examination.faults],
    )


def _problem(path: str, fault: Fault) -> Problem:
    field = field_path(fault.path)
    return problem(fault.code, path, fault.message, place=fault.place, field=field, hint=fault.hint)


def _first_places(data: bytes, documents: int) -> list[Place]:
    """Find where the documents start; without a second reading in all but odd files."""
    ends = [found.end() for found in _TO_FIRST_FIELDS(data)]
    if len(ends) != documents:
        return [placed.place for placed in examine(data).documents]
    return [Place(data.count(b"\n", 0, end) + 1, 1) for end in ends]
