"""Status files as commits: pushed or on the checked-out branch, never lost, never rolled back."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench.corpus import request_text
from franc_gitops import pins, wiring
from franc_gitops.cli.outcome import describe_report
from franc_gitops.errors import SettingsError, WriteBackFailed
from franc_gitops.eventlogs.memory import LEDGER, MemoryCluster, MemoryEventLog, _Stored
from franc_gitops.ledger import Ledger
from franc_gitops.model import Written
from franc_gitops.pipeline.commit_message import MOST_CHANGES
from franc_gitops.pipeline.ports import PartialCommits
from franc_gitops.pipeline.writeback_git import GitWriteBack
from franc_gitops.repositories.git.annex import Annex
from franc_gitops.repositories.git.command import Git
from franc_gitops.repositories.git.commits import GitCommits
from franc_gitops.settings import load_settings
from tests.support.git import Clone, environment
from tests.support.host import PIN, Host, Site, install_hook, new_host, path_of
from tests.support.project import Project
from tests.support.pusher import Known, raise_version
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from franc_gitops.clock import Deadline
    from franc_gitops.pipeline.report import Report
    from franc_gitops.pipeline.turn import Pass
    from franc_gitops.repositories.commits import Branch, NewCommit

REQUEST = "pop_CHG-2024-000001"
STATUS = "status/0000/000001.yaml"
PINS = "status/.ledger.yaml"


@pytest.fixture(autouse=True)
def _plain_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """Git without anybody's settings, and without an identity: as in a fresh CI container."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM"):
        monkeypatch.setenv(name, environment()[name])


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return new_host(tmp_path)


@pytest.fixture
def site(host: Host) -> Site:
    """A clone of a host that has one request."""
    site = host.clone("work")
    site.order(1)
    return site


def check_pushed(report: Report, host: Host, branch: str = "main") -> str:
    """Hold what the report says against what the host has; give the commit."""
    assert report.failure is None, report.failure
    assert report.written is not None
    assert report.written.branch == f"origin/{branch}"
    assert report.written.commit == host.tip(branch)
    return report.written.commit


def failure_of(report: Report) -> WriteBackFailed:
    assert isinstance(report.failure, WriteBackFailed)
    assert report.failure.exit_code == 6
    return report.failure


# --- push: what arrives ---------------------------------------------------------------------


def detach(site: Site) -> None:
    site.clone.git("checkout", "--quiet", "--detach")


def nothing(_: Site) -> None:
    pass


@pytest.mark.parametrize(
    ("options", "prepare"),
    [
        ((), nothing),
        ((), detach),
        (("--depth=1",), detach),
        (("--bare",), nothing),
        (("--mirror",), nothing),
        (("--no-checkout", "--filter=blob:none"), nothing),
    ],
    ids=["branch", "detached", "shallow", "bare", "mirror", "partial"],
)
def test_status_files_are_pushed_from_any_clone_and_nothing_else_changes(
    host: Host, options: tuple[str, ...], prepare: Callable[[Site], None]
) -> None:
    """The commit is a child of the branch's tip and changes the status folder only."""
    work = host.clone("work")
    work.order(1, 2)
    work.commit({"README.md": "hello\n", "requests/0000/000001.yaml": None})
    site = host.clone("ci", *options)
    prepare(site)
    if (site.root / "README.md").exists():
        site.clone.write("README.md", "being edited\n")
        site.clone.write("new.txt", "not tracked\n")
        site.clone.write("staged.txt", "staged\n")
        site.clone.git("add", "staged.txt")
    before, tip = site.state() if site.has_work_tree else {}, host.main
    commit = check_pushed(site.publish(), host)
    assert host.parents(commit) == [tip]
    assert host.changed(commit) == [PINS, "status/0000/000002.yaml"]
    assert "phase: Completed" in host.status(2)
    if site.has_work_tree:
        assert site.state() == before


def test_a_shallow_clone_that_is_behind_stays_as_it_is(host: Host, site: Site) -> None:
    """It gets no second border, which `git pull` could not cross, and nothing half."""
    behind = host.clone("ci", "--depth=1")
    site.order(2)
    before = behind.state()
    check_pushed(behind.publish(), host)
    assert "phase: Completed" in host.status(1)
    assert [*host.files(folder="status")] == [PINS, STATUS]
    assert behind.state() == before
    behind.clone.git("fsck", "--strict")
    behind.clone.git("pull", "--quiet", "--ff-only")
    check_pushed(behind.publish(), host)
    assert "phase: Completed" in host.status(2)


def test_a_shallow_clone_with_a_project_in_a_folder_and_a_remote_beside_it(
    host: Host, site: Site
) -> None:
    """Git takes the address of such a remote from the top of the clone, wherever it is run."""
    site.commit({"team/franc-gitops.yaml": "", f"team/requests/{path_of(1)}": request_text(1)})
    behind = host.clone("ci", "--depth=1")
    behind.clone.git("config", "remote.origin.url", f"../{host.bare.root.name}")
    site.order(2)
    before = behind.state()
    report = Site(Clone(behind.root / "team"), host.cluster).publish()
    assert report.written is not None
    assert report.written.commit == host.main
    assert host.changed(host.main) == [f"team/{PINS}", f"team/{STATUS}"]
    assert behind.state() == before


def test_doctor_leaves_a_shallow_clone_as_it_is(host: Host, site: Site) -> None:
    behind = host.clone("ci", "--depth=1")
    site.order(2)
    before = behind.state(), behind.clone.git("count-objects", "-v")
    Project(behind.clone).run("doctor", FRANC_WRITE_BACK="push")
    assert (behind.state(), behind.clone.git("count-objects", "-v")) == before


def test_a_remote_is_pushed_to_with_all_of_its_settings(host: Host, site: Site) -> None:
    """Its address for pushes, what is to be called there, and what addresses stand for."""
    site.order(2, push=False)
    site.clone.git("push", "--quiet", "origin", "HEAD:main")
    git = site.clone.git
    git("remote", "rename", "origin", "my.remote")
    git("config", "remote.my.remote.url", "far:away.git")
    git("config", f"url.{host.folder}/.insteadOf", "near:")
    git("config", "remote.my.remote.pushurl", "near:host.git")
    git("config", f"url.{host.folder}/host.git.insteadOf", "far:away.git")
    called = site.root.parent / "called"
    git("config", "remote.my.remote.receivepack", f"touch '{called}'; git-receive-pack")
    before = site.state()
    report = site.publish()
    assert report.written is not None
    assert report.written.commit == host.main
    assert called.exists()
    assert site.state() == before


