"""Ledger entry + request file as published → the events of then, byte for byte.

In: what the ledger knows of a request, the content of its file, who committed it. Out: the
events that were sent last for it, or why they cannot be made. The digest of the ledger proves
that the content is the one that was published.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from franc_gitops import events, kinds
from franc_gitops.accept import ADOPTED
from franc_gitops.model import Phase, Provenance
from franc_gitops.pipeline.checks import Checks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from franc_gitops.events import Envelope, EventIds
    from franc_gitops.ledger import LedgerEntry, SentEvent
    from franc_gitops.model import Event, Request


def sent_last(entry: LedgerEntry) -> tuple[SentEvent, ...]:
    """Give what the publisher sent last for a request; nothing for one that was adopted."""
    types = _types_sent_last(entry)
    at = next((n for n, row in _backwards(entry) if row.event_type == types[0]), None)
    if at is None or entry.completion == ADOPTED:
        return ()
    found = entry.events[at : at + len(types)]
    return found if [row.event_type for row in found] == types else ()


def _types_sent_last(entry: LedgerEntry) -> list[str]:
    if entry.phase is Phase.CANCELLED:
        return [events.COMPLETION]
    if entry.completion == "accept":
        return [entry.type, events.STATUS, events.COMPLETION]
    return [entry.type]


def _backwards(entry: LedgerEntry) -> list[tuple[int, SentEvent]]:
    return list(enumerate(entry.events))[::-1]


def reproduce(
    entry: LedgerEntry, content: bytes, author: str, envelope: Envelope
) -> tuple[Event, ...] | str:
    """Make the events that were sent last once more, or say why that is not possible."""
    request = _request(entry, content)
    if request is None:
        return f"{entry.path} does not hold it any more as it was published"
    if envelope.user_id_from == "author" and request.user_id is None and not author:
        return f"its author is not at hand: commit {entry.commit[:12]}"
    provenance = Provenance(entry.commit, datetime.fromisoformat(entry.timestamp), author)
    envelope = replace(envelope, completion=entry.completion)
    rows = sent_last(entry)
    made = _make(entry, request, provenance, envelope, [row.event_id for row in rows])
    if [(event.event_type, event.topic) for event in made] != [row[0:3:2] for row in rows]:
        return "it was sent to other topics"
    return made


def _request(entry: LedgerEntry, content: bytes) -> Request | None:
    found = _lenient().check_file(entry.path, content).requests
    request = next((r for r in found if r.request_id == entry.request_id), None)
    if request is None or (entry.phase is not Phase.CANCELLED and request.digest != entry.digest):
        return None
    return replace(request, revision=entry.revision, cancel=entry.cancel)


@cache
def _lenient() -> Checks:
    """Give checks that take any value: what was published once may be no longer allowed."""
    anything = re.compile(r"(?s).*")
    return Checks(dict.fromkeys(kinds.configurable(), anything))


def _make(
    entry: LedgerEntry,
    request: Request,
    provenance: Provenance,
    envelope: Envelope,
    ids: Sequence[str],
) -> tuple[Event, ...]:
    if entry.phase is Phase.CANCELLED:
        asked = [row.event_id for row in entry.events if row.event_type == entry.type]
        given: EventIds = ("", "", ids[0])
        causation = asked[-1] if asked else ""
        return (events.cancellation(request, provenance, envelope, causation, ids=given),)
    given = (ids[0], ids[1], ids[2]) if len(ids) > 1 else (ids[0], "", "")
    return events.publication(request, provenance, envelope, ids=given)
