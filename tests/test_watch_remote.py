"""`watch` follows the remote of a clone: real bare remotes that move, vanish and come back."""

from __future__ import annotations

import shutil
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.corpus import request_text
from franc_gitops.clock import SystemClock
from franc_gitops.daemon.board import Stage
from franc_gitops.daemon.site import reader
from franc_gitops.errors import RepositoryError
from franc_gitops.model import SourceFile
from franc_gitops.repositories.git.following import FollowedGit
from franc_gitops.repositories.git.mirror import Mirror
from franc_gitops.settings import load_settings
from franc_gitops.wiring import Choices, find_ahead
from tests.support.git import Clone, clone_repository, new_repository
from tests.support.git_http import PASSWORD, USER, serving_git
from tests.support.project import Project, new_project
from tests.support.signing import make_ssh_signer, signs
from tests.support.waiting import wait_for
from tests.support.watching import Running, watching

if TYPE_CHECKING:
    from collections.abc import Callable

POLL = "0.2"


class World:
    """A bare remote, the clone that somebody works in, and the one that the daemon runs in."""

    def __init__(self, folder: Path) -> None:
        self.remote = folder / "remote.git"
        self.work = new_project(folder / "work")
        self.work.add(range(1))
        git = self.work.clone.git
        git("clone", "-q", "--bare", str(folder / "work"), str(self.remote))
        git("remote", "add", "origin", str(self.remote))
        git("fetch", "-q", "origin")
        git("branch", "-q", "--set-upstream-to=origin/main")
        git("clone", "-q", str(self.remote), str(folder / "served"))
        self.served = Project(Clone(folder / "served"))

    def push(self, number: int, *options: str) -> str:
        """Add a request to what others have pushed, and push it."""
        if not options:
            self.work.clone.git("pull", "-q", "--no-rebase", "origin", "main")
        commit = self.work.add(range(number, number + 1))
        self.work.clone.git("push", "-q", *options, "origin", "HEAD:main")
        return commit

    def commits(self) -> int:
        """Give how many commits the remote's branch has."""
        return int(Clone(self.remote).git("rev-list", "--count", "main"))

    @property
    def store(self) -> Path:
        """Where the daemon keeps what it fetched."""
        return self.served.root / ".franc/mirror.git"

    def status(self, number: int) -> Path:
        """Give the status file of a request in the served clone."""
        return self.served.root / f"status/0000/{number:06d}.yaml"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def remote_is_well(running: Running) -> bool | None:
    found = {c.stage: c.ok for c in running.daemon.board.view().conditions}
    return found.get(Stage.REMOTE)


def test_what_is_pushed_is_published_and_the_clone_stays_as_it_is(world: World) -> None:
    before = world.served.clone.git("for-each-ref")
    with watching(world.served.root, poll=POLL) as running:
        running.wait_for_published(1)
        commits = [world.push(number) for number in (1, 2, 3)]
        running.wait_for_published(4)
        running.wait_until(world.status(3).exists, "the status file")
        ledger = running.said.reports[-1].ledger
        found = [entry for name in running.published[1:] if (entry := ledger.get(name))]
        file = SourceFile(found[0].path, found[0].blob)
        settings = load_settings(world.served.root, {}, is_tracked=lambda _: False, environ={})
        assert reader(settings, running.daemon.choices)(file) == request_text(1).encode()
    assert [entry.commit for entry in found] == commits
    assert world.served.clone.git("for-each-ref") == before
    assert not (world.served.root / ".git/FETCH_HEAD").exists()
    assert not any(whole for _, whole in running.said.turns[1:])


@pytest.mark.parametrize("word", ["push hook", "signal"])
def test_a_word_makes_it_ask_at_once(word: str, world: World) -> None:
    with watching(world.served.root, poll="3600") as running:
        running.wait_for_published(1)
        world.push(1)
        if word == "signal":
            running.daemon.wakeups.wake(word)
        else:
            running.daemon.hook(word)
        running.wait_for_published(2)


def test_pushes_that_come_while_it_publishes(world: World) -> None:
    with watching(world.served.root, poll=POLL) as running:
        commits = [world.push(number) for number in range(1, 9)]
        running.wait_for_published(9)
        ledger = running.said.reports[-1].ledger
        found = {name: entry.commit for name in ledger if (entry := ledger.get(name))}
    assert len(running.published) == len(set(running.published)) == 9
    assert set(commits) < set(found.values())


