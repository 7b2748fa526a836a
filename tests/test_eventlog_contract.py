"""What every event log promises: one suite over memory, SQLite and a real Apache Kafka."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeGuard

import pytest

from franc_gitops.clock import SystemClock
from franc_gitops.errors import OutcomeUnknown
from franc_gitops.eventlogs import NoRecord, Record
from franc_gitops.eventlogs.memory import MemoryCluster, MemoryEventLog
from franc_gitops.eventlogs.sqlite import SqliteEventLog
from franc_gitops.ledger import Ledger, decode
from franc_gitops.model import Event
from franc_gitops.pipeline.plan import make_plan
from franc_gitops.pipeline.publish import Publisher
from tests.support.schedule import make_request, make_situation
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from franc_gitops.eventlogs import EventLog, LedgerReader
    from franc_gitops.model import Position
    from franc_gitops.pipeline.actions import Plan

    Opener = Callable[[], EventLog]

TOPIC = "task.status"
FILE = ".franc/events.sqlite"


@pytest.fixture(params=["memory", "sqlite", "kafka"])
def open_log(
    request: pytest.FixtureRequest, tmp_path: Path, topics_prefix: str
) -> Iterator[Opener]:
    """Opens clients of one and the same log."""
    opened: list[EventLog] = []

    def opener(make: Callable[[], EventLog]) -> Opener:
        def open_one() -> EventLog:
            opened.append(make())
            return opened[-1]

        return open_one

    if request.param == "memory":
        cluster = MemoryCluster()
        yield opener(lambda: MemoryEventLog(cluster))
    elif request.param == "sqlite":
        yield opener(lambda: SqliteEventLog(tmp_path / ".franc", SystemClock().sleep))
    else:
        from tests.support.kafka_log import make_log

        broker = request.getfixturevalue("kafka")
        yield opener(lambda: make_log(broker, topics_prefix))
    for log in opened:
        log.close()


@pytest.fixture
def topic(open_log: Opener, request: pytest.FixtureRequest, topics_prefix: str) -> str:
    """An event topic of the log."""
    del open_log
    return f"{topics_prefix}.{TOPIC}" if "kafka" in request.node.name else TOPIC


def make_event(topic: str, number: int, key: str = "CHG-2024-000001") -> Event:
    """Make an event that says its number."""
    headers = (("ce_id", b"id-%d" % number), ("ce_subject", "requests/größe.yaml".encode()))
    return Event("task_status_update", f"id-{number}", topic, key.encode(), headers, b"%d" % number)


def records(*keys: str) -> Callable[[Sequence[Position]], list[tuple[str, str, bytes]]]:
    """Make a recorder that writes a record for each key: where the events stand."""

    def record(positions: Sequence[Position]) -> list[tuple[str, str, bytes]]:
        return [
            ("CHG-2024-000001", key, repr([tuple(p) for p in positions]).encode()) for key in keys
        ]

    return record


def read(reader: LedgerReader, target: Any = None) -> list[tuple[str, bytes]]:
    """Read on to the end."""
    return [record for batch in reader.read(target) for record in batch]


def values(log: EventLog) -> list[bytes]:
    """Give the values that a read_committed consumer sees."""
    return [record.value for record in log.events()]


def test_a_mark_moves_with_what_is_committed_and_with_nothing_else(
    open_log: Opener, topic: str
) -> None:
    """Two clients agree on it; on Kafka a commit becomes visible a moment after its answer."""
    log, other = open_log(), open_log()
    log.identify()
    other.identify()
    empty = log.mark()
    log.fence().commit([make_event(topic, 1)], records("a"))
    before = wait_for(lambda: new_mark(log, empty), what="the commit to be visible", seconds=20)
    assert other.mark() == before == log.mark()
    log.fence()
    log.fence().commit([make_event(topic, 2)], records("b"))
    after = wait_for(lambda: new_mark(log, before), what="the commit to be visible", seconds=20)
    assert other.mark() == after


def new_mark(log: EventLog, old: str) -> str:
    mark = log.mark()
    return mark if mark != old else ""


def test_events_and_ledger_become_visible_together(open_log: Opener, topic: str) -> None:
    """After a commit the events are there, and the ledger says exactly where."""
    log = open_log()
    done = log.fence().commit([make_event(topic, n) for n in range(3)], records("a"))
    seen = list(open_log().events())
    assert [record.value for record in seen] == [b"0", b"1", b"2"]
    assert done.records == [("a", repr([(r.partition, r.offset) for r in seen]).encode())]
    assert read(open_log().reader()) == list(done.records)


def test_a_record_keeps_every_byte(open_log: Opener, topic: str) -> None:
    """Key, headers in their order and value come back as they were sent."""
    event = make_event(topic, 7)
    open_log().fence().commit([event], records("a"))
    (seen,) = open_log().events()
    assert (seen.topic, seen.key, seen.headers, seen.value) == (
        topic,
        event.key,
        event.headers,
        event.value,
    )


def test_a_reader_that_fences_nobody_can_wait_for_all_that_is_committed(
    open_log: Opener, topic: str
) -> None:
    """Up to the target that it is told, a reader sees every earlier commit; nobody is fenced."""
    log, reader = open_log(), open_log().reader()
    session = log.fence()
    session.commit([make_event(topic, 1)], records("a"))
    target = reader.target()
    assert [key for key, _ in read(reader, target)] == ["a"]
    session.commit([make_event(topic, 2)], records("b"))
    assert reader.target() != target
    assert [key for key, _ in read(reader, reader.target())] == ["b"]


def test_a_new_session_reads_what_earlier_ones_committed(open_log: Opener, topic: str) -> None:
    """Reading up to the target of a session shows every earlier commit, each once."""
    log, reader = open_log(), open_log().reader()
    log.fence().commit([make_event(topic, 1)], records("a"))
    session = open_log().fence()
    assert [key for key, _ in read(reader, session.target())] == ["a"]
    session.commit([make_event(topic, 2)], records("b"))
    following = open_log().fence()
    assert [key for key, _ in read(reader, following.target())] == ["b"]
    assert read(reader) == []


def test_a_key_reads_as_its_last_record(open_log: Opener, topic: str) -> None:
    """Folding by key gives what was committed last."""
    session = open_log().fence()
    first = session.commit([make_event(topic, 1)], records("a")).records
    second = session.commit([make_event(topic, 2)], records("a")).records
    folded = dict(read(open_log().reader()))
    assert folded == dict(second)
    assert folded != dict(first)


def test_an_older_session_is_fenced(open_log: Opener, topic: str) -> None:
    """Once a session opens, an earlier one cannot commit, and nothing of it shows."""
    old = open_log().fence()
    new = open_log().fence()
    with pytest.raises(OutcomeUnknown):
        old.commit([make_event(topic, 1)], records("old"))
    new.commit([make_event(topic, 2)], records("new"))
    old.close()
    assert values(open_log()) == [b"2"]
    assert [key for key, _ in read(open_log().reader())] == ["new"]


def test_a_session_learns_that_another_has_written(open_log: Opener, topic: str) -> None:
    """Not from one that only opened, nor from its own commits; before it tries to commit."""
    old = open_log().fence()
    old.target()
    for number in range(3):
        old.commit([make_event(topic, number)], records(f"old {number}"))
        assert not old.is_overtaken()
    new = open_log().fence()
    new.target()
    assert not old.is_overtaken()
    new.commit([make_event(topic, 4)], records("new"))
    assert old.is_overtaken()
    assert not new.is_overtaken()
    old.close()
    new.close()


def test_an_aborted_transaction_is_invisible(open_log: Opener, topic: str) -> None:
    """When making the ledger records fails, the events of the transaction never show."""

    def fail(_: Sequence[Position]) -> list[tuple[str, str, bytes]]:
        raise RuntimeError("broken on purpose")

    session = open_log().fence()
    with pytest.raises((RuntimeError, OutcomeUnknown)):
        session.commit([make_event(topic, 1)], fail)
    session.close()
    open_log().fence().commit([make_event(topic, 2)], records("b"))
    assert values(open_log()) == [b"2"]
    assert [key for key, _ in read(open_log().reader())] == ["b"]


def test_a_ledger_record_needs_no_event(open_log: Opener) -> None:
    """A transaction may write ledger records alone."""
    open_log().fence().commit([], records("a"))
    assert [key for key, _ in read(open_log().reader())] == ["a"]
    assert values(open_log()) == []


def test_events_of_a_key_keep_their_order(open_log: Opener, topic: str) -> None:
    """Over several transactions, the events of one change number stay in order."""
    session = open_log().fence()
    for start in range(0, 30, 10):
        events = [make_event(topic, n, f"CHG-2024-{n % 3:06d}") for n in range(start, start + 10)]
        session.commit(events, records(f"k{start}"))
    seen: dict[bytes, list[int]] = {}
    for record in open_log().events():
        seen.setdefault(record.key, []).append(int(record.value))
    assert len(seen) == 3
    assert all(numbers == sorted(numbers) for numbers in seen.values())
    assert sum(map(len, seen.values())) == 30


def test_all_is_there_after_a_restart(open_log: Opener, topic: str) -> None:
    """A closed and opened log knows events and ledger, and goes on after them."""
    log = open_log()
    log.fence().commit([make_event(topic, 1)], records("a"))
    log.close()
    open_log().fence().commit([make_event(topic, 2)], records("b"))
    assert values(open_log()) == [b"1", b"2"]
    assert sorted(key for key, _ in read(open_log().reader())) == ["a", "b"]


def test_the_log_says_who_it_is(open_log: Opener) -> None:
    """Two clients of one log see the same identity; only Kafka's is pinned."""
    first, second = open_log().identify(), open_log().identify()
    assert first == second
    assert (first.pin is None) == (first.name == "embedded")


