"""Request → Event: ids, times, key, headers and bytes, as the Kafka Integration Guide has them.

Bodies hold exactly the guide's fields in the guide's order. Everything follows from the
request and the commit that last touched its file, so a retry makes the same bytes.
Headers follow the CloudEvents 1.0 Kafka binding in binary mode.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from functools import lru_cache
from hashlib import sha256
from json.encoder import encode_basestring as quote
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from franc_gitops import accept, kinds
from franc_gitops.model import Event

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from franc_gitops.model import Provenance, Request

STATUS = "task_status_update"
COMPLETION = "task_completion"
TASK_TOPICS = {STATUS: "task.status", COMPLETION: "task.completion"}
EventIds: TypeAlias = tuple[str, str, str]
"""The ids of the request, status and completion event."""

_LAST = 9999  # ce_sequence of a cancellation: after every status and completion of its revision


@dataclass(frozen=True, slots=True)
class Envelope:
    """What all events of one installation share."""

    prefix: str = "franc"
    source: str = "franc-portal"
    completion: str = "accept"
    user_id_from: str = ""

    def topic(self, suffix: str) -> str:
        """Give a topic's full name."""
        return f"{self.prefix}.{suffix}"


@lru_cache(maxsize=1024)
def timestamp(time: datetime) -> str:
    """Write a time as the guide does: UTC, microseconds, Z."""
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def event_ids(request: Request, time: str, taken: AbstractSet[str]) -> EventIds:
    """Give the ids of the request, status and completion event at a timestamp.

    They carry a short suffix, the same on every retry, where one of them is `taken` by
    another event of the same change number.
    """
    item = f"_{request.item}" if request.item else ""
    second = f"{time[:4]}{time[5:7]}{time[8:10]}_{time[11:13]}{time[14:16]}{time[17:19]}"
    stem = f"{request.change_number}{item}_{second}"
    first = kinds.by_type(request.type).event_prefix
    plain = ids = (f"{first}{stem}", f"status_{stem}", f"complete_{stem}")
    seed = f"{request.request_id} {request.revision}"
    while taken and not taken.isdisjoint(ids):
        mark = sha256(seed.encode()).hexdigest()[:6]
        ids = (f"{plain[0]}_{mark}", f"{plain[1]}_{mark}", f"{plain[2]}_{mark}")
        seed += " again"
    return ids


def publication(
    request: Request,
    provenance: Provenance,
    envelope: Envelope,
    taken: AbstractSet[str] = frozenset(),
    *,
    ids: EventIds | None = None,
) -> tuple[Event, ...]:
    """Make the events that publish a request, in the order of their `ce_sequence`.

    `ids` are those that they were given when they were sent before.
    """
    ids = ids or event_ids(request, timestamp(provenance.time), taken)
    share = _Shared.of(request, provenance, envelope, ids[0])
    asked = share.event(request.type, ids[0], request.request_id, request.own_fields, 1)
    if envelope.completion != "accept":
        return (asked,)
    message = accept.completion_message(provenance.commit)
    result = accept.result_json(provenance.commit, request.path, request.revision)
    done = completion_fields(request.request_id, "completed", message, result)
    return (
        asked,
        share.event(
            STATUS, ids[1], f"status_update_{share.stem}", status_fields(request.request_id), 2
        ),
        share.event(COMPLETION, ids[2], f"completion_{share.stem}", done, 3),
    )


def cancellation(
    request: Request,
    provenance: Provenance,
    envelope: Envelope,
    causation: str,
    taken: AbstractSet[str] = frozenset(),
    *,
    ids: EventIds | None = None,
) -> Event:
    """Make the completion event that takes a published request back.

    `causation` is the id of the request event that it answers; nothing if that was never sent.
    """
    event_id = (ids or event_ids(request, timestamp(provenance.time), taken))[2]
    share = _Shared.of(request, provenance, envelope, causation)
    message = accept.cancellation_message(request.cancel or "")
    fields = completion_fields(request.request_id, "cancelled", message, "null")
    return share.event(COMPLETION, event_id, f"completion_{share.stem}", fields, _LAST)