def test_a_remote_that_is_away_and_comes_back(world: World) -> None:
    """Local commits are followed meanwhile; the remote's own condition says what is wrong."""
    hidden = world.remote.with_name("hidden.git")
    world.remote.rename(hidden)
    with watching(world.served.root, poll=POLL) as running:
        running.wait_for_published(1)
        assert remote_is_well(running) is False
        ready, reasons = running.daemon.board.readiness()
        assert not ready
        assert [reason.stage for reason in reasons] == ["remote"]
        hidden.rename(world.remote)
        world.push(1)
        running.wait_for_published(2)
        running.wait_until(lambda: remote_is_well(running), "the condition to heal")
        assert running.daemon.board.readiness()[0]
        assert running.said.recoveries == ["remote"]


def test_what_was_fetched_is_followed_while_the_remote_is_away(world: World) -> None:
    """A daemon that begins anew does not go back to the older commit of the clone."""
    with watching(world.served.root, poll=POLL) as running:
        commit = world.push(1)
        running.wait_for_published(2)
    world.remote.rename(world.remote.with_name("hidden.git"))
    with watching(world.served.root, poll=POLL) as running:
        running.wait_for_start()
        assert running.said.reports[0].plan.commit == commit
        assert remote_is_well(running) is False
    assert world.status(1).exists()


def test_a_remote_that_wants_a_password(world: World) -> None:
    """It comes from git's own credential helpers; nobody is asked at a terminal."""
    helper = f"!f() {{ echo username={USER}; echo password={PASSWORD}; }}; f"
    with serving_git(world.remote.parent) as address:
        world.served.clone.git("remote", "set-url", "origin", f"{address}/remote.git")
        with watching(world.served.root, poll=POLL) as running:
            running.wait_for_published(1)
            assert remote_is_well(running) is False
            assert "right to read" in running.said.failures[0][0].hint
            world.push(1)
            world.served.clone.git("config", "credential.helper", helper)
            running.wait_for_published(2)


def test_a_branch_that_was_renamed(world: World) -> None:
    """What is known of it stays; what the checked-out branch follows instead is asked each time."""
    with watching(world.served.root, poll=POLL) as running:
        world.push(1)
        running.wait_for_published(2)
        Clone(world.remote).git("branch", "-m", "main", "trunk")
        running.wait_until(lambda: remote_is_well(running) is False, "the branch to be missed")
        running.look_at_everything()
        assert world.status(1).exists()
        world.work.add(range(2, 3))
        world.work.clone.git("push", "-q", "origin", "HEAD:trunk")
        world.served.clone.git("config", "branch.main.merge", "refs/heads/trunk")
        running.wait_for_published(3)
    assert "branch main" in running.said.failures[0][0].message


def test_a_clone_with_commits_of_its_own_is_followed_itself(world: World) -> None:
    with watching(world.served.root, poll=POLL) as running:
        running.wait_for_published(1)
        world.served.add(range(5, 6))
        running.wait_for_published(2)
        world.push(1)
        running.wait_until(lambda: any("other way" in w for w in running.said.warnings), "a word")
        assert len(running.published) == 2
        world.served.clone.git("pull", "-q", "--rebase", "origin", "main")
        running.wait_for_published(3)


def test_a_force_push_is_followed(world: World) -> None:
    with watching(world.served.root, poll=POLL) as running:
        running.wait_for_published(1)
        world.push(1)
        running.wait_for_published(2)
        world.work.clone.git("reset", "-q", "--hard", "HEAD~1")
        world.push(2, "--force")
        running.wait_for_published(3)
        running.wait_until(
            lambda: not world.status(1).exists(), "the status file of what is gone to go"
        )
        world.work.clone.git("checkout", "-q", "--orphan", "new")
        world.push(3, "--force")
        running.wait_for_published(4)
    assert len(running.published) == 4


def test_only_the_clone_is_followed_if_that_is_wanted(world: World) -> None:
    with watching(world.served.root, choices=Choices(local=True), poll=POLL) as running:
        running.wait_for_published(1)
        world.push(1)
        world.served.clone.git("pull", "-q")
        running.wait_for_published(2)
        assert remote_is_well(running) is None
        assert not (world.served.root / ".franc/mirror.git").exists()


def delete_all(store: Path) -> None:
    shutil.rmtree(store)


