"""`publish --expect DIGEST`: what a human agreed to goes out, or nothing does."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from franc_gitops.errors import Exit, PlanRefused, UsageError
from franc_gitops.eventlogs.memory import Disturbance, MemoryCluster, MemoryEventLog
from franc_gitops.pipeline.expectation import Expectation
from tests.support.project import Project, new_project
from tests.support.review import ID_ONE, ID_THREE, ID_TWO, ONE, THREE, TWO, A, B, C, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from franc_gitops.pipeline.report import Report
    from franc_gitops.pipeline.turn import Pass


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A repository with two requests that are not published."""
    made = new_project(tmp_path / "work")
    made.clone.commit({A: ONE, B: TWO})
    return made


# --- before anything is sent ----------------------------------------------------------------


def digest_of(project: Project) -> str:
    """Give the digest of what would be published now."""
    with opened(project.root) as turn:
        return turn.plan().digest


def publish_expecting(project: Project, digest: str) -> Report:
    """Publish HEAD if it is the plan of that digest."""
    with opened(project.root, expect=digest) as turn:
        return turn.run()


def refused(project: Project, digest: str) -> str:
    """Publish with an expectation that must be refused, sending nothing; give what is said."""
    before = events_of(project)
    with pytest.raises(PlanRefused) as raised:
        publish_expecting(project, digest)
    assert events_of(project) == before
    return raised.value.message


def events_of(project: Project) -> int:
    """Count the events that are out."""
    with opened(project.root) as turn:
        return len(list(turn.publisher.log.events()))


def test_the_expected_plan_is_published(project: Project) -> None:
    digest = project.json("plan")["digest"]
    assert project.run("publish", "--expect", digest).returncode == 0
    assert events_of(project) == 6


def test_another_plan_is_exit_2_without_a_trace(project: Project) -> None:
    digest = digest_of(project)
    project.clone.commit({C: THREE})
    done = project.run("publish", "--expect", digest)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error FRN440: the plan is sha256:")
    assert f"expected is {digest}; nothing is sent" in done.stderr
    assert "hint: `plan` shows what would be sent now" in done.stderr
    assert (events_of(project), project.status_files()) == (0, {})


@pytest.mark.parametrize("edit", ["Hub-Spoke", "revision: 2", "cancel: no", "item: x"])
def test_other_content_is_refused(project: Project, edit: str) -> None:
    digest = digest_of(project)
    text = f"{ONE}{edit}\n" if ":" in edit else ONE.replace("Spine-Leaf", edit)
    project.clone.commit({A: text})
    refused(project, digest)


def test_what_asks_for_the_same_is_the_same_plan(project: Project) -> None:
    digest = digest_of(project)
    lines = [line for line in ONE.splitlines() if not line.startswith("not_before")]
    later = "\n".join([*lines, "# moved", "not_before: 2024-02-01T00:00:00Z", ""])
    project.clone.commit({A: None, "requests/moved.yaml": later})
    assert len(publish_expecting(project, digest).published) == 2


def test_a_part_that_is_published_already_is_refused_its_rest_has_another_digest(
    project: Project,
) -> None:
    project.clone.commit({C: THREE})
    digest = digest_of(project)
    with opened(project.root, revision="HEAD~1") as turn:
        assert list(turn.run().published) == [ID_ONE, ID_TWO]
    refused(project, digest)
    assert list(publish_expecting(project, digest_of(project)).published) == [ID_THREE]


def test_nothing_left_to_send_is_refused_too(project: Project) -> None:
    digest = digest_of(project)
    publish_expecting(project, digest)
    assert refused(project, digest).startswith("nothing is left to send")
    assert not publish_expecting(project, digest_of(project)).published


def test_nothing_left_to_send_is_refused_also_where_a_pass_would_rest(project: Project) -> None:
    digest = digest_of(project)
    for _ in range(2):
        assert project.run("publish").returncode == 0
    assert "nothing is left to send" in project.run("publish", "--expect", digest).stderr


@pytest.mark.parametrize("word", ["", "abc", "sha256:", f"sha256:{'A' * 64}", "a" * 64])
def test_what_cannot_be_a_digest_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="is not the digest of a plan"):
        Expectation(word)


# --- while it is published ------------------------------------------------------------------


