"""The Kafka event log on a real Apache Kafka: topics, placement, transactions, reading."""

from __future__ import annotations

import gc
from threading import Timer
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Producer, TopicPartition, murmur2

from franc_gitops.errors import (
    EventLogRefused,
    EventLogUnreachable,
    GuardRefused,
    OutcomeUnknown,
    forget_frames,
)
from franc_gitops.eventlogs.kafka import KafkaEventLog, clients, lookup, scan, transaction
from franc_gitops.eventlogs.kafka.admin import Admin
from franc_gitops.eventlogs.kafka.causes import Trouble
from franc_gitops.eventlogs.kafka.survey import survey
from franc_gitops.eventlogs.kafka.topics import KafkaTopics, TopicState, TopicWishes
from franc_gitops.ledger import LedgerEntry, SentEvent
from franc_gitops.model import Phase, Severity
from tests.support.broker import alter_config, console_consume, delete_topic
from tests.support.kafka_log import (
    connection_to,
    make_event,
    make_log,
    read_all,
    record_places,
    settle,
)
from tests.support.kafka_victim import end_transaction, open_transaction
from tests.support.topics import admin
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from franc_gitops.eventlogs import Recorder
    from franc_gitops.model import Position
    from tests.support.broker import Broker


@pytest.fixture
def log(kafka: Broker, topics_prefix: str) -> Iterator[KafkaEventLog]:
    made = make_log(kafka, topics_prefix)
    yield made
    made.close()


def set_topic(broker: Broker, topic: str, setting: str, value: str) -> None:
    """Set a topic's setting, and return once the broker goes by it."""
    alter_config(broker.bootstrap, topic, {setting: value})
    asking = Admin(connection_to(broker))
    wait_for(
        lambda: (survey(asking, [topic]).topics[topic].config or {}).get(setting) == value,
        what=f"{topic} to have {setting}={value}",
        seconds=10,
    )


# --- which log this is -------------------------------------------------------------------------


def test_it_names_cluster_ledger_and_limits(kafka: Broker, log: KafkaEventLog) -> None:
    identity = log.identify()
    assert identity.name == f"kafka:{kafka.cluster_id}"
    assert identity.pin is not None
    assert identity.pin.topic == f"{log.names.prefix}.gitops.ledger"
    assert identity.pin.partitions == 32
    assert len(identity.pin.topic_id) == 22
    assert identity.compacted
    assert identity.max_record_bytes[log.names.ledger] == 1_048_588
    assert set(identity.max_record_bytes) == set(log.names.all)


