"""The test brokers themselves: what the other tests rely on when they say "on a real Kafka"."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient, ConfigResource, ResourceType

from tests.support.broker import (
    Broker,
    BrokerFailedError,
    alter_config,
    console_consume,
    create_topics,
    delete_topic,
    free_port,
    grant,
    revoke,
    start_broker,
    start_cluster,
)
from tests.support.certificates import CertificateAuthority, KeyPair
from tests.support.kafka_jars import REPOSITORY
from tests.support.security import SCRAM_MECHANISMS, librdkafka
from tests.support.topics import admin
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from confluent_kafka import Message


PARENT = """
from tests.support.broker import start_broker
broker = start_broker()
print(broker.pid, broker.folder, flush=True)
input()
"""


@pytest.fixture(scope="module")
def own_kafka() -> Iterator[Broker]:
    """A broker that these tests may stop."""
    with start_broker() as broker:
        yield broker


def send(bootstrap: str, topic: str, *values: str, **config: str | float) -> None:
    """Produce without a transaction; raises what the broker said about the first that failed."""
    errors: list[KafkaError] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            errors.append(error)

    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0, **config})
    for value in values:
        producer.produce(topic, value=value, on_delivery=delivered)
    assert producer.flush(30) == 0
    if errors:
        raise KafkaException(errors[0])


def values(bootstrap: str, topic: str) -> list[str]:
    return [(record.value or b"").decode() for record in console_consume(bootstrap, [topic])]


def answers(bootstrap: str, seconds: float = 1) -> bool:
    try:
        admin(bootstrap).list_topics(timeout=seconds)
    except KafkaException:
        return False
    return True


# ---------------------------------------------------------------- the witness


def test_the_console_consumer_shows_every_part_of_a_record(
    kafka: Broker, topics_prefix: str
) -> None:
    topic = f"{topics_prefix}.parts"
    create_topics(kafka.bootstrap, [topic], partitions=3)
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    text = json.dumps({"name": "Zürich", "list": "a,b\tc\nd"}, ensure_ascii=False)
    producer.produce(topic, text, "key", 2, timestamp=5, headers=[("h", "x,y:z"), ("n", None)])
    producer.produce(topic, None, None, 0)
    producer.flush()

    empty, full = console_consume(kafka.bootstrap, [topic])

    assert (empty.partition, empty.key, empty.value, empty.headers) == (0, None, None, ())
    assert (full.topic, full.partition, full.offset, full.timestamp) == (topic, 2, 0, 5)
    assert (full.key, full.value) == (b"key", text.encode())
    assert full.headers == (("h", b"x,y:z"), ("n", None))
    assert (full.header("h"), full.header("n")) == ("x,y:z", None)


def test_only_committed_records_are_shown_unless_asked_otherwise(
    kafka: Broker, topics_prefix: str
) -> None:
    topics = [f"{topics_prefix}.one", f"{topics_prefix}.two"]
    create_topics(kafka.bootstrap, topics)
    producer = Producer(
        {"bootstrap.servers": kafka.bootstrap, "transactional.id": topics_prefix, "log_level": 0}
    )
    producer.init_transactions(30)
    for outcome in ("committed", "aborted", "open"):
        producer.begin_transaction()
        for topic in topics:
            producer.produce(topic, outcome)
        producer.flush()
        if outcome == "committed":
            producer.commit_transaction(30)
        elif outcome == "aborted":
            producer.abort_transaction(30)

    committed = console_consume(kafka.bootstrap, topics)
    everything = console_consume(kafka.bootstrap, topics, isolation="read_uncommitted")

    assert [(record.topic, record.value) for record in committed] == [
        (topic, b"committed") for topic in topics
    ]
    assert len(everything) == 6


def test_an_empty_topic_has_no_records_and_an_unknown_one_is_an_error(
    kafka: Broker, topics_prefix: str
) -> None:
    create_topics(kafka.bootstrap, [f"{topics_prefix}.empty"])
    assert console_consume(kafka.bootstrap, [f"{topics_prefix}.empty"]) == []
    with pytest.raises(LookupError, match="no such topic"):
        console_consume(kafka.bootstrap, [f"{topics_prefix}.unknown"])


# ---------------------------------------------------------------- administration


def test_a_topic_deleted_and_created_again_has_another_id(
    kafka: Broker, topics_prefix: str
) -> None:
    topic = f"{topics_prefix}.again"

    def topic_id() -> str:
        create_topics(kafka.bootstrap, [topic])
        client = admin(kafka.bootstrap)
        [future] = client.describe_topics(TopicCollection([topic])).values()
        return str(future.result(10).topic_id)

    before = topic_id()
    delete_topic(kafka.bootstrap, topic)
    assert topic_id() != before


def test_a_topics_settings_can_be_changed_and_taken_back(kafka: Broker, topics_prefix: str) -> None:
    topic = f"{topics_prefix}.settings"
    create_topics(kafka.bootstrap, [topic], config={"cleanup.policy": "compact"})

    def policy() -> str | None:
        client = admin(kafka.bootstrap)
        [future] = client.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]).values()
        return str(future.result(10)["cleanup.policy"].value)

    assert policy() == "compact"
    alter_config(kafka.bootstrap, topic, {"cleanup.policy": "compact,delete"})
    assert policy() == "compact,delete"
    alter_config(kafka.bootstrap, topic, {"cleanup.policy": None})
    assert policy() == "delete"


# ---------------------------------------------------------------- life and death


def test_a_paused_broker_answers_again_when_it_goes_on(own_kafka: Broker) -> None:
    own_kafka.pause()
    assert not answers(own_kafka.bootstrap)
    own_kafka.resume()
    assert answers(own_kafka.bootstrap, seconds=30)


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_what_was_acknowledged_is_there_after_a_restart(
    own_kafka: Broker, topics_prefix: str, how: str
) -> None:
    create_topics(own_kafka.bootstrap, [topics_prefix])
    send(own_kafka.bootstrap, topics_prefix, "before")
    getattr(own_kafka, how)()
    assert not answers(own_kafka.bootstrap)
    own_kafka.restart()
    send(own_kafka.bootstrap, topics_prefix, "after")
    assert values(own_kafka.bootstrap, topics_prefix) == ["before", "after"]


def test_a_broker_can_move_to_another_port(own_kafka: Broker) -> None:
    before = own_kafka.bootstrap
    own_kafka.restart(port=free_port())
    assert own_kafka.bootstrap != before
    assert answers(own_kafka.bootstrap, seconds=30)
    assert not answers(before)


def test_a_broker_that_cannot_start_says_why() -> None:
    with pytest.raises(BrokerFailedError, match=r"Invalid value nonsense for .*num\.io\.threads"):
        start_broker(properties={"num.io.threads": "nonsense"})


def test_clients_are_told_the_advertised_address() -> None:
    with start_broker(listeners={"PROXIED": "PLAINTEXT"}, advertise={"PROXIED": "far:1"}) as broker:
        [node] = admin(broker.address("PROXIED")).list_topics(timeout=30).brokers.values()
    assert f"{node.host}:{node.port}" == "far:1"


def test_a_broker_dies_with_whoever_started_it() -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            PARENT,
        ],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        pid, folder = parent.stdout.readline().split()
        assert is_alive(int(pid))
        parent.send_signal(signal.SIGKILL)
    wait_for(lambda: not is_alive(int(pid)), what="the orphaned broker to end", seconds=30)
    wait_for(lambda: not Path(folder).exists(), what="its data to be removed", seconds=30)


def test_as_a_program_it_serves_a_command_and_gives_its_exit_code() -> None:
    code = "import os; print(os.environ['KAFKA_BOOTSTRAP_SERVERS']); raise SystemExit(3)"
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.broker", "--", sys.executable, "-c", code],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert done.stdout.startswith("127.0.0.1:")
    assert not answers(done.stdout.strip())


# ---------------------------------------------------------------- locks and keys


@pytest.mark.parametrize("mechanism", ["PLAIN", *SCRAM_MECHANISMS])
def test_a_password_lets_in_and_a_wrong_one_does_not(secure_kafka: Broker, mechanism: str) -> None:
    assert not refusal(secure_kafka.password_settings(mechanism=mechanism))
    wrong = secure_kafka.password_settings(password="wrong", mechanism=mechanism)
    assert "authentication failed" in refusal(wrong).lower()


def test_a_certificate_lets_in_and_a_strangers_does_not(
    secure_kafka: Broker, tmp_path: Path
) -> None:
    assert not refusal(secure_kafka.certificate_settings())
    stranger = CertificateAuthority(tmp_path).issue("franc")
    settings = secure_kafka.certificate_settings()
    assert "alert certificate unknown" in refusal({**settings, **certificate(stranger)})


def test_a_broker_of_another_authority_is_not_trusted(secure_kafka: Broker, tmp_path: Path) -> None:
    ca_file = CertificateAuthority(tmp_path).ca_file
    settings = {**secure_kafka.password_settings(), "KAFKA_SSL_CAFILE": str(ca_file)}
    assert "certificate verify failed" in refusal(settings)


@pytest.mark.parametrize("listener", ["password", "certificate"])
def test_a_user_may_do_what_was_granted_and_nothing_else(
    secure_kafka: Broker, topics_prefix: str, listener: str
) -> None:
    create_topics(secure_kafka.bootstrap, [topics_prefix])
    settings = librdkafka(getattr(secure_kafka, f"{listener}_settings")())
    address = str(settings.pop("bootstrap.servers"))
    write = (ResourceType.TOPIC, topics_prefix, [AclOperation.WRITE, AclOperation.DESCRIBE])

    def outcome() -> str:
        try:
            send(address, topics_prefix, listener, **settings)
        except KafkaException as refused:
            return str(refused.args[0].name())
        return "delivered"

    assert outcome() == "TOPIC_AUTHORIZATION_FAILED"
    grant(secure_kafka.bootstrap, "franc", *write)
    wait_for(lambda: outcome() == "delivered", what="the grant to hold", seconds=30)
    revoke(secure_kafka.bootstrap, "franc")
    wait_for(lambda: outcome() != "delivered", what="the grant to be gone", seconds=30)


# ---------------------------------------------------------------- several nodes


@pytest.mark.proof
def test_a_cluster_goes_on_without_the_leader(topics_prefix: str) -> None:
    with start_cluster() as cluster:
        create_topics(cluster.bootstrap, [topics_prefix], replication=3)
        send(cluster.bootstrap, topics_prefix, "before", acks="all")
        topic = admin(cluster.bootstrap).list_topics(timeout=10).topics[topics_prefix]
        cluster.node(topic.partitions[0].leader).kill()
        send(cluster.bootstrap, topics_prefix, "after", acks="all")
        assert values(cluster.bootstrap, topics_prefix) == ["before", "after"]


# ---------------------------------------------------------------- what the above is said with


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def refusal(settings: Mapping[str, str]) -> str:
    """What librdkafka says when the broker refuses these settings, "" if it lets in."""
    errors: list[KafkaError] = []
    client = AdminClient({**librdkafka(settings), "error_cb": errors.append, "log_level": 0})  # type: ignore[dict-item]  # callbacks are missing in its annotation

    def verdict() -> tuple[str] | None:
        try:
            client.list_topics(timeout=0.5)
        except KafkaException:
            client.poll(0)
            return (errors[0].str(),) if errors else None
        return ("",)

    [reason] = wait_for(verdict, what="the broker to let in or to refuse", seconds=30)
    return reason


def certificate(pair: KeyPair) -> dict[str, str]:
    return {"KAFKA_SSL_CERTFILE": str(pair.certificate), "KAFKA_SSL_KEYFILE": str(pair.key)}
