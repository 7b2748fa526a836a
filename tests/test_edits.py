"""What every edit of the repository does: nothing is sent that was not asked for on purpose."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from franc_gitops.settings import Settings
from franc_gitops.wiring import Choices, open_pass
from tests.support.edited import CANCELLATION, OTHER, PUBLISHED, Outcome, World, text
from tests.support.edits import EDITS
from tests.support.edits_page import PAGE, page

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.edited import Edit


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_an_edit_does_what_the_table_says(edit: Edit, tmp_path: Path) -> None:
    world = World(tmp_path)
    edit.do(world)
    planned = world.plan()
    assert world.publish() == edit.outcome
    assert (len(planned.sends) > 0) == (len(edit.outcome.events) > 0)
    again = edit.outcome._replace(events=())
    if edit.outcome.events and not edit.outcome.exit:
        again = again._replace(codes="")  # a warning of what is published is told once
    assert world.publish() == again
    if world.revision != "HEAD":
        world.revision = "HEAD"
        assert world.publish().events == ()


def test_the_page_shows_the_edits_of_now() -> None:
    """Run `make docs` where this fails."""
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text)


def test_a_job_that_is_overtaken_after_it_has_planned_gives_way(tmp_path: Path) -> None:
    """The newer commit is published between the older job's look at the ledger and its turn."""
    world = World(tmp_path)
    world.commit({"a.yaml": text()})
    old = world.commit({"a.yaml": text(revision="5", location="Boston")})
    world.commit({"a.yaml": text(revision="2")})
    with open_pass(Settings(root=world.clone.root), Choices(revision=old)) as turn:
        turn.approve = lambda _: overtake(world)
        report = turn.run()
    assert report.published == {}
    assert [action.newer for action in report.plan.actions] == [world.clone.head]
    assert len(world.events()) == 3


def overtake(world: World) -> None:
    """Publish the newest commit."""
    assert world.publish() == Outcome(PUBLISHED)


# --- what users of other tools complain about ----------------------------------------------------


def test_three_merges_while_no_job_runs_are_published_in_commit_order_by_the_next(
    tmp_path: Path,
) -> None:
    """users: nothing is lost when a CI host cancels pending runs."""
    world = World(tmp_path)
    world.commit({"z.yaml": OTHER})
    world.publish()
    for name in "cab":
        world.git("switch", "--quiet", "--create", name, "main")
        world.commit({f"{name}.yaml": text(item=name, dc_name=f"NYC-DC-{name}")})
        world.git("switch", "--quiet", "main")
        world.clone.merge(name)
    world.publish()
    asked = [event for event in world.events()[3:] if event.topic.endswith("deployment")]
    assert [json.loads(event.value)["request_id"][-1] for event in asked] == ["c", "a", "b"]


def test_a_published_file_may_be_renamed_touched_reformatted_and_nothing_is_sent(
    tmp_path: Path,
) -> None:
    """users: identity is never the path, and content is not its bytes."""
    world = World(tmp_path)
    world.commit({"a.yaml": text()})
    world.publish()
    for worktree in (False, True):
        world.worktree = worktree
        (world.clone.root / "requests/a.yaml").touch()
        assert world.publish() == Outcome()
    world.worktree, world.path = False, "2024/b.yaml"
    shuffled = "# kept\n" + "".join(sorted(text().splitlines(keepends=True)))
    world.commit({"a.yaml": None, "2024/b.yaml": shuffled})
    assert world.publish() == Outcome()
    world.commit({"2024/b.yaml": shuffled.replace("New York Metro", "Boston")})
    [problem] = world.plan().problems
    assert problem.code == "FRN401"
    assert "set revision: 2" in problem.hint


def test_a_deleted_request_file_sends_nothing_and_warns_while_it_is_unfinished(
    tmp_path: Path,
) -> None:
    """users: removing a file must not cancel anything unless asked."""
    world = World(tmp_path, completion="track")
    world.commit({"a.yaml": text(), "b.yaml": OTHER})
    world.publish()
    world.commit({"a.yaml": None})
    [problem] = world.plan().problems
    assert (problem.code, problem.is_error) == ("FRN410", False)
    assert "add `cancel: reason`" in problem.hint
    assert world.publish().events == ()
    world.commit({"a.yaml": text(cancel="withdrawn")})
    assert world.publish().events == CANCELLATION
    assert world.publish().events == ()
