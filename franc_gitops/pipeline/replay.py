"""Published requests → the same events once more: `replay`, as the purpose of a pass.

In: the requests that are wanted and the ledger. Out: a plan that sends again what was sent
last for each of them, with the same ids and bytes, and a ledger record that says where the
events now are. It goes through the protocol of `publish.py` as everything that is sent: a
request is sent again as long as the ledger says of its events what it said at first, so
that after a lost answer the ledger tells whether they are out, and nothing is sent thrice.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from franc_gitops.errors import CannotReplay, UsageError
from franc_gitops.eventlogs import Record
from franc_gitops.ledger import change_of
from franc_gitops.model import Event, SourceFile
from franc_gitops.pipeline.actions import Action, Kind, Plan, Prepared
from franc_gitops.pipeline.reproduce import reproduce, sent_last
from franc_gitops.suggestion import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from franc_gitops.eventlogs import EventLog
    from franc_gitops.events import Envelope
    from franc_gitops.ledger import Ledger, LedgerEntry, SentEvent
    from franc_gitops.repositories import RequestRepository

_NAMED = 10
_NOT_AT_HAND = "is not at hand"


@dataclass
class Replay:
    """The purpose of a pass that sends again; `wanted` are change numbers and request ids."""

    wanted: Sequence[str]
    repository: RequestRepository
    log: EventLog
    envelope: Envelope
    _first: dict[str, LedgerEntry] = field(default_factory=dict)
    _events: dict[str, tuple[Event, ...]] = field(default_factory=dict)

    def __call__(self, plan: Plan, ledger: Ledger) -> Plan:
        """Give the plan that sends what is not sent again yet.

        Raises UsageError for what nobody knows, CannotReplay where the bytes are not to be had.
        """
        if not self._first:
            self._first = {entry.request_id: entry for entry in self._find(plan, ledger)}
            self._events = self._recall(list(self._first.values()))
        actions = [self._action(entry) for entry in self._waiting(ledger)]
        return replace(plan, actions=tuple(actions), problems=(), whole=plan)

    def done(self, ledger: Ledger) -> list[LedgerEntry]:
        """Give what the ledger knows of the requests whose events are out once more."""
        waiting = {entry.request_id for entry in self._waiting(ledger)}
        found = (ledger.get(request_id) for request_id in self._first if request_id not in waiting)
        return [entry for entry in found if entry is not None]

    def left(self, ledger: Ledger) -> list[str]:
        """Name the requests whose events are not out once more, as far as is known."""
        return [entry.request_id for entry in self._waiting(ledger)]

    def _waiting(self, ledger: Ledger) -> list[LedgerEntry]:
        found = ((first, ledger.get(first.request_id)) for first in self._first.values())
        return [now for first, now in found if now is not None and now.events == first.events]

    def _action(self, entry: LedgerEntry) -> Action:
        sent = sent_last(entry)
        others = tuple(row for row in entry.events if row not in sent)
        return Action(
            Kind.PUBLISH,
            entry.request_id,
            entry.path,
            entry.revision,
            f"sends revision {entry.revision} again",
            entry.phase,
            entry=entry,
            prepared=Prepared(self._events[entry.request_id], replace(entry, events=others)),
        )

    # --- what is wanted -----------------------------------------------------------------------

    def _find(self, plan: Plan, ledger: Ledger) -> list[LedgerEntry]:
        of_changes = ledger.of_changes(set(self.wanted))
        found: dict[str, LedgerEntry] = {}
        for word in self.wanted:
            one = ledger.get(word)
            entries = [one] if one else of_changes.get(word, [])
            if not entries:
                raise _unknown(word, plan, ledger)
            found.update((entry.request_id, entry) for entry in entries)
        return sorted(found.values(), key=lambda e: (e.timestamp, e.path, e.document))

    # --- the bytes ----------------------------------------------------------------------------

    def _recall(self, entries: Sequence[LedgerEntry]) -> dict[str, tuple[Event, ...]]:
        """Take the events from the log, where they still are, or make them again."""
        found = self._look_up(entries)
        missing = [entry for entry in entries if entry.request_id not in found]
        reasons: dict[str, str] = {}
        for entry, made in zip(missing, self._make(missing), strict=True):
            if isinstance(made, str):
                reasons[entry.request_id] = made
            else:
                found[entry.request_id] = made
        if reasons:
            raise _cannot(reasons, len(entries))
        return found

    def _look_up(self, entries: Sequence[LedgerEntry]) -> dict[str, tuple[Event, ...]]:
        rows = [row for entry in entries for row in sent_last(entry)]
        there = {
            (answer.topic, answer.partition, answer.offset): answer
            for answer in self.log.look_up(_places(rows))
            if isinstance(answer, Record)
        }
        made = {entry.request_id: _originals(entry, there) for entry in entries}
        return {request_id: events for request_id, events in made.items() if events}

    def _make(self, entries: Sequence[LedgerEntry]) -> Iterable[tuple[Event, ...] | str]:
        if not entries:
            return
        commits = {entry.commit for entry in entries if entry.commit}
        authors = self.repository.describe(commits) if self.envelope.user_id_from else {}
        files = [SourceFile(entry.path, entry.blob) for entry in entries]
        for entry, (_, content) in zip(entries, self.repository.read(files), strict=True):
            if not sent_last(entry):
                yield "nothing was ever sent for it"
            elif isinstance(content, bytes):
                known = authors.get(entry.commit)
                yield reproduce(entry, content, known.author if known else "", self.envelope)
            else:
                yield f"its file as published {_NOT_AT_HAND}: blob {entry.blob[:12]}"


def _places(rows: Iterable[SentEvent]) -> Mapping[tuple[str, int], Sequence[int]]:
    places: dict[tuple[str, int], set[int]] = {}
    for row in rows:
        places.setdefault((row.topic, row.partition), set()).add(row.offset)
    return {place: sorted(offsets) for place, offsets in places.items()}


def _originals(
    entry: LedgerEntry, there: Mapping[tuple[str, int, int], Record]
) -> tuple[Event, ...]:
    """Give the events as they stand in the log; nothing unless all of them do."""
    found = []
    for row in sent_last(entry):
        record = there.get((row.topic, row.partition, row.offset))
        if record is None or ("ce_id", row.event_id.encode()) not in record.headers:
            return ()
        found.append(Event(row.event_type, row.event_id, row.topic, *record[3:]))
    return tuple(found)


def _unknown(word: str, plan: Plan, ledger: Ledger) -> UsageError:
    """Say that nothing was published under a name, and what is meant perhaps."""
    asked = [action.request for action in plan.actions if action.request]
    if any(word in {request.request_id, request.change_number} for request in asked):
        return UsageError(f"{word} is not published yet", hint="franc-gitops plan says why")
    known = {word for request_id in ledger for word in (request_id, change_of(request_id))}
    hint = did_you_mean(word, known) or "franc-gitops status shows what is known"
    return UsageError(f"nothing is published under {word}", hint=hint)


def _cannot(reasons: Mapping[str, str], wanted: int) -> CannotReplay:
    named = [f"{request_id}: {reason}" for request_id, reason in list(reasons.items())[:_NAMED]]
    more = len(reasons) - len(named)
    return CannotReplay(
        f"{len(reasons)} of {wanted} cannot be sent again; "
        + "; ".join(named)
        + (f"; {more} more" if more > 0 else ""),
        hint="a shallow clone lacks what was published before: git fetch --unshallow"
        if any(_NOT_AT_HAND in reason for reason in reasons.values())
        else "",
    )