def test_an_event_is_found_at_its_place(open_log: Opener, topic: str) -> None:
    """Each place is answered once: with the very record of `events`, or that there is none."""
    keys = ["CHG-2024-000001", "CHG-2024-000002", "CHG-2024-000003"]
    open_log().fence().commit([make_event(topic, n, keys[n % 3]) for n in range(9)], records("a"))
    seen = {(r.topic, r.partition, r.offset): r for r in open_log().events()}
    wanted: dict[tuple[str, int], list[int]] = {}
    for _, partition, offset in sorted(seen):
        wanted.setdefault((topic, partition), []).append(offset)
    nowhere = {(topic, 0): [10**6, 10**6 + 1], (topic, 99): [0], ("no.such.topic", 0): [0]}
    for place, offsets in nowhere.items():
        wanted[place] = wanted.get(place, []) + offsets
    found = list(open_log().look_up(wanted))
    assert {place_of(each): each for each in found if isinstance(each, Record)} == seen
    missing = [place_of(each) for each in found if isinstance(each, NoRecord)]
    assert sorted(missing) == sorted(
        (*place, offset) for place, offsets in nowhere.items() for offset in offsets
    )
    assert len(found) == len(seen) + len(missing)


def place_of(answer: Record | NoRecord) -> tuple[str, int, int]:
    """Give where the answer is about."""
    return (answer.topic, answer.partition, answer.offset)


