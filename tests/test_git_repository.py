"""Reading requests at a commit: every kind of git repository, whatever surrounds it."""

from __future__ import annotations

import os
import sys
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from franc_gitops.errors import RepositoryError
from franc_gitops.model import Problem, SourceFile
from franc_gitops.repositories.git import GitRepository, is_git_repository
from franc_gitops.repositories.git.command import GitMissing
from franc_gitops.repositories.git.tracking import is_tracked
from franc_gitops.repositories.names import SIZE_LIMIT
from tests.support.git import (
    Clone,
    Planned,
    clone_repository,
    import_history,
    new_repository,
)

if TYPE_CHECKING:
    from franc_gitops.model import Snapshot

REQUESTS = {"requests/a.yaml": "first", "requests/2024/b.yml": "second"}


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A repository with two requests, both committed."""
    made = new_repository(tmp_path / "clone")
    made.commit(REQUESTS)
    return made


def read_all(root: Path, revision: str = "HEAD") -> dict[str, bytes | Problem]:
    with GitRepository(root, revision=revision) as repository:
        files = [SourceFile(*item) for item in repository.snapshot().files.items()]
        return {file.path: content for file, content in repository.read(files)}


def snapshot_of(root: Path, revision: str = "HEAD") -> Snapshot:
    return GitRepository(root, revision=revision).snapshot()


def expected(files: dict[str, str]) -> dict[str, bytes]:
    return {path: content.encode() for path, content in files.items()}


# --- what is read ---------------------------------------------------------------------------


def test_the_work_tree_is_not_read_but_what_it_differs_in_is_named(clone: Clone) -> None:
    clone.commit({"requests/gone.yaml": "gone", "requests/kept.yaml": "kept"})
    clone.write("requests/a.yaml", "edited")
    clone.write("requests/gone.yaml", None)
    clone.write("requests/new.yaml", "untracked")
    clone.write("requests/näw/new.yaml", "untracked in a new folder")
    clone.write("requests/staged.yaml", "staged")
    clone.git("add", "requests/staged.yaml")
    for other in ("requests/.hidden.yaml", "requests/README.md", "elsewhere/x.yaml"):
        clone.write(other, "not a request")
    snapshot = snapshot_of(clone.root)
    assert snapshot.commit == clone.head
    assert list(snapshot.files) == [
        "requests/2024/b.yml",
        "requests/a.yaml",
        "requests/gone.yaml",
        "requests/kept.yaml",
    ]
    assert snapshot.uncommitted == tuple(
        f"requests/{name}.yaml" for name in ("a", "gone", "new", "näw/new", "staged")
    )
    assert read_all(clone.root)["requests/a.yaml"] == b"first"


def test_uncommitted_files_are_looked_for_as_long_as_somebody_may_ask(clone: Clone) -> None:
    clone.write("requests/new.yaml", "new")
    repository = GitRepository(clone.root)
    first = repository.snapshot()
    second = repository.snapshot()
    assert first.uncommitted == (), "a newer snapshot has taken its place"
    assert second.uncommitted == second.uncommitted == ("requests/new.yaml",)
    third = repository.snapshot()
    repository.close()
    assert (second.uncommitted, third.uncommitted) == (("requests/new.yaml",), ())


def test_ignored_files_are_not_called_uncommitted(clone: Clone) -> None:
    clone.commit({".gitignore": "scratch*\n"})
    clone.write("requests/scratch.yaml", "ignored")
    assert snapshot_of(clone.root).uncommitted == ()


@pytest.mark.parametrize("revision", ["main", "v1", "HEAD~1", "HEAD^{/first}", "@{0}"])
def test_any_name_of_a_commit_can_be_read(clone: Clone, revision: str) -> None:
    clone.git("commit", "--amend", "--quiet", "-m", "first")
    clone.git("tag", "-a", "v1", "-m", "annotated")
    clone.commit({"requests/a.yaml": "second"}, message="second")
    clone.write("requests/new.yaml", "untracked")
    snapshot = snapshot_of(clone.root, revision)
    assert snapshot.commit == clone.git("rev-parse", f"{revision}^{{commit}}")
    assert snapshot.uncommitted == (), "only HEAD has a work tree"
    assert read_all(clone.root, clone.head)["requests/a.yaml"] == b"second"


def test_a_snapshot_stays_at_its_commit_when_the_branch_moves_on(clone: Clone) -> None:
    with GitRepository(clone.root) as repository:
        before = repository.snapshot()
        clone.commit({"requests/a.yaml": "moved on", "requests/2024/b.yml": None})
        files = [SourceFile(*item) for item in before.files.items()]
        assert [content for _, content in repository.read(files)] == [b"second", b"first"]
        assert (
            repository.provenance(before, before.files)["requests/a.yaml"].commit == before.commit
        )
        assert repository.snapshot().commit == clone.head


def test_executable_files_are_files_too(clone: Clone) -> None:
    (clone.root / "requests/a.yaml").chmod(0o755)
    clone.commit()
    assert read_all(clone.root) == expected(REQUESTS)


def test_large_listings_are_the_same_as_gits_own(tmp_path: Path) -> None:
    clone = new_repository(tmp_path)
    names = [b"requests/%03d/%05d.yaml" % (n % 97, n) for n in range(6000)]
    for at, odd in {700: b"\xc3\xbc.yaml", 1500: b".hidden.yaml", 2500: b"no-request"}.items():
        names[at] = b"requests/%03d/%s" % (at % 97, odd)
    names[3500] = b"requests/\xff/bad.yaml"
    names[4500] = b"requests/link.yml"
    files = {name: ("644", b"%d" % at) for at, name in enumerate(names)}
    files[names[4500]] = ("120000", b"000/00000.yaml")
    import_history(clone, [Planned(files)])
    snapshot = snapshot_of(tmp_path, "main")
    wanted = sorted(names[:1500] + names[1501:2500] + names[2501:3500] + names[3501:])
    assert list(snapshot.files) == [name.decode() for name in wanted]
    link = snapshot.files["requests/link.yml"]
    assert link == snapshot.files["requests/000/00000.yaml"]
    listing = clone.git("ls-tree", "-r", "-z", "main").split("\0")
    blobs = {line[53:]: line[12:52] for line in listing}
    del blobs["requests/link.yml"]
    assert blobs.items() >= snapshot.files.items() - {("requests/link.yml", link)}
    assert [found.code for found in snapshot.problems] == ["FRN123"]


# --- kinds of repositories ------------------------------------------------------------------


def test_a_bare_repository(clone: Clone, tmp_path: Path) -> None:
    bare = clone_repository(clone.root, tmp_path / "bare.git", "--bare")
    assert read_all(bare.root) == expected(REQUESTS)
    assert snapshot_of(bare.root).uncommitted == ()


def test_a_linked_worktree(clone: Clone, tmp_path: Path) -> None:
    clone.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    side = Clone(tmp_path / "side")
    side.commit({"requests/side.yaml": "side"})
    side.write("requests/more.yaml", "more")
    assert "requests/side.yaml" in read_all(side.root)
    assert snapshot_of(side.root).uncommitted == ("requests/more.yaml",)
    assert read_all(clone.root) == expected(REQUESTS)


def test_submodules_are_passed_over_and_can_be_read_themselves(
    clone: Clone, tmp_path: Path
) -> None:
    outer = new_repository(tmp_path / "outer")
    outer.commit({"requests/own.yaml": "own"})
    outer.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add",
        str(clone.root), "requests/inner",
    )  # fmt: skip
    outer.commit()
    assert read_all(outer.root) == {"requests/own.yaml": b"own"}
    assert read_all(outer.root / "requests/inner") == expected(REQUESTS)


def test_a_folder_of_a_larger_repository(tmp_path: Path) -> None:
    clone = new_repository(tmp_path)
    folder = "teams/çore/.net"
    clone.commit({f"{folder}/{path}": content for path, content in REQUESTS.items()})
    commit = clone.commit({f"{folder}/requests/c.yaml": "third", "requests/other.yaml": "other"})
    clone.write("teams/template.txt", "template")
    clone.link(f"{folder}/requests/link.yaml", "../../../template.txt")
    clone.commit()
    clone.write(f"{folder}/requests/new.yaml", "new")
    clone.write("requests/new-too.yaml", "new")
    root = tmp_path / folder
    linked = expected({"requests/c.yaml": "third", "requests/link.yaml": "template"})
    assert read_all(root) == expected(REQUESTS) | linked
    assert snapshot_of(root).uncommitted == ("requests/new.yaml",)
    repository = GitRepository(root)
    found = repository.provenance(repository.snapshot(), ["requests/c.yaml"])
    assert found["requests/c.yaml"].commit == commit


def test_a_sha256_repository(tmp_path: Path) -> None:
    clone = new_repository(tmp_path, "--object-format=sha256")
    files = {f"requests/{n}.yaml": f"content {n}" for n in range(150)}
    commit = clone.commit(files)
    clone.link("requests/link.yaml", "7.yaml")
    clone.commit()
    assert read_all(tmp_path) == expected(files | {"requests/link.yaml": "content 7"})
    repository = GitRepository(tmp_path)
    snapshot = repository.snapshot()
    assert {len(blob) for blob in snapshot.files.values()} == {64}
    assert {p.commit for p in repository.provenance(snapshot, files).values()} == {commit}


def test_a_shallow_clone_names_the_oldest_commit_at_hand(clone: Clone, tmp_path: Path) -> None:
    clone.commit({"other.txt": "1"})
    boundary = clone.commit({"other.txt": "2"})
    newest = clone.commit({"requests/a.yaml": "newest"})
    shallow = clone_repository(clone.root, tmp_path / "shallow", "--depth=2")
    repository = GitRepository(shallow.root)
    snapshot = repository.snapshot()
    found = repository.provenance(snapshot, snapshot.files)
    assert {path: entry.commit for path, entry in found.items()} == {
        "requests/a.yaml": newest,
        "requests/2024/b.yml": boundary,
    }
    assert found["requests/2024/b.yml"].commit == shallow.last_touched("requests/2024/b.yml")
    with pytest.raises(RepositoryError, match="not a commit") as caught:
        snapshot_of(shallow.root, "HEAD~3")
    assert "shallow" in caught.value.hint


def test_a_clone_without_blobs_fetches_what_it_is_asked_for(clone: Clone, tmp_path: Path) -> None:
    clone.git("config", "uploadpack.allowFilter", "true")
    partial = clone_repository(
        clone.root, tmp_path / "partial", "--filter=blob:none", "--no-checkout"
    )
    assert read_all(partial.root, partial.head) == expected(REQUESTS)


# --- what goes wrong ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("revision", "message"),
    [
        ("nonsense", "'nonsense' is not a commit"),
        ("HEAD:requests", "'HEAD:requests' is not a commit"),
        ("0" * 40, "is not a commit"),
        ("--upload-pack=evil", "is not a revision"),
        ("a\x1b[31m", r"'a\\\\x1b\[31m' is not a commit"),
        ("", "'' is not a commit"),
    ],
)
def test_a_revision_that_is_no_commit(clone: Clone, revision: str, message: str) -> None:
    with pytest.raises(RepositoryError, match=message):
        snapshot_of(clone.root, revision)


def test_a_repository_without_a_commit_says_what_to_do(tmp_path: Path) -> None:
    new_repository(tmp_path).write("requests/a.yaml", "a")
    with pytest.raises(RepositoryError, match="has no commit yet") as caught:
        snapshot_of(tmp_path)
    assert "git commit" in caught.value.hint


def test_a_folder_that_is_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(RepositoryError, match="is not a git repository") as caught:
        snapshot_of(tmp_path)
    assert "--worktree" in caught.value.hint
    assert not is_git_repository(tmp_path)


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="does not exist"):
        snapshot_of(tmp_path / "nowhere")


def test_a_repository_of_another_user_is_explained(
    clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for attempt in (snapshot_of, is_git_repository):
        with pytest.raises(RepositoryError, match="belongs to another user") as caught:
            attempt(clone.root)
        assert f"safe.directory {clone.root}" in caught.value.hint


def test_an_exception_from_ownership_given_in_the_environment_counts(
    clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "safe.directory")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "*")
    assert read_all(clone.root) == expected(REQUESTS)


def test_without_git_a_clone_is_an_error_and_a_folder_a_folder(
    clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    monkeypatch.setenv("PATH", str(plain))
    with pytest.raises(GitMissing, match="git is not installed"):
        snapshot_of(clone.root)
    with pytest.raises(GitMissing):
        is_git_repository(clone.root / "requests")
    assert not is_git_repository(plain)


def test_a_damaged_object_is_a_problem_of_its_file_only(clone: Clone) -> None:
    files = {f"requests/{n}.yaml": f"{n}" + os.urandom(500).hex() for n in range(6)}
    clone.commit(files)
    blobs = snapshot_of(clone.root).files
    damage(clone, blobs["requests/1.yaml"], b"not an object")
    damage(clone, blobs["requests/3.yaml"], None)
    cut_off(clone, blobs["requests/4.yaml"])
    found = read_all(clone.root)
    for path in ("requests/1.yaml", "requests/3.yaml", "requests/4.yaml"):
        del files[path]
        problem = found.pop(path)
        assert isinstance(problem, Problem)
        assert (problem.code, problem.path) == ("FRN120", path)
    assert found == expected(REQUESTS | files)


def test_a_broken_repository_is_an_error_and_not_a_problem_of_each_file(clone: Clone) -> None:
    clone.commit({f"requests/{n}.yaml": os.urandom(500).hex() for n in range(30)})
    for path, blob in snapshot_of(clone.root).files.items():
        if path not in REQUESTS:
            cut_off(clone, blob)
    with pytest.raises(RepositoryError, match="git cat-file failed"):
        read_all(clone.root)


def test_a_missing_tree_is_an_error(clone: Clone) -> None:
    damage(clone, clone.git("rev-parse", "HEAD:requests"), None)
    with pytest.raises(RepositoryError, match="git ls-tree failed"):
        snapshot_of(clone.root)


def cut_off(clone: Clone, object_id: str) -> None:
    """Keep the beginning of a loose object only: git dies of it."""
    file = clone.root / ".git/objects" / object_id[:2] / object_id[2:]
    damage(clone, object_id, file.read_bytes()[:200])


def damage(clone: Clone, object_id: str, content: bytes | None) -> None:
    """Replace a loose object's file, or take it away."""
    file = clone.root / ".git/objects" / object_id[:2] / object_id[2:]
    file.chmod(0o644)
    file.unlink() if content is None else file.write_bytes(content)


