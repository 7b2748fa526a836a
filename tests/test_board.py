"""What the board says after real passes: readiness, counts, history; nobody waits for a pass."""

from __future__ import annotations

import threading
import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bench.corpus import request_text
from franc_gitops.daemon.board import Board, Count, Role, Stage
from franc_gitops.daemon.history import History, Minute
from franc_gitops.errors import (
    EventLogUnreachable,
    FencedTooLong,
    RepositoryError,
    WriteBackFailed,
)
from franc_gitops.ledger import Ledger
from franc_gitops.model import Phase, Written
from tests.support.clock import SetClock
from tests.support.daemon import Station
from tests.support.project import Project, new_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from franc_gitops.daemon.register import Register

AWAY = EventLogUnreachable("no broker answers")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return new_project(tmp_path / "work")


@pytest.fixture
def station(project: Project) -> Iterator[Station]:
    project.add(range(3))
    with Station(project) as station:
        yield station


def reasons(board: Board) -> list[tuple[str, str]]:
    return [(reason.stage, reason.reason) for reason in board.readiness()[1]]


def phases(register: Register) -> dict[Phase, int]:
    found: dict[Phase, int] = {}
    for standing, count in register.counts().items():
        found[standing.phase] = found.get(standing.phase, 0) + count
    return found


# ---------------------------------------------------------------------------------- readiness


def test_a_daemon_is_ready_once_its_first_pass_has_ended(station: Station) -> None:
    assert reasons(station.board) == [("loop", "Starting")]
    station.go()
    assert station.board.readiness() == (True, ())


def test_a_draining_daemon_is_not_ready(station: Station) -> None:
    station.go()
    station.board.role(Role.DRAINING)
    assert reasons(station.board) == [("loop", "Draining")]


@pytest.mark.parametrize(
    ("error", "stage"),
    [
        (AWAY, "event_log"),
        (RepositoryError("git failed"), "repository"),
        (FencedTooLong("another one"), "event_log"),
        (WriteBackFailed("read-only"), "write_back"),
    ],
)
def test_readiness_says_which_stage_failed_and_since_when(
    station: Station, error: EventLogUnreachable, stage: str
) -> None:
    station.go()
    station.clock.go_on(60)
    began = station.clock.time
    for _ in range(3):
        station.board.pass_began("timer")
        station.board.pass_ended(error=error)
        station.clock.go_on(60)
    [reason] = station.board.readiness()[1]
    assert (reason.stage, reason.reason) == (stage, type(error).__name__)
    assert (reason.message, reason.since) == (error.message, began)
    station.go()
    assert station.board.readiness() == (True, ())


def test_a_standby_that_is_fenced_is_ready(station: Station) -> None:
    station.go(role=Role.STANDBY)
    station.board.pass_began("timer")
    station.board.pass_ended(error=FencedTooLong("the leader publishes"))
    assert station.board.readiness() == (True, ())
    assert not station.board.figures().failures


def test_a_condition_that_no_pass_tells_counts_too(station: Station) -> None:
    station.go()
    station.board.condition(
        Stage.REPOSITORY, ok=False, reason="FetchFailed", message="the remote does not answer"
    )
    assert reasons(station.board) == [("repository", "FetchFailed")]


def test_requests_that_wait_too_long_make_it_unready(station: Station) -> None:
    report = station.go()
    assert report is not None
    station.board.pending(2, station.clock.time)
    station.clock.go_on(599)
    station.board.beat()
    assert station.board.readiness()[0]
    station.clock.go_on(1)
    assert reasons(station.board) == [("lag", "Late")]
    assert station.board.view().oldest_pending == 600


def test_a_hung_pass_is_not_alive_and_one_that_waits_is(station: Station) -> None:
    station.go()
    station.board.pass_began("timer")
    station.clock.go_on(299)
    assert station.board.liveness()
    station.clock.go_on(1)
    assert not station.board.liveness()
    assert ("loop", "Hung") in reasons(station.board)
    station.board.beat()
    assert station.board.liveness()


def test_an_outage_does_not_end_liveness(station: Station) -> None:
    station.go()
    for _ in range(60):
        station.clock.go_on(60)
        station.board.pass_began("timer")
        station.board.pass_ended(error=AWAY)
    assert station.board.liveness()
    assert not station.board.readiness()[0]


# ------------------------------------------------------------------------ where requests stand


