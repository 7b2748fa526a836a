"""What becomes of each edit: requests against the ledger, file by file (contract 2)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from franc_gitops.clock import SystemClock
from franc_gitops.eventlogs.memory import MemoryCluster, MemoryEventLog
from franc_gitops.events import Envelope
from franc_gitops.ledger import Ledger
from franc_gitops.model import Phase, Request, Snapshot, Validated
from franc_gitops.pipeline.actions import Kind, Plan, Situation
from franc_gitops.pipeline.deliver import deliveries, events_of
from franc_gitops.pipeline.plan import make_plan
from franc_gitops.pipeline.publish import Publisher
from franc_gitops.problems import problem
from tests.support.schedule import NOW, make_request, make_situation


class World:
    """A ledger that plans are made against and published to."""

    def __init__(self) -> None:
        """Begin with an empty ledger."""
        self.cluster = MemoryCluster()

    def plan(self, *requests: Request, blobs: dict[str, str] | None = None, **changes: Any) -> Plan:
        """Plan a commit that holds the requests; `blobs` gives files another content."""
        return self._plan(self._situation(requests, blobs, changes), self.ledger())

    def publish(
        self, *requests: Request, blobs: dict[str, str] | None = None, **changes: Any
    ) -> Plan:
        """Publish the commit and give the plan that did it."""
        situation = self._situation(requests, blobs, changes)
        publisher = Publisher(MemoryEventLog(self.cluster), SystemClock())
        plan = self._plan(situation, publisher.peek())
        return publisher.publish(plan, lambda ledger: self._plan(situation, ledger))

    def ledger(self) -> Ledger:
        """Read the ledger."""
        return Publisher(MemoryEventLog(self.cluster), SystemClock()).peek()

    def event_types(self) -> list[str]:
        """Give the type of every event that is out."""
        return sorted(
            json.loads(r.value)["event_type"] for r in MemoryEventLog(self.cluster).events()
        )

    @staticmethod
    def _plan(situation: Situation, ledger: Ledger) -> Plan:
        return make_plan(situation, ledger, ledger.compare(situation.snapshot.files))

    @staticmethod
    def _situation(
        requests: tuple[Request, ...], blobs: dict[str, str] | None, changes: dict[str, Any]
    ) -> Situation:
        situation = make_situation(requests, **changes)
        files = {path: f"{hash(path) & (2**64 - 1):040x}" for path in situation.snapshot.files}
        return replace(situation, snapshot=Snapshot("c" * 40, {**files, **(blobs or {})}))


@pytest.fixture
def world() -> World:
    """An empty world."""
    return World()


ONE = make_request(1)
EDITED = {ONE.path: "e" * 40}


def outcome(plan: Plan) -> list[tuple[str, str]]:
    """Give kind and phase of each action."""
    return [(str(action.kind), str(action.phase)) for action in plan.actions]


def codes(plan: Plan) -> list[tuple[str, str]]:
    """Give code and path of each problem."""
    return [(found.code, found.path) for found in plan.problems]


def test_a_new_request_is_published(world: World) -> None:
    """Request, status and completion go out, and the ledger says Completed."""
    assert outcome(world.publish(ONE)) == [("publish", "Completed")]
    assert world.event_types() == ["datacenter_deployment", "task_completion", "task_status_update"]
    entry = world.ledger().get(ONE.request_id)
    assert entry is not None
    assert entry.phase is Phase.COMPLETED


def test_a_published_file_is_not_looked_at(world: World) -> None:
    """Nothing is planned for a file that the ledger knows by its blob."""
    world.publish(ONE)
    plan = world.plan(ONE)
    assert plan.actions == ()
    assert plan.comparison.settled == {ONE.path: (ONE.request_id,)}
    assert plan.counts[Kind.SKIP] == 1


def test_reformatting_sends_nothing(world: World) -> None:
    """Other bytes with the same meaning are skipped."""
    world.publish(ONE)
    assert outcome(world.plan(ONE, blobs=EDITED)) == [("skip", "Completed")]


def test_renaming_sends_nothing(world: World) -> None:
    """The content is known, wherever it stands."""
    world.publish(ONE)
    moved = replace(ONE, path="requests/elsewhere/x.yaml")
    blob = world.plan(ONE).situation.snapshot.files[ONE.path]
    plan = world.plan(moved, blobs={moved.path: blob})
    assert plan.actions == ()
    assert plan.problems == ()
    assert plan.comparison.settled == {moved.path: (ONE.request_id,)}


def test_renaming_and_reformatting_sends_nothing(world: World) -> None:
    """Identity and content decide, not path or bytes."""
    world.publish(ONE)
    assert outcome(world.plan(replace(ONE, path="requests/new.yaml"))) == [("skip", "Completed")]


def test_a_change_needs_a_higher_revision(world: World) -> None:
    """Content changed under the same revision is held with FRN401."""
    world.publish(ONE)
    changed = replace(ONE, digest="sha256:other")
    plan = world.plan(changed, blobs=EDITED)
    assert outcome(plan) == [("hold", "Rejected")]
    assert codes(plan) == [("FRN401", ONE.path)]
    assert "revision: 2" in plan.problems[0].hint


def test_a_higher_revision_is_published_again(world: World) -> None:
    """Steps may be skipped; the new events have other ids, even in the same second."""
    world.publish(ONE)
    world.publish(replace(ONE, digest="sha256:other", revision=5), blobs=EDITED)
    entry = world.ledger().get(ONE.request_id)
    assert entry is not None
    assert entry.revision == 5
    ids = [event.event_id for event in entry.events]
    assert len(ids) == len(set(ids)) == 6


def test_a_lower_revision_is_a_problem(world: World) -> None:
    """A reverted commit sends nothing and says FRN402."""
    world.publish(replace(ONE, revision=3))
    plan = world.plan(replace(ONE, revision=2), blobs=EDITED)
    assert outcome(plan) == [("hold", "Rejected")]
    assert codes(plan) == [("FRN402", ONE.path)]


def test_cancelling_sends_one_completion(world: World) -> None:
    """A published request is taken back by a completion with `cancelled`, once."""
    world.publish(ONE)
    cancelled = replace(ONE, cancel="wrong site")
    assert outcome(world.publish(cancelled, blobs=EDITED)) == [("cancel", "Cancelled")]
    assert world.event_types().count("task_completion") == 2
    assert world.plan(cancelled, blobs=EDITED).actions == ()
    assert outcome(world.plan(cancelled)) == [("skip", "Cancelled")]
    last = list(MemoryEventLog(world.cluster).events())
    body = next(json.loads(r.value) for r in last if b'"cancelled"' in r.value)
    assert body["completion_message"] == "Cancelled: wrong site"
    assert body["original_request_id"] == ONE.request_id


def test_cancelling_before_publication_records_nothing(world: World) -> None:
    """Nothing is sent or recorded; without the line the request is published."""
    cancelled = replace(ONE, cancel="not needed")
    assert outcome(world.publish(cancelled)) == [("skip", "Cancelled")]
    assert len(world.ledger()) == 0
    assert outcome(world.publish(ONE, blobs=EDITED)) == [("publish", "Completed")]


def test_taking_back_a_published_cancellation_needs_a_revision(world: World) -> None:
    """After a cancellation went out, the same revision is not silently valid again."""
    world.publish(ONE)
    world.publish(replace(ONE, cancel="wrong"), blobs=EDITED)
    plan = world.plan(ONE)
    assert codes(plan) == [("FRN405", ONE.path)]
    assert outcome(world.plan(replace(ONE, revision=2))) == [("publish", "Completed")]


def test_deleting_a_finished_request_retires_it(world: World) -> None:
    """Nothing is sent; bringing the file back sends nothing either."""
    world.publish(ONE)
    assert world.plan().actions == ()
    assert world.plan(ONE).actions == ()


def test_deleting_an_unfinished_request_orphans_it(world: World) -> None:
    """Nothing is sent, and the plan says so with a warning."""
    track = Envelope(completion="track")
    assert outcome(world.publish(ONE, envelope=track)) == [("publish", "Published")]
    plan = world.plan(envelope=track)
    assert outcome(plan) == [("orphaned", "Published")]
    assert codes(plan) == [("FRN410", ONE.path)]
    assert not plan.problems[0].is_error


def test_two_new_files_with_one_identity_are_both_held(world: World) -> None:
    """Neither can be told to be the right one."""
    other = replace(ONE, path="requests/other.yaml", digest="sha256:other")
    plan = world.plan(ONE, other)
    assert outcome(plan) == [("hold", "Rejected"), ("hold", "Rejected")]
    assert codes(plan) == [("FRN301", ONE.path), ("FRN301", "requests/other.yaml")]


def test_a_new_file_gives_way_to_a_published_one(world: World) -> None:
    """Only the file that is not published is held."""
    world.publish(ONE)
    other = replace(ONE, path="requests/other.yaml", digest="sha256:other", revision=2)
    plan = world.plan(ONE, other)
    assert outcome(plan) == [("hold", "Rejected")]
    assert codes(plan) == [("FRN301", "requests/other.yaml")]


def test_a_new_file_gives_way_to_a_reformatted_published_one(world: World) -> None:
    """Published and unchanged is about content, not bytes."""
    world.publish(ONE)
    other = replace(ONE, path="requests/other.yaml", digest="sha256:other", revision=2)
    plan = world.plan(ONE, other, blobs=EDITED)
    assert codes(plan) == [("FRN301", "requests/other.yaml")]


def test_a_changed_published_file_and_a_rival_are_both_held(world: World) -> None:
    """If the published file changed as well, nobody can tell which is meant."""
    world.publish(ONE)
    changed = replace(ONE, digest="sha256:changed", revision=2)
    other = replace(ONE, path="requests/other.yaml", digest="sha256:other", revision=2)
    plan = world.plan(changed, other, blobs=EDITED)
    assert ("FRN301", ONE.path) in codes(plan)
    assert ("FRN301", "requests/other.yaml") in codes(plan)
    assert plan.sends == ()


def test_a_copy_of_a_published_file_is_found_without_reading_it(world: World) -> None:
    """The copy is held, the original is not."""
    world.publish(ONE)
    blob = world.plan(ONE).situation.snapshot.files[ONE.path]
    plan = world.plan(ONE, blobs={"requests/copy.yaml": blob})
    assert codes(plan) == [("FRN404", "requests/copy.yaml")]
    assert plan.comparison.settled == {ONE.path: (ONE.request_id,)}


def test_one_bad_document_holds_its_file_and_no_other(world: World) -> None:
    """The file is the unit of holding."""
    two = replace(make_request(2), path=ONE.path, document=2, documents=2)
    first = replace(ONE, documents=2)
    three = make_request(3)
    situation = make_situation((first, two, three))
    bad = problem("FRN201", ONE.path, "missing")
    validated = Validated((first, two, three), (bad,), 2, 3)
    ledger = Ledger()
    plan = make_plan(
        replace(situation, validated=validated), ledger, ledger.compare(situation.snapshot.files)
    )
    assert sorted(outcome(plan)) == [
        ("hold", "Rejected"),
        ("hold", "Rejected"),
        ("publish", "Completed"),
    ]


def test_strict_holds_everything(world: World) -> None:
    """With --strict one error anywhere holds all."""
    other = replace(ONE, path="requests/other.yaml")
    plan = world.plan(ONE, other, make_request(3), strict=True)
    assert plan.sends == ()
    assert plan.counts[Kind.HOLD] == 3
    assert sorted(phase for _, phase in outcome(plan)) == ["Pending", "Rejected", "Rejected"]


def test_a_request_waits_for_its_window(world: World) -> None:
    """Before `not_before` and after `not_after` the request is Scheduled, which is no problem."""
    early = replace(ONE, not_before=NOW + timedelta(hours=1))
    late = replace(make_request(2), not_after=NOW - timedelta(hours=1))
    plan = world.plan(early, late)
    assert outcome(plan) == [("hold", "Scheduled"), ("hold", "Scheduled")]
    assert plan.problems == ()
    assert outcome(world.plan(early, now=NOW + timedelta(hours=2))) == [("publish", "Completed")]


def test_a_grown_file_tells_its_old_requests_where_they_stand(world: World) -> None:
    """After a document was added and published, the file is known whole and not read again."""
    world.publish(ONE)
    first = replace(ONE, documents=2)
    second = replace(make_request(2), path=ONE.path, document=2, documents=2)
    plan = world.publish(first, second, blobs=EDITED)
    assert outcome(plan) == [("skip", "Completed"), ("publish", "Completed")]
    settled = world.plan(first, second, blobs=EDITED).comparison.settled
    assert settled == {ONE.path: (ONE.request_id, second.request_id)}
    assert world.event_types().count("datacenter_deployment") == 2


def test_a_scheduled_revision_survives_the_publication_of_its_neighbour(world: World) -> None:
    """A file of which one document waits for its time is read again when that has come."""
    first = replace(ONE, documents=2)
    second = replace(make_request(2), path=ONE.path, document=2, documents=2)
    world.publish(first, second)
    first = replace(first, revision=2, digest="sha256:other")
    second = replace(second, revision=2, not_before=NOW + timedelta(hours=1))
    plan = world.publish(first, second, blobs=EDITED)
    assert outcome(plan) == [("publish", "Completed"), ("hold", "Scheduled")]
    later = world.publish(first, second, blobs=EDITED, now=NOW + timedelta(hours=2))
    assert [action.request_id for action in later.sends] == [second.request_id]
    entry = world.ledger().get(second.request_id)
    assert entry is not None
    assert entry.revision == 2


def test_requests_of_one_change_number_have_ids_of_their_own(world: World) -> None:
    """Two types of one change number in one second: a suffix keeps status ids apart."""
    pop = replace(
        make_request(1),
        path="requests/pop.yaml",
        type="pop_deployment",
        request_id="pop_CHG-2024-000001",
    )
    plan = world.plan(ONE, pop)
    ids = [event.event_id for action in plan.sends for event in events_of(action, plan.situation)]
    assert len(ids) == len(set(ids)) == 6
    again = world.plan(pop, ONE)
    assert sorted(ids) == sorted(
        event.event_id for action in again.sends for event in events_of(action, again.situation)
    )


def test_a_record_over_the_limit_is_found_while_planning(world: World) -> None:
    """Nothing is sent of a request that its topic would refuse."""
    large = replace(ONE, own_fields='"dc_name":"' + "x" * 20_000 + '"')
    limits = {"franc.datacenter.deployment": 10_000}
    plan = world.plan(large, make_request(2), max_record_bytes=limits)
    assert codes(plan) == [("FRN403", ONE.path)]
    assert [action.request_id for action in plan.sends] == [make_request(2).request_id]


def test_warnings_that_make_the_ledger_record_too_large_are_found_while_planning(
    world: World,
) -> None:
    """The broker would refuse the whole transaction, and with it every other request."""
    warned = tuple(problem("FRN250", ONE.path, f"vPC group {n} has one member") for n in range(99))
    limits = {"franc.gitops.ledger": 10_000}
    validated = Validated((ONE, make_request(2)), warned, 2, 2)
    situation = replace(
        make_situation(validated.requests), validated=validated, max_record_bytes=limits
    )
    plan = world._plan(situation, Ledger())  # noqa: SLF001
    assert [found.code for found in plan.problems if found.is_error] == ["FRN403"]
    assert [action.request_id for action in plan.sends] == [make_request(2).request_id]


def test_a_file_of_many_requests_keeps_its_warnings_once(world: World) -> None:
    """The ledger would otherwise grow with the square of a file's requests."""
    requests = [
        replace(make_request(n), path=ONE.path, document=n, documents=3) for n in range(1, 4)
    ]
    validated = Validated(tuple(requests), (problem("FRN250", ONE.path, "lonely"),), 1, 3)
    situation = replace(make_situation(tuple(requests)), validated=validated)
    plan = world._plan(situation, Ledger())  # noqa: SLF001
    records = [delivery.record.head for delivery in deliveries(plan, plan.sends)]
    assert [record.count("lonely") for record in records] == [1, 0, 0]