def test_a_giant_blob_costs_no_memory_of_ours(clone: Clone) -> None:
    clone.commit({"requests/giant.yaml": b"\n" * (64 << 20)})
    tracemalloc.start()
    try:
        content = read_all(clone.root)["requests/giant.yaml"]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(content, bytes)
    assert len(content) == SIZE_LIMIT + 1
    assert peak < 8 << 20


# --- what surrounds it ----------------------------------------------------------------------


def test_what_git_sets_for_its_hooks_does_not_lead_elsewhere(
    clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = new_repository(tmp_path / "other")
    other.commit({"requests/other.yaml": "other"})
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.root))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.root / ".git/index"))
    monkeypatch.setenv("GIT_PREFIX", "nowhere/")
    monkeypatch.setenv("GIT_GLOB_PATHSPECS", "1")
    assert read_all(clone.root) == expected(REQUESTS)
    assert snapshot_of(clone.root).uncommitted == ()


@pytest.mark.parametrize("hook", ["pre-receive", "post-receive", "post-commit"])
def test_it_works_inside_a_hook(clone: Clone, tmp_path: Path, hook: str) -> None:
    """In `pre-receive` the pushed commits lie in a quarantine that only the environment names."""
    bare = clone_repository(clone.root, tmp_path / "bare.git", "--bare")
    hooks = clone.root / ".git/hooks" if hook == "post-commit" else bare.root / "hooks"
    root = clone.root if hook == "post-commit" else bare.root
    seen = tmp_path / "seen"
    script = hooks / hook
    script.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(Path.cwd())!r})\n"
        "from pathlib import Path\nfrom tests.test_git_repository import read_all\n"
        "new = 'HEAD' if sys.stdin.isatty() else (sys.stdin.readline().split() + ['', 'HEAD'])[1]\n"
        f"found = read_all(Path({str(root)!r}), new or 'HEAD')\n"
        f"Path({str(seen)!r}).write_bytes(found['requests/a.yaml'])\n"
    )
    script.chmod(0o755)
    clone.commit({"requests/a.yaml": "pushed"})
    if hook != "post-commit":
        clone.git("push", "--quiet", str(bare.root), "main")
    assert seen.read_bytes() == b"pushed"


