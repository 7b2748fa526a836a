"""What must be true after a soak: asked of Kafka's own consumer, of `verify`, of a fresh clone."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.soak.changes import Asked
    from tests.soak.daemons import Life
    from tests.support.console import ConsumedRecord

PUBLICATION = 3
"""Events of one publication: the request, one status update, one completion."""

MOST_GROWTH = 1.0
"""Megabytes a minute; what is kept of each request that comes is a few hundred bytes."""

_NAMES = ("device_name", "dc_name", "pop_name")


class Sent(NamedTuple):
    """An event, as far as it can be held against what was asked for."""

    event_type: str
    revision: int
    body: dict[str, Any]
    record: ConsumedRecord

    @property
    def is_cancellation(self) -> bool:
        """Whether it takes a request back."""
        return self.body.get("completion_status") == "cancelled"


def judge_events(records: Sequence[ConsumedRecord], asked: Iterable[Asked]) -> Iterator[str]:
    """Give what is wrong with the events that a read_committed consumer saw."""
    ids = Counter(record.header("ce_id") for record in records)
    yield from (f"{n} events have the id {name}" for name, n in ids.items() if n > 1)
    by_number: dict[int, list[Sent]] = defaultdict(list)
    for record in records:
        sent = _read(record)
        by_number[int(sent.body["change_number"][-6:])].append(sent)
    known = {each.number: each for each in asked}
    for number in by_number.keys() - known.keys():
        yield f"nobody asked for {number}: {by_number[number][0].record}"
    for number, each in known.items():
        for fault in _judge_request(each, by_number.get(number, [])):
            yield f"{each.change_number} ({each.path}): {fault}"


def _judge_request(asked: Asked, sent: Sequence[Sent]) -> Iterator[str]:
    publications = [each for each in sent if not each.is_cancellation]
    cancellations = len(sent) - len(publications)
    by_revision: dict[int, list[Sent]] = defaultdict(list)
    for each in publications:
        by_revision[each.revision].append(each)
    for revision, events in by_revision.items():
        kinds = sorted(each.event_type for each in events)
        if kinds != sorted([asked.kind, "task_status_update", "task_completion"]):
            yield f"revision {revision} has the events {kinds}"
        if not 1 <= revision <= asked.revision:
            yield f"revision {revision} was never written"
        names = {each.body[n] for each in events for n in _NAMES if n in each.body}
        if names != {asked.name(revision)}:
            yield f"revision {revision} says {names}"
    if not asked.is_cancelled and not asked.is_deleted and asked.revision not in by_revision:
        yield f"revision {asked.revision} was not published, only {sorted(by_revision)}"
    wanted = int(asked.is_cancelled and bool(publications))
    if cancellations != wanted and not asked.is_deleted:
        yield f"{cancellations} cancellations instead of {wanted}"
    yield from _judge_order(sent)


def _judge_order(sent: Sequence[Sent]) -> Iterator[str]:
    """Revisions rise within a topic: all events of a change number are in one partition."""
    by_topic: dict[str, list[Sent]] = defaultdict(list)
    for each in sent:
        by_topic[each.record.topic].append(each)
    for topic, events in by_topic.items():
        partitions = {each.record.partition for each in events}
        if len(partitions) > 1:
            yield f"{topic}: events in the partitions {partitions}"
        ordered = sorted(events, key=lambda each: each.record.offset)
        revisions = [each.revision for each in ordered if not each.is_cancellation]
        if revisions != sorted(revisions):
            yield f"{topic}: revisions in the order {revisions}"


def _read(record: ConsumedRecord) -> Sent:
    body = json.loads(record.value or b"null")
    revision = int(record.header("ce_revision") or 0)
    return Sent(body["event_type"], revision, body, record)


def judge_memory(lives: Iterable[Life]) -> Iterator[str]:
    """Give the daemons whose memory did not stay flat."""
    for life in lives:
        if life.slope is not None and life.slope > MOST_GROWTH:
            first, last = life.samples[0].megabytes, life.samples[-1].megabytes
            yield (
                f"{life.daemon} grew by {life.slope:.2f} MB a minute after its warm-up, "
                f"from {first:.0f} to {last:.0f} MB"
            )
