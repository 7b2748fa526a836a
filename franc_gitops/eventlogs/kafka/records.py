"""The events as a read_committed consumer sees them, from the beginning or for ever.

Within a partition the order is the log's; across partitions, events that are read together
are put in the order of their time.
"""

from __future__ import annotations

from collections import defaultdict
from heapq import merge
from typing import TYPE_CHECKING, cast

from confluent_kafka import IsolationLevel

from franc_gitops.errors import EventLogRefused
from franc_gitops.eventlogs import Record
from franc_gitops.eventlogs.kafka.scan import RecordsLostError, Scan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from confluent_kafka import Message

    from franc_gitops.eventlogs.kafka.admin import Admin, Place

WINDOW = 10_000
"""Records that are put in order together, at least; bounds the memory."""

FOLLOW_PAUSE = 0.2


def read_events(admin: Admin, places: Sequence[Place], *, follow: bool) -> Iterator[Record]:
    """Yield committed events up to the high watermarks of now; with `follow`, wait for more.

    Raises EventLogUnreachable naming the partition if another's open transaction does not end.
    """
    scan = Scan(admin.connection, admin.beginnings(places))
    ends = admin.ends(places, IsolationLevel.READ_UNCOMMITTED)
    try:
        window: list[Message] = []
        for messages in scan.until(ends, scan.patience):
            window += messages
            if len(window) >= WINDOW:
                yield from _in_order(window)
                window = []
        yield from _in_order(window)
        if follow:
            scan.assign(places)
        while follow:
            yield from _in_order(scan.take(FOLLOW_PAUSE))
    except RecordsLostError as error:
        raise EventLogRefused(f"retention deleted events before they were read: {error}") from error
    finally:
        scan.close()


def _in_order(messages: Sequence[Message]) -> Iterator[Record]:
    """Put messages in the order of time, keeping the order within each partition."""
    partitions: dict[tuple[str | None, int | None], list[Message]] = defaultdict(list)
    for message in messages:
        partitions[message.topic(), message.partition()].append(message)
    yield from map(as_record, merge(*partitions.values(), key=lambda each: each.timestamp()[1]))


def as_record(message: Message) -> Record:
    """Give what a message of librdkafka holds."""
    return Record(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        message.key() or b"",
        tuple((name, _bytes(value)) for name, value in _headers(message)),
        message.value() or b"",
    )


def _headers(message: Message) -> list[tuple[str, str | bytes | None]]:
    return cast("list[tuple[str, str | bytes | None]]", message.headers() or [])


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
