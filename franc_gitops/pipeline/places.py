"""Where in a file a finding stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from franc_gitops.model import Place
from franc_gitops.strict_yaml import examine

if TYPE_CHECKING:
    from franc_gitops.kinds.fields import Finding
    from franc_gitops.model import Document, Value
    from franc_gitops.strict_yaml import Examination


class Places:
    """The places in one file; it is read a second time only where a glance is not enough."""

    def __init__(self, data: bytes) -> None:
        """Take the file's content."""
        self._data = data
        self._examination: Examination | None = None

    def find(self, document: Document, finding: Finding) -> Place:
        """Give the place of a finding."""
        if self._examination is None:
            place = None if finding.at_key else self._glance(document, finding)
            if place is not None:
                return place
            self._examination = examine(self._data)
        placed = self._examination.documents[document.index - 1]
        find = placed.key_place if finding.at_key else placed.value_place
        return find(finding.path)

    def _glance(self, document: Document, finding: Finding) -> Place | None:
        """Find a value that is one word and stands in the file once.

        Without escapes and aliases every word stands in the file as it is, so the one place
        where it stands as a value is the right one.
        """
        value = _value_at(document, finding)
        data = self._data
        if not isinstance(value, str) or not value or " " in value:
            return None
        word = value.encode()
        index = data.find(word)
        if data.count(word) != 1 or data[index - 2 : index] != b": ":
            return None
        if b"\\" in data or b"*" in data:
            return None
        line_start = data.rfind(b"\n", 0, index) + 1
        column = len(data[line_start:index].decode()) + 1
        return Place(data.count(b"\n", 0, index) + 1, column)


def _value_at(document: Document, finding: Finding) -> Value:
    value: Value = document.fields
    for step in finding.path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step]
    return value