def test_an_annex_has_the_settings_of_its_clone(site: Site) -> None:
    """Whatever they hold, and each as often as it is there."""
    values = ["", " a ", 'b "c" \\ # ; d', "line\nbreak", "tab\t", "=", "ä"]
    for name in ("http.https://example.com/a.b=c.extraHeader", 'x.a "b" \\ ].key', "y.key"):
        for value in [*values, values[1]]:
            site.clone.git("config", "--add", name, value)
    with (site.root / ".git/config").open("a") as file:
        file.write("[z]\n\tflag\n[include]\n\tpath = more\n")
        file.write(f"\tpath = {site.root}/.git/elsewhere\n")
    (site.root / ".git/more").write_text("[more]\n\tkey = value\n")
    (site.root / ".git/elsewhere").write_text("[elsewhere]\n\tkey = value\n")
    site.clone.git("config", "core.sshCommand", "ssh -v")
    (site.root / ".git/shallow").touch()
    annex = Annex(site.root)
    found, wanted = (settings_of(git) for git in (annex.git, Git(site.root)))
    assert [one for one in wanted if one not in found] == []
    assert sorted(one for one in found if one in wanted) == sorted(wanted)
    folder = Path(annex.variables["GIT_OBJECT_DIRECTORY"]).parent
    assert folder.stat().st_mode & 0o077 == 0
    annex.close()
    assert not folder.exists()


def settings_of(git: Git) -> list[str]:
    """Give all settings that are not about the place itself."""
    place = ("core.bare", "core.worktree", "core.repo", "core.log", "branch.", "include.")
    entries = git.run("config", "--list", "--includes", "-z").decode().split("\0")[:-1]
    return [entry for entry in entries if not entry.startswith(place)]


def test_the_bytes_are_those_of_the_files_mode(host: Host, site: Site) -> None:
    site.publish()
    other = host.clone("other")
    other.publish("files")
    for path in host.files():
        assert (other.root / path).read_text() == host.show(path) + "\n"
    assert other.clone.git("status", "--porcelain") == ""


def test_submodules_worktrees_line_endings_and_unusual_names_do_not_matter(
    host: Host, site: Site
) -> None:
    """What the tip holds beside the status folder is the same before and after."""
    umlaut = 'requests/Zürich/\u202fgröße "1".yaml'
    site.order(2)
    (site.root / "requests/Zürich").mkdir()
    (site.root / f"requests/{path_of(2)}").rename(site.root / umlaut)
    library = host.clone("library")
    site.clone.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.root), "lib"
    )
    site.commit({".gitattributes": "* text=auto eol=crlf\n", "exe": "#!/bin/sh\n"})
    tree = site.root.parent / "tree"
    site.clone.git("worktree", "add", "--quiet", "--detach", str(tree))
    linked = Site(Clone(tree), site.cluster)
    linked.clone.git("config", "core.autocrlf", "true")
    before = host.bare.git("ls-tree", "main")
    check_pushed(linked.publish(), host)
    after = host.bare.git("ls-tree", "main").splitlines()
    assert [line for line in after if "\tstatus" not in line] == before.splitlines()
    assert umlaut.replace("requests/", "status/") in host.files()
    assert "\r" not in host.status(1)


def test_the_requests_may_lie_in_a_folder_of_a_larger_repository(
    host: Host, tmp_path: Path
) -> None:
    work = host.clone("work")
    work.commit({"net/franc-gitops.yaml": "", f"net/requests/{path_of(1)}": request_text(1)})
    site = Site(Clone(work.root / "net"), work.cluster)
    commit = check_pushed(site.publish(), host)
    assert host.changed(commit) == [f"net/{PINS}", f"net/{STATUS}"]


def test_a_status_file_goes_with_its_request_file_and_no_other_file_does(
    host: Host, site: Site
) -> None:
    site.order(2)
    site.publish()
    site.pull()
    site.commit(
        {
            f"requests/{path_of(2)}": None,
            "status/notes.yaml": "by: hand\n",
            "status/\udcff.yaml": "not UTF-8\n",
            "status/README.md": "what is here\n",
        }
    )
    commit = check_pushed(site.publish(), host)
    assert host.changed(commit) == [f"status/{path_of(2)}"]
    kept = ["status/README.md", "status/notes.yaml", "status/\udcff.yaml"]
    assert host.files() == [PINS, STATUS, *kept]


def test_what_is_in_the_way_of_a_status_file_is_named_and_the_others_are_pushed(
    host: Host, site: Site
) -> None:
    site.order(2, 1001)
    site.commit({f"status/{path_of(1)}/x": "a folder", "status/0001": "a file"})
    report = site.publish()
    failure = failure_of(report)
    assert f"{path_of(1)}: it is a folder" in failure.message
    assert f"{path_of(1001)}: 0001 is not a folder" in failure.message
    assert report.written
    assert host.changed(report.written.commit) == [PINS, f"status/{path_of(2)}"]
    site.pull()
    site.clone.git("rm", "-rq", "status/0001", f"status/{path_of(1)}")
    site.commit({})
    check_pushed(site.publish(), host)
    assert host.files() == [PINS, *(f"status/{path_of(n)}" for n in (1, 2, 1001))]


@pytest.mark.parametrize("way", ["link", "file"])
def test_a_status_folder_that_is_no_folder_is_left_alone(host: Host, site: Site, way: str) -> None:
    if way == "link":
        site.clone.link("status", "elsewhere")
    site.commit({} if way == "link" else {"status": "a file"})
    tip = host.main
    assert "not a folder" in failure_of(site.publish()).message
    assert host.main == tip


def test_a_link_in_a_status_files_place_is_replaced(host: Host, site: Site) -> None:
    site.clone.link(STATUS, "/etc/passwd")
    site.commit({})
    commit = check_pushed(site.publish(), host)
    assert host.bare.git("ls-tree", commit, "--", STATUS).startswith("100644 ")


# --- push: what a commit says ---------------------------------------------------------------