def delete_objects(store: Path) -> None:
    shutil.rmtree(store / "objects")


def empty_objects(store: Path) -> None:
    for file in (store / "objects").glob("??/*"):
        file.chmod(0o644)
        file.write_bytes(b"")


@pytest.mark.parametrize("damage", [delete_all, delete_objects, empty_objects])
def test_a_store_that_is_damaged_under_the_daemon(
    damage: Callable[[Path], None], world: World
) -> None:
    """It is fetched anew; until then nothing goes back to the older commit of the clone."""
    with watching(world.served.root, poll=POLL) as running:
        world.push(1)
        running.wait_for_published(2)
        hidden = world.remote.with_name("hidden.git")
        world.remote.rename(hidden)
        running.wait_until(lambda: remote_is_well(running) is False, "the remote to be missed")
        damage(world.store)
        running.daemon.wakeups.wake("signal")
        hidden.rename(world.remote)
        world.push(2)
        running.wait_for_published(3)
        running.wait_until(lambda: running.daemon.board.readiness()[0], "it to be ready again")
        assert world.status(1).exists()
    assert len(running.published) == 3


def test_a_remote_that_hangs_keeps_nobody_from_stopping(world: World) -> None:
    world.served.clone.git("config", "remote.origin.uploadpack", "sleep 4242; true")
    with watching(world.served.root, poll=POLL) as running:
        running.wait_until(lambda: sleeping("4242"), "the remote to be asked")
        running.stop()
    wait_for(lambda: not sleeping("4242"), what="git to be ended", seconds=10)


def test_a_fetch_that_is_ended_takes_nothing_away(world: World) -> None:
    mirror = Mirror(world.served.root, world.store, "origin", "main", SystemClock())
    commit = world.push(1)
    mirror.poll()
    world.push(2)
    mirror._writer.give_up()  # noqa: SLF001  - as `stop` does in the middle of a fetch
    with pytest.raises(RepositoryError):
        mirror.poll()
    assert mirror.tip == commit
    assert commit in (world.store / "tips").read_text()