def test_the_plan_digest_covers_content_not_time(world: World) -> None:
    """Another commit time gives the same digest, another content another one."""
    one = world.plan(ONE)
    later = replace(one.situation, now=NOW + timedelta(days=1))
    assert make_plan(later, Ledger(), one.comparison).digest == one.digest
    assert world.plan(replace(ONE, digest="sha256:other")).digest != one.digest


def test_a_reason_of_several_lines_cannot_pass_for_another_plan(world: World) -> None:
    """An approval of one plan is no approval of another."""
    two = make_request(2)
    world.publish(ONE)
    line = f"publish {two.request_id} 1 {two.digest} None"
    cancelled = world.plan(replace(ONE, cancel=f"no\n{line}"), blobs=EDITED)
    both = world.plan(replace(ONE, cancel="no"), two, blobs=EDITED)
    assert [str(action.kind) for action in both.sends] == ["cancel", "publish"]
    assert cancelled.digest != both.digest


def test_requests_go_out_in_commit_order(world: World) -> None:
    """Older commits first, then by path."""
    requests = (make_request(1), make_request(2), make_request(3))
    situation = make_situation(requests)
    times = {
        request.path: situation.provenance[request.path]._replace(time=NOW - timedelta(hours=n))
        for n, request in enumerate(requests)
    }
    ledger = Ledger()
    plan = make_plan(
        replace(situation, provenance=times), ledger, ledger.compare(situation.snapshot.files)
    )
    order = [delivery.action.request_id for delivery in deliveries(plan, plan.sends)]
    assert order == [request.request_id for request in reversed(requests)]