def test_a_commit_names_its_author_its_changes_and_what_it_is_about(host: Host, site: Site) -> None:
    ordered = site.order(2)
    commit = check_pushed(site.publish(), host)
    form = "%an <%ae>|%cn <%ce>|%s|%(trailers:only,unfold,separator=%x2C)"
    robot = "franc-gitops <franc-gitops@localhost>"
    *people, subject, trailers = host.bare.git("log", "-1", f"--format={form}", commit).split("|")
    assert people == [robot, robot]
    assert subject == "Update status files [skip ci]"
    assert trailers.split(",") == [
        f"Franc-Commit: {ordered}",
        f"Franc-Log: kafka:{PIN.cluster_id}",
        "Franc-Change: CHG-2024-000001",
        "Franc-Change: CHG-2024-000002",
    ]


def test_author_and_message_can_be_chosen(host: Host, site: Site) -> None:
    person, message = "Rüdiger Robot <robot@example.com>", "📡 What became of the requests"
    commit = check_pushed(site.publish(commit_author=person, commit_message=message), host)
    shown = host.bare.git("log", "-1", "--format=%an <%ae>|%s", commit)
    assert shown == f"{person}|{message}"
    assert "skip ci" not in host.bare.git("log", "-1", "--format=%B", commit)


def test_of_thousands_of_changes_a_commit_names_some_and_counts_the_rest(
    host: Host, site: Site
) -> None:
    site.order(*range(2, MOST_CHANGES + 12))
    commit = check_pushed(site.publish(), host)
    message = host.bare.git("log", "-1", "--format=%B", commit)
    assert message.count("Franc-Change: ") == MOST_CHANGES
    assert "Franc-Changes-Omitted: 11\n" in message


@pytest.mark.parametrize("write_back", ["push", "commit"])
def test_neither_signing_nor_the_clones_hooks_stop_a_commit(
    host: Host, site: Site, write_back: str
) -> None:
    for setting, value in {
        "commit.gpgSign": "true",
        "push.gpgSign": "true",
        "gpg.program": "false",
        "user.useConfigOnly": "true",
        "push.followTags": "true",
        "push.recurseSubmodules": "on-demand",
        "fetch.prune": "true",
    }.items():
        site.clone.git("config", setting, value)
    for name in ("pre-commit", "commit-msg", "pre-push", "reference-transaction", "post-commit"):
        install_hook(site.root / ".git/hooks", name, "exit 1")
    report = site.publish(write_back)
    assert report.failure is None
    assert report.written
    assert report.written.commit == (host.main if write_back == "push" else site.clone.head)


# --- push: nothing twice, nothing lost, nothing rolled back ---------------------------------


def test_a_pass_after_its_own_push_does_nothing(host: Host, site: Site) -> None:
    """Also in a fresh shallow clone, and what was sent does not depend on status commits."""
    check_pushed(site.publish(), host)
    before, status = host.main, host.status(1)
    for later in (site, host.clone("ci", "--depth=1")):
        report = later.publish()
        assert report.failure is None
        assert not report.published
        assert report.written == Written(unchanged=1)
        assert (host.main, host.status(1)) == (before, status)


def test_held_requests_do_not_make_a_commit_for_every_pass_of_a_shallow_clone(
    host: Host, site: Site
) -> None:
    site.order(2, not_before="2999-01-01T00:00:00Z")
    site.commit({"requests/bad.yaml": "type: unknown\n"})
    commit = check_pushed(host.clone("ci-1", "--depth=1").publish(), host)
    report = host.clone("ci-2", "--depth=1").publish()
    assert report.failure is None
    assert host.main == commit, host.bare.git("show", host.main)


def test_a_push_goes_on_from_what_others_have_pushed_meanwhile(host: Host, site: Site) -> None:
    """Requests and anything else that came in between stay; the new tip's requests count."""
    other = host.clone("other")
    with site.open() as turn:
        changes = {"a.txt": "a", f"requests/{path_of(1)}": None}
        branch = meddle(turn, before_add=lambda: other.commit(changes))
        report = turn.run()
    assert branch.tries == 2
    commit = check_pushed(report, host)
    assert report.written
    assert report.written.conflicts == 1
    assert host.changed(commit) == host.files() == [PINS]
    assert host.show("a.txt") == "a"


def test_a_late_publisher_of_an_older_commit_rolls_nothing_back(host: Host, site: Site) -> None:
    """It planned revision 1; when it comes to push, revision 2 is published and pushed."""
    newer = host.clone("newer")

    def meanwhile() -> None:
        newer.order(1, revision="2")
        check_pushed(newer.publish(), host)

    report = publish_late(site, meanwhile)
    assert report.failure is None
    assert report.published.keys() == {REQUEST}
    assert "revision: 2" in host.status(1)
    assert report.written == Written(unchanged=1)


def test_a_late_publisher_that_read_an_older_ledger_rolls_nothing_back(
    host: Host, site: Site
) -> None:
    """Of the same requests: after it had published, and read, another record was replaced."""
    site.publish()
    site.pull()
    site.order(2)
    other = host.clone("other")

    def meanwhile() -> None:
        move_events(site.cluster, 77)
        check_pushed(other.publish(), host)

    report = publish_late(site, meanwhile)
    assert report.failure is None
    assert len(report.published) == 1
    assert "offset: 77" in host.status(1)
    assert report.written == Written(unchanged=2)


def test_commits_that_were_taken_back_meanwhile_do_not_come_back(host: Host, site: Site) -> None:
    """A push that only looks for a fast-forward would bring them back with it."""
    old = host.main
    site.order(2)
    with site.open() as turn:
        branch = meddle(
            turn, before_add=lambda: host.bare.git("update-ref", "refs/heads/main", old)
        )
        commit = check_pushed(turn.run(), host)
    assert branch.tries == 2
    assert host.parents(commit) == [old]
    assert host.files(folder="requests") == [f"requests/{path_of(1)}"]
    assert host.files() == [PINS, STATUS]


def test_what_a_hanging_transaction_hides_is_not_rolled_back(host: Host, site: Site) -> None:
    """Status files may know a record that a reader cannot see yet: it waits, or gives up."""
    site.publish()
    other = MemoryEventLog(site.cluster, transactional_id="another program").fence()
    partition = site.cluster.place("CHG-2024-000001")
    hidden = _Stored(other.epoch, "another", (), b"")
    site.cluster.append(other.epoch, LEDGER, partition, hidden)
    move_events(site.cluster, 77)
    site.pull()
    right = host.status(1).replace("offset: 0", "offset: 77")
    site.commit({STATUS: right + "\n"})
    tip = host.main
    assert "held by an open transaction" in failure_of(site.publish()).message
    assert host.main == tip
    other.close()
    report = site.publish()
    assert report.failure is None
    assert host.status(1).count("offset: 77") == 3


