"""The state folder is this machine's own: nothing that a commit puts there is believed or run."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from franc_gitops.clock import SystemClock
from franc_gitops.errors import StateFolderRefused
from franc_gitops.repositories.git.command import Git
from franc_gitops.repositories.git.mirror import _TIDY_EVERY, Mirror
from franc_gitops.repositories.git.state import StateFolderCheck
from tests.support.git import Clone, clone_repository, new_repository
from tests.support.project import Project, new_project
from tests.support.watching import watching

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from subprocess import CompletedProcess


HOOK = "#!/bin/sh\ntouch '{}'\n"
POLL = "0.2"
BROKER = {"KAFKA_ENABLED": "true", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with a request, whose state folder is committed."""
    project = new_project(tmp_path / "work")
    project.add(range(1))
    project.clone.write(".franc/events.sqlite", "whatever somebody wants to be known")
    commit_state(project)
    return project


def commit_state(project: Project) -> None:
    project.clone.git("add", "--force", ".franc")
    project.clone.git("commit", "-q", "-m", "State")


@pytest.fixture
def served(tmp_path: Path) -> Project:
    """A clone of a remote that `work` pushes to."""
    bare = new_repository(tmp_path / "remote.git", "--bare")
    work = clone_repository(bare.root, tmp_path / "work")
    Project(work).add(range(1))
    work.git("push", "-q", "origin", "HEAD:main")
    return Project(clone_repository(bare.root, tmp_path / "served"))


def commit_hook(work: Clone, mark: Path) -> None:
    """Push a hook, and settings, for what was once the repository of what is fetched."""
    file = work.write(".franc/mirror.git/hooks/reference-transaction", HOOK.format(mark))
    file.chmod(0o755)
    work.write(".franc/mirror.git/config", f"[core]\n\tfsmonitor = touch '{mark}'\n")
    work.write(".franc/mirror.git/objects/info/alternates", "/nowhere\n")
    work.git("add", "--all", "--force")
    work.git("commit", "-q", "-m", "Harmless")
    work.git("push", "-q", "origin", "HEAD:main")


@pytest.mark.parametrize(
    "command",
    [
        *("publish", "plan", "plan --offline", "status", "verify", "evidence CHG-2024-000000"),
        *("events", "watch --once"),
    ],
)
def test_a_committed_state_folder_is_refused(command: str, project: Project) -> None:
    check_refusal(project.run(*command.split()))
    assert {file.name for file in (project.root / ".franc").iterdir()} == {"events.sqlite"}


@pytest.mark.parametrize("command", ["plan", "evidence CHG-2024-000000", "adopt --all"])
def test_it_is_refused_with_kafka_too(command: str, project: Project) -> None:
    check_refusal(project.run(*command.split(), **BROKER))


def check_refusal(done: CompletedProcess[str]) -> None:
    assert done.returncode == 2, done.stdout
    assert "FRN513" in done.stderr
    assert ".franc/events.sqlite" in done.stderr
    assert "git rm -r --cached .franc" in done.stderr


def test_doctor_names_a_committed_state_folder(project: Project) -> None:
    """With everything that keeps something there."""
    done = project.run("doctor", "-o", "json")
    assert done.returncode == 2
    failed = {row["name"]: row["code"] for row in json.loads(done.stdout) if row["code"]}
    assert failed == dict.fromkeys(("repository", "event log", "status folder"), "FRN513")


def test_the_way_out_keeps_what_is_known(tmp_path: Path) -> None:
    project = new_project(tmp_path / "work")
    project.add(range(1))
    assert project.run("publish").returncode == 0
    commit_state(project)
    project.clone.git("rm", "-r", "-q", "--cached", ".franc")
    done = project.run("publish")
    assert done.returncode == 0, done.stderr
    assert "0 published, 1 unchanged" in done.stderr


def test_a_merge_that_is_not_done_counts_too(project: Project) -> None:
    """What a conflict leaves in the index is checked out, and in no commit of the clone."""
    work = clone_repository(project.root, project.root.with_name("fresh"))
    work.git("reset", "-q", "--hard", "HEAD~1")
    work.commit({"requests/0000/000000.yaml": "mine\n"})
    project.clone.git("rm", "-q", "requests/0000/000000.yaml")
    project.clone.git("commit", "-q", "-m", "Theirs")
    with pytest.raises(AssertionError):
        work.git("pull", "-q", "--no-rebase")
    done = Project(work).run("publish")
    assert (done.returncode, "FRN513" in done.stderr) == (2, True)


# --- other ways to get there ----------------------------------------------------------------


def link(clone: Clone) -> None:
    clone.write("data/x", "x")
    clone.link(".franc", "data")


def link_on_the_way(clone: Clone) -> None:
    clone.write("data/other", "x")
    clone.link("var", "data")


def link_of_ours(clone: Clone) -> None:
    """A link that git does not track, to a folder that it does."""
    clone.write("data/x", "x")
    clone.write(".gitignore", "/.franc\n")
    clone.git("add", "--all")
    clone.link(".franc", "data")


def submodule(clone: Clone) -> None:
    other = new_repository(clone.root.with_name("other"))
    other.commit({"events.sqlite": "x"})
    add = ("-c", "protocol.file.allow=always", "submodule", "--quiet", "add")
    clone.git(*add, str(other.root), ".franc")


def submodule_on_the_way(clone: Clone) -> None:
    other = new_repository(clone.root.with_name("other"))
    other.commit({"state/events.sqlite": "x"})
    add = ("-c", "protocol.file.allow=always", "submodule", "--quiet", "add")
    clone.git(*add, str(other.root), "var")


def magic(clone: Clone) -> None:
    clone.write(":(top)*/x", "x")