def test_a_reformatted_file_is_known_again_with_the_next_publication(world: World) -> None:
    """Its new content rides along in the ledger, so that it need not be read for ever."""
    world.publish(ONE)
    assert outcome(world.publish(ONE, blobs=EDITED)) == [("skip", "Completed")]
    assert world.plan(ONE, blobs=EDITED).comparison.unknown == EDITED
    two = make_request(2)
    world.publish(ONE, two, blobs=EDITED)
    assert world.plan(ONE, two, blobs=EDITED).comparison.unknown == {}
    assert world.event_types().count("datacenter_deployment") == 2


def test_a_published_file_with_an_error_is_not_taken_for_known(world: World) -> None:
    """What could be read of it is unchanged; its error stays an error in every pass."""
    world.publish(ONE)
    two = make_request(2)
    broken = Validated((ONE, two), (problem("FRN111", ONE.path, "syntax"),), 2, 2)
    situation = replace(world.plan(ONE, two, blobs=EDITED).situation, validated=broken)
    publisher = Publisher(MemoryEventLog(world.cluster), SystemClock())

    def plan(ledger: Ledger) -> Plan:
        return make_plan(situation, ledger, ledger.compare(situation.snapshot.files))

    published = publisher.publish(plan(publisher.peek()), plan)
    assert [action.request_id for action in published.sends] == [two.request_id]
    assert codes(plan(world.ledger())) == [("FRN111", ONE.path)]