def test_requests_that_are_not_on_the_branch_yet_get_no_status_file_there(
    host: Host, site: Site
) -> None:
    """Published is the checked-out commit, but status files stand next to their requests."""
    site.order(2, push=False)
    report = site.publish()
    assert report.failure is None
    assert len(report.published) == 2
    assert report.written
    assert report.written.absent == 1
    assert describe_report(report).endswith(
        "; 1 request file not on the branch yet, nor the status"
    )
    assert host.files() == [PINS, STATUS]
    site.clone.git(
        "pull",
        "--quiet",
        "--no-rebase",
        "--no-edit",
        "origin",
        "main",
    )
    site.clone.git("push", "--quiet", "origin", "HEAD:main")
    check_pushed(site.publish(), host)
    assert f"status/{path_of(2)}" in host.files()


# --- push: a branch that refuses ------------------------------------------------------------

PROTECTED = """while read old new ref; do
  if [ "$ref" = refs/heads/main ]; then
    echo "GitLab: You are not allowed to push code to protected branches on this project."
    exit 1
  fi
done"""


def test_a_protected_branch_falls_back_to_the_status_branch(host: Host, site: Site) -> None:
    """Published, exit 6, and both branches and the reason are named."""
    host.hook("pre-receive", PROTECTED)
    tip = host.main
    report = site.publish()
    failure = failure_of(report)
    assert failure.code == "FRN602"
    assert failure.message == (
        "origin/main refused the status files; they are on origin/franc-gitops/status instead. "
        "Its reason: [remote rejected] (pre-receive hook declined); "
        "GitLab: You are not allowed to push code to protected branches on this project."
    )
    assert report.published.keys() == {REQUEST}
    fallback = host.tip("franc-gitops/status")
    assert report.written == Written(1, 0, 0, fallback, "origin/franc-gitops/status")
    assert host.main == tip
    assert host.parents(fallback) == [tip]
    assert host.changed(fallback) == [PINS, STATUS]


def test_the_status_branch_follows_without_ever_being_forced(host: Host, site: Site) -> None:
    """Nothing new: no commit. Something new: it goes on from both. Merged: all is well."""
    host.hook("pre-receive", PROTECTED)
    failure_of(site.publish())
    first = host.tip("franc-gitops/status")
    assert failure_of(site.publish()).code == "FRN602"
    assert host.tip("franc-gitops/status") == first
    host.hook("pre-receive", "")
    tip = site.order(2)
    host.hook("pre-receive", PROTECTED)
    failure_of(host.clone("ci", "--depth=1").publish())
    second = host.tip("franc-gitops/status")
    assert host.parents(second) == [first, tip]
    assert host.bare.git("diff", "--name-only", "main...franc-gitops/status").splitlines() == [
        PINS,
        STATUS,
        f"status/{path_of(2)}",
    ]
    host.bare.git("update-ref", "refs/heads/main", second)  # a pull request is merged
    report = site.publish()
    assert report.failure is None
    assert host.tip("franc-gitops/status") == second


@pytest.mark.parametrize("merged", [True, False])
def test_a_stale_status_branch_never_blocks(host: Host, site: Site, merged: bool) -> None:
    """Whatever is on it, however old: the next commit comes after it, and holds none of it."""
    stranger = host.clone("stranger")
    if not merged:
        stranger.clone.git("checkout", "--quiet", "--orphan", "alone")
    stranger.clone.commit({STATUS: "old", "foreign.txt": "by hand"})
    stranger.clone.git("push", "--quiet", "origin", "HEAD:refs/heads/robot/status")
    stale = host.tip("robot/status")
    site.order(2)
    host.hook("pre-receive", PROTECTED)
    failure_of(site.publish(status_branch="robot/status"))
    commit = host.tip("robot/status")
    assert host.parents(commit) == [stale, host.main]
    changed = host.bare.git("diff", "--name-only", "main", "robot/status").splitlines()
    assert changed == [PINS, STATUS, f"status/{path_of(2)}"]


def test_once_the_branch_takes_them_they_are_where_they_belong(host: Host, site: Site) -> None:
    host.hook("update", '[ "$1" != refs/heads/main ]')
    failure_of(site.publish())
    host.hook("update", "exit 0")
    check_pushed(site.publish(), host)


def test_a_host_that_refuses_every_branch_is_named_with_both_reasons(
    host: Host, site: Site
) -> None:
    host.hook("update", 'echo "no entry for $1"; exit 1')
    report = site.publish()
    failure = failure_of(report)
    assert failure.code == "FRN602"
    assert "no entry for refs/heads/main" in failure.message
    assert "origin/franc-gitops/status too: " in failure.message
    assert report.written is None


# --- push: a world that fails ---------------------------------------------------------------


def use_ssh(site: Site, message: str) -> None:
    """Reach the remote through an ssh that says this and fails."""
    script = site.root.parent / "ssh"
    script.write_text(f"#!/bin/sh\necho '{message}' >&2\nexit 255\n")
    script.chmod(0o755)
    site.clone.git("config", "core.sshCommand", str(script))
    site.clone.git("remote", "set-url", "origin", "ssh://git@example.invalid/shop.git")


@pytest.mark.parametrize(
    ("message", "code", "word"),
    [
        ("git@example.invalid: Permission denied (publickey).", "FRN603", "does not let us in"),
        ("Host key verification failed.", "FRN603", "does not let us in"),
        ("ERROR: Repository not found.", "FRN603", "no such repository"),
        ("ssh: connect to host x port 22: Connection refused", "FRN604", "cannot be reached"),
        ("fatal: Out of memory, https://me:hunter2@x failed", "FRN604", "cannot be reached"),
    ],
)
def test_why_a_remote_was_not_reached_is_told_and_no_password(
    host: Host, site: Site, message: str, code: str, word: str
) -> None:
    address = host.bare.root.as_uri()
    use_ssh(site, message)
    report = site.publish()
    failure = failure_of(report)
    assert failure.code == code
    assert word in failure.message
    assert "hunter2" not in failure.message
    assert failure.hint
    assert report.published
    site.clone.git("remote", "set-url", "origin", address)
    check_pushed(site.publish(), host)


def test_a_remote_that_is_away_is_healed_by_the_next_pass(host: Host, site: Site) -> None:
    host.bare.root.rename(host.folder / "away")
    assert failure_of(site.publish()).code == "FRN603"
    (host.folder / "away").rename(host.bare.root)
    check_pushed(site.publish(), host)


