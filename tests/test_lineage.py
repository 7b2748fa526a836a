"""How commits stand to another one: what is newer, abandoned, or not at hand."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from franc_gitops.model import Lineage
from franc_gitops.repositories.directory import DirectoryRepository
from franc_gitops.repositories.git import GitRepository
from tests.support.git import START, Clone, Planned, clone_repository, import_history
from tests.support.git import new_repository as new

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


def trace(clone: Clone, revision: str, commits: Collection[str]) -> Lineage:
    with GitRepository(clone.root, revision=revision) as repository:
        return repository.trace(repository.snapshot(), commits)


@pytest.mark.parametrize("seed", range(5))
def test_newer_are_exactly_the_descendants(tmp_path: Path, seed: int) -> None:
    """In histories with merges of two and three, against what `git rev-list` says of each."""
    rng = random.Random(seed)
    clone = new(tmp_path / "repo")
    planned: list[Planned] = []
    for at in range(25):
        parents = rng.sample(range(at), min(at, rng.choice([1, 1, 2, 3])))
        files = {b"requests/%d.yaml" % at: ("100644", b"x")}
        planned.append(Planned(files, sorted(parents, reverse=True), START + rng.randrange(999)))
    import_history(clone, planned)
    commits = clone.git("rev-list", "main").split()
    for start in rng.sample(commits, min(4, len(commits))):
        older = set(clone.git("rev-list", start).split())
        newer = {c for c in commits if c != start and start in _history(clone, c)}
        assert trace(clone, start, commits).newer == newer
        assert not newer & older


def _history(clone: Clone, commit: str) -> set[str]:
    return set(clone.git("rev-list", commit).split())


def test_a_commit_that_was_pushed_away_is_abandoned(tmp_path: Path) -> None:
    clone = new(tmp_path / "repo")
    kept, lost = clone.commit({"requests/a.yaml": "a"}), clone.commit({"requests/a.yaml": "b"})
    assert trace(clone, kept, [kept, lost]) == Lineage(newer=frozenset({lost}))
    clone.git("reset", "--quiet", "--hard", kept)
    assert trace(clone, kept, [kept, lost]) == Lineage(abandoned=frozenset({lost}))
    clone.git("tag", "seen", lost)
    assert trace(clone, kept, [lost]).newer == {lost}


def test_commits_beyond_a_shallow_clone_are_missing(tmp_path: Path) -> None:
    origin = new(tmp_path / "origin")
    old, tip = origin.commit({"requests/a.yaml": "a"}), origin.commit({"requests/a.yaml": "b"})
    clone = clone_repository(origin.root, tmp_path / "clone", "--depth=1")
    time = datetime.fromtimestamp(START + 60, UTC)
    asked = [old, tip, "f" * 40]
    assert trace(clone, "HEAD", asked) == Lineage(missing=frozenset({old, "f" * 40}), time=time)


def test_what_is_no_commit_is_missing(tmp_path: Path) -> None:
    """A ledger that several repositories share names commits of the others."""
    clone = new(tmp_path / "repo")
    clone.commit({"requests/a.yaml": "a"})
    blob = clone.git("rev-parse", "HEAD:requests/a.yaml")
    assert trace(clone, "HEAD", [blob]).missing == {blob}


def test_a_folder_knows_of_nothing_newer(tmp_path: Path) -> None:
    repository = DirectoryRepository(tmp_path)
    assert repository.trace(repository.snapshot(), ["f" * 40]) == Lineage()