def test_it_counts_every_request_by_type_and_phase(station: Station) -> None:
    station.project.clone.commit({"requests/bad.yaml": "type: device_connection\n"})
    station.go()
    assert phases(station.board.register) == {Phase.COMPLETED: 3, Phase.REJECTED: 1}
    [held] = station.board.register.unsettled()
    assert held.path == "requests/bad.yaml"
    assert held.problems
    assert not held.is_pending


def test_what_was_held_and_is_repaired_is_counted_once(station: Station) -> None:
    text = request_text(7)
    station.project.clone.commit({"requests/7.yaml": text.replace("type:", "tipe:", 1)})
    station.go()
    station.project.clone.commit({"requests/7.yaml": text})
    station.go()
    assert phases(station.board.register) == {Phase.COMPLETED: 4}
    assert not station.board.register.unsettled()


def test_a_pass_over_some_paths_leaves_what_it_says_of_the_others(station: Station) -> None:
    files = {f"requests/bad{n}.yaml": "type: nonsense\n" for n in (1, 2)}
    station.project.clone.commit(files)
    report = station.go()
    assert report is not None
    plan = replace(report.plan, actions=(), problems=())
    station.board.pass_began("save")
    station.board.pass_ended(replace(report, plan=plan), paths={"requests/bad1.yaml"})
    assert [row.path for row in station.board.register.unsettled()] == ["requests/bad2.yaml"]


def test_what_could_not_be_sent_is_pending_since_it_was_first_seen(station: Station) -> None:
    report = station.go()
    assert report is not None
    sent = replace(report, ledger=Ledger(), published={}, failure=AWAY)
    fresh = Board(station.clock)
    for _ in range(3):
        fresh.pass_began("timer")
        fresh.pass_ended(sent)
        station.clock.go_on(60)
    view = fresh.view()
    assert (view.pending, view.oldest_pending) == (3, 180)
    assert phases(fresh.register) == {Phase.PENDING: 3}
    fresh.pass_began("timer")
    fresh.pass_ended(report)
    assert fresh.view().pending == 0
    assert phases(fresh.register) == {Phase.COMPLETED: 3}
    assert fresh.view().minutes[-1].slowest == 180


def test_requests_are_found_by_change_number_newest_first(station: Station) -> None:
    station.go()
    station.project.add(range(3, 5))
    station.go()
    search = station.board.register.search
    keys, total = search()
    assert total == len(keys) == 5
    number = keys[0].partition("CHG-")[2]
    assert search(f" chg-{number} ") == ([keys[0]], 1)
    assert search("chg", limit=2, skip=1) == (keys[1:3], 5)
    assert search(phases={Phase.COMPLETED}, limit=2, skip=4) == (keys[4:], 5)
    assert search(phases={Phase.FAILED}) == ([], 0)
    assert {key[-1] for key in keys[:2]} == {"3", "4"}


def test_a_ledger_that_was_read_anew_is_counted_anew(station: Station) -> None:
    report = station.go()
    assert report is not None
    again = Ledger()
    again.fold((key, report.ledger.raw(key)) for key in list(report.ledger)[:2])
    plan = replace(report.plan, actions=())
    station.board.pass_ended(replace(report, plan=plan, ledger=again, published={}))
    assert phases(station.board.register) == {Phase.COMPLETED: 2}


def test_a_ledger_that_changed_more_than_is_remembered_is_read_whole() -> None:
    ledger = Ledger()
    record = b'{"v":1,"type":"pop_deployment","phase":"%s"'
    ledger.fold((f"pop_CHG-2024-{n:06d}", record % b"Running") for n in range(10_001))
    assert ledger.changed_since(0) is None
    version = ledger.version
    ledger.fold([("pop_CHG-2024-000001", record % b"Failed")])
    assert ledger.changed_since(version) == ["pop_CHG-2024-000001"]
    assert ledger.changed_since(ledger.version) == []


# ------------------------------------------------------------------------------ what is counted


def test_events_are_counted_by_topic_and_type(station: Station) -> None:
    station.go()
    figures = station.board.figures()
    assert sum(figures.events.values()) == 9
    assert figures.events["franc.task.completion", "task_completion"] == 3
    assert dict(figures.passes) == {"success": 1}
    station.go()
    assert dict(station.board.figures().passes) == {"success": 1, "noop": 1}
    assert sum(station.board.figures().events.values()) == 9