def test_nobodys_settings_change_the_answer(
    clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone.git("mv", "requests/a.yaml", "requests/ä.yaml")
    commit = clone.commit({"requests/ü.yaml": "third"})
    clone.write("requests/ñew.yaml", "new")
    config = tmp_path / "gitconfig"
    config.write_text(
        "[core]\n\tpager = false\n\tquotePath = true\n[color]\n\tui = always\n"
        "[log]\n\tfollow = true\n\tshowSignature = true\n\tdate = relative\n\tdecorate = full\n"
        "[status]\n\tshort = true\n\tbranch = true\n\trelativePaths = true\n"
        "\tshowUntrackedFiles = no\n\tshowStash = true\n[diff]\n\trenames = copies\n"
        "\tnoprefix = true\n\trelative = true\n\texternal = false\n[pager]\n\tstatus = true\n"
        "[i18n]\n\tlogOutputEncoding = ISO-8859-1\n[alias]\n\tstatus = !false\n"
        "[column]\n\tui = always\n[format]\n\tpretty = raw\n[core]\n\tabbrev = 4\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    for name in ("LC_ALL", "LANG", "LANGUAGE"):
        monkeypatch.setenv(name, "de_DE.UTF-8")
    monkeypatch.setenv("GIT_PAGER", "false")
    monkeypatch.setenv("GIT_TRACE", "1")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    repository = GitRepository(clone.root)
    snapshot = repository.snapshot()
    assert list(snapshot.files) == ["requests/2024/b.yml", "requests/ä.yaml", "requests/ü.yaml"]
    assert snapshot.uncommitted == ("requests/ñew.yaml",)
    found = repository.provenance(snapshot, snapshot.files)
    assert found["requests/ä.yaml"].commit == commit


def test_replaced_objects_are_not_followed(clone: Clone) -> None:
    """They are local to a clone: another publisher would send something else."""
    blob = snapshot_of(clone.root).files["requests/a.yaml"]
    other = clone.git("hash-object", "-w", "--stdin", stdin=b"replaced")
    clone.git("replace", blob, other)
    assert clone.git("cat-file", "-p", blob) == "replaced"
    assert read_all(clone.root)["requests/a.yaml"] == b"first"


def test_line_endings_and_filters_do_not_touch_content(clone: Clone) -> None:
    clone.commit({".gitattributes": "*.yaml text eol=crlf filter=none\n"})
    blob = clone.git("hash-object", "-w", "--no-filters", "--stdin", stdin=b"a: 1\r\nb: 2\r\n")
    clone.git("update-index", "--add", "--cacheinfo", f"100644,{blob},requests/crlf.yaml")
    clone.git("commit", "--quiet", "-m", "as it is")
    assert read_all(clone.root)["requests/crlf.yaml"] == b"a: 1\r\nb: 2\r\n"


def test_reading_leaves_the_repository_alone(clone: Clone) -> None:
    clone.write("requests/a.yaml", "edited")
    before = {file: file.stat() for file in clone.root.rglob("*")}
    (clone.root / ".git/index.lock").touch()
    repository = GitRepository(clone.root)
    snapshot = repository.snapshot()
    repository.provenance(snapshot, snapshot.files)
    (clone.root / ".git/index.lock").unlink()
    after = {file: file.stat() for file in clone.root.rglob("*")}
    assert {f: s.st_mtime_ns for f, s in after.items() if f.is_file()} == {
        f: s.st_mtime_ns for f, s in before.items() if f.is_file()
    }


def test_no_process_is_left_behind(clone: Clone) -> None:
    before = children()
    repository = GitRepository(clone.root)
    snapshot = repository.snapshot()
    assert snapshot.uncommitted == ()
    files = [SourceFile(*item) for item in snapshot.files.items()]
    list(repository.read(files))
    assert len(children() - before) == 1, "one process for reading, kept for the next time"
    list(repository.read(files))
    assert len(children() - before) == 1
    repository.close()
    assert children() - before == set()
    list(repository.read(files))
    next(reading := repository.read(files))
    del reading, repository
    assert children() - before == set()


def children() -> set[str]:
    """The processes that this one has started and that still are there, other tests' too."""
    me = os.getpid()
    return set(Path(f"/proc/{me}/task/{me}/children").read_text().split())


# --- small questions ------------------------------------------------------------------------


def test_a_repository_is_recognised_from_any_of_its_folders(clone: Clone, tmp_path: Path) -> None:
    bare = clone_repository(clone.root, tmp_path / "bare.git", "--bare")
    clone.git("worktree", "add", "--quiet", str(tmp_path / "side"))
    for folder in (clone.root, clone.root / "requests/2024", bare.root, tmp_path / "side"):
        assert is_git_repository(folder)


def test_git_knows_which_files_it_tracks(
    clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone.commit({".env": "committed", "sub/.env": "committed"})
    clone.write("requests/.env", "untracked")
    clone.write("staged", "staged")
    clone.git("add", "staged")
    assert is_tracked(clone.root / ".env")
    assert is_tracked(clone.root / "sub/.env")
    assert is_tracked(clone.root / "staged")
    assert not is_tracked(clone.root / "requests/.env")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert not is_tracked(tmp_path / ".env")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not is_tracked(tmp_path / ".env")
