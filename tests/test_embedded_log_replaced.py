"""The embedded log's file is deleted or replaced while somebody has it open."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest

from franc_gitops.clock import SystemClock
from franc_gitops.errors import EventLogRefused, EventLogReplaced, OutcomeUnknown
from franc_gitops.eventlogs.sqlite import SqliteEventLog
from franc_gitops.model import Event
from tests.support.project import new_project
from tests.support.watching import watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from franc_gitops.model import Position

EVENT = Event("task_status_update", "id-1", "task.status", b"CHG-2024-000001", (), b"1")


def record(_: Sequence[Position]) -> list[tuple[str, str, bytes]]:
    return [("CHG-2024-000001", "a", b"{}")]


def open_log(folder: Path) -> SqliteEventLog:
    return SqliteEventLog(folder, SystemClock().sleep)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".franc"


@pytest.fixture
def log(folder: Path) -> Iterator[SqliteEventLog]:
    with closing(open_log(folder)) as log:
        yield log


def delete(folder: Path) -> None:
    shutil.rmtree(folder)


def move_away(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def put_another_in_its_place(folder: Path) -> None:
    move_away(folder)
    with closing(open_log(folder)) as other:
        other.fence()


def delete_what_is_not_yet_in_the_database(folder: Path) -> None:
    for ending in ("-wal", "-shm"):
        (folder / f"events.sqlite{ending}").unlink()


def link_to_where_it_is_now(folder: Path) -> None:
    file = folder / "events.sqlite"
    file.symlink_to(file.rename(folder / "moved.sqlite"))


CHANGES = [
    delete,
    move_away,
    put_another_in_its_place,
    delete_what_is_not_yet_in_the_database,
    link_to_where_it_is_now,
]


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_committed_to_a_file_that_is_elsewhere(
    log: SqliteEventLog, folder: Path, change: Callable[[Path], None]
) -> None:
    session, reader = log.fence(), log.reader()
    session.commit([EVENT], record)
    change(folder)
    with pytest.raises(OutcomeUnknown) as doubt:
        session.commit([EVENT], record)
    assert not doubt.value.fenced
    for look in (session.is_overtaken, session.target, reader.target, log.mark, log.fence):
        with pytest.raises(EventLogReplaced):
            look()
    for read in (reader.read(None), log.events(), log.look_up({("task.status", 0): [0]})):
        with pytest.raises(EventLogReplaced):
            list(read)


def test_it_counts_where_the_file_is_when_a_transaction_ends(
    log: SqliteEventLog, folder: Path
) -> None:
    """Making the events may take a while."""

    def move_and_record(positions: Sequence[Position]) -> list[tuple[str, str, bytes]]:
        move_away(folder)
        return record(positions)

    with pytest.raises(OutcomeUnknown):
        log.fence().commit([EVENT], move_and_record)
    folder.with_name("elsewhere").rename(folder)
    assert list(log.events()) == []


def test_what_is_at_the_path_is_opened_anew_and_told_of_once(
    log: SqliteEventLog, folder: Path
) -> None:
    old, reader = log.fence(), log.reader()
    old.commit([EVENT], record)
    put_another_in_its_place(folder)
    with pytest.raises(EventLogReplaced):
        log.identify()
    assert log.identify().name == "embedded"
    assert list(log.events()) == []
    with pytest.raises(OutcomeUnknown):
        old.commit([EVENT], record)
    with pytest.raises(EventLogReplaced):
        reader.target()
    log.fence().commit([EVENT], record)
    with closing(open_log(folder)) as other:
        assert len(list(other.events())) == 1


def test_what_was_let_go_of_is_no_place_to_commit_to_though_it_comes_back(
    log: SqliteEventLog, folder: Path
) -> None:
    session = log.fence()
    move_away(folder)
    with pytest.raises(EventLogReplaced):
        log.identify()
    shutil.rmtree(folder)
    folder.with_name("elsewhere").rename(folder)
    with pytest.raises(OutcomeUnknown):
        session.commit([EVENT], record)


def test_a_file_that_is_replaced_while_it_is_opened_is_not_taken_for_the_new_one(
    log: SqliteEventLog, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.close()
    connect = sqlite3.connect

    def connect_and_replace(*arguments: Any, **options: Any) -> sqlite3.Connection:
        monkeypatch.undo()
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.execute("SELECT number FROM epoch")  # until now nothing is open
        put_another_in_its_place(folder)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect_and_replace)
    with pytest.raises(EventLogReplaced):
        open_log(folder)


def test_a_link_in_the_place_of_the_file_is_not_followed(folder: Path, tmp_path: Path) -> None:
    open_log(tmp_path / "another").close()
    folder.mkdir()
    (folder / "events.sqlite").symlink_to(tmp_path / "another/events.sqlite")
    with pytest.raises(EventLogRefused, match="it is a link, which is not followed"):
        open_log(folder)


def test_others_that_open_and_close_it_change_nothing(log: SqliteEventLog, folder: Path) -> None:
    session = log.fence()
    for _ in range(3):
        session.commit([EVENT], record)
        open_log(folder).close()
    assert len(list(log.events())) == 3


@pytest.mark.parametrize("change", [delete, move_away, put_another_in_its_place])
def test_a_daemon_publishes_to_what_is_at_the_path_as_a_new_one_would(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    project = new_project(tmp_path / "work")
    project.add(range(2))
    folder = project.root / ".franc"
    with watching(project.root) as running:
        running.wait_for_published(2)
        change(folder)
        project.add(range(2, 3))
        running.wait_until(lambda: has_events(folder, 9), "the events of three requests")
        project.add(range(3, 4))
        running.wait_until(lambda: has_events(folder, 12), "the events of four requests")
        assert str(running.said.failures[0][0]).endswith("was deleted or replaced")


def test_a_daemon_at_rest_notices_that_its_log_is_gone(tmp_path: Path) -> None:
    project = new_project(tmp_path / "work")
    project.add(range(2))
    with watching(project.root) as running:
        running.wait_for_published(2)
        delete(project.root / ".franc")
        running.wait_until(lambda: has_events(project.root / ".franc", 6), "both, once more")
        assert running.said.roles == ["leader"]


def has_events(folder: Path, count: int) -> bool:
    if not (folder / "events.sqlite").exists():
        return False
    with suppress(EventLogReplaced), closing(open_log(folder)) as log:
        return len(list(log.events())) == count
    return False
