"""A fresh clone of many files: git says what the status files hold, and no edit is overlooked.

How many are many is set to one here.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from bench.corpus import request_text
from franc_gitops import status_index
from franc_gitops.model import Written
from franc_gitops.pipeline import replacing, writeback
from franc_gitops.repositories.git.checkout import find_checkout
from franc_gitops.repositories.git.commits import GitCommits
from tests.support.git import environment
from tests.support.host import Host, Site, new_host, path_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NUMBERS = range(1, 9)
NEVER = 1_000_000


@pytest.fixture(autouse=True)
def _plain_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """Git without anybody's settings."""
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM"):
        monkeypatch.setenv(name, environment()[name])


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host whose requests are published, their status files committed."""
    monkeypatch.setattr(writeback, "WORTH_ASKING", 1)
    host = new_host(tmp_path)
    site = host.clone("first")
    site.order(*NUMBERS)
    site.publish("files")
    site.commit({})
    return host


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The status files that are compared by what is in them."""
    files: list[str] = []
    compare = replacing.holds

    def note(file: str, content: bytes) -> bool:
        if not file.endswith("/.ledger.yaml"):
            files.append(file.partition("/status/")[2])
        return compare(file, content)

    monkeypatch.setattr("franc_gitops.pipeline.status_folder.holds", note)
    return files


def written(site: Site) -> Written:
    """Run a pass, and give what it wrote."""
    report = site.publish("files")
    assert report.failure is None
    assert report.written
    return report.written


def found(site: Site) -> dict[str, bytes]:
    """Give the status folder."""
    files = (file for file in (site.root / "status").rglob("*") if file.is_file())
    return {str(file.relative_to(site.root)): file.read_bytes() for file in files}


def test_one_new_request_opens_no_status_file(host: Host, opened: list[str]) -> None:
    host.clone("work").order(50)
    job = host.clone("job", "--depth=1")
    assert written(job) == Written(1, len(NUMBERS), 0)
    assert opened == []
    assert job.clone.git("status", "--porcelain", "--untracked-files=all") == (
        f"?? status/{path_of(50)}"
    )


def test_from_the_second_pass_on_each_file_is_known_by_itself(
    host: Host, opened: list[str]
) -> None:
    """And the third finds everything at rest."""
    site = host.clone("work")
    for _ in range(3):
        assert written(site) == Written(0, len(NUMBERS), 0)
    assert site.publish("files").resting == len(NUMBERS)
    assert opened == []
    (site.root / "status" / path_of(1)).write_text("mine\n")
    assert written(site).written == 1


def test_status_files_that_the_first_pass_wrote_itself_are_known_to_the_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[str]
) -> None:
    monkeypatch.setattr(writeback, "WORTH_ASKING", 1)
    monkeypatch.setattr(status_index, "_RACY_NANOSECONDS", -(10**9))  # as if a moment had passed
    site = new_host(tmp_path).clone("first")
    site.order(*NUMBERS)
    assert written(site) == Written(len(NUMBERS), 0, 0)
    assert written(site) == Written(0, len(NUMBERS), 0)
    assert opened == []
    assert site.publish("files").resting == len(NUMBERS)


def edit(site: Site, file: Path) -> None:
    del site
    file.write_bytes(file.read_bytes().replace(b"Completed", b"Cancelled"))


def delete(site: Site, file: Path) -> None:
    del site
    file.unlink()


def stage(site: Site, file: Path) -> None:
    edit(site, file)
    site.clone.git("add", "status")


def commit(site: Site, file: Path) -> None:
    edit(site, file)
    site.commit({}, push=False)


def hide(site: Site, file: Path) -> None:
    site.clone.git("update-index", "--assume-unchanged", str(file.relative_to(site.root)))
    edit(site, file)


def leave_out(site: Site, file: Path) -> None:
    site.clone.git("update-index", "--skip-worktree", str(file.relative_to(site.root)))
    file.unlink()


def untrack(site: Site, file: Path) -> None:
    edit(site, file)
    site.clone.git("rm", "--quiet", "--cached", str(file.relative_to(site.root)))


def replace(site: Site, file: Path) -> None:
    del site
    target = file.rename(file.with_suffix(".moved"))
    file.symlink_to(target.name)


@pytest.mark.parametrize("change", [edit, delete, stage, commit, hide, leave_out, untrack, replace])
@pytest.mark.parametrize("before", [0, 1])
def test_whatever_was_done_to_a_status_file_is_put_right(
    host: Host, change: Callable[[Site, Path], None], before: int
) -> None:
    """In the first pass, and in the second one, which looks at the files, too."""
    site = host.clone("work")
    for _ in range(before):
        written(site)
    file = site.root / "status" / path_of(3)
    right = file.read_bytes()
    change(site, file)
    assert written(site) == Written(1, len(NUMBERS) - 1, 0)
    assert not file.is_symlink()
    assert file.read_bytes() == right


def test_a_folder_that_is_a_link_now_is_not_taken_for_what_was_checked_out(host: Host) -> None:
    """Its files have the inodes and times that git knows."""
    site = host.clone("work")
    folder = site.root / "status" / "0000"
    folder.rename(site.root / "elsewhere")
    folder.symlink_to("../elsewhere")
    report = site.publish("files")
    assert report.failure
    assert "is a link" in report.failure.message


