"""Which commit last touched a file: exactly what `git log -1 -- path` says, for all at once."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from franc_gitops.repositories.git import GitRepository, history
from tests.support.git import (
    AUTHOR,
    START,
    Clone,
    Planned,
    import_history,
    new_repository,
)

if TYPE_CHECKING:
    from pathlib import Path


def commits_of(root: Path, revision: str = "main") -> dict[str, str]:
    repository = GitRepository(root, revision=revision)
    snapshot = repository.snapshot()
    found = repository.provenance(snapshot, snapshot.files)
    return {path: entry.commit for path, entry in found.items()}


def as_git_says(clone: Clone, paths: dict[str, str]) -> dict[str, str]:
    return {path: clone.last_touched(path) for path in paths}


def random_history(seed: int, *, clocks_are_right: bool) -> list[Planned]:
    """Merges of two and three, several roots, reverts, modes, files that come and go."""
    rng = random.Random(seed)
    paths = [b"requests/%d/%d.yaml" % (n % 3, n) for n in range(8)] + [b"other.txt"]
    commits: list[Planned] = []
    for at in range(30):
        pool = range(max(0, at - 5), at)
        wanted = rng.choice([1, 1, 1, 2, 2, 3]) if rng.random() > 0.05 else 0
        parents = rng.sample(pool, min(wanted, len(pool)))
        files = {path: _content(rng, path, [commits[p] for p in parents]) for path in paths}
        seconds = START + (at * 60 if clocks_are_right else rng.randrange(2000))
        kept = {path: file for path, file in files.items() if file}
        commits.append(Planned(kept, parents, seconds))
    return commits


def _content(rng: random.Random, path: bytes, parents: list[Planned]) -> tuple[str, bytes] | None:
    """Take one parent's file; sometimes change or delete it, also in a merge."""
    chance = rng.random()
    if chance < 0.2:
        return rng.choice(["644", "644", "755"]), b"%d" % rng.randrange(3)
    if chance < 0.25 or not parents:
        return None
    return rng.choice(parents).files.get(path)


WAYS = {"newest": (2000, 5), "alone": (3, 5), "together": (3, 0)}
"""Which way down the history is taken depends on its length and on the paths; here on us."""


def check_all_ways(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    clone.git("symbolic-ref", "HEAD", "refs/heads/main")
    said = {path: clone.last_touched(path) for path in commits_of(clone.root)}
    for newest, few in WAYS.values():
        monkeypatch.setattr(history, "_NEWEST", newest)
        monkeypatch.setattr(history, "_FEW", few)
        assert commits_of(clone.root) == said


@pytest.mark.parametrize("clocks_are_right", [True, False], ids=["in-order", "skewed"])
@pytest.mark.parametrize("seed", [*range(8), 100, 131, 148, 170])
def test_random_histories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, clocks_are_right: bool
) -> None:
    clone = new_repository(tmp_path)
    import_history(clone, random_history(seed, clocks_are_right=clocks_are_right))
    check_all_ways(clone, monkeypatch)


def test_a_long_line_of_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone = new_repository(tmp_path)
    files: dict[bytes, tuple[str, bytes]] = {}
    commits = []
    for at in range(200):
        files[b"requests/%d/%d.yaml" % (at % 7, at % 50)] = ("644", b"%d" % at)
        commits.append(Planned(dict(files), [at - 1] if at else [], START + at))
    import_history(clone, commits)
    check_all_ways(clone, monkeypatch)


def test_a_merge_request_is_named_by_its_own_commit(tmp_path: Path) -> None:
    clone = new_repository(tmp_path)
    clone.commit({"requests/a.yaml": "a"})
    clone.git("switch", "--quiet", "-c", "change")
    own = clone.commit({"requests/b.yaml": "b"})
    clone.git("switch", "--quiet", "main")
    meanwhile = clone.commit({"requests/c.yaml": "c"})
    clone.merge("change")
    found = commits_of(tmp_path)
    assert (found["requests/b.yaml"], found["requests/c.yaml"]) == (own, meanwhile)


