"""Disks that are full or read-only under `watch`: told with the path, nothing delayed, healed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.corpus import request_text
from tests.support.volumes import Volume
from tests.support.watching import Running, watching

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FAULTS = {
    "full": (Volume.fill, Volume.empty, "No space left on device"),
    "read-only": (Volume.protect, Volume.release, "Read-only file system"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "requests").mkdir()
    return tmp_path


@pytest.fixture
def status(folder: Path) -> Iterator[Volume]:
    yield from volume(folder / "status")


@pytest.fixture
def state(folder: Path) -> Iterator[Volume]:
    yield from volume(folder / ".franc")


def volume(folder: Path) -> Iterator[Volume]:
    made = Volume(folder, size="1m")
    if not made.is_there:
        pytest.skip("nothing may be mounted here")
    yield made
    made.close()


def save(folder: Path, number: int) -> None:
    (folder / f"requests/{number:06d}.yaml").write_text(request_text(number))


def reasons(running: Running) -> list[tuple[str, str]]:
    """Why it is not ready, but for its start."""
    found = running.daemon.board.readiness()[1]
    return [(each.stage, each.message) for each in found if each.stage != "loop"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_disk_that_takes_no_status_files_delays_no_event(
    folder: Path, status: Volume, fault: str
) -> None:
    begin, heal, cause = FAULTS[fault]
    save(folder, 1)
    with watching(folder) as running:
        running.wait_for_published(1)
        begin(status)
        save(folder, 2)
        running.wait_for_published(2)
        running.wait_until(lambda: reasons(running), "the failure to be told")
        ((stage, message),) = reasons(running)
        assert stage == "write_back"
        assert f"000002.yaml: {cause}" in message
        assert running.said.failures[0][0].message == message
        save(folder, 3)
        running.wait_for_published(3)
        assert not (folder / "status/000003.yaml").exists()
        heal(status)
        running.wait_until((folder / "status/000003.yaml").exists, "the status file")
        running.wait_until(lambda: not reasons(running), "it to be ready again")
    assert (folder / "status/000002.yaml").exists()
    assert len(running.published) == len(set(running.published)) == 3


def test_a_disk_that_takes_no_embedded_log_keeps_requests_pending(
    folder: Path, state: Volume
) -> None:
    save(folder, 1)
    with watching(folder) as running:
        running.wait_for_published(1)
        state.fill()
        save(folder, 2)
        running.wait_until(lambda: reasons(running), "the failure to be told")
        assert {stage for stage, _ in reasons(running)} == {"event_log"}
        assert ".franc/events.sqlite" in reasons(running)[0][1]
        assert running.published == ["pop_CHG-2024-000001"]
        state.empty()
        running.wait_for_published(2)
        running.wait_until(lambda: not reasons(running), "it to be ready again")
    assert len(running.published) == 2


def test_one_place_that_cannot_be_written_delays_no_other(folder: Path) -> None:
    (folder / "status/000001.yaml/in the way").mkdir(parents=True)
    save(folder, 1)
    with watching(folder) as running:
        running.wait_until(lambda: reasons(running), "the failure to be told")
        ((stage, message),) = reasons(running)
        assert (stage, "000001.yaml: Is a directory" in message) == ("write_back", True), message
        save(folder, 2)
        running.wait_until((folder / "status/000002.yaml").exists, "the other status file")
        (folder / "status/000001.yaml/in the way").rmdir()
        (folder / "status/000001.yaml").rmdir()
        running.wait_until((folder / "status/000001.yaml").is_file, "the status file")
        running.wait_until(lambda: not reasons(running), "it to be ready again")
    assert len(running.published) == 2
