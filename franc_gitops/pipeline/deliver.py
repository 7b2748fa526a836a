"""Action → delivery: the exact events and ledger records that one action sends.

In: a plan and its actions. Out: a `Delivery` for each, made when it is sent and not before,
so that a plan of a hundred thousand requests stays small.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops import events
from franc_gitops.ledger import LedgerEntry, SentEvent, Unplaced, unplaced
from franc_gitops.model import UNKNOWN_PROVENANCE
from franc_gitops.pipeline.actions import Kind
from franc_gitops.problems import problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from franc_gitops.model import Event, Problem, Provenance, Request
    from franc_gitops.pipeline.actions import Action, Plan, Prepared, Situation

LEDGER_TOPIC = "gitops.ledger"
_FRAME_BYTES = 4096
"""More than ids, texts and headers of an event add to a request's own fields and path; more
than a warning or an earlier event adds to a ledger record."""


class Delivery(NamedTuple):
    """What one action sends: events, and the ledger records that go with them.

    `refreshed` are records of requests in the same file that are told its new content.
    """

    action: Action
    events: tuple[Event, ...]
    record: Unplaced
    refreshed: tuple[Unplaced, ...]


def deliveries(plan: Plan, actions: Iterable[Action]) -> Iterator[Delivery]:
    """Make events and ledger records of actions that send."""
    refreshed: set[str] = set()
    for action in actions:
        if action.prepared is not None:
            yield _as_prepared(action, action.prepared)
            continue
        made = events_of(action, plan.situation)
        record = _record(action, made, plan.situation, plan.problems_by_path.get(action.path, ()))
        others = () if action.path in refreshed else tuple(_refreshed(action.path, plan))
        refreshed.add(action.path)
        yield Delivery(action, made, record, others)


def _as_prepared(action: Action, prepared: Prepared) -> Delivery:
    """Send what `replay` or `adopt` has made, by the protocol that everything is sent by."""
    entry = prepared.entry
    rows = (
        (made.event_type, made.event_id, made.topic, entry.timestamp) for made in prepared.events
    )
    return Delivery(action, prepared.events, unplaced(entry, rows), ())


def events_of(action: Action, situation: Situation) -> tuple[Event, ...]:
    """Make the events that an action sends; none for one that sends nothing."""
    request, entry = action.request, action.entry
    if request is None or not action.sends:
        return ()
    provenance = situation.provenance.get(request.path, UNKNOWN_PROVENANCE)
    if action.kind is Kind.CANCEL:
        if entry is None:
            return ()  # the ledger was not asked for the event that it answers
        asked = [event.event_id for event in entry.events if event.event_type == request.type]
        return (
            events.cancellation(
                request, provenance, situation.envelope, asked[-1] if asked else "", action.taken
            ),
        )
    return events.publication(request, provenance, situation.envelope, action.taken)


def _record(
    action: Action, made: Sequence[Event], situation: Situation, problems: Sequence[Problem]
) -> Unplaced:
    """Prepare the ledger record of an action that sends."""
    if action.request is None:
        raise ValueError(action)
    provenance = situation.provenance.get(action.path, UNKNOWN_PROVENANCE)
    time = events.timestamp(provenance.time)
    entry = known_after(action, action.request, provenance, situation, problems)
    rows = ((event.event_type, event.event_id, event.topic, time) for event in made)
    return unplaced(entry, rows)


def known_after(
    action: Action,
    request: Request,
    provenance: Provenance,
    situation: Situation,
    problems: Sequence[Problem],
) -> LedgerEntry:
    """Say what is known of a request once it is sent; a cancellation keeps what was published."""
    old = action.entry if action.kind is Kind.CANCEL else None
    return LedgerEntry(
        request_id=request.request_id,
        type=request.type,
        change_number=request.change_number,
        item=request.item,
        revision=request.revision,
        digest=old.digest if old else request.digest,
        path=request.path,
        blob=situation.snapshot.files[request.path],
        document=request.document,
        documents=request.documents,
        commit=provenance.commit,
        phase=action.phase,
        completion=situation.envelope.completion,
        timestamp=events.timestamp(provenance.time),
        cancel=request.cancel,
        warnings=_warnings(request, problems),
        events=_events_before(action.entry),
    )


def _events_before(entry: LedgerEntry | None) -> tuple[SentEvent, ...]:
    return entry.events if entry else ()


def _warnings(request: Request, problems: Iterable[Problem]) -> tuple[dict[str, str | int], ...]:
    """Keep what a file was warned of, once: a file of many requests would repeat it in each."""
    if request.document != 1:
        return ()
    return tuple(found.in_its_file() for found in problems)


def stale_records(plan: Plan) -> Iterator[Unplaced]:
    """Tell requests of files that were only reformatted or moved, so that they are known again.

    Nothing is sent for that alone: the records ride along with a transaction that is due. A
    file with an error is not told: it must be read again, or its error would be forgotten.
    """
    bad = {problem.path for problem in plan.problems if problem.is_error}
    for path, actions in plan.by_path.items():
        if path not in bad and all(action.kind is Kind.SKIP and action.entry for action in actions):
            yield from _refreshed(path, plan)


def _refreshed(path: str, plan: Plan) -> Iterator[Unplaced]:
    """Tell the other published requests of a file its new content, so that it is known whole.

    One that is held for its window is not told: the file must be read again when it opens.
    The path stays the one that was published, which events and status file name.
    """
    blob = plan.situation.snapshot.files[path]
    problems = plan.problems_by_path.get(path, ())
    for action in plan.by_path[path]:
        entry, request = action.entry, action.request
        if action.kind is not Kind.SKIP or entry is None or request is None:
            continue
        told = replace(
            entry,
            blob=blob,
            document=request.document,
            documents=request.documents,
            warnings=_warnings(request, problems),
        )
        if told != entry:
            yield unplaced(told, ())


def size_problems(
    action: Action, situation: Situation, warnings: Sequence[Problem] = ()
) -> list[Problem]:
    """Find records that their topic would refuse; exact sizes only where it may be close.

    `warnings` are the file's, which the ledger keeps.
    """
    request = action.request
    limits = situation.max_record_bytes
    if request is None or not limits:
        return []
    likely = len(request.own_fields) * 4 + len(request.path) * 8 + _FRAME_BYTES
    likely += len(request.cancel or "") * 8 + len(warnings) * _FRAME_BYTES
    likely += len(action.entry.events) * _FRAME_BYTES if action.entry else 0
    if likely < min(limits.values()):
        return []
    return [
        problem(
            "FRN403",
            request.path,
            f"the record for {topic} has {size} bytes, the topic takes {limits[topic]}",
            place=request.place,
            hint="split the request with `item`, or raise the topic's max.message.bytes",
        )
        for topic, size in _record_sizes(action, situation, warnings)
        if size > limits.get(topic, size)
    ]


def _record_sizes(
    action: Action, situation: Situation, warnings: Sequence[Problem]
) -> Iterator[tuple[str, int]]:
    request = action.request
    if request is None:
        return
    made = events_of(action, situation)
    for event in made:
        yield event.topic, event.size
    record = _record(action, made, situation, warnings)
    rows = sum(len(before) + len(after) + 24 for before, after in record.rows)
    yield situation.envelope.topic(LEDGER_TOPIC), len(record.head.encode()) + rows + 256