def test_a_stray_goes_whether_git_knows_it_or_not(host: Host) -> None:
    work = host.clone("work")
    work.commit({f"requests/{path_of(number)}": None for number in (1, 2)})
    site = host.clone("job")
    site.clone.git("rm", "--quiet", "--cached", f"status/{path_of(2)}")
    mine = site.clone.write("status/0000/notes.yaml", "mine: 1\n")
    assert written(site) == Written(0, len(NUMBERS) - 2, 2)
    assert mine.exists()


def test_a_request_that_moves_with_its_status_file_gets_one_that_names_its_place(
    host: Host,
) -> None:
    site = host.clone("work")
    for folder in ("requests", "status"):
        site.clone.git("mv", f"{folder}/{path_of(1)}", f"{folder}/moved.yaml")
    site.commit({})
    job = host.clone("job")
    assert written(job) == Written(1, len(NUMBERS) - 1, 0)
    assert "file: requests/moved.yaml\n" in (job.root / "status/moved.yaml").read_text()


def test_a_job_that_begins_before_the_last_status_commit_looks_only_at_what_is_missing(
    host: Host, opened: list[str]
) -> None:
    early, late = host.clone("early"), host.clone("late")
    early.order(50)
    written(early)
    late.pull()
    assert written(late) == Written(1, len(NUMBERS), 0)
    assert opened == []


def test_pushing_from_a_fresh_clone_makes_only_the_new_status_file(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.clone("work").order(50)
    job = host.clone("job", "--depth=1")
    made: list[bytes] = []
    identify = GitCommits.blob_id

    def note(commits: GitCommits, text: bytes) -> str:
        made.append(text)
        return identify(commits, text)

    monkeypatch.setattr(GitCommits, "blob_id", note)
    assert job.publish("push").failure is None
    assert len(made) == 2, "the status file and the pins"
    assert host.changed(host.main) == [f"status/{path_of(50)}"]


# --- line endings ---------------------------------------------------------------------------


@pytest.mark.parametrize("many", [1, NEVER])
def test_other_line_endings_are_no_change_and_stay_none(
    host: Host, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    """A clone may check text out with CRLF; a status file that is written has LF."""
    monkeypatch.setattr(writeback, "WORTH_ASKING", many)
    host.clone("work").order(50)
    site = host.clone("windows", "--config=core.autocrlf=true")
    file = site.root / "status" / path_of(1)
    assert b"\r\n" in file.read_bytes()
    assert written(site) == Written(1, len(NUMBERS), 0)
    site.commit({})
    for _ in range(3):
        assert written(site) == Written(0, len(NUMBERS) + 1, 0)
        assert site.clone.git("status", "--porcelain") == ""
    edit(site, file)
    assert written(site).written == 1
    assert b"\r\n" not in file.read_bytes()
    site.clone.git("add", "--all")
    assert site.clone.git("status", "--porcelain") == ""
    site.clone.git("rm", "--quiet", f"requests/{path_of(2)}")
    site.commit({})
    assert written(site).removed == 1


# --- any order of things --------------------------------------------------------------------


class _Story:
    """Random edits of requests and status files, committed."""

    def __init__(self, site: Site, seed: int) -> None:
        self.site = site
        self.chance = random.Random(seed)
        self.revisions = dict.fromkeys(NUMBERS, 1)

    def go_on(self) -> None:
        for _ in range(self.chance.randint(1, 3)):
            self.chance.choice([self.revise, self.spoil, self.drop, self.forge, self.lose])()
        self.site.commit({})

    def revise(self) -> None:
        number = self.chance.randint(1, 12)
        self.revisions[number] = self.revisions.get(number, 0) + 1
        self._write(number, f"revision: {self.revisions[number]}\n")

    def spoil(self) -> None:
        self._write(self.chance.choice(NUMBERS), "nonsense: 1\n")

    def drop(self) -> None:
        (self.site.root / "requests" / path_of(self.chance.choice(NUMBERS))).unlink(missing_ok=True)

    def forge(self) -> None:
        """Give a status file the content of another one, or none that was ever ours."""
        one, other = (f"status/{path_of(self.chance.choice(NUMBERS))}" for _ in range(2))
        source = self.site.root / other
        is_copy = source.exists() and self.chance.random() < 0.5
        self.site.clone.write(one, source.read_bytes() if is_copy else b"phase: Completed\n")

    def lose(self) -> None:
        (self.site.root / "status" / path_of(self.chance.choice(NUMBERS))).unlink(missing_ok=True)

    def _write(self, number: int, more: str) -> None:
        self.site.clone.write(f"requests/{path_of(number)}", request_text(number) + more)


@pytest.mark.parametrize("seed", range(2))
def test_the_short_way_leaves_the_same_files_as_looking_at_each(
    host: Host, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """After any edits of requests and status files; by the first pass of a clone or later ones."""
    site = host.clone("story")
    story = _Story(site, seed)
    kept = host.clone("kept")
    for step in range(int(os.environ.get("FRANC_TEST_STEPS", "8"))):
        story.go_on()
        results = []
        for name, many in (("short", 1), ("full", NEVER)):
            monkeypatch.setattr(writeback, "WORTH_ASKING", many)
            job = host.clone(f"{name}-{step}")
            job.publish("files")
            results.append(found(job))
        monkeypatch.setattr(writeback, "WORTH_ASKING", 1)
        kept.pull()
        kept.publish("files")
        assert results[0] == results[1] == found(kept), f"seed {seed}, step {step}"
        if story.chance.random() < 0.5:
            for path, content in results[0].items():
                site.clone.write(path, content)


def test_a_plain_folder_has_no_checkout(tmp_path: Path) -> None:
    (tmp_path / "status").mkdir()
    assert find_checkout(tmp_path, "status") is None
