"""The protocol finds its way through any schedule of kills, rivals and lost answers.

Every step is needed: with any one of them broken on purpose, the same search finds a lost or
doubled request. Without these counter-proofs the search would prove nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from franc_gitops.clock import SystemClock
from franc_gitops.errors import OutcomeUnknown
from franc_gitops.eventlogs import Committed
from franc_gitops.eventlogs.memory import Disturbance, MemoryCluster, MemoryEventLog
from franc_gitops.ledger import Ledger
from franc_gitops.pipeline.actions import Prepared
from franc_gitops.pipeline.plan import make_plan
from franc_gitops.pipeline.publish import Publisher
from franc_gitops.pipeline.replay import Replay
from tests.support.schedule import complaints, make_request, make_situation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from franc_gitops.eventlogs import Session, Target
    from franc_gitops.ledger import LedgerEntry
    from franc_gitops.model import Position
    from franc_gitops.pipeline.actions import Action, Plan, Situation
    from franc_gitops.pipeline.deliver import Delivery

SEEDS = range(500)
MORE_SEEDS = range(500, 8000)
REPLAY_SEEDS = range(200)
BROKEN_SEEDS = range(6000)
KEPT_SEEDS = range(200)
MOVING = {"commits": 4, "steps": 900}
"""A repository that moves on under two daemons, which keep their sessions, and a job."""


@pytest.mark.parametrize("seeds", [SEEDS, pytest.param(MORE_SEEDS, marks=pytest.mark.proof)])
def test_no_schedule_loses_or_repeats_a_request(seeds: range) -> None:
    """Every schedule ends with every event once and an exact ledger."""
    assert complaints(seeds) == []


def test_no_schedule_loses_or_repeats_a_request_where_sessions_are_kept() -> None:
    """A session that nobody has fenced may commit what comes later without reading again."""
    assert complaints(KEPT_SEEDS, **MOVING) == []


def test_no_schedule_replays_more_or_less_than_once() -> None:
    """A replay sends each event once more, whole requests only, and the ledger says where."""
    assert complaints(REPLAY_SEEDS, replayers=2) == []
    assert complaints(REPLAY_SEEDS[:100], replayers=1, **MOVING) == []


class ReplaysBlindly(Replay):
    """Looks away from the ledger: after a lost answer it sends again what is out already."""

    def _waiting(self, ledger: Ledger) -> list[LedgerEntry]:
        return [entry for name in self._first if (entry := ledger.get(name)) is not None]


class ReplaysWithoutRecord(Replay):
    """Sends, and leaves the ledger as it is: nobody can know whether the events are out."""

    def _action(self, entry: LedgerEntry) -> Action:
        action = super()._action(entry)
        return replace(action, prepared=Prepared(self._events[entry.request_id], entry))


@pytest.mark.parametrize("broken", [ReplaysBlindly, ReplaysWithoutRecord])
def test_a_replay_needs_the_ledger(broken: type[Replay]) -> None:
    """With a replay that does not ask or tell the ledger, the search finds the third copy."""
    assert any(
        complaints(range(seed, seed + 50), replayers=2, replay_class=broken)
        for seed in BROKEN_SEEDS[::50]
    )


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

    def _commit(self, session: Session, batch: Iterable[Delivery]) -> Committed:
        batch = list(batch)
        try:
            return super()._commit(session, batch)
        except OutcomeUnknown as doubt:
            if doubt.fenced:
                raise
            return super()._commit(session, batch)


class BelievesTheDoubtfulCommit(Publisher):
    """Step 7 left out the other way: takes no answer for success."""

    def _commit(self, session: Session, batch: Iterable[Delivery]) -> Committed:
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

    def _commit(self, session: Session, batch: Iterable[Delivery]) -> Committed:
        positions: list[Position] = []
        batch = list(batch)

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


class KeepsTheSessionInDoubt(Publisher):
    """Step 7 left out for a kept session: it goes on where it was in doubt."""

    def _drop_session(self) -> None:
        pass


@pytest.mark.parametrize(
    "broken", [PlansWithoutReading, ReadsToStableOffset, KeepsTheEpoch, KeepsTheSessionInDoubt]
)
def test_a_kept_session_needs_every_step(broken: type[Publisher]) -> None:
    assert any(
        complaints(range(seed, seed + 50), publisher_class=broken, **MOVING)
        for seed in BROKEN_SEEDS[::50]
    )


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


@pytest.mark.parametrize("keep", [False, True])
def test_a_plan_is_made_again_when_the_ledger_was_read_further_since(keep: bool) -> None:
    """Whoever reads it between plan and publication must not make the plan a second copy."""
    cluster = MemoryCluster()
    situation = make_situation((make_request(1), make_request(2)))
    first, second = (Publisher(MemoryEventLog(cluster), SystemClock(), keep=keep) for _ in "12")

    def plan(ledger: Ledger) -> Plan:
        return make_plan(situation, ledger, ledger.compare(situation.snapshot.files))

    outdated = plan(second.peek())
    first.publish(plan(first.peek()), plan)
    second.catch_up()
    assert second.publish(outdated, plan).sends == ()
    outdated = make_plan(situation, Ledger(), Ledger().compare(situation.snapshot.files))
    second.begin()
    assert second.publish(outdated, plan).sends == ()


def test_a_kept_session_is_not_told_less_than_it_has_committed() -> None:
    """Open transactions of others hold what may be read between two revisions of our own."""
    cluster = MemoryCluster(partitions=1)
    publisher = Publisher(MemoryEventLog(cluster), SystemClock(), keep=True)

    def leave_open(name: str) -> None:
        lost = MemoryEventLog(cluster, disturb=lambda: Disturbance.LOST, transactional_id=name)
        with pytest.raises(OutcomeUnknown):
            lost.fence().commit([], lambda _: [("CHG", f"~{name}", b"")])

    def publish(revision: int) -> int:
        raised = make_request(1, revision=revision, digest=f"sha256:{revision:064x}")
        situation = make_situation((raised,), commit=revision)

        def plan(ledger: Ledger) -> Plan:
            return make_plan(situation, ledger, ledger.compare(situation.snapshot.files))

        return len(publisher.publish(plan(publisher.peek()), plan).sends)

    assert publish(1) == 1
    leave_open("one")
    assert publish(2) == 1
    leave_open("two")
    assert publish(3) == 1
    MemoryEventLog(cluster, transactional_id="one").fence()
    assert publish(3) == 0


def test_without_keep_no_session_outlives_a_publication() -> None:
    cluster = MemoryCluster()
    fences: list[str] = []
    log = MemoryEventLog(
        cluster, step=lambda name: fences.append(name) if name == "fence" else None
    )
    for keep, fenced in ((False, 2), (True, 3)):
        publisher = Publisher(log, SystemClock(), keep=keep)
        for number in (1, 2):
            situation = make_situation((make_request(number + 10 * keep),), commit=number)

            def plan(ledger: Ledger, situation: Situation = situation) -> Plan:
                return make_plan(situation, ledger, ledger.compare(situation.snapshot.files))

            publisher.publish(plan(publisher.peek()), plan)
        assert len(fences) == fenced


class FullDisk(Ledger):
    """A ledger whose temporary file has no room."""

    def fold(self, records: Iterable[tuple[str, bytes]]) -> None:
        """Fail once there is something to keep."""
        if list(records):
            raise OSError("full")