def test_a_second_revision_counts_its_own_events_only(station: Station) -> None:
    station.go()
    [path, *_] = sorted(
        file.relative_to(station.project.root).as_posix()
        for file in (station.project.root / "requests").rglob("*.yaml")
    )
    text = (station.project.root / path).read_text()
    station.project.clone.commit({path: f"{text}revision: 2\n"})
    station.go()
    assert sum(station.board.figures().events.values()) == 12


def test_a_problem_is_counted_once_as_long_as_it_stands(station: Station) -> None:
    station.project.clone.commit({"requests/bad.yaml": "type: pop_deployment\n"})
    for _ in range(3):
        station.go()
    assert station.board.figures().problems == {"FRN201": 5}


def test_each_stage_says_when_it_last_went_well(station: Station) -> None:
    station.go()
    first = station.clock.time
    station.clock.go_on(60)
    station.board.pass_began("timer")
    station.board.pass_ended(error=AWAY)
    last = station.board.figures().last_success
    assert last == {"scan": station.clock.time, "publish": first, "writeback": first}


def test_pushes_of_status_files_that_others_were_quicker_than_are_counted(station: Station) -> None:
    report = station.turn.run()
    for conflicts in (2, 0, 1):
        station.board.pass_began("timer")
        station.board.pass_ended(replace(report, written=Written(conflicts=conflicts)))
    assert station.board.figures().counts[Count.WRITE_BACK_CONFLICTS, ""] == 3


def test_labels_stay_few(station: Station) -> None:
    for number in range(1000):
        station.board.count(Count.HOOKS, f"label {number}")
    counts = station.board.figures().counts
    assert len(counts) <= 101
    assert sum(counts.values()) == 1000


# --------------------------------------------------------------------------------- last hour


def test_the_last_hour_is_kept_by_the_minute() -> None:
    clock, history = SetClock(), History()
    for minute in range(70):
        history.add_pass(clock.now(), failed=minute % 2 == 0, waited=[1.0] * minute)
        clock.go_on(60)
    minutes = history.minutes(clock.now())
    assert len(minutes) == 60
    assert minutes[-1] == Minute(minutes[-1].start)
    assert [m.published for m in minutes[-3:]] == [68, 69, 0]
    assert minutes[-2].median == 1.0
    assert minutes[0].start == minutes[-1].start - 59 * 60


def test_a_clock_that_is_set_back_breaks_nothing() -> None:
    clock, history = SetClock(), History()
    history.add_pass(clock.now(), failed=False, waited=[0.1])
    clock.go_on(-7200)
    history.add_pass(clock.now(), failed=False, waited=[0.1])
    assert [m for m in history.minutes(clock.now()) if m.passes] == []


# ------------------------------------------------------------------------------------ threads


def test_listeners_hear_of_every_change_and_may_read_the_board(station: Station) -> None:
    heard: list[int] = []
    end = station.board.subscribe(lambda: heard.append(station.board.view().version))
    station.go()
    assert heard == sorted(set(heard))
    end()
    end()
    count = len(heard)
    station.go()
    assert len(heard) == count


def test_readers_are_answered_while_passes_go_on(station: Station) -> None:
    """Search and details read the ledger that the loop's thread is folding and comparing."""
    stop, failures = threading.Event(), []

    def read() -> None:
        try:
            while not stop.is_set():
                for key in station.board.register.search()[0]:
                    row, entry = station.board.register.find(key)
                    assert row or entry
                    assert entry is None or entry.request_id == key
                station.board.view()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is shown
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(5):
        station.project.add(range(10 * number, 10 * number + 10))
        station.go()
    stop.set()
    for reader in readers:
        reader.join()
    assert not failures


def test_a_settled_request_costs_a_few_bytes_beside_its_record(station: Station) -> None:
    report = station.go()
    assert report is not None
    ledger = Ledger()
    record = b'{"v":1,"type":"pop_deployment","phase":"Completed"'
    ledger.fold((f"pop_CHG-2024-{n:06d}", record) for n in range(100_000))
    settled = replace(report, ledger=ledger, plan=replace(report.plan, actions=()), published={})
    tracemalloc.start()
    station.board.pass_ended(settled)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert phases(station.board.register) == {Phase.COMPLETED: 100_000}
    assert kept < 12 << 20
