"""Where signed commits are required: who is believed, and what an attacker cannot do."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from bench.corpus import request_text
from franc_gitops.errors import RepositoryError
from franc_gitops.model import Trust
from franc_gitops.repositories.git.signatures import SignatureChecker
from tests.support.git import Clone, clone_repository, new_repository
from tests.support.project import Project
from tests.support.signing import Keyring, Signer, make_ssh_signer, signs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYS = "trusted-keys"
FIRST = "requests/first.yaml"
SECOND = "requests/second.yaml"


@pytest.fixture(scope="module")
def keyring() -> Iterator[Keyring]:
    made = Keyring()
    yield made
    made.close()


@pytest.fixture
def ada(tmp_path: Path) -> Signer:
    """Somebody whose key is trusted from the beginning."""
    return make_ssh_signer(tmp_path / "keys", "ada")


@pytest.fixture
def mallory(tmp_path: Path) -> Signer:
    """Somebody whose key nobody trusts."""
    return make_ssh_signer(tmp_path / "keys", "mallory")


@pytest.fixture
def clone(tmp_path: Path, ada: Signer) -> Clone:
    """A repository that trusts Ada."""
    made = new_repository(tmp_path / "work")
    made.commit({KEYS: f"# who may order changes\n{ada.public}"})
    return made


@pytest.fixture
def project(clone: Clone) -> Project:
    return Project(clone, {"FRANC_REQUIRE_SIGNED_COMMITS": KEYS})


def trust(clone: Clone, commit: str, keys: str = KEYS) -> Trust:
    """What the signature of a commit is worth at the head of the clone."""
    return SignatureChecker(clone.root, keys)(clone.head, [commit]).by_commit[commit].trust


def held(project: Project) -> dict[str, str]:
    """Publish, and give the code of what is held, by path."""
    done = project.run("publish")
    found = {}
    for line in done.stdout.splitlines():
        if ": error FRN" in line:
            found[line.split(":")[0]] = line.split(": error ")[1].split(" ")[0]
    assert done.returncode == (1 if found else 0), done.stderr
    return found


# --- who is believed ------------------------------------------------------------------------


def test_what_a_trusted_key_signed_is_published_and_what_nobody_signed_is_held(
    project: Project, ada: Signer
) -> None:
    """The problem stands in the status file; other files go on."""
    with signs(project.clone, ada):
        project.clone.commit({FIRST: request_text(1)})
    project.clone.commit({SECOND: request_text(2)})
    assert held(project) == {SECOND: "FRN430"}
    files = project.status_files()
    assert b"phase: Completed" in files["first.yaml"]
    assert b"phase: Rejected" in files["second.yaml"]
    assert b"FRN430" in files["second.yaml"]
    assert project.run("events").stdout.count("CHG-2024-000002") == 0


def test_a_plan_names_the_commit_and_the_key_that_is_not_trusted(
    project: Project, mallory: Signer
) -> None:
    with signs(project.clone, mallory):
        commit = project.clone.commit({FIRST: request_text(1)})
    done = project.run("plan")
    assert done.returncode == 1
    assert f"{FIRST}:1:1: error FRN431 commit {commit[:12]}" in done.stdout
    assert "is signed with key SHA256:" in done.stdout
    assert "not one of the trusted keys" in done.stdout


@pytest.mark.parametrize("more", [(), ("--offline",)], ids=["ledger", "offline"])
@pytest.mark.parametrize("depth", [(), ("--depth=1", "--no-single-branch")], ids=["whole", "cut"])
def test_a_review_holds_what_the_change_does_not_sign(
    project: Project,
    ada: Signer,
    tmp_path: Path,
    more: tuple[str, ...],
    depth: tuple[str, ...],
) -> None:
    """What nobody signed on the base is not the change's fault; a shallow clone is deepened."""
    project.clone.commit({"requests/of_base.yaml": request_text(4)})
    project.clone.git("checkout", "--quiet", "-b", "change")
    project.clone.commit({FIRST: request_text(1)})
    with signs(project.clone, ada):
        project.clone.commit({SECOND: request_text(2)})
    job = Project(clone_repository(project.root, tmp_path / "job", *depth), project.settings)
    job.clone.git("checkout", "--quiet", "--detach", "origin/change")
    plan = job.json("plan", "--base", "origin/main", *more, exit_code=1)
    actions = {action["path"]: action["action"] for action in plan["actions"]}
    assert actions == {FIRST: "hold", SECOND: "publish"}
    assert [(found["code"], found["path"]) for found in plan["problems"]] == [("FRN430", FIRST)]


