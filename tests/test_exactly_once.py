"""The protocol finds its way through any schedule of kills, rivals and lost answers.

Every step is needed: with any one of them broken on purpose, the same search finds a lost or
doubled request. Without these counter-proofs the search would prove nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from franc_gitops.clock import SystemClock
from franc_gitops.errors import OutcomeUnknown
from franc_gitops.eventlogs import Committed
from franc_gitops.eventlogs.memory import MemoryCluster, MemoryEventLog
from franc_gitops.ledger import Ledger
from franc_gitops.pipeline.plan import make_plan
from franc_gitops.pipeline.publish import Publisher
from tests.support.schedule import complaints, make_request, make_situation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from franc_gitops.eventlogs import Session, Target
    from franc_gitops.model import Position
    from franc_gitops.pipeline.actions import Plan
    from franc_gitops.pipeline.deliver import Delivery

SEEDS = range(2000)
BROKEN_SEEDS = range(6000)


def test_no_schedule_loses_or_repeats_a_request() -> None:
    """Thousands of schedules end with every event once and an exact ledger."""
    assert complaints(SEEDS) == []


class PlansWithoutReading(Publisher):
    """Steps 3 to 5 left out: fences, then publishes what the peek had shown."""

    def _plan_in_epoch(
        self, session: Session, plan: Plan, replan: Callable[[Ledger], Plan]
    ) -> Plan:
        return plan


class ReadsBeforeFencing(Publisher):
    """Steps 2 and 4 swapped: a rival's commit slips in between."""

    def _fence(self) -> Session:
        self._read(None)
        return super()._fence()

    def _plan_in_epoch(
        self, session: Session, plan: Plan, replan: Callable[[Ledger], Plan]
    ) -> Plan:
        return self._plan_after(self.ledger, replan)


class ReadsToStableOffset(Publisher):
    """Step 3 left out: stops at the last stable offset, which a bystander holds back."""

    def _read(self, target: Target | None) -> None:
        super()._read(None)


class RepeatsTheDoubtfulCommit(Publisher):
    """Step 7 left out: takes no answer for a failure and sends again in the same epoch."""

    def _commit(self, session: Session, batch: Sequence[Delivery]) -> Committed:
        try:
            return super()._commit(session, batch)
        except OutcomeUnknown as doubt:
            if doubt.fenced:
                raise
            return super()._commit(session, batch)


class BelievesTheDoubtfulCommit(Publisher):
    """Step 7 left out the other way: takes no answer for success."""

    def _commit(self, session: Session, batch: Sequence[Delivery]) -> Committed:
        try:
            return super()._commit(session, batch)
        except OutcomeUnknown:
            return Committed([], clean=True)


class KeepsTheEpoch(Publisher):
    """Step 8 left out: a late duplicate of one commit ends the next transaction."""

    def _needs_new_epoch(self, committed: Committed) -> bool:
        return False


class RecordsSeparately(Publisher):
    """Step 6 broken: the ledger is written in a transaction of its own."""

    def _commit(self, session: Session, batch: Sequence[Delivery]) -> Committed:
        positions: list[Position] = []

        def remember(found: Sequence[Position]) -> list[tuple[str, str, bytes]]:
            positions.extend(found)
            return []

        session.commit([event for delivery in batch for event in delivery.events], remember)
        at = iter(positions)
        records = [
            (own.change_number, own.request_id, own.place([next(at) for _ in own.rows]))
            for own in (delivery.record for delivery in batch)
        ]
        return session.commit([], lambda _: records)


@pytest.mark.parametrize(
    "broken",
    [
        PlansWithoutReading,
        ReadsBeforeFencing,
        ReadsToStableOffset,
        RepeatsTheDoubtfulCommit,
        BelievesTheDoubtfulCommit,
        KeepsTheEpoch,
        RecordsSeparately,
    ],
)
def test_every_step_is_needed(broken: type[Publisher]) -> None:
    """With the step broken, some schedule loses or repeats a request."""
    assert any(
        complaints(range(seed, seed + 50), publisher_class=broken) for seed in BROKEN_SEEDS[::50]
    )


def test_one_transactional_id_is_needed() -> None:
    """With an id per publisher nobody is fenced, and requests are published twice."""
    assert any(complaints(range(seed, seed + 50), shared_id=False) for seed in BROKEN_SEEDS[::50])


def test_a_ledger_whose_reading_was_broken_off_is_read_again() -> None:
    """A daemon goes on after an error; a record that was passed by would be sent again."""
    cluster = MemoryCluster()
    situation = make_situation((make_request(1), make_request(2)))
    first = Publisher(MemoryEventLog(cluster), SystemClock())

    def plan(ledger: Ledger) -> Plan:
        return make_plan(situation, ledger, ledger.compare(situation.snapshot.files))

    first.publish(plan(first.peek()), plan)
    second = Publisher(MemoryEventLog(cluster), SystemClock(), ledger=FullDisk())
    with pytest.raises(OSError, match="full"):
        second.peek()
    assert plan(second.peek()).sends == ()


class FullDisk(Ledger):
    """A ledger whose temporary file has no room."""

    def fold(self, records: Iterable[tuple[str, bytes]]) -> None:
        """Fail once there is something to keep."""
        if list(records):
            raise OSError("full")
