"""`plan --base`: what a change adds, and nothing that its base would do without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bench.corpus import request_text
from franc_gitops.errors import RepositoryError
from franc_gitops.repositories.git import GitRepository
from tests.support.project import Project, new_project
from tests.support.review import (
    ID_ONE,
    ID_THREE,
    ID_TWO,
    ONE,
    THREE,
    TWO,
    A,
    B,
    C,
    changed,
    codes,
    on_main,
    publish,
    raised,
    review_of,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from franc_gitops.model import SourceFile

WRONG = ONE.replace("location", "locaton")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A repository whose first commit holds no request."""
    made = new_project(tmp_path / "work")
    made.clone.commit({"README.md": "nothing yet"})
    return made


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


def test_one_more_duplicate_shows_the_others_too(project: Project) -> None:
    on_main(project, {A: ONE, B: f"# again\n{ONE}"}, published=False)
    review = review_of(changed(project, {C: f"# and again\n{ONE}"}).root)
    assert codes(review) == [("FRN301", A), ("FRN301", B), ("FRN301", C)]
    assert told(review) == [("hold", ID_ONE)] * 3
    assert review.errors == 0


def test_a_conflict_with_a_pending_request_shows_both(project: Project) -> None:
    on_main(project, {A: ONE, C: TWO}, published=False)
    same_name = THREE.replace("NYC-DC-000006", "NYC-DC-000000")
    review = review_of(changed(project, {B: same_name}).root)
    assert codes(review) == [("FRN302", A), ("FRN302", B)]
    assert told(review) == [("hold", ID_ONE), ("hold", ID_THREE)]
    assert review.pending == 1


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


# --- what people and programs are told --------------------------------------------------------


def test_text_shows_what_is_added_counts_the_rest_and_ends_in_the_digest(project: Project) -> None:
    on_main(project, {A: ONE, C: WRONG}, published=False)
    changed(project, {B: TWO})
    done = project.run("plan", "--base", "main")
    assert done.returncode == 0
    digest = project.json("plan", "--base", "main")["digest"]
    assert done.stdout.splitlines() == [
        f"publish   {ID_TWO} (revision 1)  {B}: not published yet",
        "base      1 more is pending on the base, which has 2 errors of its own",
        f"digest    {digest}",
    ]
    head, base = project.clone.head[:12], project.clone.git("rev-parse", "main")[:12]
    assert done.stderr == (
        f"plan at {head} since main ({base}), embedded log: 1 to publish, 0 unchanged\n"
    )


def test_json_says_what_was_compared_and_what_is_left_out(project: Project) -> None:
    on_main(project, {A: ONE, C: WRONG}, published=False)
    plan = changed(project, {B: WRONG}).json("plan", "--base", "main", exit_code=1)
    assert plan["base"] == {
        "revision": "main",
        "commit": project.clone.git("rev-parse", "main"),
        "changed_files": 1,
        "pending": 1,
        "errors": 2,
        "whole": True,
    }
    assert plan["log"] == "embedded"
    assert {found["path"] for found in plan["problems"]} == {B}
    assert [action["path"] for action in plan["actions"]] == [B]


def test_a_deleted_file_is_seen_in_the_text(project: Project) -> None:
    on_main(project, {A: ONE, C: THREE})
    done = changed(project, {A: None}).run("plan", "--base", "main")
    assert done.stdout.startswith(f"skip      {ID_ONE} (revision 1)  {A}: retired: ")
    assert done.stderr.endswith(": 0 to publish, 0 unchanged, 1 no longer asked for\n")


def test_a_change_of_no_request_file_says_so_and_is_fine(project: Project) -> None:
    on_main(project, {A: ONE}, published=False)
    changed(project, {"README.md": "only words"})
    done = project.run("plan", "--base", "main", "--fail-on-changes")
    assert done.returncode == 0
    assert done.stdout.startswith("base      1 more is pending ")
    assert done.stderr.endswith(": no request file differs, nothing is added\n")


def test_a_change_to_files_that_hold_no_request_is_a_finding(project: Project) -> None:
    on_main(project, {A: ONE})
    assert changed(project, {B: "# later\n"}).run("plan", "--base", "main").returncode == 1


def test_only_what_the_change_adds_counts_as_changes(project: Project) -> None:
    on_main(project, {A: ONE}, published=False)
    changed(project, {B: TWO.replace("user_id", "cancel: not wanted\nuser_id")})
    assert project.run("plan", "--fail-on-changes").returncode == 3
    assert project.run("plan", "--base", "main", "--fail-on-changes").returncode == 0


def test_the_work_tree_is_compared_with_where_head_left_the_base(project: Project) -> None:
    on_main(project, {A: ONE}, published=False)
    changed(project, {B: TWO})
    project.clone.write(C, THREE)
    review = review_of(project.root, worktree=True)
    assert told(review) == [("publish", ID_THREE), ("publish", ID_TWO)]
    assert review.pending == 1


def test_another_revision_than_head_is_compared(project: Project) -> None:
    on_main(project, {A: ONE})
    changed(project, {B: TWO})
    project.clone.git("checkout", "-q", "main")
    plan = project.json("plan", "--rev", "change", "--base", "main")
    assert [action["request_id"] for action in plan["actions"]] == [ID_TWO]


def test_a_folder_without_git_has_no_base(tmp_path: Path) -> None:
    (tmp_path / "requests").mkdir()
    (tmp_path / "requests" / "a.yaml").write_text(ONE)
    with pytest.raises(RepositoryError, match="so there is no base to compare with"):
        review_of(tmp_path)


def test_only_files_that_changed_are_read(project: Project, monkeypatch: Any) -> None:
    """However many there are: 100,000 published files cost no more reading than these."""
    on_main(project, {f"requests/{n}.yaml": request_text(n) for n in range(30)})
    changed(project, {"requests/3.yaml": raised(3), "requests/4.yaml": None, A: request_text(99)})
    read: list[str] = []
    real = GitRepository.read

    def counting(self: GitRepository, files: Iterable[SourceFile]) -> Iterator[Any]:
        for file, content in real(self, files):
            read.append(file.path)
            yield file, content

    monkeypatch.setattr(GitRepository, "read", counting)
    assert len(told(review_of(project.root))) == 3
    assert sorted(read) == ["requests/3.yaml", A]
    read.clear()
    review_of(project.root, offline=True)
    assert sorted(read) == ["requests/3.yaml", "requests/3.yaml", "requests/4.yaml", A]
