"""A type of request: its names in events and topics, its fields, and what is special about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from franc_gitops.kinds.common import COMMON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from franc_gitops.kinds.fields import Field, Fields, Finding


def _as_it_is(fields: Fields) -> Fields:
    return fields


def _nothing(fields: Fields) -> Iterable[Finding]:
    del fields
    return ()


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of request.

    `own` are its fields in the event's order. `claims` are what an open request has for itself
    (see `claims.py`): each names fields whose values together name one thing, a member of rows
    as in `interfaces.name`. `complete` derives what may be left out.
    `inspect` finds what is wrong, or worth a warning, between fields; it is given whatever
    stands in the file and passes over what is not as it should be.
    """

    type: str
    title: str
    meaning: str
    request_prefix: str
    event_prefix: str
    topic: str
    own: tuple[Field, ...]
    example: Mapping[str, object]
    claims: tuple[tuple[str, ...], ...] = ()
    complete: Callable[[Fields], Fields] = _as_it_is
    inspect: Callable[[Fields], Iterable[Finding]] = _nothing

    @property
    def fields(self) -> tuple[Field, ...]:
        """All fields but `type`, own and common."""
        return (*COMMON, *self.own)