@pytest.mark.parametrize("name", ["UNKNOWN_TOPIC_OR_PART", "NOT_CONTROLLER"])
def test_a_broker_that_does_not_know_the_settings_yet_is_asked_again(
    log: KafkaEventLog, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """No human is told of an ACL because a broker has only just started; one cannot be had so."""
    ask, ledger = log.admin.ask, log.names.ledger

    def without_settings(request: Any) -> dict[Any, Any]:
        return {**ask(request), ("config", ledger): Trouble(name, "not yet")}

    monkeypatch.setattr(log.admin, "ask", without_settings)
    with pytest.raises(EventLogUnreachable, match=r"settings of topic .*ledger yet: .*not yet"):
        log.identify()


def test_a_ledger_that_was_created_again_has_another_topic_id(
    kafka: Broker, log: KafkaEventLog
) -> None:
    before = log.identify().pin
    delete_topic(kafka.bootstrap, log.names.ledger)
    KafkaTopics(log.connection, log.names.prefix).create()
    after = log.identify().pin
    assert before is not None
    assert after is not None
    assert before.cluster_id == after.cluster_id
    assert before.topic_id != after.topic_id


def test_a_ledger_that_is_not_compacted_is_told(kafka: Broker, log: KafkaEventLog) -> None:
    set_topic(kafka, log.names.ledger, "cleanup.policy", "delete")
    assert not log.identify().compacted


def test_a_missing_topic_is_refused_and_not_created(kafka: Broker, topics_prefix: str) -> None:
    log = KafkaEventLog(connection_to(kafka), topics_prefix)
    with pytest.raises(EventLogRefused, match=f"topic {topics_prefix}.device.connection") as caught:
        log.identify()
    assert caught.value.code == "FRN505"
    assert "franc-gitops topics create" in caught.value.hint
    assert not [t for t in admin(kafka.bootstrap).list_topics().topics if topics_prefix in t]


def test_another_cluster_than_expected_is_refused(kafka: Broker, topics_prefix: str) -> None:
    log = make_log(kafka, topics_prefix, expected_cluster_id="FXXXXXXXXXXXXXXXXXXXXX")
    with pytest.raises(GuardRefused, match=kafka.cluster_id):
        log.identify()


# --- topics ------------------------------------------------------------------------------------


def test_topics_are_created_once_and_then_compare_equal(kafka: Broker, topics_prefix: str) -> None:
    topics = KafkaTopics(connection_to(kafka), topics_prefix)
    assert {finding.state for finding in topics.check()} == {TopicState.MISSING}
    assert {finding.state for finding in topics.create()} == {TopicState.CREATED}
    assert {finding.state for finding in topics.create()} == {TopicState.OK}
    *events, ledger = topics.check()
    assert [finding.plan.partitions for finding in events] == [6] * 5
    assert {finding.plan.config["retention.ms"] for finding in events} == {str(30 * 86_400_000)}
    assert ledger.plan.is_ledger
    assert ledger.plan.partitions == 32
    assert ledger.plan.replication == 1


def test_a_deleted_topic_is_created_again_and_the_others_are_left(
    kafka: Broker, log: KafkaEventLog
) -> None:
    delete_topic(kafka.bootstrap, log.names.events[0])
    first, *others = KafkaTopics(log.connection, log.names.prefix).create()
    assert first.state is TopicState.CREATED
    assert {finding.state for finding in others} == {TopicState.OK}


def test_settings_that_put_a_promise_at_risk_are_errors_with_the_way_out(
    kafka: Broker, log: KafkaEventLog
) -> None:
    set_topic(kafka, log.names.ledger, "cleanup.policy", "compact,delete")
    set_topic(kafka, log.names.events[0], "retention.ms", "3600000")
    first, *others, ledger = KafkaTopics(log.connection, log.names.prefix).check()
    assert {finding.state for finding in others} == {TopicState.OK}
    (risk,) = ledger.differences
    assert (risk.setting, risk.found) == ("cleanup.policy", "compact,delete")
    assert risk.severity is Severity.ERROR
    assert f"--topic {log.names.ledger} --add-config cleanup.policy=compact" in risk.hint
    (short,) = first.differences
    assert (short.setting, short.severity) == ("retention.ms", Severity.WARNING)


def test_better_than_planned_is_no_difference(kafka: Broker, log: KafkaEventLog) -> None:
    set_topic(kafka, log.names.events[0], "retention.ms", "-1")
    set_topic(kafka, log.names.events[0], "max.message.bytes", "2000000")
    assert KafkaTopics(log.connection, log.names.prefix).check()[0].state is TopicState.OK


def test_kept_for_ever_is_told_from_kept_for_long(kafka: Broker, log: KafkaEventLog) -> None:
    first, *_ = KafkaTopics(log.connection, log.names.prefix).check(TopicWishes(retention_days=-1))
    assert [each.setting for each in first.differences] == ["retention.ms"]


# --- writing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "java"), [("21", -973932308), ("foobar", -790332482), ("abc", 479470107)]
)
def test_keys_are_placed_as_a_java_producer_places_them(key: str, java: int) -> None:
    # The values are those of Apache Kafka's own UtilsTest.testMurmur2.
    assert murmur2(key.encode(), 1000) == (java & 0x7FFFFFFF) % 1000


