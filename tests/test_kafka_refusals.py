"""What goes wrong on Kafka is told by its cause, in time, with the setting or ACL to change."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import AclBindingFilter, AclPermissionType, ResourcePatternType
from confluent_kafka.admin import AclOperation as Operation
from confluent_kafka.admin import ResourceType as Resource

from franc_gitops.errors import EventLogRefused, EventLogUnreachable, FrancError
from franc_gitops.eventlogs.kafka import KafkaEventLog
from franc_gitops.eventlogs.kafka.probes import KafkaProbes, Outcome, Probe
from franc_gitops.eventlogs.kafka.topics import KafkaTopics
from tests.support.broker import grant, revoke
from tests.support.certificates import CertificateAuthority
from tests.support.kafka_log import (
    connection_from,
    connection_to,
    make_event,
    make_log,
    make_topics,
    read_all,
    record_places,
    settle,
)
from tests.support.topics import admin
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from franc_gitops.kafka_connection import KafkaConnection
    from tests.support.broker import Broker

WRONG = "wrong-and-secret"


@contextmanager
def refused(code: str, *words: str, seconds: float = 15) -> Iterator[None]:
    """Expect a refusal with its code and words, in time, and without the password."""
    began = time.monotonic()
    with pytest.raises(FrancError) as caught:
        yield
    assert time.monotonic() - began < seconds
    told = f"{caught.value.message} {caught.value.hint}"
    assert caught.value.code == code, told
    for word in words:
        assert word in told
    assert WRONG not in told


def secure(broker: Broker, prefix: str, **settings: str) -> KafkaEventLog:
    return KafkaEventLog(connection_from({**broker.password_settings(), **settings}), prefix)


# --- login and TLS -----------------------------------------------------------------------------


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_wrong_password_is_told_as_such(secure_kafka: Broker, mechanism: str) -> None:
    settings = secure_kafka.password_settings(password=WRONG, mechanism=mechanism)
    with refused("FRN504", "KAFKA_SASL_PASSWORD", "KAFKA_SASL_USERNAME"):
        KafkaEventLog(connection_from(settings), "any").identify()


def test_a_wrong_password_is_told_when_fencing_too(
    secure_kafka: Broker, topics_prefix: str
) -> None:
    known = make_log(secure_kafka, topics_prefix)
    known.identify()
    known.admin.connection = connection_from(secure_kafka.password_settings(password=WRONG))
    with refused("FRN504", "KAFKA_SASL_PASSWORD"):
        known.fence()


def test_a_certificate_of_another_authority_is_told(secure_kafka: Broker, tmp_path: Path) -> None:
    other = CertificateAuthority(tmp_path)
    with refused("FRN508", "KAFKA_SSL_CAFILE"):
        secure(secure_kafka, "any", KAFKA_SSL_CAFILE=str(other.ca_file)).identify()


def test_without_a_ca_file_the_systems_authorities_decide(secure_kafka: Broker) -> None:
    settings = secure_kafka.password_settings()
    del settings["KAFKA_SSL_CAFILE"]
    with refused("FRN508", "KAFKA_SSL_CAFILE"):
        KafkaEventLog(connection_from(settings), "any").identify()


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_ca_file_that_is_none_is_told(
    secure_kafka: Broker, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with refused("FRN508", "KAFKA_SSL_CAFILE"):
        secure(secure_kafka, "any", KAFKA_SSL_CAFILE=str(file)).identify()


def test_a_missing_client_certificate_is_told(secure_kafka: Broker) -> None:
    settings = secure_kafka.certificate_settings()
    del settings["KAFKA_SSL_CERTFILE"], settings["KAFKA_SSL_KEYFILE"]
    with refused("FRN508", "KAFKA_SSL_CERTFILE"):
        KafkaEventLog(connection_from(settings), "any").identify()


def test_a_client_certificate_of_another_authority_is_told(
    secure_kafka: Broker, tmp_path: Path
) -> None:
    pair = CertificateAuthority(tmp_path).issue("franc")
    settings = {
        **secure_kafka.certificate_settings(),
        "KAFKA_SSL_CERTFILE": str(pair.certificate),
        "KAFKA_SSL_KEYFILE": str(pair.key),
    }
    with refused("FRN508", "KAFKA_SSL_CERTFILE"):
        KafkaEventLog(connection_from(settings), "any").identify()


def test_a_key_of_another_certificate_is_told(secure_kafka: Broker, tmp_path: Path) -> None:
    pair = CertificateAuthority(tmp_path).issue("franc")
    settings = {**secure_kafka.certificate_settings(), "KAFKA_SSL_KEYFILE": str(pair.key)}
    with refused("FRN508", "KAFKA_SSL_KEYFILE"):
        KafkaEventLog(connection_from(settings), "any").identify()


# --- unreachable -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "reason"),
    [("127.0.0.1:1", "Connection refused"), ("no-such-host.invalid:9092", "Failed to resolve")],
)
def test_a_broker_that_is_not_there_is_unreachable(address: str, reason: str) -> None:
    log = KafkaEventLog(connection_from({}, bootstrap_servers=address, connect_timeout=2), "any")
    with refused("FRN501", reason, address, "KAFKA_BOOTSTRAP_SERVERS"):
        log.identify()


@pytest.mark.parametrize("listener", ["SASL_SSL", "SSL"])
def test_plain_text_to_a_tls_listener_is_unreachable_and_names_the_protocol(
    secure_kafka: Broker, listener: str
) -> None:
    address = secure_kafka.address(listener)
    log = KafkaEventLog(connection_from({}, bootstrap_servers=address, connect_timeout=2), "any")
    with refused("FRN501", "KAFKA_SECURITY_PROTOCOL: PLAINTEXT is in effect"):
        log.identify()


def test_tls_to_a_plain_listener_names_the_protocol(secure_kafka: Broker) -> None:
    connection = connection_to(secure_kafka, security_protocol="SSL", connect_timeout=2)
    with refused("FRN501", "KAFKA_SECURITY_PROTOCOL: SSL is in effect"):
        KafkaEventLog(connection, "any").identify()


# --- ACLs --------------------------------------------------------------------------------------


@pytest.fixture
def granted(secure_kafka: Broker, topics_prefix: str) -> Iterator[Callable[..., KafkaEventLog]]:
    """Gives a log whose user has every ACL of docs/kafka.md but the ones that are named."""
    make_topics(secure_kafka, topics_prefix)
    names = KafkaEventLog(connection_to(secure_kafka), topics_prefix).names

    def give(*, without: tuple[str, Operation] | None = None) -> KafkaEventLog:
        needed = [
            *((Resource.TOPIC, topic, Operation.WRITE) for topic in names.events),
            *((Resource.TOPIC, topic, Operation.DESCRIBE) for topic in names.events),
            (Resource.TOPIC, names.ledger, Operation.WRITE),
            (Resource.TOPIC, names.ledger, Operation.READ),
            (Resource.TOPIC, names.ledger, Operation.DESCRIBE),
            (Resource.TOPIC, names.ledger, Operation.DESCRIBE_CONFIGS),
            (Resource.TRANSACTIONAL_ID, names.publisher, Operation.WRITE),
            (Resource.TRANSACTIONAL_ID, names.publisher, Operation.DESCRIBE),
        ]
        given = [(kind, name, each) for kind, name, each in needed if without != (name, each)]
        for kind, name, operation in given:
            grant(secure_kafka.bootstrap, "franc", kind, name, [operation])
        wait_for_acls(secure_kafka, len(given))
        return secure(secure_kafka, topics_prefix)

    yield give
    revoke(secure_kafka.bootstrap, "franc")
    wait_for_acls(secure_kafka, 0)


def wait_for_acls(broker: Broker, count: int) -> None:
    """Return once the broker goes by so many ACLs of the user."""
    user = AclBindingFilter(
        Resource.ANY,
        None,  # type: ignore[arg-type]  # None is "any", as its documentation says
        ResourcePatternType.ANY,
        "User:franc",
        None,  # type: ignore[arg-type]
        Operation.ANY,
        AclPermissionType.ANY,
    )
    client = admin(broker.bootstrap)
    wait_for(
        lambda: len(client.describe_acls(user).result(timeout=10)) == count,
        what=f"{count} ACLs",
        seconds=10,
    )


def publish_once(log: KafkaEventLog) -> None:
    """Everything that a pass asks of the log."""
    log.identify()
    session = log.fence()
    try:
        read_all(log, session.target())
        session.commit([make_event(log, 1)], record_places)
        read_all(log, session.target())
    finally:
        session.close()
        log.close()


def test_the_documented_acls_are_enough(granted: Callable[..., KafkaEventLog]) -> None:
    publish_once(granted())


@pytest.mark.parametrize(
    ("resource", "operation", "words"),
    [
        ("task.status", Operation.WRITE, ("--operation Write", "--topic")),
        ("gitops.ledger", Operation.WRITE, ("--operation Write", "--topic")),
        ("gitops.ledger", Operation.READ, ("--operation Read", "--topic")),
        ("gitops.ledger", Operation.DESCRIBE_CONFIGS, ("--operation DescribeConfigs", "--topic")),
        ("gitops.ledger.publisher", Operation.WRITE, ("--operation Write", "--transactional-id")),
    ],
)
def test_a_missing_acl_is_told_with_its_resource_and_the_command_that_adds_it(
    granted: Callable[..., KafkaEventLog],
    topics_prefix: str,
    resource: str,
    operation: Operation,
    words: tuple[str, ...],
) -> None:
    name = f"{topics_prefix}.{resource}"
    log = granted(without=(name, operation))
    with refused("FRN509", f" {name}", "--allow-principal User:franc", *words):
        publish_once(log)


def test_without_any_acl_the_first_topic_is_told(secure_kafka: Broker, topics_prefix: str) -> None:
    make_topics(secure_kafka, topics_prefix)
    with refused("FRN509", f"topic {topics_prefix}.device.connection", "--operation Describe"):
        secure(secure_kafka, topics_prefix).identify()


def test_a_login_by_certificate_has_the_acls_of_its_name(
    secure_kafka: Broker, granted: Callable[..., KafkaEventLog], topics_prefix: str
) -> None:
    granted()
    settings = secure_kafka.certificate_settings()
    publish_once(KafkaEventLog(connection_from(settings), topics_prefix))


def test_topics_create_tells_the_acl_that_it_lacks(
    secure_kafka: Broker, topics_prefix: str
) -> None:
    connection = connection_from(secure_kafka.password_settings())
    needed = "--operation Create --operation Describe --operation DescribeConfigs --topic "
    with refused("FRN509", f"topic {topics_prefix}.", "kafka-acls --add", needed, "docs/kafka.md"):
        KafkaTopics(connection, topics_prefix).create()


# --- settings ----------------------------------------------------------------------------------


def test_a_transaction_time_out_over_the_brokers_limit_is_told(
    kafka: Broker, topics_prefix: str
) -> None:
    log = make_log(kafka, topics_prefix, transaction_timeout=3600.0)
    with refused("FRN503", "KAFKA_TRANSACTION_TIMEOUT", "transaction.max.timeout.ms"):
        log.fence()


def test_refusals_are_no_retries_and_unreachable_is_one() -> None:
    assert not EventLogRefused.retryable
    assert EventLogUnreachable.retryable


# --- doctor ------------------------------------------------------------------------------------


def probe(connection: KafkaConnection, prefix: str) -> dict[str, Probe]:
    return {
        each.name.removeprefix(f"{prefix}."): each for each in KafkaProbes(connection, prefix).all()
    }


def test_doctor_finds_everything_in_order(kafka: Broker, topics_prefix: str) -> None:
    log = make_log(kafka, topics_prefix)
    session = log.fence()
    found = probe(connection_to(kafka), topics_prefix)
    outcomes = {name: each.outcome for name, each in found.items()}
    assert outcomes.pop("TLS") is Outcome.SKIPPED
    assert set(outcomes.values()) == {Outcome.OK}
    assert kafka.cluster_id in found["broker"].message
    assert "the broker's" in found["clock"].message
    assert list(outcomes)[-2:] == ["isolation", "clock"]
    # The probe has fenced nobody, and its canary is not an entry of the ledger.
    session.commit([make_event(log, 1)], record_places)
    session.close()
    settle(log)
    assert [key for key, _ in read_all(log)] == ["request-0"]
    log.close()


@pytest.mark.parametrize(
    ("settings", "outcomes"),
    [
        ({"KAFKA_SASL_PASSWORD": WRONG}, ("ok", "ok", "failed")),
        ({"KAFKA_SSL_CAFILE": ""}, ("ok", "failed", "skipped")),
        (
            {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "KAFKA_CONNECT_TIMEOUT": "1"},
            ("failed", "skipped", "skipped"),
        ),
    ],
)
def test_doctor_tells_the_step_at_which_connecting_fails(
    secure_kafka: Broker, settings: dict[str, str], outcomes: tuple[str, ...]
) -> None:
    variables = {**secure_kafka.password_settings(), **settings}
    timeout = float(variables.pop("KAFKA_CONNECT_TIMEOUT", "10"))
    given = {name: value for name, value in variables.items() if value}
    found = probe(connection_from(given, connect_timeout=timeout), "any")
    assert tuple(found[name].outcome for name in ("broker", "TLS", "login")) == outcomes
    assert len(found) == 3


def test_doctor_names_missing_topics(kafka: Broker, topics_prefix: str) -> None:
    found = probe(connection_to(kafka), topics_prefix)
    assert found["gitops.ledger"].outcome is Outcome.FAILED
    assert "topics create" in found["gitops.ledger"].hint
    assert "isolation" not in found


def test_doctor_names_missing_acls_and_does_without_a_canary_where_it_must(
    secure_kafka: Broker, granted: Callable[..., KafkaEventLog], topics_prefix: str
) -> None:
    name = f"{topics_prefix}.task.status"
    granted(without=(name, Operation.WRITE))
    found = probe(connection_from(secure_kafka.password_settings()), topics_prefix)
    assert found["task.status"].outcome is Outcome.FAILED
    assert "--operation Write" in found["task.status"].hint
    assert found["device.connection"].outcome is Outcome.WARNING  # no Read: `events` will fail
    assert found["isolation"].outcome is Outcome.WARNING
    assert f"{topics_prefix}.gitops.ledger.doctor" in found["isolation"].hint