def test_nobody_is_listening(host: Host, site: Site) -> None:
    with closed_port() as port:
        site.clone.git("remote", "set-url", "origin", f"git://127.0.0.1:{port}/shop.git")
        failure = failure_of(site.publish())
    assert failure.code == "FRN604"
    assert "Connection refused" in failure.message
    assert host.files() == []


def test_a_hook_that_hangs_is_left_after_a_time_and_nothing_keeps_running(
    host: Host, site: Site
) -> None:
    host.hook("pre-receive", f"echo $$ > {host.folder}/pid; exec sleep 600")
    failure = failure_of(site.publish(push_timeout="2"))
    assert failure.code == "FRN604"
    assert "git push did not end in time" in failure.message
    assert "push_timeout" in failure.hint
    number = int((host.folder / "pid").read_text())
    wait_for(lambda: not Path(f"/proc/{number}").exists(), what="the hook to end", seconds=10)
    host.hook("pre-receive", "")
    check_pushed(site.publish(), host)


def test_a_push_that_hangs_after_it_was_done_counts_as_done(host: Host, site: Site) -> None:
    host.hook("post-receive", "exec sleep 600")
    check_pushed(site.publish(push_timeout="6"), host)


def test_a_connection_that_breaks_after_the_push_was_done_counts_as_done(
    host: Host, site: Site
) -> None:
    host.hook("post-receive", "kill -9 $PPID")
    check_pushed(site.publish(), host)


def test_a_connection_that_breaks_before_is_no_refusal(host: Host, site: Site) -> None:
    """Nothing goes to the status branch because of it."""
    host.hook("pre-receive", "kill -9 $PPID")
    assert failure_of(site.publish()).code == "FRN604"
    assert not host.tip("franc-gitops/status")
    host.hook("pre-receive", "")
    check_pushed(site.publish(), host)


def test_what_the_remote_took_and_does_not_have_is_not_pushed(host: Host, site: Site) -> None:
    """Only what it shows when it is asked again counts."""
    host.hook("post-receive", "while read o n r; do git update-ref $r $o; done")
    failure = failure_of(site.publish(push_timeout="2"))
    assert failure.code == "FRN605"
    assert "does not have" in failure.message
    host.hook("post-receive", "")
    check_pushed(site.publish(), host)


def test_others_may_push_on_top_before_we_ask(host: Host, site: Site) -> None:
    """The remote has our commit, although the branch is further already."""
    host.hook(
        "post-receive",
        """while read old new ref; do
  git update-ref $ref $(git -c user.name=x -c user.email=y commit-tree -m top -p $new $new^{tree})
done""",
    )
    report = site.publish()
    assert report.failure is None
    assert report.written
    assert host.parents(host.main) == [report.written.commit]