@pytest.mark.parametrize(
    ("make", "folder"),
    [
        (link, ".franc"),
        (link_on_the_way, "var/state"),
        (link_of_ours, ".franc"),
        (submodule, ".franc"),
        (submodule_on_the_way, "var/state"),
        (magic, ":(top)*"),
    ],
)
def test_whatever_leads_there(make: Callable[[Clone], None], folder: str, tmp_path: Path) -> None:
    clone = new_repository(tmp_path / "work")
    clone.commit({"requests/a.yaml": "x"})
    check = StateFolderCheck(clone.root, folder)
    check()
    make(clone)
    clone.git("add", "--all")
    with pytest.raises(StateFolderRefused):
        check()


def test_what_is_only_named_alike_is_not_meant(tmp_path: Path) -> None:
    clone = new_repository(tmp_path / "work")
    (clone.root / ".franc").mkdir()
    clone.write("net/.franc/x", "x")
    clone.git("add", "--force", "net/.franc/x")
    clone.commit({".FRANC/x": "x", ".franc-old/x": "x"})
    StateFolderCheck(clone.root, ".franc")()
    with pytest.raises(StateFolderRefused):
        StateFolderCheck(clone.root / "net", ".franc")()


def test_where_letters_are_not_told_apart_another_spelling_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = new_repository(tmp_path / "work")
    (clone.root / ".franc").mkdir()
    clone.commit({".FRANC/x": "x"})
    monkeypatch.setattr("os.path.samestat", lambda *_: True)
    with pytest.raises(StateFolderRefused, match=r"\.FRANC/x"):
        StateFolderCheck(clone.root, ".franc")()


def test_a_bare_repository_and_a_plain_folder_have_nothing_tracked(tmp_path: Path) -> None:
    bare = new_repository(tmp_path / "bare.git", "--bare")
    StateFolderCheck(bare.root, ".franc")()
    StateFolderCheck(tmp_path, ".franc")()


# --- a daemon -------------------------------------------------------------------------------


def test_a_hook_that_is_pulled_under_a_daemon_never_runs(served: Project, tmp_path: Path) -> None:
    """Nothing is published until the folder is this machine's own again."""
    work, mark = Clone(tmp_path / "work"), tmp_path / "mark"
    with watching(served.root, poll=POLL) as running:
        running.wait_for_published(1)
        commit_hook(work, mark)
        served.clone.git("pull", "-q")
        running.daemon.wakeups.wake("signal")
        running.wait_until(
            lambda: any(error.code == "FRN513" for error, _, _ in running.said.failures),
            "the folder to be refused",
        )
        Project(work).add(range(1, 2))
        work.git("push", "-q", "origin", "HEAD:main")
        running.wait_until(
            lambda: any("cannot be followed" in e.message for e, _, _ in running.said.failures),
            "the remote to be left alone",
        )
        assert len(running.published) == 1
        work.git("rm", "-r", "-q", "--cached", ".franc")
        work.git("commit", "-q", "-m", "Not harmless")
        work.git("push", "-q", "origin", "HEAD:main")
        served.clone.git("pull", "-q")
        running.wait_for_published(2)
    assert not mark.exists()


def test_what_lies_in_the_store_and_is_not_ours_is_thrown_away(
    served: Project, tmp_path: Path
) -> None:
    """Also where git does not track it any more."""
    work, mark = Clone(tmp_path / "work"), tmp_path / "mark"
    commit_hook(work, mark)
    served.clone.git("pull", "-q")
    served.clone.git("rm", "-r", "-q", "--cached", ".franc")
    served.clone.git("commit", "-q", "-m", "Not harmless")
    served.clone.git("push", "-q", "origin", "HEAD:main")
    with watching(served.root, poll=POLL) as running:
        running.wait_for_published(1)
        store = served.root / ".franc/mirror.git"
        assert {entry.name for entry in store.iterdir()} == {"objects", "tips"}
        assert not (store / "objects/info/alternates").exists()
        work.git("reset", "-q", "--hard")
        work.git("pull", "-q", "origin", "main")
        shutil.rmtree(work.root / ".franc", ignore_errors=True)
        Project(work).add(range(1, 2))
        work.git("push", "-q", "origin", "HEAD:main")
        running.wait_for_published(2)
    assert not mark.exists()


def test_a_store_borrows_objects_of_nobody_else(served: Project, tmp_path: Path) -> None:
    store = tmp_path / "store"
    alternates = store / "objects/info/alternates"
    for _ in range(2):
        Mirror(served.root, store, "origin", "main", SystemClock()).poll()
        assert not alternates.exists()
        alternates.write_text("/nowhere\n")


def test_what_was_fetched_is_packed_and_stays(
    served: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at, (name, value) in enumerate([("gc.autoPackLimit", "1"), ("fetch.unpackLimit", "1")]):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{at}", name)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{at}", value)
        monkeypatch.setenv("GIT_CONFIG_COUNT", str(at + 1))
    work, store = Clone(tmp_path / "work"), tmp_path / "store"
    mirror = Mirror(served.root, store, "origin", "main", SystemClock())
    for number in range(1, 5):
        mirror._fetches = _TIDY_EVERY - 1 if number == 4 else 0  # noqa: SLF001  - as after many
        Project(work).add(range(number, number + 1))
        work.git("push", "-q", "origin", "HEAD:main")
        mirror.poll()
        assert len([*(store / "objects/pack").glob("*.pack")]) == (number if number < 4 else 1)
    assert {entry.name for entry in store.iterdir()} == {"objects", "tips"}
    walk = ("rev-list", "--objects", mirror.tip)
    found = Git(served.root, mirror.variables).run(*walk).decode()
    assert found.splitlines() == work.git(*walk).splitlines()
