"""The KAFKA_* settings as librdkafka's properties, without secrets in sight."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer

from franc_gitops.errors import SettingsError
from franc_gitops.eventlogs.kafka.causes import Trouble, explain, tidy
from franc_gitops.kafka_connection import KafkaConnection

SECRETS = {
    "sasl_password": "word-one",
    "ssl_key_password": "word-two",
    "oidc_client_secret": "word-three",
}


def test_no_secret_is_ever_shown() -> None:
    connection = KafkaConnection(sasl_username="franc", **SECRETS)  # type: ignore[arg-type]
    assert "franc" in repr(connection)
    assert not [secret for secret in SECRETS.values() if secret in f"{connection!r}{connection}"]
    text = f"the broker said {' '.join(SECRETS.values())}"
    assert tidy(connection, text) == "the broker said *** *** ***"
    told = explain(connection, [Trouble("_AUTHENTICATION", text)])
    assert "word-" not in f"{told.message} {told.hint}"


@pytest.mark.parametrize(
    ("settings", "protocol"),
    [
        ({}, "PLAINTEXT"),
        ({"ssl_cafile": "ca.pem"}, "SSL"),
        ({"ssl_certfile": "c.pem", "ssl_keyfile": "k.pem"}, "SSL"),
        ({"sasl_username": "franc", "sasl_password": "x"}, "SASL_SSL"),
        ({"oidc_token_endpoint": "https://id.example/token"}, "SASL_SSL"),
        ({"security_protocol": "sasl_plaintext", "sasl_username": "franc"}, "SASL_PLAINTEXT"),
        ({"security_protocol": "PLAINTEXT", "sasl_username": "franc"}, "PLAINTEXT"),
    ],
)
def test_the_protocol_is_as_set_or_the_safest(settings: dict[str, str], protocol: str) -> None:
    assert KafkaConnection(**settings).protocol == protocol  # type: ignore[arg-type]


def test_tls_with_a_client_certificate() -> None:
    properties = KafkaConnection(
        ssl_cafile="ca.pem", ssl_certfile="c.pem", ssl_keyfile="k.pem", ssl_key_password="x"
    ).librdkafka()
    assert properties["security.protocol"] == "ssl"
    assert properties["ssl.ca.location"] == "ca.pem"
    assert properties["ssl.certificate.location"] == "c.pem"
    assert properties["ssl.key.location"] == "k.pem"
    assert properties["ssl.key.password"] == "x"
    assert not [name for name in properties if name.startswith("sasl")]


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "scram-sha-512"])
def test_passwords(mechanism: str) -> None:
    properties = KafkaConnection(
        sasl_mechanism=mechanism, sasl_username="franc", sasl_password="x"
    ).librdkafka()
    assert properties["security.protocol"] == "sasl_ssl"
    assert properties["sasl.mechanism"] == mechanism.upper()
    assert (properties["sasl.username"], properties["sasl.password"]) == ("franc", "x")


@pytest.mark.parametrize(
    "server", ["http://b:9092", "b:9092/kafka", "b:port", "b:9092:1", "me@b:9092", "b 9092", "::1"]
)
def test_what_is_no_brokers_address_is_refused(server: str) -> None:
    with pytest.raises(SettingsError, match="KAFKA_BOOTSTRAP_SERVERS") as caught:
        KafkaConnection(bootstrap_servers=f"a:9092,{server}").librdkafka()
    assert "HOST:PORT" in caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "servers", ["b", "b:9092", "b-1.x_y.example:9092, 10.0.0.1:9092,", "[::1]:9092", "SSL://b:9093"]
)
def test_brokers_addresses_are_taken_as_librdkafka_does(servers: str) -> None:
    properties = KafkaConnection(bootstrap_servers=servers).librdkafka()
    assert properties["bootstrap.servers"] == servers
    Producer({**properties, "log_level": 0})


def test_plain_text_carries_no_password_even_if_one_is_set() -> None:
    connection = KafkaConnection(
        security_protocol="PLAINTEXT",
        sasl_mechanism="PLAIN",
        sasl_username="franc",
        sasl_password="x",
        ssl_cafile="ca.pem",
    )
    names = connection.librdkafka()
    assert not [name for name in names if name.startswith(("sasl", "ssl"))]


def test_oidc_is_what_librdkafka_takes() -> None:
    connection = KafkaConnection(
        oidc_token_endpoint="https://id.example/token",
        oidc_client_id="franc",
        oidc_client_secret="x",
        oidc_scope="kafka",
        oidc_extensions="logicalCluster=lkc-1",
    )
    properties = connection.librdkafka()
    assert properties["sasl.mechanism"] == "OAUTHBEARER"
    assert properties["sasl.oauthbearer.method"] == "oidc"
    assert properties["sasl.oauthbearer.token.endpoint.url"] == "https://id.example/token"
    assert "https.ca.location" not in properties
    del properties["bootstrap.servers"]
    Producer({**properties, "log_level": 0})  # raises for a property that it does not know


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"security_protocol": "TLS"}, "KAFKA_SECURITY_PROTOCOL"),
        ({"sasl_mechanism": "GSSAPI"}, "KAFKA_SASL_MECHANISM"),
        ({"sasl_username": "franc"}, "KAFKA_SASL_PASSWORD"),
        ({"sasl_mechanism": "PLAIN"}, "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"),
        ({"ssl_certfile": "c.pem"}, "KAFKA_SSL_KEYFILE"),
        ({"oidc_token_endpoint": "https://id.example"}, "KAFKA_OIDC_CLIENT_SECRET"),
    ],
)
def test_settings_that_contradict_are_refused_by_name(settings: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        KafkaConnection(**settings).librdkafka()  # type: ignore[arg-type]
