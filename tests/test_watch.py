"""`watch` on a plain folder and the embedded log: the loop from one save to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.corpus import request_text
from tests.support.watching import watching

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plain folder with an empty folder of requests."""
    (tmp_path / "requests").mkdir()
    return tmp_path


def save(folder: Path, number: int, name: str = "") -> Path:
    """Save the request of a number."""
    file = folder / "requests" / (name or f"{number:06d}.yaml")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(request_text(number))
    return file


def test_what_is_there_at_the_start_is_published(folder: Path) -> None:
    save(folder, 1)
    with watching(folder) as running:
        running.wait_for_published(1)
    assert running.published == ["pop_CHG-2024-000001"]
    assert (folder / "status/000001.yaml").exists()


def test_a_folder_without_any_request_file_is_warned_of_once(folder: Path) -> None:
    """A misspelt `requests_dir` looks just like it."""
    with watching(folder) as running:
        running.wait_for_start()
        running.look_at_everything()
        empty = "there is no request file"
        assert running.said.warnings.count(empty) == 1
        file = save(folder, 1)
        running.look_at_everything()
        file.unlink()
        running.look_at_everything()
        assert running.said.warnings.count(empty) == 2


def test_what_is_saved_is_published_once(folder: Path) -> None:
    with watching(folder) as running:
        running.wait_for_start()
        save(folder, 1)
        running.wait_for_published(1)
        save(folder, 1)
        save(folder, 2)
        running.wait_for_published(2)
    assert running.published == ["pop_CHG-2024-000001", "device_conn_CHG-2024-000002"]


def test_a_folder_of_requests_that_appears_later_is_watched(tmp_path: Path) -> None:
    with watching(tmp_path) as running:
        running.wait_for_start()
        save(tmp_path, 1, "2024/january/a.yaml")
        running.wait_for_published(1)
        save(tmp_path, 2, "2024/january/b.yaml")
        running.wait_for_published(2)


def test_what_was_saved_just_before_the_end_is_published(folder: Path) -> None:
    with watching(folder) as running:
        running.wait_for_start()
        save(folder, 1)
        running.daemon.wakeups.wake("save")
    assert running.published == ["pop_CHG-2024-000001"]
    assert running.said.roles == ["candidate", "draining"]