def test_events_and_ledger_arrive_byte_for_byte_where_the_positions_say(
    kafka: Broker, log: KafkaEventLog
) -> None:
    suffixes = ("device.connection", "task.status", "task.completion")
    events = [make_event(log, number, suffixes[number % 3]) for number in range(300)]
    told: list[Position] = []

    def recorder(positions: Sequence[Position]) -> list[tuple[str, str, bytes]]:
        told.extend(positions)
        return record_places(positions)

    session = log.fence()
    committed = session.commit(events, recorder)
    session.close()
    settle(log)

    found = {
        (each.topic, each.partition, each.offset): each
        for each in console_consume(kafka.bootstrap, {event.topic for event in events})
    }
    assert len(found) == len(events) == len(told)
    for event, (partition, offset) in zip(events, told, strict=True):
        witness = found[event.topic, partition, offset]
        assert (witness.key, witness.value) == (event.key, event.value)
        assert witness.headers == event.headers
        assert partition == murmur2(event.key, 3)
    ledger = console_consume(kafka.bootstrap, [log.names.ledger])
    assert {(each.key, each.value) for each in ledger} == {
        (key.encode(), value) for key, value in committed.records
    }
    for each in ledger:
        number = int((each.key or b"").removeprefix(b"request-"))
        assert each.partition == murmur2(b"CHG-2024-%06d" % number, 32)


def test_positions_are_a_sequence_that_waits_for_the_broker(log: KafkaEventLog) -> None:
    seen: list[Position] = []

    def curious(positions: Sequence[Position]) -> list[tuple[str, str, bytes]]:
        last = positions[-1]
        assert positions[10:12] == list(positions)[10:12]
        assert positions[99] == last
        assert len(positions) == len(set(positions)) == 100
        with pytest.raises(IndexError):
            positions[100]
        seen.extend(positions)
        return []

    session = log.fence()
    session.commit([make_event(log, number) for number in range(100)], curious)
    session.close()
    told = {(record.partition, record.offset) for record in log.events()}
    assert told == set(seen)


def test_a_session_commits_transaction_after_transaction(log: KafkaEventLog) -> None:
    session = log.fence()
    for number in range(5):
        committed = session.commit([make_event(log, number)], record_places)
        if not committed.clean:  # a busy machine may be slower than a clean commit
            session.close()
            session = log.fence()
    session.close()
    assert len(list(log.events())) == 5


def test_a_transaction_without_events_writes_the_ledger_alone(log: KafkaEventLog) -> None:
    session = log.fence()
    session.commit([], lambda _: [("CHG-2024-000001", "request-1", b"cancelled")])
    session.close()
    settle(log)
    assert read_all(log) == [("request-1", b"cancelled")]
    assert list(log.events()) == []


def test_after_a_commit_that_was_not_quick_the_session_refuses_further_use(
    log: KafkaEventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "SLOW", 0.0)
    session = log.fence()
    assert not session.commit([make_event(log, 1)], record_places).clean
    with pytest.raises(OutcomeUnknown, match="open another one"):
        session.commit([make_event(log, 2)], record_places)
    session.close()
    assert [record.value for record in log.events()] == [make_event(log, 1).value]


def test_a_failing_recorder_aborts_the_transaction_at_once(log: KafkaEventLog) -> None:
    def failing(_: Sequence[Position]) -> list[tuple[str, str, bytes]]:
        raise KeyboardInterrupt

    session = log.fence()
    with pytest.raises(KeyboardInterrupt):
        session.commit([make_event(log, 1)], failing)
    with pytest.raises(OutcomeUnknown):
        session.commit([make_event(log, 1)], record_places)
    assert list(log.events()) == []  # returns, so no open transaction holds the partition
    session.close()


def test_a_record_that_is_too_large_voids_its_whole_transaction(log: KafkaEventLog) -> None:
    session = log.fence()
    events = [make_event(log, 1), make_event(log, 2, size=2_000_000), make_event(log, 3)]
    with pytest.raises(EventLogRefused, match=r"task\.status.*too large") as caught:
        session.commit(events, record_places)
    session.close()
    assert caught.value.code == "FRN511"
    assert list(log.events()) == []
    assert read_all(log) == []


def test_a_record_that_its_topic_alone_finds_too_large_voids_the_transaction(
    kafka: Broker, log: KafkaEventLog
) -> None:
    set_topic(kafka, f"{log.names.prefix}.task.status", "max.message.bytes", "5000")
    session = log.fence()
    with pytest.raises(EventLogRefused, match=r"task\.status.*too large"):
        session.commit([make_event(log, 1), make_event(log, 2, size=9000)], record_places)
    session.close()
    assert list(log.events()) == []