def test_openpgp_keys_are_believed_too_in_the_same_file(
    clone: Clone, keyring: Keyring, ada: Signer
) -> None:
    gil, eve = keyring.make_signer("gil"), keyring.make_signer("eve")
    with signs(clone, ada):
        clone.commit({KEYS: f"{ada.public}{gil.public}# end\n"})
        by_ada = clone.commit({FIRST: "1"})
    with signs(clone, gil):
        by_gil = clone.commit({FIRST: "2"})
    with signs(clone, eve):
        by_eve = clone.commit({FIRST: "3"})
    checker = SignatureChecker(clone.root, KEYS)
    found = checker(clone.head, [by_ada, by_gil, by_eve]).by_commit
    assert [found[commit].trust for commit in (by_ada, by_gil, by_eve)] == [
        Trust.TRUSTED,
        Trust.TRUSTED,
        Trust.STRANGER,
    ]
    assert found[by_ada].signer == "ada@example.com"
    assert found[by_ada].key.startswith("SHA256:")
    assert found[by_gil].signer == "gil <gil@example.com>"
    assert len(found[by_gil].key) == 40


def test_expired_and_revoked_keys_are_not_believed(clone: Clone, keyring: Keyring) -> None:
    old = keyring.make_signer("old", expires="seconds=86400", at="20200101T000000")
    lost = keyring.make_signer("lost")
    with signs(clone, lost):
        by_lost = clone.commit({FIRST: "1"})
    assert trust(clone, by_lost) is Trust.STRANGER
    keys = new_keys(clone, f"{old.public}{lost.public}")
    assert trust(clone, by_lost, keys) is Trust.TRUSTED
    keys = new_keys(clone, f"{old.public}{keyring.revoke('lost')}")
    assert trust(clone, by_lost, keys) is Trust.REVOKED
    program = keyring.folder / "gpg-then"
    program.write_text(
        f'#!/bin/sh\nexec gpg --homedir {keyring.folder} --faked-system-time 20200101T000100 "$@"\n'
    )
    program.chmod(0o700)
    then = Signer("old", old.public, (*old.settings[:2], ("gpg.program", str(program))))
    with signs(clone, then):
        by_old = clone.commit({FIRST: "2"})
    assert trust(clone, by_old, keys) is Trust.EXPIRED


def new_keys(clone: Clone, content: str) -> str:
    """Put trusted keys on a branch of their own, as `REV:PATH`."""
    blob = clone.git("hash-object", "-w", "--stdin", stdin=content.encode())
    tree = clone.git("mktree", stdin=f"100644 blob {blob}\tkeys\n".encode())
    commit = clone.git("commit-tree", tree, "-m", "Trust")
    clone.git("update-ref", "refs/heads/trust", commit)
    return "trust:keys"


def test_a_commit_that_was_changed_after_signing_is_not_believed(clone: Clone, ada: Signer) -> None:
    with signs(clone, ada):
        clone.commit({FIRST: "1"}, "Order one")
    raw = clone.git("cat-file", "commit", "HEAD").replace("Order one", "Order two")
    forged = clone.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=f"{raw}\n".encode())
    clone.git("update-ref", "refs/heads/main", forged)
    assert trust(clone, forged) is Trust.BAD