@dataclass
class World:
    """One in-memory cluster that several publishers of one repository share."""

    project: Project
    stack: ExitStack
    cluster: MemoryCluster = field(default_factory=MemoryCluster)

    def turn(self, revision: str = "HEAD", expect: str | None = None) -> Pass:
        """Open a pass to that cluster."""
        turn = self.stack.enter_context(opened(self.project.root, revision=revision, expect=expect))
        turn.publisher.log = MemoryEventLog(self.cluster)
        return turn

    def expecting(self) -> Pass:
        """Open a pass that expects what would be published now."""
        return self.turn(expect=self.turn().plan().digest)

    def sent(self) -> list[str]:
        """Name the type of every event that is out, and its change, in the order of its topic."""
        events = MemoryEventLog(self.cluster).events()
        bodies = [json.loads(record.value) for record in events]
        return sorted(f"{body['change_number'][-1]} {body['event_type']}" for body in bodies)


ALL_OF_ONE = ["0 datacenter_deployment", "0 task_completion", "0 task_status_update"]
ALL_OF_TWO = ["1 pop_deployment", "1 task_completion", "1 task_status_update"]


@pytest.fixture
def world(project: Project) -> Iterator[World]:
    """One request was committed first, the other later."""
    project.clone.commit({A: None, B: None})
    project.clone.commit({A: ONE})
    project.clone.git("tag", "first")
    project.clone.commit({B: TWO})
    with ExitStack() as stack:
        yield World(project, stack)


def before_fence(turn: Pass, *happenings: Callable[[], object]) -> None:
    """Let something happen before each fence: after the ledger was looked at."""
    left = list(happenings)

    def step(name: str) -> None:
        if name == "fence" and left:
            left.pop(0)()

    cast("MemoryEventLog", turn.publisher.log).step = step


def disturbed(turn: Pass, *fates: Disturbance) -> Pass:
    """Disturb the first commits."""
    left = list(fates)
    log = cast("MemoryEventLog", turn.publisher.log)
    log.disturb = lambda: left.pop(0) if left else Disturbance.NONE
    return turn


def test_what_a_rival_publishes_in_part_before_the_fence_is_refused(world: World) -> None:
    turn = world.expecting()
    before_fence(turn, world.turn("first").run)
    with pytest.raises(PlanRefused, match=f"{ID_ONE} of the expected plan was published by some"):
        turn.run()
    assert world.sent() == ALL_OF_ONE


def test_what_a_rival_publishes_whole_before_the_fence_is_refused(world: World) -> None:
    turn = world.expecting()
    before_fence(turn, world.turn().run)
    with pytest.raises(PlanRefused, match="and 1 more of the expected plan"):
        turn.run()
    assert world.sent() == sorted(ALL_OF_ONE + ALL_OF_TWO)


def test_what_only_a_rival_makes_necessary_is_not_sent(world: World) -> None:
    """The cancellation of what was not published is not in the plan; then it is published."""
    world.project.clone.commit({A: f"{ONE}cancel: not needed\n"})
    turn = world.expecting()
    before_fence(turn, world.turn("first").run)
    with pytest.raises(PlanRefused, match=f"{ID_ONE} would be sent that the expected plan"):
        turn.run()
    assert world.sent() == ALL_OF_ONE


@pytest.mark.parametrize("fate", [Disturbance.UNANSWERED, Disturbance.LOST])
def test_its_own_doubt_about_a_commit_refuses_nothing(world: World, fate: Disturbance) -> None:
    report = disturbed(world.expecting(), fate).run()
    assert report.failure is None
    assert world.sent() == sorted(ALL_OF_ONE + ALL_OF_TWO)


def test_what_is_committed_of_it_stays_and_is_told_when_the_rest_is_refused(world: World) -> None:
    turn = disturbed(world.expecting(), Disturbance.REPEATED)
    turn.publisher.batch = 1
    before_fence(turn, lambda: None, world.turn().run)
    report = turn.run()
    assert list(report.published) == [ID_ONE]
    assert isinstance(report.failure, PlanRefused)
    assert report.failure.exit_code is Exit.USAGE
    assert report.failure.message.startswith(f"{ID_TWO} of the expected plan was published")
    assert world.sent() == sorted(ALL_OF_ONE + ALL_OF_TWO)


def test_without_an_expectation_a_rival_is_no_reason_to_stop(world: World) -> None:
    turn = world.turn()
    before_fence(turn, world.turn("first").run)
    assert list(turn.run().published) == [ID_TWO]
    assert world.sent() == sorted(ALL_OF_ONE + ALL_OF_TWO)