def test_small_records_are_never_batched_beyond_what_a_topic_takes(
    kafka: Broker, log: KafkaEventLog
) -> None:
    set_topic(kafka, f"{log.names.prefix}.task.status", "max.message.bytes", "5000")
    session = log.fence()
    session.commit([make_event(log, number, size=1000) for number in range(100)], record_places)
    session.close()
    assert len(list(log.events())) == 100


def test_a_full_queue_only_slows_down(log: KafkaEventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(clients._PRODUCER, "queue.buffering.max.messages", 10)  # noqa: SLF001
    session = log.fence()
    session.commit([make_event(log, number) for number in range(500)], record_places)
    session.close()
    settle(log)
    assert len(list(log.events())) == len(read_all(log)) == 500


def test_a_topic_that_is_deleted_under_way_is_named(kafka: Broker, log: KafkaEventLog) -> None:
    log.identify()
    delete_topic(kafka.bootstrap, f"{log.names.prefix}.task.status")
    with pytest.raises(EventLogRefused, match=r"task\.status does not exist"):
        log.fence()


def test_a_topic_that_is_deleted_after_the_fence_is_named(
    kafka: Broker, log: KafkaEventLog
) -> None:
    session = log.fence()
    delete_topic(kafka.bootstrap, f"{log.names.prefix}.task.status")
    with pytest.raises(EventLogRefused, match=r"task\.status does not exist"):
        session.commit([make_event(log, 1)], record_places)
    session.close()


# --- fencing -----------------------------------------------------------------------------------


def test_a_fenced_session_cannot_commit_and_says_that_the_outcome_is_unknown(
    kafka: Broker, log: KafkaEventLog
) -> None:
    zombie = log.fence()
    rival = make_log(kafka, log.names.prefix)
    newer = rival.fence()
    with pytest.raises(OutcomeUnknown) as caught:
        zombie.commit([make_event(log, 1)], record_places)
    assert caught.value.fenced
    zombie.close()
    newer.commit([make_event(log, 2)], record_places)
    newer.close()
    settle(rival)
    rival.close()
    (only,) = console_consume(kafka.bootstrap, [f"{log.names.prefix}.task.status"])
    assert only.value == make_event(log, 2).value


def test_what_a_fenced_session_raises_keeps_no_client_once_its_frames_are_forgotten(
    log: KafkaEventLog,
) -> None:
    before = count_producers()
    session, rival = log.fence(), log.fence()
    try:
        session.commit([make_event(log, 1)], record_places)
    except OutcomeUnknown as error:
        forget_frames(error)
    session.close()
    rival.close()
    del session, rival
    assert count_producers() == before


def count_producers() -> int:
    gc.collect()
    return sum(isinstance(each, Producer) for each in gc.get_objects())


def test_a_rival_that_takes_over_in_mid_transaction_makes_it_vanish(
    kafka: Broker, log: KafkaEventLog
) -> None:
    rival = make_log(kafka, log.names.prefix)
    rivals = []

    def overtaken(positions: Sequence[Position]) -> list[tuple[str, str, bytes]]:
        rivals.append(rival.fence())
        return record_places(positions)

    zombie = log.fence()
    with pytest.raises(OutcomeUnknown) as caught:
        zombie.commit([make_event(log, 1)], overtaken)
    assert caught.value.fenced
    assert read_all(rival, rivals[0].target()) == []
    rivals[0].commit([make_event(log, 1)], record_places)
    rivals[0].close()
    zombie.close()
    settle(rival)
    rival.close()
    assert len(console_consume(kafka.bootstrap, [f"{log.names.prefix}.task.status"])) == 1
    assert len(console_consume(kafka.bootstrap, [log.names.ledger])) == 1


def test_a_killed_predecessors_transaction_never_shows(kafka: Broker, log: KafkaEventLog) -> None:
    with open_transaction(kafka, log.names.prefix, log.names.publisher):
        assert read_all(log) == []
        session = log.fence()
        assert read_all(log, session.target()) == []
        session.commit([make_event(log, 1)], record_places)
        session.close()
    settle(log)
    assert [key for key, _ in read_all(log)] == ["request-0"]
    assert [record.value for record in log.events()] == [make_event(log, 1).value]


def test_an_open_transaction_is_not_waited_for_by_a_peek_but_is_by_a_target(
    kafka: Broker, log: KafkaEventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "OPEN_TRANSACTION_MARGIN", 1.0)
    impatient = make_log(kafka, log.names.prefix, transaction_timeout=1.0)
    with open_transaction(kafka, log.names.prefix, "somebody-else", timeout_ms=60_000):
        session = log.fence()
        session.commit([make_event(log, 1)], record_places)
        target = session.target()
        session.close()
        wait_for(lambda: read_all(log), what="the commit to be visible", seconds=10)
        assert [key for key, _ in read_all(log)] == ["request-0"]
        with pytest.raises(EventLogUnreachable, match=r"ledger partition 0 stands at 0 of"):
            read_all(impatient, target)
        end_transaction(kafka, "somebody-else")
    assert [key for key, _ in read_all(impatient, target)] == ["request-0"]
    impatient.close()


def record_entries(log: KafkaEventLog) -> Recorder:
    """A recorder of real ledger records, which name their events."""

    def recorder(positions: Sequence[Position]) -> list[tuple[str, str, bytes]]:
        sent = tuple(
            SentEvent("task_status_update", "id", f"{log.names.prefix}.task.status", *place, "")
            for place in positions
        )
        name, change = "device_conn_CHG-2024-000002", "CHG-2024-000002"
        texts = (name, "device_connection", change, None, 1, "", "a.yaml", "", 1, 1, "")
        entry = LedgerEntry(*texts, Phase.COMPLETED, "accept", "", events=sent)
        return [(change, name, entry.encode())]

    return recorder


def commit_behind_an_open_transaction(log: KafkaEventLog) -> None:
    """Commit an event to the partition where another's is open; its ledger record is elsewhere."""
    event = make_event(log, 2)
    assert (murmur2(event.key, 3), murmur2(event.key, 32)) == (0, 29)
    session = log.fence()
    session.commit([event], record_entries(log))
    session.close()
    wait_for(lambda: read_all(log), what="the commit to be visible", seconds=10)


def test_what_is_behind_anothers_open_transaction_gets_the_time_to_show(
    kafka: Broker, log: KafkaEventLog
) -> None:
    with open_transaction(kafka, log.names.prefix, f"{log.names.prefix}.other"):
        commit_behind_an_open_transaction(log)
        ending = Timer(1.5, end_transaction, (kafka, f"{log.names.prefix}.other"))
        ending.start()
        log.fence().close()
        ending.join()
    assert [record.value for record in log.events()] == [make_event(log, 2).value]


def test_a_part_that_never_shows_is_not_aborted_but_left_to_a_human(
    kafka: Broker, log: KafkaEventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "OPEN_TRANSACTION_MARGIN", 0.5)
    with open_transaction(kafka, log.names.prefix, f"{log.names.prefix}.other"):
        commit_behind_an_open_transaction(log)
        impatient = make_log(kafka, log.names.prefix, transaction_timeout=1.0)
        with pytest.raises(EventLogRefused, match=r"task\.status partition 0"):
            impatient.fence()
        impatient.close()
        end_transaction(kafka, f"{log.names.prefix}.other")
    log.fence().close()
    assert [record.value for record in log.events()] == [make_event(log, 2).value]


# --- reading -----------------------------------------------------------------------------------


def test_a_reader_keeps_its_place(log: KafkaEventLog) -> None:
    session = log.fence()
    reader = log.reader()
    assert list(reader.read(session.target())) == []
    for number in range(3):
        session.commit([], lambda _, n=number: [("CHG-2024-000001", f"r{n}", b"x")])
        read = [key for records in reader.read(session.target()) for key, _ in records]
        assert read == [f"r{number}"]
        assert list(reader.read(session.target())) == []
    reader.close()
    session.close()


def test_a_peek_and_a_target_read_the_same_from_one_reader(log: KafkaEventLog) -> None:
    session = log.fence()
    session.commit([make_event(log, number) for number in range(1000)], record_places)
    reader = log.reader()
    by_target = [key for records in reader.read(session.target()) for key, _ in records]
    assert sorted(by_target) == sorted(f"request-{number}" for number in range(1000))
    assert list(reader.read(None)) == []
    reader.close()
    session.close()


def test_a_reader_that_was_left_halfway_goes_on(
    log: KafkaEventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "BATCH", 50)
    session = log.fence()
    session.commit([], lambda _: record_places([(0, 0)] * 200))  # type: ignore[list-item]
    target = session.target()
    session.close()
    reader = log.reader()
    first = next(reader.read(target))
    rest = [record for records in reader.read(target) for record in records]
    assert len({key for key, _ in (*first, *rest)}) == len(first) + len(rest) == 200
    reader.close()


def test_a_truncated_ledger_is_refused(kafka: Broker, log: KafkaEventLog) -> None:
    session = log.fence()
    session.commit([], lambda _: [("CHG-2024-000001", f"r{n}", b"x") for n in range(9)])
    target = session.target()
    session.close()
    (partition,) = (number for number, end in target.items() if end)
    set_topic(kafka, log.names.ledger, "cleanup.policy", "delete")  # else brokers refuse the cut
    cut = TopicPartition(log.names.ledger, partition, 5)
    client = admin(kafka.bootstrap)  # kept, or its questions fail
    client.delete_records([cut])[cut].result(timeout=10)
    with pytest.raises(GuardRefused, match=f"partition {partition} no longer holds offset 0"):
        read_all(log)


def test_a_ledger_that_ends_before_our_place_is_refused(log: KafkaEventLog) -> None:
    session = log.fence()
    session.commit([], lambda _: [("CHG-2024-000001", "r", b"x")])
    reader = log.reader()
    list(reader.read(session.target()))
    reader._scan.at[log.names.ledger, 31] = 10_000  # noqa: SLF001  - as before an unclean election
    with pytest.raises(GuardRefused, match="partition 31 ends at 0, we have read to 10000"):
        list(reader.read(None))
    reader.close()
    session.close()


def test_events_come_in_the_order_of_time_and_aborted_ones_not_at_all(log: KafkaEventLog) -> None:
    suffixes = ("device.connection", "task.status", "task.completion")
    for number in range(3):
        session = log.fence()
        session.commit([make_event(log, number, suffix) for suffix in suffixes], record_places)
        session.close()
    seen = [(record.value, record.topic.split(".", 1)[1]) for record in log.events()]
    assert [value for value, _ in seen] == [
        make_event(log, number).value for number in range(3) for _ in suffixes
    ]
    assert sorted(topic for _, topic in seen) == sorted(suffixes * 3)


def test_following_shows_what_comes_later(log: KafkaEventLog) -> None:
    session = log.fence()
    session.commit([make_event(log, 1)], record_places)
    session.close()
    following = log.events(follow=True)
    assert next(following).value == make_event(log, 1).value
    session = log.fence()
    session.commit([make_event(log, 2, "pop.deployment")], record_places)
    session.close()
    assert next(following).value == make_event(log, 2).value
    following.close()  # type: ignore[attr-defined]


def test_places_far_apart_are_jumped_to_and_near_ones_read_through(
    log: KafkaEventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is jumped over, batches that end in between, markers: the answers are the same."""
    log.identify()
    session = log.fence()
    for start in range(0, 3_000, 1_000):
        session.commit([make_event(log, n) for n in range(start, start + 1_000)], lambda _: [])
    settle(log)
    places = [(r.topic, r.partition, r.offset) for r in log.events()]
    wanted: dict[tuple[str, int], list[int]] = {}
    for topic, partition, offset in sorted(places):
        if offset % 300 in {0, 1, 4}:
            wanted.setdefault((topic, partition), []).append(offset)
    answers = []
    for gap, batch in ((0, 7), (3, 2_000), (10**6, 2_000)):
        monkeypatch.setattr(lookup, "GAP", gap)
        monkeypatch.setattr(scan, "BATCH", batch)
        answers.append(sorted(log.look_up(wanted)))
    assert answers[0] == answers[1] == answers[2]
    assert len(answers[0]) == sum(map(len, wanted.values()))
    assert {each[:3] for each in answers[0]} <= set(places)