def test_the_keys_and_settings_of_whoever_publishes_do_not_count(
    clone: Clone, keyring: Keyring, mallory: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = keyring.make_signer("own")
    (tmp_path / "allowed").write_text(mallory.public)
    clone.git("config", "gpg.ssh.allowedSignersFile", str(tmp_path / "allowed"))
    monkeypatch.setenv("GNUPGHOME", str(keyring.folder))
    commits = []
    for signer in (mallory, own):
        with signs(clone, signer):
            commits.append(clone.commit({FIRST: signer.name}))
    assert [trust(clone, commit) for commit in commits] == [Trust.STRANGER, Trust.STRANGER]


def test_the_commit_that_counts_is_the_one_that_last_touched_the_file(
    project: Project, ada: Signer
) -> None:
    """A signature holds for the file as it was then, and for no later change of it."""
    with signs(project.clone, ada):
        project.clone.commit({FIRST: request_text(1), SECOND: request_text(2)})
    project.clone.commit({SECOND: request_text(3)})
    project.clone.commit({"README.md": "unsigned, but it touches no request"})
    assert held(project) == {SECOND: "FRN430"}
    with signs(project.clone, ada):
        project.clone.commit({SECOND: request_text(3) + "# seen\n"})
    assert held(project) == {}


def test_a_merge_is_not_the_change_unless_it_changes_the_file_itself(
    project: Project, ada: Signer
) -> None:
    clone = project.clone
    clone.git("switch", "--quiet", "-c", "change")
    with signs(clone, ada):
        clone.commit({FIRST: request_text(1), SECOND: request_text(2)})
    clone.git("switch", "--quiet", "main")
    clone.commit({"README.md": "meanwhile"})
    clone.git("merge", "--quiet", "--no-ff", "--no-commit", "change")
    clone.commit({SECOND: request_text(3)}, "Merge, and change a request on the way")
    assert held(project) == {SECOND: "FRN430"}


def test_what_is_published_needs_no_signature_to_be_reformatted_but_one_to_be_cancelled(
    project: Project, ada: Signer
) -> None:
    with signs(project.clone, ada):
        project.clone.commit({FIRST: request_text(1), SECOND: request_text(2)})
    assert held(project) == {}
    project.clone.commit(
        {FIRST: f"# moved\n{request_text(1)}", SECOND: f"{request_text(2)}cancel: not needed\n"}
    )
    assert held(project) == {SECOND: "FRN430"}


def test_a_request_that_waits_for_its_time_is_told_already(project: Project) -> None:
    text = request_text(2) + "not_before: 2999-01-01T00:00:00Z\n"
    project.clone.commit({FIRST: text})
    assert held(project) == {FIRST: "FRN430"}


def test_a_plain_folder_has_no_commits_to_be_signed(project: Project) -> None:
    project.clone.commit({FIRST: request_text(1)})
    done = project.run("publish", "--worktree")
    assert done.returncode == 1
    assert "error FRN430" in done.stdout
    assert "--worktree" in done.stdout


# --- what an attacker cannot do ----------------------------------------------------------------


@pytest.mark.parametrize("way", ["squash", "fast-forward", "merge"])
def test_a_pull_request_cannot_add_its_own_key(
    project: Project, ada: Signer, mallory: Signer, way: str
) -> None:
    """However it is merged; and a later pass does not believe it either."""
    clone = project.clone
    clone.git("switch", "--quiet", "-c", "change")
    keys = {KEYS: ada.public + mallory.public}
    with signs(clone, mallory):
        if way != "squash":
            clone.commit(keys)
            keys = {}
        clone.commit({FIRST: request_text(1), **keys})
    clone.git("switch", "--quiet", "main")
    if way == "merge":
        clone.merge("change")
    else:
        clone.git("merge", "--quiet", "--ff-only", "change")
    done = project.run("publish")
    assert done.returncode == 1
    assert f"{FIRST}:1:1: error FRN431" in done.stdout
    assert f"{KEYS}:1:1: warning FRN432" in done.stdout
    with signs(clone, mallory):
        clone.commit({SECOND: request_text(2), KEYS: f"{mallory.public}{ada.public}"})
    assert held(project) == {FIRST: "FRN431", SECOND: "FRN431"}
    with signs(clone, ada):
        clone.commit({"README.md": "Ada goes on"})
    assert held(project) == {FIRST: "FRN431", SECOND: "FRN431"}


def take_main_over(clone: Clone, mallory: Signer, files: dict[str, str]) -> None:
    """Fast-forward main to a branch that does not come from it and merges it in."""
    clone.git("switch", "--quiet", "--orphan", "side")
    with signs(clone, mallory):
        clone.commit({"README.md": "begun elsewhere", **files})
        merge = ("merge", "--quiet", "--no-commit", "--strategy=ours")
        clone.git(*merge, "--allow-unrelated-histories", "main")
        own = clone.git("show", f"main:{KEYS}") + "\n" + mallory.public
        clone.commit({KEYS: own, FIRST: request_text(1)})
    clone.git("switch", "--quiet", "main")
    clone.git("merge", "--quiet", "--ff-only", "side")


def test_a_branch_that_becomes_the_main_line_brings_no_key_of_its_own(
    project: Project, mallory: Signer
) -> None:
    """Though the keys seem to begin with its merge."""
    take_main_over(project.clone, mallory, {})
    assert held(project) == {FIRST: "FRN431"}


def test_nothing_is_believed_where_the_keys_begin_twice(project: Project, mallory: Signer) -> None:
    """A branch that is merged must not bring another beginning, or nobody knows which is right."""
    first = project.clone.head
    take_main_over(project.clone, mallory, {KEYS: mallory.public})
    done = project.run("publish")
    assert done.returncode == 2
    assert first[:12] in done.stderr
    assert "REV:PATH" in done.stderr
    assert not project.run("events").stdout


def test_a_merge_brings_no_key_back_that_was_taken_out(
    project: Project, ada: Signer, mallory: Signer
) -> None:
    """Not even if its branch becomes the main line, on which nobody took the key out."""
    clone = project.clone
    with signs(clone, ada):
        clone.commit({KEYS: ada.public + mallory.public})
        clone.git("branch", "side")
        taken_out = clone.commit({KEYS: ada.public})
    clone.git("switch", "--quiet", "side")
    with signs(clone, mallory):
        clone.commit({FIRST: request_text(1)})
        clone.git("merge", "--quiet", "--strategy=ours", "--no-edit", "main")
    clone.git("switch", "--quiet", "main")
    clone.git("merge", "--quiet", "--ff-only", "side")
    done = project.run("publish")
    assert done.returncode == 2
    assert taken_out[:12] in done.stderr
    assert not project.run("events").stdout


def test_keys_that_were_deleted_do_not_begin_anew(
    project: Project, ada: Signer, mallory: Signer
) -> None:
    with signs(project.clone, ada):
        project.clone.commit({KEYS: None})
    with signs(project.clone, mallory):
        project.clone.commit({KEYS: mallory.public, FIRST: request_text(1)})
    assert held(project) == {FIRST: "FRN431"}


@pytest.mark.parametrize("way", ["merge", "fast-forward"])
def test_the_keys_themselves_may_come_by_a_pull_request(
    tmp_path: Path, ada: Signer, way: str
) -> None:
    clone = new_repository(tmp_path / "new")
    clone.commit({"README.md": "begun without keys"})
    clone.git("switch", "--quiet", "-c", "change")
    clone.commit({KEYS: ada.public})
    clone.git("switch", "--quiet", "main")
    if way == "merge":
        clone.commit({"README.md": "goes on"})
    clone.git("merge", "--quiet", "--no-edit", "change")
    with signs(clone, ada):
        signed = clone.commit({FIRST: request_text(1)})
    assert trust(clone, signed) is Trust.TRUSTED


def test_who_is_trusted_may_trust_others(project: Project, ada: Signer, mallory: Signer) -> None:
    """From that commit on, also for what the new key signed before; through a merge, too."""
    clone = project.clone
    with signs(clone, mallory):
        clone.commit({FIRST: request_text(1)})
    assert held(project) == {FIRST: "FRN431"}
    clone.git("switch", "--quiet", "-c", "change")
    with signs(clone, ada):
        clone.commit({KEYS: ada.public + mallory.public})
    clone.git("switch", "--quiet", "main")
    clone.merge("change")
    assert held(project) == {}


@pytest.mark.parametrize("signed", [True, False])
def test_a_key_that_is_taken_out_is_not_trusted_any_more_whoever_does_it(
    project: Project, ada: Signer, mallory: Signer, signed: bool
) -> None:
    clone = project.clone
    with signs(clone, ada):
        clone.commit({KEYS: ada.public + mallory.public})
    with signs(clone, mallory):
        clone.commit({FIRST: request_text(1)})
    if signed:
        with signs(clone, ada):
            clone.commit({KEYS: ada.public})
    else:
        clone.commit({KEYS: ada.public})
    assert held(project) == {FIRST: "FRN431"}


def test_deleting_the_keys_stops_everything(project: Project, ada: Signer) -> None:
    project.clone.commit({KEYS: None})
    with signs(project.clone, ada):
        project.clone.commit({FIRST: request_text(1)})
    done = project.run("publish")
    assert done.returncode == 2
    assert f"the trusted keys cannot be read from {KEYS}" in done.stderr
    assert not project.run("events").stdout


def test_keys_at_a_revision_of_their_own_are_the_only_ones(
    clone: Clone, ada: Signer, mallory: Signer
) -> None:
    """Whatever the published history says of keys."""
    keys = new_keys(clone, mallory.public)
    commits = []
    for signer in (ada, mallory):
        with signs(clone, signer):
            commits.append(clone.commit({FIRST: signer.name}))
    assert [trust(clone, commit, keys) for commit in commits] == [Trust.STRANGER, Trust.TRUSTED]


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ("nowhere:keys", "nowhere is not a commit"),
        ("main:nothing", "there is no such file at main"),
        ("main:requests", "there is no such file at main"),
        ("nothing", "there is no such file at"),
    ],
)
def test_without_the_keys_nothing_is_believed(
    clone: Clone, ada: Signer, keys: str, reason: str
) -> None:
    with signs(clone, ada):
        commit = clone.commit({FIRST: "1"})
    with pytest.raises(RepositoryError, match=reason):
        trust(clone, commit, keys)