def test_a_full_disk_is_told_and_healed_by_the_next_pass(host: Host, site: Site) -> None:
    """A limit on the size of files stands in for the disk."""
    site.order(*range(2, 150))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limit = (2_000, before[1])
    with site.open() as turn:
        meddle(turn, before_tip=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
        try:
            failure = failure_of(turn.run())
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert failure.code == "FRN606"
    assert not list((site.root / ".git").glob("fast_import_crash*"))
    check_pushed(site.publish(), host)


# --- push: where to -------------------------------------------------------------------------


def test_a_branch_is_pushed_to_what_it_follows(host: Host, site: Site) -> None:
    site.clone.git("push", "--quiet", "origin", "HEAD:refs/heads/trunk")
    site.clone.git("checkout", "--quiet", "-b", "local", "--track", "main")
    site.clone.git("branch", "--quiet", "--set-upstream-to=origin/main")
    check_pushed(site.publish(), host)


@pytest.mark.parametrize(("settings", "branch"), [({}, "main"), ({"branch": "release"}, "release")])
def test_a_detached_commit_on_several_branches_belongs_to_the_default_one_or_the_chosen_one(
    host: Host, site: Site, settings: dict[str, str], branch: str
) -> None:
    site.clone.git("push", "--quiet", "origin", "HEAD:refs/heads/release")
    ci = host.clone("ci")
    detach(ci)
    check_pushed(ci.publish(**settings), host, branch)


def test_a_detached_commit_that_a_branch_has_passed_belongs_to_that_branch(
    host: Host, site: Site
) -> None:
    site.clone.git("push", "--quiet", "origin", "HEAD:refs/heads/release")
    site.clone.commit({"new.txt": "only on release"})
    site.clone.git("push", "--quiet", "origin", "HEAD:refs/heads/release")
    commit = site.clone.head
    site.clone.commit({"newer.txt": "only on release"})
    site.clone.git("push", "--quiet", "origin", "HEAD:refs/heads/release")
    ci = host.clone("ci")
    ci.clone.git("checkout", "--quiet", "--detach", commit)
    check_pushed(ci.publish(), host, "release")


def test_where_it_cannot_be_known_the_setting_is_named(host: Host, site: Site) -> None:
    for branch in ("one", "two"):
        site.clone.git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
    site.clone.commit({"more.txt": ""})
    site.clone.git("push", "--quiet", "origin", "HEAD:refs/heads/main")
    ci = host.clone("ci", "--branch=one")
    detach(ci)
    ci.clone.git("update-ref", "-d", "refs/remotes/origin/main")
    failure = failure_of(ci.publish())
    assert "on one, two" in failure.message
    assert "FRANC_BRANCH" in failure.hint


def test_a_branch_that_is_not_there_is_not_made(host: Host, site: Site) -> None:
    failure = failure_of(site.publish(branch="mian"))
    assert "there is no branch origin/mian" in failure.message
    assert not host.tip("mian")


@pytest.mark.parametrize(
    ("prepare", "settings", "word"),
    [
        (("remote", "remove", "origin"), {}, "has no remote"),
        (("remote", "rename", "origin", "a"), {"remote": "b"}, "has no remote 'b'"),
        (("remote", "rename", "origin", "a"), {}, ""),
    ],
)
def test_a_remote_that_is_not_there_is_told_before_anything_is_published(
    site: Site, prepare: tuple[str, ...], settings: dict[str, str], word: str
) -> None:
    site.clone.git(*prepare)
    if not word:
        site.clone.git("checkout", "--quiet", "--detach")
        site.clone.git("remote", "add", "b", "/nowhere")
        word = "several remotes: a, b"
    with pytest.raises(SettingsError, match=word):
        site.publish(**settings)
    assert not site.cluster.logs


def test_a_remote_is_a_name_and_never_an_address(site: Site) -> None:
    """The file may come from a pull request: `ext::` would run whatever it says."""
    for address in ("ext::sh -c id", "/tmp/x", "--upload-pack=id", "https://example.com/x"):
        with pytest.raises(SettingsError, match="name of a remote"):
            site.publish(remote=address)
    (site.root / "folder").mkdir()
    with pytest.raises(SettingsError, match="has no remote 'folder'"):
        site.publish(remote="folder")


@pytest.mark.parametrize("mode", ["files", "commit"])
def test_a_bare_repository_has_nothing_to_write_to(host: Host, site: Site, mode: str) -> None:
    bare = host.clone("bare", "--bare")
    with pytest.raises(SettingsError, match="without a work tree") as refused:
        bare.publish(mode)
    assert "push" in refused.value.hint
    assert not (bare.root / "status").exists()
    assert not site.cluster.logs


@pytest.mark.parametrize("mode", ["commit", "push"])
def test_without_a_commit_nothing_is_committed(host: Host, tmp_path: Path, mode: str) -> None:
    plain = Site(Clone(tmp_path / "plain"), host.cluster)
    plain.clone.write(f"requests/{path_of(1)}", request_text(1))
    with pytest.raises(SettingsError, match="no repository"):
        plain.publish(mode)


@pytest.mark.parametrize("mode", ["commit", "push"])
def test_what_no_commit_holds_is_not_committed_next_to(site: Site, mode: str) -> None:
    settings = load_settings(
        site.root, {"write_back": mode}, is_tracked=lambda _: False, environ={}
    )
    with (
        pytest.raises(SettingsError, match="--worktree"),
        wiring.open_pass(settings, wiring.Choices(worktree=True)),
    ):
        pass


# --- push: the pins -------------------------------------------------------------------------


def test_the_pins_of_two_publishers_are_joined(host: Host, site: Site) -> None:
    site.publish()
    site.pull()
    other, another = Site(site.clone, new_cluster("B")), host.clone("c", "--depth=1")
    another.cluster = new_cluster("C")
    another.pull()
    check_pushed(other.publish(accept="yes"), host)
    check_pushed(another.publish(accept="yes"), host)
    assert sorted(pin.cluster_id for pin in pins.decode(host.show(PINS).encode(), PINS)) == sorted(
        [PIN.cluster_id, "B", "C"]
    )


def test_a_branch_that_pins_another_ledger_keeps_its_pin(host: Host, site: Site) -> None:
    """An old commit without a pin, and a wrong address: told, and the pin is left alone."""
    stale = host.clone("stale")
    site.publish()
    stale.cluster = new_cluster("B")
    failure = failure_of(stale.publish())
    assert failure.code == "FRN506"
    assert [pin.cluster_id for pin in pins.decode(host.show(PINS).encode(), PINS)] == [
        PIN.cluster_id
    ]


@pytest.mark.parametrize("options", [("--bare",), ("--no-checkout",), ()])
def test_the_pins_of_the_commit_count_where_no_status_files_are_checked_out(
    host: Host, site: Site, options: tuple[str, ...]
) -> None:
    """Or whoever deletes the file could publish to another ledger without being asked."""
    site.publish()
    clone = host.clone("ci", *options)
    (clone.root / PINS).unlink(missing_ok=True)
    settings = load_settings(clone.root, is_tracked=lambda _: False, environ={})
    assert wiring.read_pins(replace(settings, kafka_enabled=True)) == (PIN,)
    assert wiring.read_pins(settings) == ()


# --- push: many at once ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clones", "rounds"),
    [
        (4, 2),
        pytest.param(20, 3, marks=pytest.mark.proof),
        pytest.param(50, 2, marks=pytest.mark.proof),
    ],
)
def test_many_clones_that_push_at_once_lose_nothing_and_roll_nothing_back(
    host: Host, site: Site, tmp_path: Path, clones: int, rounds: int
) -> None:
    """Each in a process and a clone of its own; every commit of the branch is looked at."""
    start = host.main
    (tmp_path / "ledger").mkdir()
    numbers = [f"{number:02d}" for number in range(clones)]
    assert push_at_once(host, tmp_path / "ledger", numbers, rounds) == []
    assert versions_at(host, host.main) == dict.fromkeys(numbers, rounds)
    check_only_forwards(host, start)


REFUSE_SOME = """\
while read old new ref; do
    [ $ref = refs/heads/main ] && [ $(printf %d 0x$(echo $new | cut -c1-2)) -lt 128 ] && exit 1
done
exit 0"""


@pytest.mark.parametrize(
    ("clones", "rounds"), [(3, 2), pytest.param(20, 3, marks=pytest.mark.proof)]
)
def test_a_host_that_refuses_some_of_many_pushes_at_once_is_made_up_for(
    host: Host, site: Site, tmp_path: Path, clones: int, rounds: int
) -> None:
    """Which ones is a throw of a coin; what was refused is on the status branch, never forced."""
    start = host.main
    (tmp_path / "ledger").mkdir()
    numbers = [f"{number:02d}" for number in range(clones)]
    host.hook("pre-receive", REFUSE_SOME)
    codes = push_at_once(host, tmp_path / "ledger", numbers, rounds)
    assert {*codes} <= {"FRN602"}
    check_only_forwards(host, start)
    host.hook("pre-receive", "exit 0")
    assert push_at_once(host, tmp_path / "ledger", numbers[:1], 1) == []
    assert versions_at(host, host.main) == {**dict.fromkeys(numbers, rounds), "00": rounds + 1}


def push_at_once(host: Host, ledger: Path, numbers: Sequence[str], rounds: int) -> list[str]:
    """Let so many publishers push at once; give the codes of what failed."""
    pushers = [start_pusher(host, ledger, number, rounds) for number in numbers]
    for pusher in pushers:
        assert pusher.stdout
        assert pusher.stdout.readline() == "ready\n"
    for pusher in pushers:
        assert pusher.stdin
        pusher.stdin.write("go\n")
        pusher.stdin.flush()
    codes = []
    for pusher in pushers:
        output, errors = pusher.communicate(timeout=600)
        assert pusher.returncode == 0, errors
        codes += output.split()
    return codes


def check_only_forwards(host: Host, start: str) -> None:
    """Look at every commit of the branch since: status files alone, and none older than before."""
    seen: dict[str, int] = {}
    for commit in host.bare.git("rev-list", "--reverse", f"{start}..main").splitlines():
        assert len(host.parents(commit)) == 1
        assert all(path.startswith("status/") for path in host.changed(commit))
        now = versions_at(host, commit)
        assert all(now[number] >= version for number, version in seen.items())
        seen = now


