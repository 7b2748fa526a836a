"""However a file is saved, it is published once, whole, and without a wait once it is closed."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from bench.corpus import request_text
from franc_gitops.clock import SystemClock
from franc_gitops.model import SourceFile
from franc_gitops.repositories.followed import FollowedFolder
from franc_gitops.wiring import Choices
from tests.support.clock import SetClock
from tests.support.project import new_project
from tests.support.watching import Running, watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TEXT = request_text(1)
NAME = "pop_CHG-2024-000001"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "requests").mkdir()
    return tmp_path


@pytest.fixture
def running(folder: Path) -> Iterator[Running]:
    with watching(folder) as running:
        running.wait_for_start()
        yield running


def like_vim(file: Path, text: str) -> None:
    """Move the old file aside, write a new one piece by piece, sync, delete the old one."""
    backup = file.with_name(f"{file.name}~")
    swap = file.with_name(f".{file.name}.swp")
    swap.write_text("swap")
    if file.exists():
        file.rename(backup)
    with file.open("w") as out:
        for line in text.splitlines(keepends=True):
            out.write(line)
            out.flush()
        os.fsync(out.fileno())
    backup.unlink(missing_ok=True)
    swap.unlink()


def like_vs_code(file: Path, text: str) -> None:
    """Truncate in place and write."""
    with file.open("w") as out:
        out.flush()
        out.write(text)


def like_rsync(file: Path, text: str) -> None:
    """Write beside it under a hidden name and rename over it."""
    new = file.with_name(f".{file.name}.Xa3q9Z")
    new.write_text(text)
    new.replace(file)


def by_rsync(file: Path, text: str) -> None:
    """Let rsync copy it from elsewhere."""
    if shutil.which("rsync") is None:
        like_rsync(file, text)
        return
    source = file.parents[1] / "outbox"
    source.mkdir(exist_ok=True)
    (source / file.name).write_text(text)
    subprocess.run(["rsync", "-a", "--inplace", f"{source}/", f"{file.parent}/"], check=True)


def by_deleting(file: Path, text: str) -> None:
    """Delete and create, as some editors do."""
    file.unlink(missing_ok=True)
    file.write_text(text)


def by_linking(file: Path, text: str) -> None:
    """Write elsewhere and link it into place."""
    other = file.parents[1] / "draft"
    other.write_text(text)
    file.unlink(missing_ok=True)
    file.hardlink_to(other)


def by_linking_a_draft(file: Path, text: str) -> None:
    """Write elsewhere, link it into place and take the draft away at once."""
    by_linking(file, text)
    (file.parents[1] / "draft").unlink()


SAVES = [
    *(like_vim, like_vs_code, like_rsync, by_rsync),
    *(by_deleting, by_linking, by_linking_a_draft),
]


@pytest.mark.parametrize("save", SAVES)
def test_a_save_is_published_once_whole(
    running: Running, folder: Path, save: Callable[[Path, str], None]
) -> None:
    file = folder / "requests/a.yaml"
    save(file, TEXT)
    running.wait_for_published(1)
    save(file, f"{TEXT}revision: 2\n")
    running.wait_for_published(2)
    assert running.published == [NAME, NAME]
    assert not any(report.plan.problems for report in running.said.reports)


def test_a_file_that_is_being_written_is_not_read(running: Running, folder: Path) -> None:
    """Not on its own account, and not when a pass looks at everything meanwhile."""
    with (folder / "requests/slow.yaml").open("w") as out:
        for piece in TEXT.splitlines(keepends=True):
            out.write(piece)
            out.flush()
            running.look_at_everything()
    running.wait_for_published(1)
    assert running.published == [NAME]
    assert not any(report.plan.problems for report in running.said.reports)


def test_a_published_file_that_is_being_rewritten_stays_as_it_was(
    running: Running, folder: Path
) -> None:
    file = folder / "requests/a.yaml"
    file.write_text(TEXT)
    running.wait_for_published(1)
    status = (folder / "status/a.yaml").read_bytes()
    with file.open("w") as out:
        out.write("type: pop")
        out.flush()
        running.look_at_everything()
        assert (folder / "status/a.yaml").read_bytes() == status
        out.seek(0)
        out.write(TEXT)
    assert running.published == [NAME]


def test_a_copy_of_a_slow_stream(running: Running, folder: Path) -> None:
    fifo = folder / "stream"
    os.mkfifo(fifo)
    copy = ["cp", "--copy-contents", str(fifo), str(folder / "requests/a.yaml")]
    with subprocess.Popen(copy), fifo.open("w") as stream:
        for piece in TEXT.splitlines(keepends=True):
            stream.write(piece)
            stream.flush()
            running.look_at_everything()
    running.wait_for_published(1)
    assert running.published == [NAME]
    assert not any(report.plan.problems for report in running.said.reports)


def test_folders_that_are_moved_in_and_about(running: Running, folder: Path) -> None:
    made = folder / "elsewhere/deep"
    made.mkdir(parents=True)
    (made / "a.yaml").write_text(TEXT)
    (folder / "elsewhere").rename(folder / "requests/x")
    running.wait_for_published(1)
    (folder / "requests/x").rename(folder / "requests/y")
    running.wait_until((folder / "status/y/deep/a.yaml").exists, "the moved status file")
    assert not (folder / "status/x").exists()
    (folder / "requests/y/deep/b.yaml").write_text(request_text(2))
    running.wait_for_published(2)
    shutil.rmtree(folder / "requests/y")
    running.wait_until(lambda: not (folder / "status/y").exists(), "the status files to go")
    assert len(running.published) == 2


def test_what_nobody_may_read_is_healed_by_its_permissions(running: Running, folder: Path) -> None:
    """A folder in the file's place stands for what cannot be read: root reads everything."""
    (folder / "requests/a.yaml").mkdir()
    (folder / "requests/b.yaml").symlink_to("/etc/passwd")
    running.wait_until(
        lambda: any(report.plan.problems for report in running.said.reports), "the problem"
    )
    (folder / "requests/b.yaml").unlink()
    (folder / "requests/a.yaml").rmdir()
    (folder / "requests/a.yaml").write_text(TEXT)
    running.wait_for_published(1)


