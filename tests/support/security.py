"""What makes a test broker a locked one: certificates, users with passwords, an authorizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.certificates import CertificateAuthority, KeyPair

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PLAIN_LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
SCRAM_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule"
SCRAM_MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512")
PASSWORDS = {"franc": "franc-password", "worker": "worker-password", "nobody": "nobody-password"}
"""Every user by name; none may do anything until it is granted (`topics.grant`)."""


class Security:
    """One CA, one broker certificate, one client certificate (`CN=franc`), and the users above.

    Listeners: SASL_SSL takes PLAIN and SCRAM passwords, SSL wants a certificate of this CA.
    Whoever comes in over SSL with `CN=franc` is `User:franc`, as with a password. The PLAINTEXT
    listener stays open for the tests' own administration: its anonymous user may do everything.
    """

    def __init__(self, folder: Path) -> None:
        self.authority = CertificateAuthority(folder)
        self.ca_file = self.authority.ca_file
        self.client = self.authority.issue("franc")
        self._broker = self.authority.issue("broker")

    def properties(self) -> dict[str, str]:
        """The broker's side of it, as lines of server.properties."""
        keystore = self._broker.key.with_name("broker-keystore.pem")
        keystore.write_bytes(self._broker.key.read_bytes() + self._broker.certificate.read_bytes())
        users = " ".join(f'user_{name}="{word}"' for name, word in PASSWORDS.items())
        sasl = "listener.name.sasl_ssl"
        return {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(keystore),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.ca_file),
            "listener.name.ssl.ssl.client.auth": "required",
            "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/",
            f"{sasl}.sasl.enabled.mechanisms": ",".join(("PLAIN", *SCRAM_MECHANISMS)),
            f"{sasl}.plain.sasl.jaas.config": f"{PLAIN_LOGIN} required {users};",
            **{
                f"{sasl}.{mechanism.lower()}.sasl.jaas.config": f"{SCRAM_LOGIN} required;"
                for mechanism in SCRAM_MECHANISMS
            },
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }

    @staticmethod
    def format_arguments() -> list[str]:
        """What `StorageTool format` needs, so that SCRAM users exist from the start."""
        return [
            argument
            for mechanism in SCRAM_MECHANISMS
            for name, word in PASSWORDS.items()
            for argument in ("--add-scram", f"{mechanism}=[name={name},password={word}]")
        ]

    def password_settings(
        self, user: str = "franc", password: str | None = None, mechanism: str = "SCRAM-SHA-512"
    ) -> dict[str, str]:
        """KAFKA_* variables for the SASL_SSL listener; a wrong password is given by name."""
        return {
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": mechanism,
            "KAFKA_SASL_USERNAME": user,
            "KAFKA_SASL_PASSWORD": PASSWORDS[user] if password is None else password,
            "KAFKA_SSL_CAFILE": str(self.ca_file),
        }

    def certificate_settings(self, pair: KeyPair | None = None) -> dict[str, str]:
        """KAFKA_* variables for the SSL listener, by default with the certificate of `franc`."""
        pair = pair or self.client
        return {
            "KAFKA_SECURITY_PROTOCOL": "SSL",
            "KAFKA_SSL_CAFILE": str(self.ca_file),
            "KAFKA_SSL_CERTFILE": str(pair.certificate),
            "KAFKA_SSL_KEYFILE": str(pair.key),
        }


def librdkafka(settings: Mapping[str, str]) -> dict[str, str | int | float | bool]:
    """The same KAFKA_* variables as librdkafka properties, for clients that a test makes itself."""
    names = {
        "KAFKA_BOOTSTRAP_SERVERS": "bootstrap.servers",
        "KAFKA_SECURITY_PROTOCOL": "security.protocol",
        "KAFKA_SASL_MECHANISM": "sasl.mechanism",
        "KAFKA_SASL_USERNAME": "sasl.username",
        "KAFKA_SASL_PASSWORD": "sasl.password",
        "KAFKA_SSL_CAFILE": "ssl.ca.location",
        "KAFKA_SSL_CERTFILE": "ssl.certificate.location",
        "KAFKA_SSL_KEYFILE": "ssl.key.location",
    }
    return {names[name]: value for name, value in settings.items() if name in names}