def start_pusher(host: Host, ledger: Path, number: str, rounds: int) -> subprocess.Popen[str]:
    clone = host.clone(f"clone-{number}-{rounds}", "--depth=1")
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.pusher", clone.root, ledger, number, str(rounds)],
        env=environment(PYTHONPATH=os.getcwd()),  # noqa: PTH109
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def versions_at(host: Host, commit: str) -> dict[str, int]:
    lines = host.bare.git("grep", "^version: ", commit, "--", "status").splitlines()
    pairs = [line.removeprefix(f"{commit}:status/").split(".yaml:version: ") for line in lines]
    return {number: int(version) for number, version in pairs}


def test_a_branch_that_never_stands_still_is_given_up_in_time(host: Host, site: Site) -> None:
    other = host.clone("other")
    with site.open(push_timeout="2") as turn:
        meddle(turn, before_add=lambda: other.commit({"a": "a"}), always=True)
        failure = failure_of(turn.run())
    assert failure.code == "FRN605"
    assert "origin/main was never still for 2 s" in failure.message


# --- commit ---------------------------------------------------------------------------------


@pytest.mark.parametrize("prepare", [nothing, detach])
def test_a_commit_on_what_is_checked_out_changes_status_files_only(
    host: Host, site: Site, prepare: Callable[[Site], None]
) -> None:
    """Whatever else is staged, edited or new stays as it is; a detached HEAD moves on."""
    site.commit({"a.txt": "1", "b.txt": "1"})
    prepare(site)
    site.clone.write("a.txt", "staged")
    site.clone.git("add", "a.txt")
    site.clone.write("a.txt", "edited after that")
    site.clone.write("b.txt", "edited")
    site.clone.write("new.txt", "new")
    before, status = site.clone.head, site.clone.git("status", "--porcelain")
    branch = site.clone.git("rev-parse", "--symbolic-full-name", "HEAD")
    report = site.publish("commit")
    assert report.failure is None
    commit = site.clone.head
    name = "main" if prepare is nothing else "the detached HEAD"
    assert report.written == Written(1, 0, 0, commit, name)
    assert site.clone.git("rev-parse", "HEAD^") == before
    assert site.clone.git("rev-parse", "--symbolic-full-name", "HEAD") == branch
    assert site.clone.git("show", "--format=", "--name-only").splitlines() == [PINS, STATUS]
    assert site.clone.git("status", "--porcelain") == status
    assert host.main == before


def test_nothing_to_commit_is_no_commit(site: Site) -> None:
    site.publish("commit")
    before = site.clone.head
    report = site.publish("commit")
    assert report.written == Written(unchanged=1)
    assert site.clone.head == before


def test_status_files_that_lie_there_uncommitted_are_committed(site: Site) -> None:
    """As after a change of the mode from `files` to `commit`; line endings change nothing."""
    site.clone.git("config", "core.autocrlf", "true")
    site.publish("files")
    report = site.publish("commit")
    assert report.written
    assert report.written.written == 1
    assert site.clone.git("status", "--porcelain") == ""
    site.order(2, push=False)
    site.publish("commit")
    site.clone.git("checkout", "--quiet", "HEAD~1")
    site.clone.git("checkout", "--quiet", "main")
    before = site.clone.head
    site.publish("commit")
    assert site.clone.head == before
    assert site.clone.git("diff", "--name-only") == ""


def test_a_removed_request_takes_its_status_file_out_of_the_commit(site: Site) -> None:
    site.order(2)
    site.publish("commit")
    site.commit({f"requests/{path_of(1)}": None}, push=False)
    report = site.publish("commit")
    assert report.written
    assert report.written.removed == 1
    assert site.clone.git("show", "--format=", "--name-status") == f"D\t{STATUS}"
    assert site.clone.git("status", "--porcelain") == ""


def test_a_commit_in_a_folder_of_a_larger_repository(host: Host) -> None:
    work = host.clone("work")
    work.commit({"net/franc-gitops.yaml": "", f"net/requests/{path_of(1)}": request_text(1)})
    site = Site(Clone(work.root / "net"), work.cluster)
    assert site.publish("commit").failure is None
    shown = work.clone.git("show", "--format=", "--name-only").splitlines()
    assert shown == [f"net/{PINS}", f"net/{STATUS}"]
    assert work.clone.git("status", "--porcelain") == ""


def test_a_locked_index_is_waited_for(site: Site) -> None:
    lock = site.root / ".git/index.lock"
    lock.touch()
    with site.open("commit") as turn:
        write_back = turn.write_back
        assert isinstance(write_back, GitWriteBack)
        write_back.patience = 0.5
        failure = failure_of(turn.run())
    assert failure.code == "FRN605"
    assert "index.lock" in failure.message
    timer = threading.Timer(0.5, lock.unlink)
    timer.start()
    assert site.publish("commit").failure is None
    timer.join()
    assert site.clone.git("status", "--porcelain") == ""


def test_a_commit_goes_on_from_what_was_committed_meanwhile(site: Site) -> None:
    def meanwhile() -> None:
        site.clone.write("a.txt", "a")
        site.clone.git("add", "a.txt")
        site.clone.git("commit", "--quiet", "--message=Meanwhile", "--", "a.txt")

    with site.open("commit") as turn:
        branch = meddle(turn, before_add=meanwhile)
        report = turn.run()
    assert branch.tries == 2
    assert report.failure is None
    assert site.clone.git("show", "--format=", "--name-only").splitlines() == [PINS, STATUS]
    assert site.publish("commit").failure is None
    assert site.clone.git("status", "--porcelain") == ""


def test_files_that_cannot_be_written_are_not_committed_either(site: Site) -> None:
    (site.root / STATUS).mkdir(parents=True)
    before = site.clone.head
    assert "Is a directory" in failure_of(site.publish("commit")).message
    assert site.clone.head == before


# --- how much is looked at ------------------------------------------------------------------


