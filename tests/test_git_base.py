"""Where a change began: any name of the base, any depth of the clone, or what to change."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from franc_gitops.errors import RepositoryError
from franc_gitops.repositories.git import base
from franc_gitops.repositories.git.base import find_base
from tests.support.git import Clone, Planned, clone_repository, import_history, new_repository

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Host(NamedTuple):
    """A git host with a pull request; `merge` is the commit that the host makes to test it."""

    clone: Clone
    began: str
    main: str
    change: str
    merge: str


def file(number: int, name: str = "m") -> dict[bytes, tuple[str, bytes]]:
    """A file of its own for each commit."""
    return {b"requests/%s%d.yaml" % (name.encode(), number): ("100644", b"x")}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """200 commits on main; a change that left it 120 commits ago and has 60 of its own."""
    clone = new_repository(tmp_path_factory.mktemp("host"))
    main = [Planned(file(n), [n - 1] if n else [], 1_750_000_000 + n) for n in range(200)]
    change = [
        Planned(file(n, "c"), [80 if n == 0 else 199 + n], 1_750_000_100 + n) for n in range(60)
    ]
    merge = Planned(file(0, "x"), [199, 259], 1_750_000_300)
    import_history(clone, [*main, *change, merge])
    names = clone.git("rev-list", "--topo-order", "main").split()
    assert len(names) == 261
    made = clone.git("rev-parse", "main^1", "main^2", "main").split()
    clone.git("update-ref", "refs/pull/7/merge", made[2])
    clone.git("update-ref", "refs/heads/change", made[1])
    clone.git("update-ref", "refs/heads/main", made[0])
    clone.git("tag", "-a", "v1", "-m", "release", "main~119")
    return Host(clone, clone.git("rev-parse", "main~119"), *made)


def in_ci(host: Host, root: Path, ref: str, depth: int) -> Clone:
    """Fetch one commit as CI systems do: no branch, no tag, nothing of main."""
    clone = new_repository(root)
    clone.git("remote", "add", "origin", host.clone.root.as_uri())
    clone.git("fetch", "-q", "--no-tags", f"--depth={depth}", "origin", f"+{ref}:refs/ci/change")
    clone.git("checkout", "-q", "--detach", "refs/ci/change")
    return clone


# --- names of the base ----------------------------------------------------------------------


@pytest.mark.parametrize("revision", ["main", "origin/main", "v1", "main~30", "refs/heads/main"])
def test_any_name_of_the_base_leads_to_the_commit_where_the_change_began(
    host: Host, tmp_path: Path, revision: str
) -> None:
    clone = clone_repository(host.clone.root, tmp_path / "clone", "--branch=main")
    clone.git("checkout", "-q", "change")
    assert find_base(clone.root, revision, "HEAD") == (host.began, True)
    clone.git("checkout", "-q", "--detach")
    assert find_base(clone.root, clone.git("rev-parse", revision), "HEAD") == (host.began, True)


def test_the_planned_revision_need_not_be_checked_out(host: Host) -> None:
    assert find_base(host.clone.root, "main", "change").commit == host.began
    assert find_base(host.clone.root, "main", "refs/pull/7/merge").commit == host.main
    assert find_base(host.clone.root, "change", "change").commit == host.change


# --- shallow clones -------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 2, 70])
@pytest.mark.parametrize("named", ["origin/main", "by id"])
def test_a_shallow_clone_of_the_merge_that_the_host_made_is_deepened(
    host: Host, tmp_path: Path, depth: int, named: str
) -> None:
    clone = in_ci(host, tmp_path / "ci", "refs/pull/7/merge", depth)
    revision = host.main if named == "by id" else named
    assert find_base(clone.root, revision, "HEAD") == (host.main, True)
    assert clone.head == host.merge


@pytest.mark.parametrize("depth", [1, 59, 61])
def test_a_shallow_clone_of_the_branch_is_deepened(host: Host, tmp_path: Path, depth: int) -> None:
    clone = in_ci(host, tmp_path / "ci", "refs/heads/change", depth)
    assert find_base(clone.root, "origin/main", "HEAD") == (host.began, True)
    assert clone.git("rev-list", "--count", f"{host.began}..HEAD") == "60"


def test_deepening_changes_no_branch_tag_or_file(host: Host, tmp_path: Path) -> None:
    clone = in_ci(host, tmp_path / "ci", "refs/heads/change", 1)
    before = clone.git("for-each-ref"), clone.git("status", "--porcelain"), clone.head
    find_base(clone.root, "origin/main", "HEAD")
    assert (clone.git("for-each-ref"), clone.git("status", "--porcelain"), clone.head) == before
    assert not (clone.root / ".git" / "FETCH_HEAD").read_text().count(host.main)


def test_a_whole_clone_fetches_a_branch_whole(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "DEEPENINGS", ())
    clone = clone_repository(
        host.clone.root, tmp_path / "clone", "--branch=change", "--single-branch"
    )
    assert find_base(clone.root, "origin/main", "HEAD") == (host.began, True)
    assert clone.git("rev-parse", "--is-shallow-repository") == "false"


def test_an_older_base_that_is_at_hand_is_not_taken_for_the_one_that_is_cut_off(
    tmp_path: Path,
) -> None:
    """The change has a short way to an old commit of main and a long one to a newer commit."""
    origin = new_repository(tmp_path / "origin")
    old, began = origin.commit({"requests/0.yaml": "old"}), origin.commit({"requests/1.yaml": "x"})
    origin.git("checkout", "-q", "-b", "long")
    for number in range(6):
        origin.commit({f"requests/long{number}.yaml": "x"})
    origin.git("checkout", "-q", "-b", "change", old)
    origin.commit({"requests/short.yaml": "x"})
    origin.merge("long")
    origin.git("checkout", "-q", "main")
    origin.commit({"requests/2.yaml": "x"})
    clone = new_repository(tmp_path / "clone")
    clone.git("remote", "add", "origin", origin.root.as_uri())
    clone.git("fetch", "-q", "--depth=3", "origin", "+refs/heads/*:refs/remotes/origin/*")
    clone.git("update-ref", "-d", "refs/remotes/origin/long")
    assert clone.git("merge-base", "origin/main", "origin/change") == old
    assert find_base(clone.root, "origin/main", "origin/change") == (began, True)


# --- what to change -------------------------------------------------------------------------


def refusal(clone: Clone, revision: str) -> tuple[str, str]:
    with pytest.raises(RepositoryError) as raised:
        find_base(clone.root, revision, "HEAD")
    return raised.value.message, raised.value.hint


@pytest.mark.parametrize("revision", ["origin/main", "by id"])
def test_a_shallow_clone_without_its_remote_names_the_setting(
    host: Host, tmp_path: Path, revision: str
) -> None:
    clone = in_ci(host, tmp_path / "ci", "refs/heads/change", 1)
    clone.git("remote", "set-url", "origin", (tmp_path / "gone").as_uri())
    message, hint = refusal(clone, host.main if revision == "by id" else revision)
    assert "is not a commit in" in message
    assert "does not appear to be a git repository" in message
    assert "fetch-depth: 0" in hint


def test_a_base_beyond_the_end_of_a_shallow_clone_names_the_setting(
    host: Host, tmp_path: Path
) -> None:
    clone = in_ci(host, tmp_path / "ci", "refs/heads/change", 1)
    clone.git("fetch", "-q", "--depth=1", "origin", "+refs/heads/main:refs/remotes/origin/main")
    clone.git("remote", "set-url", "origin", (tmp_path / "gone").as_uri())
    message, hint = refusal(clone, "origin/main")
    assert message.startswith("the clone is too shallow to hold a commit that HEAD and origin/main")
    assert "fetch-depth: 0" in hint
    assert "GIT_DEPTH: 0" in hint


def test_a_base_that_is_at_hand_is_used_though_the_remote_is_gone(
    host: Host, tmp_path: Path
) -> None:
    clone = in_ci(host, tmp_path / "ci", "refs/pull/7/merge", 2)
    clone.git("remote", "set-url", "origin", (tmp_path / "gone").as_uri())
    assert find_base(clone.root, host.main, "HEAD") == (host.main, False)


@pytest.mark.parametrize(
    ("revision", "sign"),
    [
        ("main", "--base origin/main names the branch of the remote"),
        ("v9", "`git fetch origin tag v9` if it is a tag"),
        ("origin/nowhere", "check the name"),
        ("f" * 40, "fetch-depth: 0"),
        ("", "--base takes the branch"),
        ("-v", "--base takes the branch"),
    ],
)
def test_an_unknown_base_says_what_to_ask_for(
    host: Host, tmp_path: Path, revision: str, sign: str
) -> None:
    clone = clone_repository(host.clone.root, tmp_path / "clone", "--branch=change", "--no-tags")
    assert sign in refusal(clone, revision)[1]


def test_a_branch_that_the_remote_does_not_have_is_named(host: Host, tmp_path: Path) -> None:
    clone = in_ci(host, tmp_path / "ci", "refs/heads/change", 1)
    assert refusal(clone, "origin/nowhere")[0].endswith(": origin has no branch nowhere")


def test_a_remote_that_does_not_answer_is_given_up(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "FETCH_SECONDS", 0.3)
    clone = in_ci(host, tmp_path / "ci", "refs/heads/change", 1)
    clone.git("config", "remote.origin.uploadpack", "sleep 60; git-upload-pack")
    assert refusal(clone, "origin/main")[0].endswith(": origin did not answer in 0 s")


def test_histories_without_a_common_commit_are_refused(tmp_path: Path) -> None:
    clone = new_repository(tmp_path / "clone")
    clone.commit({"requests/a.yaml": "x"})
    clone.git("checkout", "-q", "--orphan", "other")
    clone.commit({"requests/b.yaml": "x"})
    message, _ = refusal(clone, "main")
    assert message.startswith("HEAD and main have no commit in common")


@pytest.mark.parametrize("arguments", [[], ["--bare"]])
def test_an_empty_repository_has_nothing_to_compare(
    tmp_path: Path, arguments: Sequence[str]
) -> None:
    message, _ = refusal(new_repository(tmp_path / "clone", *arguments), "main")
    assert "'main' is not a commit in" in message
