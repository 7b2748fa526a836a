"""Did the ledger lose records? Status files are asked before anything new is published.

In: a plan, and the status files as they are. Out: nothing, or EventLogRefused. A status file is
written after the ledger record that it is made of. So where one names events of a request in
this very log, and the ledger has no record of that request, then either the record is lost,
while consumers have the events; or the whole transaction is, which brokers may forget when they
crash. The events themselves tell: if one of them is there, sending it again would repeat it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.errors import EventLogRefused
from franc_gitops.eventlogs import NoRecord
from franc_gitops.strict_yaml import Refused, load

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from franc_gitops.eventlogs import EventLog, Record
    from franc_gitops.model import Value
    from franc_gitops.pipeline.actions import Action, Plan
    from franc_gitops.pipeline.publish import Publisher
    from franc_gitops.status_reading import StatusReader

_NAMED = 5


class Sent(NamedTuple):
    """An event that a status file names."""

    event_id: str
    topic: str
    partition: int
    offset: int


class Claim(NamedTuple):
    """A request that a status file tells as published: in which log, and where its events are."""

    request_id: str
    log: str
    events: tuple[Sent, ...]


@dataclass(frozen=True, slots=True)
class Witness:
    """Knows the status files; `below` is the requests' folder with a `/`."""

    folder: StatusReader
    below: str

    def check(self, plan: Plan, publisher: Publisher, log_name: str) -> None:
        """Refuse to publish what consumers have got already; raises EventLogRefused."""
        new = [action for action in plan.sends if action.entry is None]
        told = self._told(new, log_name) if self.folder.exists() else {}
        if not told:
            return
        ledger = publisher.begin()  # a peek may not show yet what status files tell
        doubtful = {name: claim for name, claim in told.items() if name not in ledger}
        lost = sorted(_still_there(doubtful, publisher.log))
        if lost:
            more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
            raise EventLogRefused(
                f"the ledger lost records: {', '.join(lost[:_NAMED])}{more} would be sent again, "
                "and their events are there already",
                hint="restore the ledger, or adopt them; to send them again: --accept-ledger",
                code="FRN523",
            )

    def _told(self, actions: Sequence[Action], log_name: str) -> dict[str, Claim]:
        """Find which of the requests a status file tells as published in this log."""
        paths = sorted({action.path.removeprefix(self.below) for action in actions})
        ids = {action.request_id for action in actions}
        return {
            claim.request_id: claim
            for content in self.folder.read(paths)
            for claim in claims(content or b"")
            if claim.log == log_name and claim.request_id in ids
        }


def _still_there(doubtful: Mapping[str, Claim], log: EventLog) -> Iterator[str]:
    """Give the requests of which an event is, or once was, where its status file says."""
    owners = {
        (event.topic, event.partition, event.offset): (event.event_id, claim.request_id)
        for claim in doubtful.values()
        for event in claim.events
    }
    wanted: dict[tuple[str, int], list[int]] = {}
    for topic, partition, offset in sorted(owners):
        wanted.setdefault((topic, partition), []).append(offset)
    found = set()
    for answer in log.look_up(wanted):
        event_id, request_id = owners[answer.topic, answer.partition, answer.offset]
        if _is(answer, event_id):
            found.add(request_id)
    yield from found


def _is(answer: Record | NoRecord, event_id: str) -> bool:
    if isinstance(answer, NoRecord):
        return answer.removed
    return dict(answer.headers).get("ce_id") == event_id.encode()


def claims(content: bytes) -> Iterator[Claim]:
    """Give what a status file tells as published; nothing if it is none that can be read."""
    try:
        (document,) = load(content)
    except (Refused, ValueError):
        return
    requests = document.get("requests")
    for request in requests if isinstance(requests, list) else ():
        claim = _claim(request)
        if claim is not None and claim.events:
            yield claim


def _claim(request: Value) -> Claim | None:
    try:
        fields = request if isinstance(request, dict) else {}
        events = fields["events"]
        sent = tuple(map(_sent, events if isinstance(events, list) else ()))
        return Claim(str(fields["request_id"]), str(fields["log"]), sent)
    except (LookupError, TypeError, ValueError):
        return None


def _sent(event: Value) -> Sent:
    fields = event if isinstance(event, dict) else {}
    places = (int(str(fields[name])) for name in ("partition", "offset"))
    return Sent(str(fields["event_id"]), str(fields["topic"]), *places)