def sleeping(seconds: str) -> bool:
    """Whether a `sleep` for so long runs."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (folder / "cmdline").read_bytes() == f"sleep\0{seconds}\0".encode():
                return True
    return False


def test_a_detached_and_shallow_clone_as_ci_systems_make_it(world: World, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        world.push(number)
    url = f"file://{world.remote}"
    folder = tmp_path / "c:i"  # git lists folders with colons in between
    world.work.clone.git("clone", "-q", "--depth=1", url, str(folder))
    made = Project(Clone(folder))
    made.clone.git("checkout", "-q", "--detach")
    with watching(made.root, poll=POLL) as running:
        running.wait_for_published(4)
        world.push(4)
        running.wait_for_published(5)


def test_an_audit_beside_a_daemon_says_that_the_clone_is_older_than_its_remote(
    world: World,
) -> None:
    """And spoils no status file of what was pushed since."""
    served = world.served
    with watching(served.root, poll=POLL) as running:
        tip = world.push(1)
        running.wait_for_published(2)
        running.wait_until(lambda: world.status(1).exists(), "its status file")
        told = f"watch follows origin/main here, at {tip[:12]}; HEAD is older"
        before = served.status_files()
        for verb in ("status", "verify", "plan"):
            assert f"warning: {told}; this is about HEAD: git pull\n" in (
                served.run(verb).stderr
            ), verb
        done = served.run("verify", "--repair")
        assert done.returncode == 2
        assert f"error: {told}, and so would be" in done.stderr
        assert done.stderr.endswith("hint: git pull\n")
        assert served.status_files() == before
        assert "watch follows" not in served.run("verify", "--rev", "HEAD~0").stderr
        served.clone.git("pull", "-q")
        done = served.run("verify", "--repair")
        assert (done.returncode, done.stdout) == (0, "")
        assert "watch follows" not in done.stderr


def test_when_a_clone_is_older_than_what_is_followed_there(world: World, tmp_path: Path) -> None:
    """As the daemon chooses between the two; what it left behind is asked, not the daemon."""
    git, root = world.served.clone.git, world.served.root

    def is_behind(**settings: str) -> bool:
        environ = {f"FRANC_{name.upper()}": value for name, value in settings.items()}
        read = load_settings(root, environ=environ, is_tracked=lambda _: False)
        return find_ahead(read, Choices()) is not None

    assert not is_behind(), "nothing was ever followed"
    start = git("rev-parse", "HEAD")
    with watching(root, poll=POLL) as running:
        running.wait_for_published(1)
        assert not is_behind()
        world.push(1)
        running.wait_for_published(2)
    assert is_behind()
    assert not is_behind(write_back="commit")
    assert not is_behind(branch="another")
    git("checkout", "-q", "--detach")
    assert is_behind()
    git("checkout", "-q", "-b", "own")
    assert not is_behind(), "it follows another branch"
    git("checkout", "-q", "main")
    world.served.clone.commit({"requests/own.yaml": request_text(8)})
    assert not is_behind(), "it has a commit of its own, and is followed itself"
    git("reset", "-q", "--hard", start)
    git("remote", "add", "other", str(tmp_path))
    git("config", "--unset", "branch.main.remote")
    git("remote", "rename", "origin", "third")
    assert not is_behind(), "it is open which remote is followed"
    git("remote", "rename", "third", "origin")
    assert is_behind()
    shutil.rmtree(world.store / "objects")
    assert not is_behind(), "what was fetched is gone"


def test_a_force_push_leaves_the_clone_behind(world: World) -> None:
    world.push(1)
    world.served.clone.git("pull", "-q")
    with watching(world.served.root, poll=POLL) as running:
        running.wait_for_published(2)
        world.work.clone.git("reset", "-q", "--hard", "HEAD~1")
        tip = world.push(2, "--force")
        running.wait_for_published(3)
    for verb in ("status", "publish"):
        assert f"at {tip[:12]}; HEAD is older" in world.served.run(verb).stderr, verb


def test_several_remotes_need_a_word(world: World) -> None:
    git = world.served.clone.git
    git("remote", "rename", "origin", "one")
    git("remote", "add", "two", str(world.remote))
    git("branch", "--unset-upstream")
    with watching(world.served.root, poll=POLL) as running:
        running.wait_for_published(1)
        assert any("several" in warning for warning in running.said.warnings)
    with watching(world.served.root, poll=POLL, remote="two", branch="main") as running:
        world.push(1)
        running.wait_for_published(1)


def test_status_files_are_pushed_and_its_own_pushes_are_nothing_new(world: World) -> None:
    """Also to a daemon that looks at everything, and to one that begins anew."""
    with watching(world.served.root, poll=POLL, write_back="push") as running:
        running.wait_for_published(1)
        running.wait_until(lambda: world.commits() == 2, "the first status commit")
        world.push(1)
        running.wait_for_published(2)
        running.wait_until(lambda: is_on_main(world, "status/0000/000001.yaml"), "the status file")
        commits, turns = world.commits(), len(running.said.turns)
        running.look_at_everything()
        running.look_at_everything()
        assert len(running.said.turns) == turns + 2
    with watching(world.served.root, poll=POLL, write_back="push") as again:
        again.wait_for_start()
        world.push(2)
        again.wait_for_published(1)
        again.wait_until(lambda: is_on_main(world, "status/0000/000002.yaml"), "the status file")
    assert world.commits() == commits + 2
    assert len(running.published) == 2
    assert not running.said.failures + again.said.failures


def test_a_clone_stays_whole_while_status_files_are_pushed(world: World) -> None:
    """Nothing that it needs lies in the store alone, and it holds nothing that needs the store."""
    git = world.served.clone.git
    before = git("for-each-ref")
    with watching(world.served.root, poll=POLL, write_back="push") as running:
        running.wait_for_published(1)
        for number in (1, 2):
            world.push(number)
            path = f"status/0000/{number:06d}.yaml"
            running.wait_until(partial(is_on_main, world, path), "the status file")
        assert git("for-each-ref") == before
    shutil.rmtree(world.served.root / ".franc")
    assert git("fsck", "--strict") == ""
    git("gc", "-q", "--prune=now")
    git("pull", "-q", "--ff-only")
    assert git("rev-parse", "HEAD") == Clone(world.remote).git("rev-parse", "main")


def is_on_main(world: World, path: str) -> bool:
    return path in Clone(world.remote).git("ls-tree", "-r", "--name-only", "main")


def test_signatures_of_what_was_fetched_are_verified(world: World, tmp_path: Path) -> None:
    ada = make_ssh_signer(tmp_path, "ada")
    world.work.clone.commit({"signers": ada.public})
    world.work.clone.git("push", "-q", "origin", "HEAD:main")
    environ = {"FRANC_REQUIRE_SIGNED_COMMITS": "signers"}
    with watching(world.served.root, environ, poll=POLL) as running:
        running.wait_for_start()
        with signs(world.work.clone, ada):
            world.push(1)
        running.wait_for_published(1)
        world.push(2)
        running.wait_until(lambda: len(running.said.reports) > 2, "the unsigned one")
    held = running.said.reports[-1].plan.problems
    assert running.published == ["pop_CHG-2024-000001"]
    assert ("FRN430", "requests/0000/000002.yaml") in [(p.code, p.path) for p in held]


def test_a_clone_that_was_made_before_the_first_push(tmp_path: Path) -> None:
    bare = new_repository(tmp_path / "remote.git", "--bare")
    served = clone_repository(bare.root, tmp_path / "served")
    work = new_project(tmp_path / "work")
    work.add(range(1))
    work.clone.git("push", "-q", str(bare.root), "main")
    with watching(served.root, poll=POLL) as running:
        running.wait_for_published(1)
        work.add(range(1, 2))
        work.clone.git("push", "-q", str(bare.root), "main")
        running.wait_for_published(2)


@pytest.mark.parametrize("environ", [{}, {"FRANC_REMOTE": "origin"}])
def test_a_clone_that_status_files_are_committed_to_is_followed_itself(
    world: World, environ: dict[str, str]
) -> None:
    """Whether a remote is named or not; and it holds all of its commits itself."""
    git = world.served.clone.git
    before = git("rev-parse", "HEAD")
    with watching(world.served.root, environ, poll=POLL, write_back="commit") as running:
        running.wait_for_published(1)
        running.wait_until(lambda: git("rev-parse", "HEAD") != before, "the status commit")
        assert remote_is_well(running) is None
    shutil.rmtree(world.served.root / ".franc")
    assert git("fsck", "--strict") == ""
    assert git("log", "-1", "--format=%P") == before


def test_once_asks_the_remote_and_says_if_it_does_not_answer(world: World) -> None:
    world.push(1)
    done = world.served.run("watch", "--once")
    assert done.returncode == 0, done.stderr
    assert world.status(1).exists()
    world.remote.rename(world.remote.with_name("hidden.git"))
    done = world.served.run("watch", "--once")
    assert done.returncode == 2
    assert "origin/main cannot be followed" in done.stderr


def test_bad_requests_come_and_go_by_push(world: World) -> None:
    with watching(world.served.root, poll=POLL) as running:
        running.wait_for_published(1)
        world.work.clone.commit({"requests/bad.yaml": "type: nonsense\n"})
        world.push(1)
        running.wait_for_published(2)
        status = world.served.root / "status/bad.yaml"
        running.wait_until(status.exists, "the status of the bad one")
        world.work.clone.commit({"requests/bad.yaml": request_text(2)})
        world.work.clone.git("push", "-q", "origin", "HEAD:main")
        running.wait_for_published(3)


def test_what_is_fetched_to_where_nothing_was_is_seen_by_who_has_been_asked_before(
    world: World, tmp_path: Path
) -> None:
    """As when the clone and its store were replaced: git never looks for a folder again."""
    mirror = Mirror(world.served.root, tmp_path / "store", "origin", "", SystemClock())
    with FollowedGit(world.served.root, "requests", mirror.objects) as followed:
        followed.head()
        commit = world.push(5)
        path = "requests/0000/000005.yaml"
        assert followed.part(commit, [path]) is None
        mirror.poll()
        followed.head()
        found = followed.part(commit, [path])
    assert found is not None
    assert path in found.files


def is_deleted(folder: Path) -> bool:
    """Delete a folder, as far as nothing is made in it at that moment."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def test_a_clone_that_is_deleted_and_made_anew(world: World) -> None:
    with watching(world.served.root, poll=POLL) as running:
        running.wait_for_published(1)
        wait_for(lambda: is_deleted(world.served.root), what="the clone to be deleted", seconds=30)
        clone_repository(world.remote, world.served.root)
        running.wait_until(world.store.exists, "another store")
        commit = world.push(5)
        running.wait_until(lambda: running.daemon.board.view().commit == commit, "the push")
        assert remote_is_well(running)
