"""How to reach a Kafka cluster: the KAFKA_* settings as a value, and as librdkafka's properties.

Needs no Kafka client, so that settings can be read and shown where none is installed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from franc_gitops.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

Properties: TypeAlias = dict[str, str | int | float | bool]
"""librdkafka's configuration: property name -> value."""

SECURITY_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
PASSWORD_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
SASL_MECHANISMS = (*PASSWORD_MECHANISMS, "OAUTHBEARER")

_BROKER = re.compile(
    rf"(?:(?:{'|'.join(SECURITY_PROTOCOLS)})://)?(?:\[[0-9a-f:.%]+\]|[^\s:/@\[\]]+)(?::\d{{1,5}})?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaConnection:
    """The KAFKA_* settings of the guide, with OIDC and a key password; times in seconds.

    Nothing secret is in its `repr`. `expected_cluster_id` refuses any other cluster.
    """

    bootstrap_servers: str = "localhost:9092"
    security_protocol: str | None = None
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    ssl_key_password: str | None = field(default=None, repr=False)
    oidc_client_id: str | None = None
    oidc_client_secret: str | None = field(default=None, repr=False)
    oidc_token_endpoint: str | None = None
    oidc_scope: str | None = None
    oidc_extensions: str | None = None
    oidc_cafile: str | None = None
    client_id: str = "franc-gitops"
    expected_cluster_id: str | None = None
    connect_timeout: float = 10.0
    transaction_timeout: float = 30.0

    @property
    def protocol(self) -> str:
        """The security protocol: as set, else the safest that the other settings allow.

        A password alone means SASL_SSL with the system's CAs: it never travels in the clear
        unless KAFKA_SECURITY_PROTOCOL says so.
        """
        if self.security_protocol:
            return _one_of("KAFKA_SECURITY_PROTOCOL", self.security_protocol, SECURITY_PROTOCOLS)
        if self.sasl_mechanism or self.sasl_username or self.oidc_token_endpoint:
            return "SASL_SSL"
        return "SSL" if self.ssl_cafile or self.ssl_certfile else "PLAINTEXT"

    @property
    def mechanism(self) -> str:
        """The SASL mechanism; OAUTHBEARER when only a token endpoint is set, else PLAIN."""
        if self.sasl_mechanism:
            return _one_of("KAFKA_SASL_MECHANISM", self.sasl_mechanism, SASL_MECHANISMS)
        return "OAUTHBEARER" if self.oidc_token_endpoint else "PLAIN"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown, whatever a library puts into its messages."""
        all_secrets = (self.sasl_password, self.ssl_key_password, self.oidc_client_secret)
        return tuple(secret for secret in all_secrets if secret)

    def librdkafka(self) -> Properties:
        """Give librdkafka's properties; raises SettingsError where settings contradict."""
        protocol = self.protocol
        self._check_servers()
        properties: Properties = {
            "bootstrap.servers": self.bootstrap_servers,
            "client.id": self.client_id,
            "security.protocol": protocol.lower(),
            "socket.keepalive.enable": True,
            "enable.metrics.push": False,
        }
        if protocol.endswith("SSL"):
            properties |= self._tls()
        if protocol.startswith("SASL"):
            properties |= self._sasl()
        return properties

    def _check_servers(self) -> None:
        """Refuse what can be no broker's address: librdkafka would only say that none answers."""
        servers = [server.strip() for server in self.bootstrap_servers.split(",")]
        for server in filter(None, servers):
            if not _BROKER.fullmatch(server):
                hint = "it is HOST:PORT, several with commas, without http:// or a path"
                raise SettingsError(f"KAFKA_BOOTSTRAP_SERVERS has {server!r}", hint=hint)

    def _tls(self) -> Properties:
        if bool(self.ssl_certfile) != bool(self.ssl_keyfile):
            raise SettingsError(
                "KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE belong together, only one is set"
            )
        return _given(
            {
                "ssl.ca.location": self.ssl_cafile,
                "ssl.certificate.location": self.ssl_certfile,
                "ssl.key.location": self.ssl_keyfile,
                "ssl.key.password": self.ssl_key_password,
            }
        )

    def _sasl(self) -> Properties:
        mechanism = self.mechanism
        credentials = self._oidc() if mechanism == "OAUTHBEARER" else self._password()
        return {"sasl.mechanism": mechanism, **credentials}

    def _password(self) -> Properties:
        _require(
            f"SASL {self.mechanism}",
            {
                "KAFKA_SASL_USERNAME": self.sasl_username,
                "KAFKA_SASL_PASSWORD": self.sasl_password,
            },
        )
        return _given({"sasl.username": self.sasl_username, "sasl.password": self.sasl_password})

    def _oidc(self) -> Properties:
        _require(
            "SASL OAUTHBEARER",
            {
                "KAFKA_OIDC_TOKEN_ENDPOINT": self.oidc_token_endpoint,
                "KAFKA_OIDC_CLIENT_ID": self.oidc_client_id,
                "KAFKA_OIDC_CLIENT_SECRET": self.oidc_client_secret,
            },
        )
        return {
            "sasl.oauthbearer.method": "oidc",
            **_given(
                {
                    "sasl.oauthbearer.token.endpoint.url": self.oidc_token_endpoint,
                    "sasl.oauthbearer.client.id": self.oidc_client_id,
                    "sasl.oauthbearer.client.secret": self.oidc_client_secret,
                    "sasl.oauthbearer.scope": self.oidc_scope,
                    "sasl.oauthbearer.extensions": self.oidc_extensions,
                    "https.ca.location": self.oidc_cafile,
                }
            ),
        }


def _one_of(setting: str, value: str, allowed: tuple[str, ...]) -> str:
    if value.upper() not in allowed:
        raise SettingsError(f"{setting} is {value!r}", hint=f"one of {', '.join(allowed)}")
    return value.upper()


def _require(what: str, settings: Mapping[str, str | None]) -> None:
    missing = [name for name, value in settings.items() if not value]
    if missing:
        raise SettingsError(f"{what} needs {' and '.join(missing)}")


def _given(properties: Mapping[str, str | None]) -> Properties:
    return {name: value for name, value in properties.items() if value is not None}