@pytest.mark.parametrize("keys", ["no-file", "no-revision:trusted-keys", "HEAD:no-file"])
def test_keys_that_are_not_there_are_missed_also_where_nothing_is_to_be_sent(
    project: Project, ada: Signer, keys: str
) -> None:
    """A typo must not wait for the next change to be noticed."""
    with signs(project.clone, ada):
        project.clone.commit({FIRST: request_text(1)})
    assert held(project) == {}
    assert project.run("publish").returncode == 0
    for verb in ("plan", "publish", "status", "verify"):
        done = project.run(verb, FRANC_REQUIRE_SIGNED_COMMITS=keys)
        assert done.returncode == 2, verb
        assert f"the trusted keys cannot be read from {keys.rpartition(':')[2]}" in done.stderr


def test_a_review_of_what_brings_the_keys_needs_none_at_its_base(
    project: Project, ada: Signer
) -> None:
    project.clone.git("rm", "--quiet", KEYS)
    base = project.clone.commit({FIRST: request_text(1)})
    assert project.run("publish", FRANC_REQUIRE_SIGNED_COMMITS="").returncode == 0
    project.clone.commit({KEYS: ada.public})
    assert project.run("plan", "--base", base).returncode == 0


def test_a_pull_request_cannot_switch_it_off(project: Project) -> None:
    """The setting is not read from a file that a pull request can change."""
    project.clone.commit({"franc-gitops.yaml": f"require_signed_commits: {KEYS}\n"})
    done = project.run("publish")
    assert done.returncode == 2
    assert "franc-gitops.yaml:1:1: require_signed_commits is never read from here" in done.stderr
    assert "FRANC_REQUIRE_SIGNED_COMMITS" in done.stderr


