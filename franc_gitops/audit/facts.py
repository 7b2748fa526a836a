"""What an event must say by the ledger, and what the record at its place really says.

Both become `Facts`, which are then compared. The ledger does not keep an event's bytes but
enough to tell another event from it: identity and time of every event ever sent; and of the
last publication the commit, path and revision, the whole text of status and completion, and
the digest of all that the request asks for, which is computed anew from the event's body.
"""

from __future__ import annotations

import re
from enum import IntEnum
from hashlib import blake2b
from json import loads
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops import accept, events, kinds
from franc_gitops.model import Phase
from franc_gitops.pipeline.checks import request_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from franc_gitops.eventlogs import Record
    from franc_gitops.ledger import LedgerEntry, SentEvent

_TEXT = rb'"((?:[^"\\]|\\.)*)"'
_BODY = re.compile(
    rb'\{"event_id":"([^"\\]*)","event_type":"([^"\\]*)","change_number":"([^"\\]*)"'
    rb',"request_id":"([^"\\]*)","timestamp":"([^"\\]*)","user_id":(?:null|' + _TEXT + rb")"
    rb',"source":' + _TEXT + rb",(.*)\}",
    re.DOTALL,
).fullmatch
"""An event's body as it is sent: the guide's fields in the guide's order, nothing added."""


class Known(IntEnum):
    """How much the ledger knows of an event."""

    IDENTITY = 0
    CONTENT = 1
    ALL = 2


class Facts(NamedTuple):
    """What an event says of itself; what the ledger does not know of it is empty.

    `content` is the digest of what a request asks for, else the event's own fields as JSON.
    """

    event_id: str
    event_type: str
    change_number: str
    request_id: str
    timestamp: str
    content: str = ""
    commit: str = ""
    path: str = ""
    revision: str = ""

    def only(self, known: Known) -> Facts:
        """Leave out what cannot be compared."""
        return Facts(*self[: _COMPARABLE[known]])

    def fingerprint(self) -> bytes:
        """Give a short name; other facts have another one."""
        return blake2b("\0".join(self).encode(errors="replace"), digest_size=12).digest()


class Told(NamedTuple):
    """What a record says: facts that the ledger may know, and the user, whom it does not know.

    `is_author` tells that the user is no part of what was asked for: then it is the author of
    the commit.
    """

    facts: Facts
    user: str
    commit: str
    is_author: bool


_NOTHING = (("", False),)
_COMPARABLE = {Known.IDENTITY: 5, Known.CONTENT: 6, Known.ALL: 9}
"""So many of the facts can be compared."""

_COMPARED = frozenset(
    f"ce_{name}"
    for name in (
        *("id", "type", "time", "source", "partitionkey", "correlationid"),
        *("commit", "subject", "revision"),
    )
)
"""The headers that are compared; the others follow from them."""


def expected(entry: LedgerEntry) -> Iterator[tuple[SentEvent, Known, Facts]]:
    """Give what each event of a request must say, oldest first."""
    last = max((n for n, e in enumerate(entry.events) if e.event_type == entry.type), default=0)
    for number, event in enumerate(entry.events):
        known = _known(entry, event, number, last)
        facts = Facts(
            event.event_id,
            event.event_type,
            entry.change_number,
            _own_request_id(entry, event.event_type),
            event.timestamp,
            _content(entry, event) if known else "",
            entry.commit,
            entry.path,
            str(entry.revision),
        )
        yield event, known, facts.only(known)


def _known(entry: LedgerEntry, event: SentEvent, number: int, last: int) -> Known:
    """Say how much the ledger still knows of an event: the latest tells most."""
    cancelled = entry.phase is Phase.CANCELLED
    if number < last or entry.completion != "accept":
        is_asked = number == last and event.event_type == entry.type
        return Known.CONTENT if is_asked else Known.IDENTITY
    if not cancelled or number == len(entry.events) - 1:
        return Known.ALL
    return Known.CONTENT if event.event_type == entry.type else Known.IDENTITY


def _content(entry: LedgerEntry, event: SentEvent) -> str:
    if event.event_type == events.STATUS:
        return events.status_fields(entry.request_id)
    if event.event_type != events.COMPLETION:
        return entry.digest
    if entry.phase is Phase.CANCELLED:
        message = accept.cancellation_message(entry.cancel or "")
        return events.completion_fields(entry.request_id, "cancelled", message, "null")
    message = accept.completion_message(entry.commit)
    result = accept.result_json(entry.commit, entry.path, entry.revision)
    return events.completion_fields(entry.request_id, "completed", message, result)


def _own_request_id(entry: LedgerEntry, event_type: str) -> str:
    stem = f"{entry.change_number}_{entry.item}" if entry.item else entry.change_number
    return events.task_request_id(event_type, stem) or entry.request_id


# --- what a record says -------------------------------------------------------------------------


def told(record: Record, known: Known) -> Iterator[Told]:
    """Give what a record says, as far as it can be compared; nothing if it is no event of ours.

    Twice where it names a user, who may be the commit's author: then that is no part of what
    was asked for, and is to be compared with git.
    """
    body = _BODY(record.value)
    if body is None:
        return
    texts = [(text or b"").decode(errors="replace") for text in body.groups()]
    headers = {
        name: value.decode(errors="replace") for name, value in record.headers if name in _COMPARED
    }
    if not _agree(texts, headers, record.key.decode(errors="replace")):
        return
    event_id, event_type, change_number, request_id, timestamp, user, _, own = texts
    commit, path, revision = (
        headers.get(name, "") for name in ("ce_commit", "ce_subject", "ce_revision")
    )
    name = _unquoted(user)
    for content, is_author in _contents(event_type, request_id, name, own) if known else _NOTHING:
        facts = Facts(
            event_id,
            event_type,
            change_number,
            request_id,
            timestamp,
            content,
            commit,
            path,
            revision,
        )
        yield Told(facts.only(known), name, commit, is_author)


def _agree(texts: list[str], headers: dict[str, str], key: str) -> bool:
    """Tell whether key and headers say what the body says."""
    event_id, event_type, change_number, _, timestamp, _, source, _ = texts
    return (
        key == change_number
        and headers.items()
        >= {
            "ce_id": event_id,
            "ce_type": f"franc.{event_type}.v1",
            "ce_time": timestamp,
            "ce_source": _unquoted(source),
            "ce_partitionkey": change_number,
            "ce_correlationid": change_number,
        }.items()
    )


def _contents(event_type: str, request_id: str, name: str, own: str) -> Iterator[tuple[str, bool]]:
    """Give what was asked for or told; and whether the user in it must be the author."""
    if event_type in events.TASK_TOPICS:
        yield own, False
        return
    try:
        stem = request_id.removeprefix(kinds.by_type(event_type).request_prefix)
    except KeyError:
        return
    yield request_digest(event_type, stem, name, own), False
    if name:
        yield request_digest(event_type, stem, None, own), True


def _unquoted(text: str) -> str:
    """Give the text that a JSON string stands for; anybody may have written it."""
    if "\\" not in text:
        return text
    try:
        return str(loads(f'"{text}"')).encode(errors="replace").decode()
    except ValueError:
        return text
