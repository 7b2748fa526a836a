"""`plan --base`: what a change adds, and nothing that its base would do without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.corpus import request_text
from tests.support.project import Project, new_project
from tests.support.review import codes, publish, raised, review_of, told

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.git import Content

A, B, C = "requests/a.yaml", "requests/b.yaml", "requests/c.yaml"
ONE, TWO, THREE = request_text(0), request_text(1), request_text(6)
ID_ONE, ID_TWO, ID_THREE = (
    "datacenter_CHG-2024-000000",
    "pop_CHG-2024-000001",
    "datacenter_CHG-2024-000006",
)
WRONG = ONE.replace("location", "locaton")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A repository whose first commit holds no request."""
    made = new_project(tmp_path / "work")
    made.clone.commit({"README.md": "nothing yet"})
    return made


def on_main(project: Project, files: dict[str, Content], *, published: bool = True) -> Project:
    """Commit files on main, publish them if wanted, and begin a branch."""
    project.clone.commit(files)
    if published:
        publish(project.root)
    project.clone.git("checkout", "-q", "-b", "change")
    return project


def changed(project: Project, files: dict[str, Content]) -> Project:
    """Commit files on the branch."""
    project.clone.commit(files)
    return project


# --- what is shown --------------------------------------------------------------------------


def test_only_what_the_change_adds_is_shown_and_the_rest_is_counted(project: Project) -> None:
    on_main(project, {A: ONE, "requests/wrong.yaml": WRONG}, published=False)
    review = review_of(changed(project, {B: TWO}).root)
    assert told(review) == [("publish", ID_TWO)]
    assert codes(review) == []
    assert (review.changed, review.pending, review.errors) == (1, 1, 2)
    assert review.commit == project.clone.git("rev-parse", "main")


def test_what_main_published_after_the_branch_began_is_none_of_its_business(
    project: Project,
) -> None:
    on_main(project, {A: ONE})
    changed(project, {B: TWO})
    project.clone.git("checkout", "-q", "main")
    project.clone.commit({C: THREE, A: f"{ONE}revision: 2\n"})
    publish(project.root)
    project.clone.git("checkout", "-q", "change")
    review = review_of(project.root)
    assert told(review) == [("publish", ID_TWO)]
    assert codes(review) == []


def test_a_change_of_published_content_is_held_until_its_revision_is_raised(
    project: Project,
) -> None:
    on_main(project, {A: ONE})
    review = review_of(changed(project, {A: ONE.replace("Spine-Leaf", "Hub-Spoke")}).root)
    assert told(review) == [("hold", ID_ONE)]
    assert codes(review) == [("FRN401", A)]
    review = review_of(changed(project, {A: raised(0)}).root)
    assert told(review) == [("publish", ID_ONE)]
    assert review.plan.actions[0].reason == "revision 2 follows 1"


def test_a_renamed_or_reformatted_file_is_shown_as_unchanged(project: Project) -> None:
    on_main(project, {A: ONE, B: TWO})
    review = review_of(changed(project, {A: None, C: ONE, B: f"# why\n{TWO}"}).root)
    assert review.plan.comparison.settled == {C: (ID_ONE,)}
    assert told(review) == [("skip", ID_TWO)]
    assert review.changed == 3


def test_a_deleted_file_of_a_finished_request_is_shown_as_retired(project: Project) -> None:
    on_main(project, {A: ONE})
    review = review_of(changed(project, {A: None, B: TWO}).root)
    assert told(review) == [("publish", ID_TWO), ("skip", ID_ONE)]
    assert review.plan.actions[-1].reason.startswith("retired: ")
    assert review.plan.actions[-1].path == A


def test_a_deleted_file_of_a_request_that_was_moved_before_is_shown_where_it_stood(
    project: Project,
) -> None:
    project.clone.commit({A: ONE, B: TWO})
    publish(project.root)
    on_main(project, {A: None, C: ONE})
    review = review_of(changed(project, {C: None}).root)
    assert [(a.path, str(a.kind)) for a in review.plan.actions] == [(C, "skip")]


def test_a_deleted_file_of_an_unfinished_request_is_shown_as_orphaned(project: Project) -> None:
    project.clone.commit({A: ONE, B: TWO})
    publish(project.root, completion="track")
    project.clone.git("checkout", "-q", "-b", "change")
    review = review_of(changed(project, {A: None}).root, completion="track")
    assert told(review) == [("orphaned", ID_ONE)]
    assert codes(review) == [("FRN410", A)]


