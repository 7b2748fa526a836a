"""The events at the places that the ledger names: whether they are there and are the right ones.

In: ledger and event log. Out: problems, a few numbers. The log is read in one direction, so
what is expected is laid out by place first: 24 bytes an event, whatever the ledger holds.
"""

from __future__ import annotations

import struct
from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from franc_gitops.audit.facts import Facts, Known, expected, told
from franc_gitops.eventlogs import NoRecord
from franc_gitops.ledger import decode
from franc_gitops.problems import problem

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from franc_gitops.audit.facts import Told
    from franc_gitops.eventlogs import EventLog, Record
    from franc_gitops.ledger import Ledger, SentEvent
    from franc_gitops.model import Problem, Provenance

Place = tuple[str, int]
_ROW = struct.Struct(">QIB12s")
"""Offset, number of the request, what is known of the event, fingerprint."""

_STEP = 500


@dataclass
class EventAudit:
    """Compares the events of a ledger; `progress` is told how many more were looked at.

    `describe` gives the authors of commits, as `RequestRepository.describe`.
    """

    ledger: Ledger
    log: EventLog
    describe: Callable[[Collection[str]], Mapping[str, Provenance]]
    progress: Callable[[int], None] = lambda _: None
    count: int = 0
    removed: Counter[str] = field(default_factory=Counter)
    """How many events of each topic retention has removed."""
    _owners: list[str] = field(default_factory=list)
    _users: dict[int, str] = field(default_factory=dict)
    _authors: dict[tuple[str, str], int] = field(default_factory=dict)
    _wrong: dict[tuple[str, int], list[str]] = field(default_factory=lambda: defaultdict(list))

    def run(self, request_ids: Iterable[str] | None = None) -> list[Problem]:
        """Look at every event, or at those of some requests; raises as `EventLog.look_up`."""
        self._owners = list(self.ledger if request_ids is None else request_ids)
        rows = self._lay_out()
        waiting = {place: iter(laid) for place, laid in rows.items()}
        wanted = {place: array("q", _offsets(laid)) for place, laid in rows.items()}
        for number, answer in enumerate(self.log.look_up(wanted), 1):
            self._compare(answer, next(waiting[answer.topic, answer.partition]))
            if not number % _STEP:
                self.progress(_STEP)
        self.progress(self.count % _STEP)
        self._check_authors()
        return [*self._problems(), *self._removals()]

    def _lay_out(self) -> dict[Place, list[bytes]]:
        """Give what is expected where, by place."""
        rows: dict[Place, list[bytes]] = defaultdict(list)
        for number, request_id in enumerate(self._owners):
            for event, known, facts in expected(decode(self.ledger.raw(request_id))):
                row = _ROW.pack(event.offset, number, known, facts.fingerprint())
                rows[event.topic, event.partition].append(row)
        for place, laid in rows.items():
            laid.sort()
            rows[place] = list(self._without_repetitions(place, laid))
        self.count = sum(map(len, rows.values()))
        return rows

    def _without_repetitions(self, place: Place, laid: list[bytes]) -> Iterator[bytes]:
        """Pass over events at a place that another event has already."""
        before = -1
        for row in laid:
            offset, number, *_ = _ROW.unpack(row)
            if offset != before:
                yield row
            else:
                text = f"{place[0]} {place[1]}@{offset} is the place of another event, too"
                self._wrong["FRN522", number].append(text)
            before = offset

    def _compare(self, answer: Record | NoRecord, row: bytes) -> None:
        _, number, known, fingerprint = _ROW.unpack(row)
        if isinstance(answer, NoRecord):
            if answer.removed:
                self.removed[answer.topic] += 1
            else:
                event, _ = self._expected(answer, number)
                self._wrong["FRN520", number].append(f"{_name(event)} {_place(answer)}")
            return
        for each in told(answer, Known(known)):
            if each.facts.fingerprint() == fingerprint:
                self._meet_user(each, number, Known(known), answer)
                return
        event, facts = self._expected(answer, number)
        why = _difference(facts, list(told(answer, Known(known))))
        self._wrong["FRN522", number].append(f"{_name(event)} {_place(answer)}: {why}")

    def _meet_user(self, each: Told, number: int, known: Known, answer: Record) -> None:
        """Hold users against each other: the ledger knows none, all of a publication have one."""
        if known is Known.ALL and self._users.setdefault(number, each.user) != each.user:
            event, _ = self._expected(answer, number)
            why = "its user_id is not that of the other events"
            self._wrong["FRN522", number].append(f"{_name(event)} {_place(answer)}: {why}")
        if each.is_author:
            self._authors.setdefault((each.commit, each.user), number)

    def _check_authors(self) -> None:
        """Find users that must be the author of a commit and are not, if it is at hand."""
        made = self.describe({commit for commit, _ in self._authors})
        for (commit, user), number in self._authors.items():
            if commit in made and made[commit].author != user:
                text = f"user_id {user!r} is neither asked for nor the author of {commit[:12]}"
                self._wrong["FRN522", number].append(text)

    def _expected(self, answer: Record | NoRecord, number: int) -> tuple[SentEvent, Facts]:
        place = (answer.topic, answer.partition, answer.offset)
        entry = decode(self.ledger.raw(self._owners[number]))
        return next(
            (event, facts)
            for event, _, facts in expected(entry)
            if (event.topic, event.partition, event.offset) == place
        )

    def _problems(self) -> Iterator[Problem]:
        for (code, number), texts in self._wrong.items():
            entry = decode(self.ledger.raw(self._owners[number]))
            yield problem(
                code,
                entry.path,
                f"{entry.request_id}: {_SAYS[code]} {'; '.join(texts)}",
                hint=_HINTS[code],
            )

    def _removals(self) -> Iterator[Problem]:
        for topic, count in sorted(self.removed.items()):
            yield problem(
                "FRN521",
                topic,
                f"{count} of the events that the ledger names are no longer there: retention "
                "removed them",
                hint="to keep them longer, raise the topic's retention.ms; nothing is sent again",
            )


_SAYS = {
    "FRN520": "no event is there any more:",
    "FRN522": "another event is there than the ledger says:",
}
_HINTS = {
    "FRN520": "find out who deleted or re-created the topic; replay sends the events again",
    "FRN522": "find out who wrote to the topic, or whether it was restored from elsewhere",
}


def _offsets(laid: list[bytes]) -> Iterator[int]:
    return (int.from_bytes(row[:8]) for row in laid)


def _name(event: SentEvent) -> str:
    return f"{event.event_type} {event.event_id} at"


def _place(answer: Record | NoRecord) -> str:
    return f"{answer.topic} {answer.partition}@{answer.offset}"


def _difference(facts: Facts, found: list[Told]) -> str:
    """Name the first thing that is different."""
    if not found:
        return "it is no event in our form, or its headers contradict its body"
    for name, wanted, is_there in zip(Facts._fields, facts, found[0].facts, strict=True):
        if wanted != is_there:
            if name == "content":
                return "its content is another one"
            return f"its {name} is {is_there!r}, not {wanted!r}"
    return "its content is another one"