def test_one_changed_file_among_many_is_the_only_one_that_is_made(
    host: Host, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.order(*range(2, 300))
    site.publish()
    site.pull()
    site.order(5, revision="2")
    made: list[bytes] = []
    identify = GitCommits.blob_id

    def count(commits: GitCommits, text: bytes) -> str:
        made.append(text)
        return identify(commits, text)

    monkeypatch.setattr(GitCommits, "blob_id", count)
    commit = check_pushed(site.publish(), host)
    assert host.changed(commit) == [f"status/{path_of(5)}"]
    assert len(made) == 2, "the status file and the pins"


def test_a_part_is_committed_alone_until_the_branch_is_not_as_it_was_known(
    host: Host, site: Site, tmp_path: Path
) -> None:
    """What a loop asks for, which knows what changed: no other status file is looked at."""
    (tmp_path / "ledger").mkdir()
    ledger = {f"{name}": 1 for name in "abc"}
    for name in ledger:
        raise_version(tmp_path / "ledger", name)
    settings = load_settings(
        site.root, {"write_back": "push"}, is_tracked=lambda _: False, environ={}
    )
    write_back = wiring.open_write_back(settings)
    assert isinstance(write_back, PartialCommits)
    everything = Known(site.clone.head, tmp_path / "ledger", ledger)
    assert write_back(everything, everything.keep, ()).written == 3
    some = Known(host.main, tmp_path / "ledger", {"a": 2})
    assert write_back.part(some, ["requests/b.yaml"])._replace(commit="") == Written(
        1, 0, 1, "", "origin/main"
    )
    assert versions_at(host, host.main) == {"a": 2, "c": 1}
    other = host.clone("other")
    other.commit({"status/c.yaml": None})
    stale = replace(some, versions={"a": 1})
    assert write_back.part(stale, []).written == 3, "all of it, as the ledger has it now"
    assert versions_at(host, host.main) == {"a": 1, "b": 1, "c": 1}


# --- on the command line --------------------------------------------------------------------


def test_publish_says_where_the_status_files_are(host: Host, site: Site) -> None:
    project = Project(site.clone, {"FRANC_WRITE_BACK": "push"})
    done = project.run("publish")
    assert done.returncode == 0
    assert done.stderr.endswith(f"; status files on origin/main in {host.main[:12]}\n")
    told = project.json("publish")["write_back"]
    nothing_done = Written(unchanged=1)._asdict()
    assert told == {**nothing_done, "commit": None, "branch": None}
    host.hook("update", '[ "$1" != refs/heads/main ]')
    site.pull()
    site.order(2, push=False)
    host.hook("update", "exit 0")
    site.clone.git("push", "--quiet", "origin", "HEAD:main")
    host.hook("update", '[ "$1" != refs/heads/main ]')
    report = project.json("publish", exit_code=6)
    assert report["summary"]["published"] == 1
    assert report["write_back"]["branch"] == "origin/franc-gitops/status"
    again = project.run("publish")
    assert again.returncode == 6
    assert "FRN602: origin/main refused the status files; they are on origin/franc" in again.stderr


@pytest.mark.parametrize("outcome", [0, 1])
def test_a_kill_in_the_middle_of_a_push_is_healed_by_the_next_pass(
    host: Host, site: Site, outcome: int
) -> None:
    """Whether the remote has taken the commit by then or not; no event is sent twice."""
    project = Project(site.clone, {"FRANC_WRITE_BACK": "push"})
    pid = host.folder / "pid"
    host.hook("pre-receive", f"kill -9 $(cat {pid}); exit {outcome}")
    victim = project.start("publish")
    pid.write_text(str(victim.pid))
    victim.communicate(timeout=60)
    assert victim.returncode == -signal.SIGKILL
    host.hook("pre-receive", "")
    assert project.run("publish").returncode == 0
    assert host.files() == [STATUS]
    assert host.count() == 2
    assert len(project.run("events", "-o", "jsonl").stdout.splitlines()) == 3


@pytest.mark.parametrize("mode", ["push", "commit"])
def test_doctor_tries_the_branch(host: Host, site: Site, mode: str) -> None:
    project = Project(site.clone, {"FRANC_WRITE_BACK": mode})
    before = (host.main, site.clone.head)
    checks = {check["name"]: check for check in project.json("doctor")}
    assert checks["status commits"]["outcome"] == "ok"
    assert "main" in checks["status commits"]["message"]
    assert (host.main, site.clone.head) == before
    if mode == "push":
        host.bare.root.rename(host.folder / "away")
        checks = {check["name"]: check for check in project.json("doctor", exit_code=2)}
        assert checks["status commits"]["code"] == "FRN603"


# --- what stands in for the rest of the world -----------------------------------------------


@dataclass
class Meddled:
    """A branch to which something happens before we look at it first, or before we change it."""

    inner: Branch
    before_tip: Callable[[], object] | None = None
    before_add: Callable[[], object] | None = None
    always: bool = False
    tries: int = 0

    @property
    def name(self) -> str:
        return self.inner.name

    def tip(self, deadline: Deadline) -> str:
        self.tries += 1
        if self.before_tip and self.tries == 1:
            self.before_tip()
        return self.inner.tip(deadline)

    def try_out(self, deadline: Deadline) -> None:
        self.inner.try_out(deadline)

    def add(self, commit: NewCommit, commit_id: str, expected: str, deadline: Deadline) -> None:
        if self.before_add and (self.tries == 1 or self.always):
            self.before_add()
        self.inner.add(commit, commit_id, expected, deadline)


def meddle(turn: Pass, **meddling: Any) -> Meddled:
    write_back = turn.write_back
    assert isinstance(write_back, GitWriteBack)
    branch = Meddled(write_back.branch, **meddling)
    write_back.branch = branch
    return branch


def publish_late(site: Site, meanwhile: Callable[[], None]) -> Report:
    """Run a pass; when it comes to write back, let something else happen first."""
    with site.open() as turn:
        meddle(turn, before_tip=meanwhile)
        return turn.run()


def new_cluster(cluster_id: str) -> MemoryCluster:
    return MemoryCluster(pin=replace(PIN, cluster_id=cluster_id), name=f"kafka:{cluster_id}")


def move_events(cluster: MemoryCluster, offset: int) -> None:
    """Replace the record of the request by one that says that its events are elsewhere."""
    log, ledger = MemoryEventLog(cluster), Ledger()
    reader = log.reader()
    for records in reader.read(None):
        ledger.fold(records)
    entry = ledger.get(REQUEST)
    assert entry
    events = tuple(event._replace(offset=offset) for event in entry.events)
    value = replace(entry, events=events).encode()
    log.fence().commit([], lambda _: [(entry.change_number, REQUEST, value)])


@contextmanager
def closed_port() -> Iterator[int]:
    """Give a port that is ours and that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