def status_fields(request_id: str) -> str:
    """Give the own fields of the one status update of a request."""
    return (
        f'"original_request_id":"{request_id}","status":"completed"'
        f',"progress_percentage":100,"status_message":"{accept.STATUS_MESSAGE}"'
        ',"error_details":null,"estimated_completion":null'
    )


def completion_fields(request_id: str, status: str, message: str, result: str) -> str:
    """Give the own fields of the completion of a request; `result` is JSON."""
    return (
        f'"original_request_id":"{request_id}","completion_status":"{status}"'
        f',"completion_message":{quote(message)},"result_data":{result}'
        ',"error_details":null,"execution_duration":0.0'
    )


def task_request_id(event_type: str, stem: str) -> str:
    """Give the `request_id` of a status or completion event; empty for other events."""
    prefixes = {STATUS: "status_update_", COMPLETION: "completion_"}
    return f"{prefixes[event_type]}{stem}" if event_type in prefixes else ""


class _Shared(NamedTuple):
    """What the events of one request share, written once."""

    request: Request
    stem: str
    key: bytes
    middle: str
    trace: str
    headers: tuple[tuple[str, bytes], ...]
    prefix: str

    @classmethod
    def of(
        cls, request: Request, provenance: Provenance, envelope: Envelope, causation: str
    ) -> _Shared:
        """Write the shared parts; `causation` is the id of the request event."""
        user = request.user_id
        if user is None and envelope.user_id_from == "author":
            user = provenance.author or None
        time = timestamp(provenance.time)
        middle = (
            f'"timestamp":"{time}","user_id":{"null" if user is None else quote(user)}'
            f',"source":{quote(envelope.source)},'
        )
        key = request.change_number.encode()
        item = f"_{request.item}" if request.item else ""
        commit = provenance.commit
        headers = (
            ("content-type", b"application/json"),
            ("ce_specversion", b"1.0"),
            ("ce_source", envelope.source.encode()),
            ("ce_subject", request.path.encode()),
            ("ce_time", time.encode()),
            ("ce_partitionkey", key),
            ("ce_revision", b"%d" % request.revision),
            ("ce_completion", envelope.completion.encode()),
            ("ce_correlationid", key),
            *((("ce_causationid", causation.encode()),) if causation else ()),
            *((("ce_commit", commit.encode()),) if commit else ()),
        )
        trace = sha256(f"franc trace {request.request_id}".encode()).hexdigest()[:32]
        stem = request.change_number + item
        return cls(request, stem, key, middle, trace, headers, envelope.prefix)

    def event(
        self, event_type: str, event_id: str, request_id: str, fields: str, number: int
    ) -> Event:
        """Put head, shared and own fields together."""
        body = (
            f'{{"event_id":"{event_id}","event_type":"{event_type}"'
            f',"change_number":"{self.request.change_number}","request_id":"{request_id}"'
            f",{self.middle}{fields}}}"
        )
        topic, of_type = _of_type(event_type, self.prefix)
        identity = event_id.encode()
        trace = f"00-{self.trace}-{sha256(identity).hexdigest()[:16]}-01".encode()
        headers = (
            *self.headers,
            *of_type,
            ("ce_id", identity),
            ("ce_sequence", b"%06d%04d" % (self.request.revision, number)),
            ("ce_traceparent", trace),
            ("traceparent", trace),
        )
        return Event(event_type, event_id, topic, self.key, headers, body.encode())


@lru_cache
def _of_type(event_type: str, prefix: str) -> tuple[str, tuple[tuple[str, bytes], ...]]:
    """Give the topic and the headers that all events of a type have."""
    topic = TASK_TOPICS.get(event_type) or kinds.by_type(event_type).topic
    headers = (
        ("ce_type", f"franc.{event_type}.v1".encode()),
        ("ce_dataschema", f"urn:franc:schema:{event_type}:1".encode()),
    )
    return f"{prefix}.{topic}", headers