def test_a_deleted_file_that_was_never_published_is_shown_as_withdrawn(project: Project) -> None:
    on_main(project, {A: ONE, B: TWO}, published=False)
    review = review_of(changed(project, {A: None}).root)
    assert told(review) == [("skip", ID_ONE)]
    assert review.plan.actions[0].reason.startswith("withdrawn ")
    assert review.pending == 1


def test_a_request_that_the_change_takes_out_of_a_file_is_retired_the_others_stay(
    project: Project,
) -> None:
    on_main(project, {A: f"{ONE}---\n{TWO}"})
    review = review_of(changed(project, {A: ONE}).root)
    assert told(review) == [("skip", ID_ONE), ("skip", ID_TWO)]
    assert [a.reason for a in review.plan.actions if a.request_id == ID_TWO] == [
        "retired: no file asks for it any more; nothing is sent, its status goes"
    ]


def test_a_file_that_cannot_be_read_any_more_retires_nothing(project: Project) -> None:
    on_main(project, {A: ONE})
    review = review_of(changed(project, {A: WRONG}).root)
    assert told(review) == [("hold", "")]
    assert codes(review) == [("FRN201", A), ("FRN202", A)]


# --- files that the change does not touch -----------------------------------------------------


def test_a_duplicate_of_a_pending_request_shows_both_places(project: Project) -> None:
    on_main(project, {A: ONE, C: THREE}, published=False)
    review = review_of(changed(project, {B: f"# again\n{ONE}"}).root)
    assert codes(review) == [("FRN301", A), ("FRN301", B)]
    assert told(review) == [("hold", ID_ONE), ("hold", ID_ONE)]
    assert review.pending == 1


def test_a_duplicate_of_a_published_request_shows_the_new_place_only(project: Project) -> None:
    on_main(project, {A: ONE})
    review = review_of(changed(project, {B: f"# again\n{ONE}"}).root)
    assert codes(review) == [("FRN301", B)]


def test_a_duplicate_on_the_base_is_not_the_fault_of_the_change(project: Project) -> None:
    on_main(project, {A: ONE, B: f"# again\n{ONE}"}, published=False)
    review = review_of(changed(project, {C: THREE}).root)
    assert codes(review) == []
    assert told(review) == [("publish", ID_THREE)]
    assert review.errors == 2


def test_taking_a_duplicate_away_shows_what_is_then_sent(project: Project) -> None:
    on_main(project, {A: ONE, B: f"# again\n{ONE}"}, published=False)
    review = review_of(changed(project, {B: None}).root)
    assert told(review) == [("publish", ID_ONE)]
    assert review.plan.actions[0].path == A


def test_a_copy_whose_original_is_deleted_takes_its_place(project: Project) -> None:
    project.clone.commit({A: ONE})
    publish(project.root)
    on_main(project, {B: ONE})
    review = review_of(changed(project, {A: None}).root)
    assert (told(review), codes(review)) == ([], [])
    assert review.plan.comparison.settled == {B: (ID_ONE,)}


def test_a_pending_request_whose_event_ids_change_is_shown(project: Project) -> None:
    """Two requests of one change number in one second need different ids: contract 3."""
    second = 1_750_000_000
    project.clone.commit({A: TWO}, seconds=second)
    project.clone.git("checkout", "-q", "-b", "change")
    project.clone.commit({C: THREE}, seconds=second)
    assert told(review_of(project.root)) == [("publish", ID_THREE)]
    same_number = ONE.replace("CHG-2024-000000", "CHG-2024-000001")
    project.clone.commit({B: same_number}, seconds=second)
    review = review_of(project.root)
    assert ("publish", ID_TWO) in told(review)
    assert review.pending == 0


def test_strict_shows_the_error_of_the_base_that_holds_the_change(project: Project) -> None:
    on_main(project, {A: WRONG}, published=False)
    changed(project, {B: TWO})
    assert told(review_of(project.root)) == [("publish", ID_TWO)]
    review = review_of(project.root, strict=True)
    assert told(review) == [("hold", ID_TWO)]
    assert {path for _, path in codes(review)} == {A}