def test_places_of_a_partition_are_answered_in_their_order(open_log: Opener, topic: str) -> None:
    """Wanted and unwanted ones in turn; what is not asked for is not told."""
    open_log().fence().commit([make_event(topic, n) for n in range(20)], records("a"))
    places = [place_of(record) for record in open_log().events()]
    wanted = {places[0][:2]: [offset for _, _, offset in places][1::3]}
    found = list(open_log().look_up(wanted))
    assert [place_of(each) for each in found] == places[1::3]
    assert [each.value for each in found if isinstance(each, Record)] == [
        b"%d" % number for number in range(1, 20, 3)
    ]


def test_nothing_stands_where_a_transaction_was_aborted(open_log: Opener, topic: str) -> None:
    """Neither before nor behind what was committed."""
    taken: list[Position] = []

    def note_and_fail(positions: Sequence[Position]) -> list[tuple[str, str, bytes]]:
        taken.extend(positions)
        raise RuntimeError("broken on purpose")

    session = open_log().fence()
    with pytest.raises((RuntimeError, OutcomeUnknown)):
        session.commit([make_event(topic, 1)], note_and_fail)
    session.close()
    open_log().fence().commit([make_event(topic, 2)], records("b"))
    (seen,) = open_log().events()
    (partition, aborted), *_ = taken
    offsets = sorted({aborted, seen.offset, seen.offset + 1, seen.offset + 2})
    found = {each.offset: each for each in open_log().look_up({(topic, partition): offsets})}
    assert found.pop(seen.offset) == seen
    assert all(isinstance(each, NoRecord) and not each.removed for each in found.values())


