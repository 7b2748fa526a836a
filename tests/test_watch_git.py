"""`watch` in a git repository: it follows commits, whatever way they come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.corpus import request_text
from tests.support.git import Clone
from tests.support.project import Project, new_project
from tests.support.watching import watching

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = new_project(tmp_path / "work")
    made.add(range(1))
    return made


def test_each_commit_is_published_as_it_is_made(project: Project) -> None:
    with watching(project.root) as running:
        running.wait_for_published(1)
        commits = [project.add(range(number, number + 1)) for number in (1, 2, 3)]
        running.wait_for_published(4)
    first, *others = [whole for _, whole in running.said.turns]
    assert first
    assert not any(others)
    ledger = running.said.reports[-1].ledger
    found = {ledger.get(name).commit for name in running.published[1:]}  # type: ignore[union-attr]
    assert found == set(commits)


def test_what_is_only_saved_is_not_published(project: Project) -> None:
    with watching(project.root) as running:
        running.wait_for_published(1)
        project.clone.write("requests/nonsense.yaml", "type: nonsense\n")
        project.clone.write("requests/good.yaml", request_text(1))
        project.clone.git("add", "requests/good.yaml")
        project.clone.git("commit", "-q", "-m", "Order one change")
        running.wait_for_published(2)
    assert not any(report.plan.problems for report in running.said.reports)


def test_a_branch_that_is_checked_out_and_refs_that_are_packed(project: Project) -> None:
    git = project.clone.git
    git("switch", "-q", "-c", "other")
    project.add(range(1, 3))
    git("switch", "-q", "main")
    with watching(project.root) as running:
        running.wait_for_published(1)
        git("switch", "-q", "other")
        running.wait_for_published(3)
        git("pack-refs", "--all")
        git("gc", "-q", "--prune=now")
        project.add(range(3, 4))
        running.wait_for_published(4)
        git("merge", "-q", "--no-ff", "-m", "Merge", "main")
        git("reset", "-q", "--hard", "HEAD~1")
        project.add(range(4, 5))
        running.wait_for_published(5)


def test_commits_in_a_worktree_of_its_own(project: Project, tmp_path: Path) -> None:
    project.clone.git("worktree", "add", "-q", str(tmp_path / "tree"), "-b", "side")
    with watching(tmp_path / "tree") as running:
        running.wait_for_published(1)
        (tmp_path / "tree/requests/0000/000000.yaml").rename(tmp_path / "tree/requests/x.yaml")
        side = Project(Clone(tmp_path / "tree"))
        side.add(range(1, 2))
        running.wait_for_published(2)


def test_a_project_in_a_folder_of_the_repository(tmp_path: Path) -> None:
    top = new_project(tmp_path / "work").clone
    top.commit({"sub/franc-gitops.yaml": "source: here\n", "sub/requests/a.yaml": request_text(1)})
    with watching(top.root / "sub") as running:
        running.wait_for_published(1)
        top.commit({"sub/requests/b.yaml": request_text(2)})
        running.wait_for_published(2)
    assert not running.said.turns[-1][1]


def test_a_clone_that_takes_the_place_of_the_one_that_is_followed(project: Project) -> None:
    """What was opened before stays where it went to, and would be read for ever."""
    with watching(project.root) as running:
        running.wait_for_published(1)
        old = project.root.rename(project.root.with_name("old"))
        Clone(old).git("clone", "-q", str(old), str(project.root))
        commit = project.add(range(1, 2))
        running.wait_for_published(2)
        assert running.daemon.board.view().commit == commit
        project.add(range(2, 3))
        running.wait_for_published(3)
