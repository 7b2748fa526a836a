"""Where events do not arrive, or too many at once, nothing is missed and the log says so."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.corpus import request_text
from franc_gitops.daemon import choosing
from franc_gitops.daemon.choosing import Watching
from franc_gitops.daemon.filesystems import queue_size
from franc_gitops.daemon.model import Count
from franc_gitops.repositories.filesystems import silent_file_system
from tests.support.project import new_project
from tests.support.watching import Running, Said, watching

if TYPE_CHECKING:
    from collections.abc import Iterator

QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")
MOUNTS = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
40 22 0:35 / /srv/data rw shared:1 - nfs4 server:/export rw
41 40 0:36 / /srv/data/local rw - xfs /dev/vdb rw
42 22 0:37 / /mnt/with\\040blank rw - fuse.sshfs host: rw
43 22 0:38 / /workspace rw - virtiofs share rw
44 43 0:39 / /workspace rw - ext4 /dev/vdc rw
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "requests").mkdir()
    return tmp_path


@pytest.fixture
def polling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every folder seems to lie on a network file system."""
    monkeypatch.setattr(choosing, "silent_file_system", lambda _: "nfs4")


def save(folder: Path, numbers: range) -> None:
    for number in numbers:
        (folder / f"requests/{number:06d}.yaml").write_text(request_text(number))


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/home/me", ""),
        ("/srv/data/requests", "nfs4"),
        ("/srv/data/local/requests", ""),
        ("/srv/database", ""),
        ("/mnt/with blank/x", "fuse.sshfs"),
        ("/workspace/requests", ""),
    ],
)
def test_a_file_system_is_known_by_its_mount(tmp_path: Path, place: str, kind: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert silent_file_system(Path(place), mounts) == kind


def test_without_a_list_of_mounts_events_are_tried(tmp_path: Path) -> None:
    assert silent_file_system(tmp_path, tmp_path / "none") == ""
    assert queue_size(tmp_path / "none") is None


def test_saves_are_found_by_polling(polling: None, folder: Path) -> None:
    save(folder, range(1, 2))
    with watching(folder, poll="0.2") as running:
        running.wait_for_published(1)
        assert ("watching by polling", {"reason": reason("nfs4")}) in running.said.facts
        save(folder, range(2, 6))
        running.wait_for_published(5)
        (folder / "requests/000001.yaml").unlink()
        running.wait_until(lambda: not (folder / "status/000001.yaml").exists(), "the status to go")
        (folder / "requests/2024").mkdir()
        (folder / "requests/000002.yaml").rename(folder / "requests/2024/a.yaml")
        running.wait_until((folder / "status/2024/a.yaml").exists, "the moved status")
    assert not any(whole for _, whole in running.said.turns[1:])
    assert len(running.published) == 5


def reason(kind: str) -> str:
    return f"a {kind} file system tells nothing of what others do"


def test_polling_waits_until_a_file_stands_still(
    polling: None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody can tell that it is being written, as on a network file system."""
    monkeypatch.setattr("franc_gitops.repositories.followed.is_being_written", lambda _: None)

    def settle_after(seconds: float) -> None:
        monkeypatch.setattr("franc_gitops.repositories.followed.SETTLE_SECONDS", seconds)

    settle_after(math.inf)  # however long the machine takes to write the next piece
    with watching(folder, poll="0.01") as running:
        running.wait_for_start()
        with (folder / "requests/slow.yaml").open("w") as out:
            for piece in request_text(1).splitlines(keepends=True):
                out.write(piece)
                out.flush()
                running.look_at_everything()
        settle_after(0.1)
        running.wait_for_published(1)
    assert not any(report.plan.problems for report in running.said.reports)


def test_commits_are_found_by_polling(polling: None, tmp_path: Path) -> None:
    project = new_project(tmp_path / "work")
    project.add(range(1))
    with watching(project.root, poll="0.2") as running:
        running.wait_for_published(1)
        project.add(range(1, 3))
        running.wait_for_published(3)


def test_what_no_event_told_of_turns_polling_on(folder: Path) -> None:
    """As on a folder that is shared with another machine and looks like any other."""
    with watching(folder, interval="0.5", poll="0.2") as running:
        running.wait_for_start()
        deafen(running)
        saved = 0
        while "watching by polling" not in running.said.warnings:
            saved += 1  # more than one, because one that is met half written is waited for
            save(folder, range(saved, saved + 1))
            running.wait_for_published(saved)
        save(folder, range(100, 101))
        running.wait_for_published(saved + 1)


def deafen(running: Running) -> None:
    """Let no event arrive any more."""
    for watch in running.daemon.watching._watches:  # noqa: SLF001
        if hasattr(watch, "_events"):  # a busy machine may have turned polling on by now
            watch._events._hearer = Deaf()  # noqa: SLF001


class Deaf:
    """Hears nothing."""

    def changed(self, path: str | None) -> None:
        """Hear nothing."""

    def overflowed(self) -> None:
        """Hear nothing."""

    def failed(self, error: OSError) -> None:
        """Hear nothing."""


@pytest.mark.parametrize(
    ("limit", "setting"),
    [
        ("inotify watch limit reached", "fs.inotify.max_user_watches"),
        ("inotify instance limit reached", "fs.inotify.max_user_instances"),
        ("anything else", "anything else"),
    ],
)
def test_a_limit_of_inotify_turns_polling_on_and_is_named(
    tmp_path: Path, limit: str, setting: str
) -> None:
    said, polled = Said(), Deaf()

    def fail() -> NoWatch:
        raise OSError(28, limit)

    Watching(tmp_path, fail, lambda: NoWatch(polled), said).close()
    event, facts = said.facts[0]
    assert event == "watching by polling"
    assert setting in str(facts["reason"])


class NoWatch:
    """A watch that does nothing."""

    def __init__(self, hearer: Deaf) -> None:
        self._hearer = hearer

    def renew(self) -> None:
        """Do nothing."""

    def has_strayed(self) -> bool:
        """Stay."""
        return False

    def close(self) -> None:
        """Do nothing."""


@pytest.fixture
def tiny_queue() -> Iterator[bool]:
    """As small an inotify queue as this machine lets us have, for whoever opens one now."""
    usual = QUEUE.read_text()
    try:
        QUEUE.write_text("16")
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        QUEUE.write_text(usual)


def drop(folder: Path, files: int) -> None:
    """Copy so many files at once, as `cp -r` does from another folder."""
    source = folder / "outbox"
    source.mkdir()
    for number in range(1, files + 1):
        (source / f"{number:06d}.yaml").write_text(request_text(number))
    subprocess.run(["cp", "-r", f"{source}/.", str(folder / "requests")], check=True)
    shutil.rmtree(source)


@pytest.mark.parametrize("files", [500, pytest.param(10_000, marks=pytest.mark.proof)])
def test_many_files_at_once_overflow_the_queue_and_are_all_published(
    folder: Path, tiny_queue: bool, files: int
) -> None:
    with watching(folder) as running:
        running.wait_for_start()
        drop(folder, files)
        running.wait_for_published(files)
        overflows = running.daemon.board.figures().counts.get((Count.WATCH_OVERFLOWS, ""), 0)
        warned = [fact for event, fact in running.said.facts if event == "watching by polling"]
    assert len(set(running.published)) == len(running.published) == files
    assert not tiny_queue or overflows
    assert not tiny_queue or "max_queued_events" in str(warned)
    assert len(list((folder / "status").rglob("*.yaml"))) == files


def test_a_thousand_folders_are_watched(folder: Path) -> None:
    deep = [folder / f"requests/{number // 40}/{number % 40}" for number in range(400)]
    with watching(folder) as running:
        running.wait_for_start()
        for place in deep:
            place.mkdir(parents=True, exist_ok=True)
        os.sync()
        for number, place in enumerate(deep[::20], start=1):
            (place / "x.yaml").write_text(request_text(number))
        running.wait_for_published(20)