def test_what_retention_removed_is_told_from_what_never_was(
    open_log: Opener, topic: str, request: pytest.FixtureRequest, topics_prefix: str
) -> None:
    """Before the beginning of a log stands nothing because it was removed."""
    open_log().fence().commit([make_event(topic, n) for n in range(4)], records("a"))
    places = [place_of(record) for record in open_log().events()]
    remove_before(open_log(), places[2], request)
    wanted = {places[0][:2]: [offset for _, _, offset in places] + [10**6]}
    gone = [(each.offset, each.removed) for each in open_log().look_up(wanted) if is_missing(each)]
    assert gone == [(places[0][2], True), (places[1][2], True), (10**6, False)]
    assert values(open_log()) == [b"2", b"3"]


def is_missing(answer: Record | NoRecord) -> TypeGuard[NoRecord]:
    """Tell an answer that says that there is nothing."""
    return isinstance(answer, NoRecord)


def remove_before(
    log: EventLog, place: tuple[str, int, int], request: pytest.FixtureRequest
) -> None:
    """Remove the beginning of a log, as retention does."""
    topic, partition, offset = place
    if isinstance(log, MemoryEventLog):
        log.cluster.starts[topic, partition] = offset
    elif isinstance(log, SqliteEventLog):
        with closing(sqlite3.connect(request.getfixturevalue("tmp_path") / FILE)) as database:
            database.execute("DELETE FROM events WHERE log_offset < ?", (offset,))
            database.commit()
    else:
        from tests.support.topics import delete_records

        broker = request.getfixturevalue("kafka")
        delete_records(broker.bootstrap, topic, partition, before=offset)


def publish(log: EventLog, numbers: range, prefix: str = "franc", batch: int = 3) -> Publisher:
    """Publish requests as a pass does."""
    from franc_gitops.events import Envelope

    requests = tuple(make_request(number) for number in numbers)
    situation = make_situation(requests, envelope=Envelope(prefix=prefix))

    def plan(ledger: Ledger) -> Plan:
        return make_plan(situation, ledger, ledger.compare(situation.snapshot.files))

    publisher = Publisher(log, SystemClock(), batch=batch)
    publisher.publish(plan(publisher.peek()), plan)
    return publisher


def test_a_second_pass_sends_only_what_is_new(open_log: Opener, topics_prefix: str) -> None:
    """Publishing a grown set sends the difference, and the ledger says where each event is."""
    publish(open_log(), range(1, 6), topics_prefix)
    again = publish(open_log(), range(1, 8), topics_prefix)
    assert len(again.published) == 2
    seen = {
        (r.topic, r.partition, r.offset): dict(r.headers)["ce_id"].decode()
        for r in open_log().events()
    }
    assert len(seen) == len(set(seen.values())) == 7 * 3
    for request_id in again.ledger:
        for event in decode(again.ledger.raw(request_id)).events:
            assert seen[event.topic, event.partition, event.offset] == event.event_id


def test_a_pass_with_nothing_to_do_fences_nobody(
    open_log: Opener, topics_prefix: str, topic: str
) -> None:
    """A publisher at work is not disturbed by one that has nothing to send."""
    publish(open_log(), range(1, 4), topics_prefix)
    at_work = open_log().fence()
    assert publish(open_log(), range(1, 4), topics_prefix).published == {}
    at_work.commit([make_event(topic, 1)], records("a"))