def test_an_old_cancellation_does_not_reach_a_newer_revision(world: World) -> None:
    """The job of an old commit, run again after the request was ordered anew, sends nothing."""
    cancelled = replace(ONE, cancel="budget")
    world.publish(ONE)
    world.publish(cancelled, blobs=EDITED)
    world.publish(replace(ONE, revision=2), blobs={ONE.path: "f" * 40})
    plan = world.publish(cancelled, blobs=EDITED)
    assert outcome(plan) == [("hold", "Rejected")]
    assert codes(plan) == [("FRN402", ONE.path)]


def test_a_cancellation_may_raise_the_revision(world: World) -> None:
    """The cancelled revision is the one that the file names; it is not sent when cancel goes."""
    world.publish(ONE)
    world.publish(replace(ONE, revision=3, cancel="wrong site"), blobs=EDITED)
    plan = world.plan(replace(ONE, revision=3), blobs={ONE.path: "f" * 40})
    assert plan.sends == ()
    assert codes(plan) == [("FRN405", ONE.path)]


def test_a_moved_and_reformatted_file_keeps_the_path_that_its_events_name(world: World) -> None:
    """Its new content becomes known, and the status file goes on saying what was sent."""
    moved, two = replace(ONE, path="requests/new/place.yaml"), make_request(2)
    world.publish(ONE)
    world.publish(moved, two)
    plan = world.plan(moved, two)
    assert plan.comparison.settled[moved.path] == (ONE.request_id,)
    entry = world.ledger().get(ONE.request_id)
    assert entry is not None
    assert entry.path == ONE.path