def test_a_merge_that_changes_a_file_itself_is_named(tmp_path: Path) -> None:
    clone = new_repository(tmp_path)
    clone.commit({"requests/a.yaml": "base"})
    clone.git("switch", "--quiet", "-c", "change")
    clone.commit({"requests/a.yaml": "theirs"})
    clone.git("switch", "--quiet", "main")
    clone.commit({"requests/b.yaml": "ours"})
    clone.git("merge", "--quiet", "--no-ff", "--no-commit", "change")
    merge = clone.commit({"requests/a.yaml": "neither"})
    assert commits_of(tmp_path)["requests/a.yaml"] == merge == clone.last_touched("requests/a.yaml")


def test_a_reverted_file_was_touched_by_the_revert(tmp_path: Path) -> None:
    clone = new_repository(tmp_path)
    clone.commit({"requests/a.yaml": "first"})
    clone.commit({"requests/a.yaml": "second"})
    revert = clone.commit({"requests/a.yaml": "first"})
    assert commits_of(tmp_path) == {"requests/a.yaml": revert}


def test_a_change_of_mode_counts(tmp_path: Path) -> None:
    clone = new_repository(tmp_path)
    clone.commit({"requests/a.yaml": "a"})
    (tmp_path / "requests/a.yaml").chmod(0o755)
    mode = clone.commit()
    assert commits_of(tmp_path) == {"requests/a.yaml": mode}


def test_a_rename_counts(tmp_path: Path) -> None:
    clone = new_repository(tmp_path)
    clone.commit({"requests/a.yaml": "a" * 500})
    clone.git("mv", "requests/a.yaml", "requests/b.yaml")
    rename = clone.commit()
    assert commits_of(tmp_path) == {"requests/b.yaml": rename}


def test_names_that_look_like_patterns_or_options(tmp_path: Path) -> None:
    clone = new_repository(tmp_path)
    names = ["*.yaml", "[a].yaml", "?.yaml", ":(top)x.yaml", "--all.yaml", "a\\b.yaml", "ü ü.yaml"]
    for name in names:
        clone.commit({f"requests/{name}": name})
    clone.commit({"requests/a.yaml": "matched by many patterns"})
    found = commits_of(tmp_path)
    assert len(set(found.values())) == len(names) + 1
    assert found == as_git_says(clone, found)


def test_time_and_author_are_the_commits_own(tmp_path: Path) -> None:
    clone = new_repository(tmp_path)
    clone.commit({"requests/a.yaml": "a"}, seconds=START + 7)
    clone.git(
        "commit", "--amend", "--quiet", "--author=Jörg Ü <joerg@example.com>", "-m", "Ä",
        GIT_COMMITTER_DATE=f"{START + 99} +0530",
    )  # fmt: skip
    clone.commit({"requests/b.yaml": "b"}, seconds=START)
    repository = GitRepository(tmp_path)
    snapshot = repository.snapshot()
    found = repository.provenance(snapshot, snapshot.files)
    assert found["requests/a.yaml"].time == datetime.fromtimestamp(START + 99, UTC)
    assert found["requests/a.yaml"].author == "Jörg Ü <joerg@example.com>"
    assert found["requests/b.yaml"].time == datetime.fromtimestamp(START, UTC)
    assert found["requests/b.yaml"].author == AUTHOR


def test_a_commit_of_no_possible_time_counts_as_1970(tmp_path: Path) -> None:
    clone = new_repository(tmp_path)
    clone.commit({"requests/a.yaml": "a"})
    text = clone.git("cat-file", "commit", "HEAD").replace(f"{START} +0000", "99999999999999 +0000")
    broken = clone.git(
        "hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=text.encode()
    )
    clone.git("update-ref", "refs/heads/main", broken)
    repository = GitRepository(tmp_path)
    found = repository.provenance(repository.snapshot(), ["requests/a.yaml"])
    assert found["requests/a.yaml"].commit == broken
    assert found["requests/a.yaml"].time == datetime.fromtimestamp(0, UTC)


def test_nothing_is_asked_for_no_paths(tmp_path: Path) -> None:
    clone = new_repository(tmp_path)
    clone.commit({"requests/a.yaml": "a"})
    repository = GitRepository(tmp_path)
    snapshot = repository.snapshot()
    assert repository.provenance(snapshot, []) == {}
