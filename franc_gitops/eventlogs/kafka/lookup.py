"""The events at given places, as a read_committed consumer sees them.

Each partition is read in one direction, all of them together. What lies between two wanted
offsets is read through if it is little, and jumped over if it is much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import IsolationLevel

from franc_gitops.errors import EventLogRefused
from franc_gitops.eventlogs import NoRecord
from franc_gitops.eventlogs.kafka.records import as_record
from franc_gitops.eventlogs.kafka.scan import RecordsLostError, Scan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from confluent_kafka import Message

    from franc_gitops.eventlogs import Record, Wanted
    from franc_gitops.eventlogs.kafka.admin import Admin, Place

GAP = 2_000
"""Records between two wanted ones that are read through: jumping costs as long as these."""


class Run(NamedTuple):
    """A stretch of a partition that is read without a jump: first offset, and the end."""

    first: int
    end: int


class Answers:
    """The wanted offsets of one partition, answered from the first to the last.

    The partition holds offsets from `start` to before `end`.
    """

    def __init__(self, place: Place, offsets: Sequence[int], start: int, end: int) -> None:
        """Take what is wanted, and what the partition holds."""
        self._place = place
        self._offsets = offsets
        self._start = start
        self._end = end
        self._next = 0

    def take(self, message: Message) -> Iterator[Record | NoRecord]:
        """Answer with a record, if it is wanted, and for what is not there before it."""
        offset = message.offset() or 0
        yield from self.pass_by(offset)
        if self._next < len(self._offsets) and self._offsets[self._next] == offset:
            self._next += 1
            yield as_record(message)

    def pass_by(self, offset: int) -> Iterator[NoRecord]:
        """Answer that nothing stands at the wanted places before an offset."""
        while self._next < len(self._offsets) and self._offsets[self._next] < offset:
            at = self._offsets[self._next]
            self._next += 1
            yield NoRecord(*self._place, at, removed=at < self._start)

    def skip_removed(self) -> Iterator[NoRecord]:
        """Answer for what retention has removed."""
        return self.pass_by(self._start)

    def finish(self) -> Iterator[NoRecord]:
        """Answer for all that is left."""
        return self.pass_by(self._offsets[-1] + 1) if self._offsets else iter(())

    def next_run(self) -> Run | None:
        """Give what is to be read next; None if nothing that is left can be there."""
        wanted = self._offsets
        first = last = self._next
        if first == len(wanted) or wanted[first] >= self._end:
            return None
        while last + 1 < len(wanted) and wanted[last + 1] - wanted[last] <= GAP:
            last += 1
        return Run(wanted[first], min(wanted[last] + 1, self._end))


def look_up(
    admin: Admin, wanted: Wanted, partitions: Mapping[str, int]
) -> Iterator[Record | NoRecord]:
    """Answer for each place; `partitions` says how many each topic has.

    Raises EventLogUnreachable naming the partition if another's open transaction does not end.
    """
    places = [(topic, number) for topic, number in wanted if number < partitions.get(topic, 0)]
    starts = admin.beginnings(places)
    ends = admin.ends(places, IsolationLevel.READ_UNCOMMITTED)
    answers = {
        place: Answers(place, offsets, starts.get(place, 0), ends.get(place, 0))
        for place, offsets in wanted.items()
    }
    for each in answers.values():
        yield from each.skip_removed()
    scan = Scan(admin.connection, starts)
    try:
        while runs := {place: run for place in places if (run := answers[place].next_run())}:
            yield from _read(scan, runs, answers)
    except RecordsLostError as error:
        raise EventLogRefused(
            f"retention deleted events before they were read: {error}", hint="run it again"
        ) from error
    finally:
        scan.close()
    for each in answers.values():
        yield from each.finish()


def _read(
    scan: Scan, runs: Mapping[Place, Run], answers: Mapping[Place, Answers]
) -> Iterator[Record | NoRecord]:
    """Read one run of each partition."""
    scan.at.update({place: run.first for place, run in runs.items()})
    for messages in scan.until({place: run.end for place, run in runs.items()}, scan.patience):
        for message in messages:
            yield from answers[message.topic() or "", message.partition() or 0].take(message)
    for place in runs:
        yield from answers[place].pass_by(scan.at[place])