@pytest.mark.parametrize("value", ["true", ":keys", "a b:keys", "--all:keys", "../keys", "/keys"])
def test_the_setting_names_a_file(project: Project, value: str) -> None:
    done = project.run("plan", FRANC_REQUIRE_SIGNED_COMMITS=value)
    assert done.returncode == 2
    assert "FRANC_REQUIRE_SIGNED_COMMITS" in done.stderr


# --- clones of all kinds ------------------------------------------------------------------------


def test_in_a_shallow_clone_nobody_knows_who_touched_a_file(
    clone: Clone, ada: Signer, tmp_path: Path
) -> None:
    """The oldest commit at hand seems to have touched everything: its signature says nothing."""
    new_keys(clone, ada.public)
    clone.commit({FIRST: request_text(1)}, "Nobody signed this")
    with signs(clone, ada):
        clone.commit({"README.md": "Ada signs something else"})
        clone.commit({SECOND: request_text(2)})
    shallow = clone_repository(clone.root, tmp_path / "shallow", "--depth=2", "--no-single-branch")
    keys = "origin/trust:keys"
    there = Project(shallow, {"FRANC_REQUIRE_SIGNED_COMMITS": keys})
    done = there.run("plan")
    assert (
        f"{FIRST}:1:1: error FRN431 which commit last touched this file is not known" in done.stdout
    )
    assert "fetch-depth: 0" in done.stdout
    assert f"{SECOND}:1:1" not in done.stdout
    done = there.run("plan", FRANC_REQUIRE_SIGNED_COMMITS=KEYS)
    assert done.returncode == 2
    assert "the clone is shallow" in done.stderr