@pytest.mark.parametrize("changes", [300, pytest.param(5_000, marks=pytest.mark.proof)])
def test_a_checkout_of_many_changes_under_the_daemon(tmp_path: Path, changes: int) -> None:
    everything = 20 + changes
    project = new_project(tmp_path / "work")
    project.add(range(20))
    project.clone.git("switch", "-q", "-c", "other")
    project.add(range(20, everything))
    project.clone.git("switch", "-q", "main")
    with watching(project.root, choices=Choices(worktree=True)) as running:
        running.wait_for_published(20)
        project.clone.git("switch", "-q", "other")
        running.wait_for_published(everything)
        project.clone.git("switch", "-q", "main")
        project.clone.git("switch", "-q", "other")
        running.look_at_everything()
    assert len(running.published) == len(set(running.published)) == everything
    assert not any(p.is_error for report in running.said.reports for p in report.plan.problems)


def test_writers_at_the_same_time(running: Running, folder: Path) -> None:
    def write(start: int) -> None:
        for number in range(start, start + 20):
            SAVES[number % 3](folder / f"requests/{number}.yaml", request_text(number))

    threads = [threading.Thread(target=write, args=(start,)) for start in (0, 100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    running.wait_for_published(60)
    assert len(set(running.published)) == 60
    assert not any(report.plan.problems for report in running.said.reports)


def test_between_two_turns_no_content_is_kept_and_what_links_lead_to_is_found(folder: Path) -> None:
    (folder / "elsewhere").write_text(TEXT)
    linked, plain = folder / "requests/a.yaml", folder / "requests/b.yaml"
    linked.symlink_to("../elsewhere")
    plain.write_text(request_text(2))
    followed = FollowedFolder(folder, "requests", SystemClock())

    def read() -> list[object]:
        found = [SourceFile(path, blob) for path, blob in sorted(followed.snapshot().files.items())]
        followed.close()
        assert not followed._kept  # noqa: SLF001
        return [content for _, content in followed.read(found)]

    assert read() == [TEXT.encode(), request_text(2).encode()]
    linked.unlink()
    linked.write_text(request_text(3))
    part = followed.part("", ["requests/a.yaml"])
    assert part
    followed.close()
    blob = part.files["requests/a.yaml"]
    assert next(followed.read([SourceFile("requests/a.yaml", blob)]))[1] == linked.read_bytes()


def test_a_file_that_was_seen_to_move_must_stand_still_whoever_asks(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody can tell that it is being written, as on a network file system."""
    monkeypatch.setattr("franc_gitops.repositories.followed.is_being_written", lambda _: None)
    clock, path = SetClock(), "requests/a.yaml"
    followed = FollowedFolder(folder, "requests", clock)

    def is_read() -> bool:
        part = followed.part("", [path])
        assert part
        assert (path in part.files) != (path in part.busy)
        return path in part.files

    followed.snapshot()
    (folder / path).write_text(TEXT[:40])
    assert followed.snapshot().busy == {path}
    assert not is_read()
    clock.go_on(0.9)
    (folder / path).write_text(TEXT)
    assert not is_read()
    clock.go_on(0.9)
    assert not is_read()
    clock.go_on(0.1)
    assert is_read()
    before = followed.part("", [path])
    (folder / path).write_text(request_text(3))
    again = followed.part("", [path])
    assert before
    assert again
    assert again.busy == {path}
    assert again.files == before.files  # it counts as it was
    clock.go_on(1.0)
    assert is_read()