def test_keys_and_requests_may_lie_below_a_folder_of_the_repository(
    tmp_path: Path, ada: Signer
) -> None:
    clone = new_repository(tmp_path / "work")
    clone.commit({"network/franc-gitops.yaml": "", "network/keys/trusted": ada.public})
    with signs(clone, ada):
        clone.commit({f"network/{FIRST}": request_text(1)})
    clone.commit({f"network/{SECOND}": request_text(2)})
    there = Project(Clone(clone.root / "network"), {"FRANC_REQUIRE_SIGNED_COMMITS": "keys/trusted"})
    assert held(there) == {SECOND: "FRN430"}


def test_a_bare_repository_is_as_good(clone: Clone, ada: Signer, tmp_path: Path) -> None:
    with signs(clone, ada):
        commit = clone.commit({FIRST: "1"})
    bare = clone_repository(clone.root, tmp_path / "bare.git", "--bare")
    assert trust(bare, commit) is Trust.TRUSTED


def test_keys_that_are_a_link_are_not_followed(clone: Clone, ada: Signer) -> None:
    clone.link("keys", KEYS)
    with signs(clone, ada):
        commit = clone.commit()
    with pytest.raises(RepositoryError, match="no such file"):
        trust(clone, commit, "keys")


@pytest.mark.parametrize(("missing", "there"), [("gpg", "ssh-keygen"), ("ssh-keygen", "gpg")])
def test_a_program_that_is_missing_is_named(
    clone: Clone,
    keyring: Keyring,
    ada: Signer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    missing: str,
    there: str,
) -> None:
    keys = new_keys(clone, f"# ours\n{ada.public}{keyring.make_signer(f'last-{there}').public}")
    (tmp_path / "bin").mkdir()
    for program in ("git", there):
        (tmp_path / "bin" / program).symlink_to(str(shutil.which(program)))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(RepositoryError, match=f"{missing} is not installed"):
        trust(clone, clone.head, keys)


def test_doctor_tries_to_read_the_trusted_keys(project: Project, ada: Signer) -> None:
    with signs(project.clone, ada):
        project.clone.commit({FIRST: request_text(1)})
    found = {check["name"]: check for check in project.json("doctor")}
    assert found["trusted keys"]["message"] == f"read from {KEYS}; the current commit is trusted"
    project.clone.commit({KEYS: "nobody"})
    found = {check["name"]: check for check in project.json("doctor")}
    assert (found["trusted keys"]["outcome"], found["trusted keys"]["code"]) == (
        "warning",
        "FRN432",
    )
    done = project.run("doctor", FRANC_REQUIRE_SIGNED_COMMITS="nowhere")
    assert done.returncode == 2
    assert "trusted keys: the trusted keys cannot be read from nowhere" in done.stdout
