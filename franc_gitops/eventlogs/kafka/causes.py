"""librdkafka's errors → ours, by cause: what is wrong, and which setting or ACL to change.

librdkafka often raises only "timed out" and tells the reason aside, in a callback or in a
delivery report. So everything that was heard is collected as `Trouble`, and `explain` picks
the most telling one. Texts are cleaned of secrets and speak of our settings.
"""

from __future__ import annotations

import re
from enum import IntEnum
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import KafkaError, KafkaException

from franc_gitops.errors import EventLogRefused, EventLogUnreachable, FrancError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from confluent_kafka import Producer

    from franc_gitops.kafka_connection import KafkaConnection

GRACE = 1.5
"""Seconds in which another broker may still take a login or handshake that one has refused."""


class Cause(IntEnum):
    """What can be wrong, the most telling first."""

    AUTHENTICATION = 1
    TLS = 2
    AUTHORIZATION = 3
    TOPIC = 4
    RECORD = 5
    REFUSED = 6
    UNREACHABLE = 7
    SILENT = 8  # no answer, and no reason for that
    SECONDARY = 9  # only says that something else went wrong


_NAMES = {
    Cause.AUTHENTICATION: """
        _AUTHENTICATION SASL_AUTHENTICATION_FAILED UNSUPPORTED_SASL_MECHANISM ILLEGAL_SASL_STATE
    """,
    Cause.TLS: "_SSL",
    Cause.AUTHORIZATION: """
        TOPIC_AUTHORIZATION_FAILED CLUSTER_AUTHORIZATION_FAILED
        TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    """,
    Cause.TOPIC: "UNKNOWN_TOPIC_OR_PART UNKNOWN_TOPIC_ID _UNKNOWN_TOPIC _UNKNOWN_PARTITION",
    Cause.RECORD: """
        MSG_SIZE_TOO_LARGE RECORD_LIST_TOO_LARGE INVALID_RECORD INVALID_TIMESTAMP
        POLICY_VIOLATION TOPIC_EXCEPTION
    """,
    Cause.UNREACHABLE: """
        _TRANSPORT _RESOLVE _NODE_UPDATE _WAIT_COORD _RETRY _INTR _NOENT NETWORK_EXCEPTION
        LEADER_NOT_AVAILABLE NOT_LEADER_FOR_PARTITION BROKER_NOT_AVAILABLE REPLICA_NOT_AVAILABLE
        NOT_ENOUGH_REPLICAS NOT_ENOUGH_REPLICAS_AFTER_APPEND OFFSET_NOT_AVAILABLE
        FENCED_LEADER_EPOCH UNKNOWN_LEADER_EPOCH NOT_CONTROLLER KAFKA_STORAGE_ERROR
        COORDINATOR_LOAD_IN_PROGRESS COORDINATOR_NOT_AVAILABLE NOT_COORDINATOR
        CONCURRENT_TRANSACTIONS THROTTLING_QUOTA_EXCEEDED
    """,
    Cause.SILENT: """
        _TIMED_OUT _TIMED_OUT_QUEUE _MSG_TIMED_OUT _ALL_BROKERS_DOWN REQUEST_TIMED_OUT
    """,
    Cause.SECONDARY: "_PURGE_QUEUE _PURGE_INFLIGHT _INCONSISTENT _FATAL _STATE _CONFLICT _FAIL",
}
_CAUSES = {name: cause for cause, names in _NAMES.items() for name in names.split()}

FENCED = frozenset({"_FENCED", "INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED"})
"""Another producer with the same transactional id took over, or our transaction timed out."""


class Trouble(NamedTuple):
    """One thing that librdkafka or the broker complained about; `name` is the error's.

    `resource` is what it is about (`topic franc.device.connection`), where that is known,
    `operation` the ACL operation that we needed on it, or several with spaces between them.
    """

    name: str
    text: str
    resource: str = ""
    operation: str = ""

    @property
    def cause(self) -> Cause:
        """What is wrong."""
        if self.name == "_TRANSPORT" and "SSL routines" in self.text:
            return Cause.TLS  # the broker refuses our certificate, after the handshake
        if self.name == "_INVALID_ARG" and "ssl." in self.text:
            return Cause.TLS  # a file that is missing or no certificate
        return _CAUSES.get(self.name, Cause.REFUSED)


def trouble_of(
    source: KafkaError | KafkaException, resource: str = "", operation: str = ""
) -> Trouble:
    """Make a trouble of what librdkafka raised or reported, and say what it is about."""
    error = source if isinstance(source, KafkaError) else source.args[0]
    if not isinstance(error, KafkaError):
        return Trouble("_FAIL", str(error), resource, operation)
    return Trouble(error.name(), error.str(), resource, operation)


class Complaints:
    """Collects what librdkafka tells aside: its `error_cb` and its `logger` in one.

    The last of each kind is kept. A broker that hangs up is told in the log alone.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._heard: dict[str, Trouble] = {}
        self._since: float | None = None

    def __call__(self, error: KafkaError) -> None:
        """Take an error."""
        self._take(trouble_of(error))

    def log(self, _level: int, _format: str, facility: str, _client: str, line: str) -> None:
        """Take a line of the log, as `logging.Logger.log` would."""
        if facility == "FAIL":
            self._take(Trouble("_TRANSPORT", re.sub(r"^\[thrd:.*?\]: ", "", line)))

    def _take(self, trouble: Trouble) -> None:
        if trouble.name == "GROUP_AUTHORIZATION_FAILED":
            return  # we have no group, only librdkafka insists on one
        self._heard[trouble.name] = trouble
        if trouble.cause <= Cause.TLS and self._since is None:
            self._since = monotonic()

    def __iter__(self) -> Iterator[Trouble]:
        """Give what was heard."""
        return iter(list(self._heard.values()))

    def __bool__(self) -> bool:
        """Whether anything was heard."""
        return bool(self._heard)

    @property
    def fenced(self) -> bool:
        """Whether another producer has taken over."""
        return not FENCED.isdisjoint(self._heard)

    @property
    def conclusive(self) -> bool:
        """Whether waiting longer makes no sense: logins or handshakes stay refused."""
        return self._since is not None and monotonic() - self._since > GRACE

    def clear(self) -> None:
        """Forget what was heard."""
        self._heard.clear()
        self._since = None


def explain(connection: KafkaConnection, troubles: Iterable[Trouble]) -> FrancError:
    """Make the error that names the most telling of several troubles."""
    trouble = min(troubles, key=lambda each: each.cause, default=Trouble("_TIMED_OUT", ""))
    text = tidy(connection, trouble.text)
    if trouble.cause not in _REFUSALS:
        return unreachable(connection, text if trouble.cause is Cause.UNREACHABLE else "")
    code, title, hint = _REFUSALS[trouble.cause]
    about = f" for {trouble.resource}" if trouble.resource else ""
    message = f"{title}{about}: {text}" if text else f"{title}{about}"
    if trouble.cause is Cause.TOPIC and trouble.resource:
        message = f"{trouble.resource} does not exist"
    return EventLogRefused(message, hint=hint(connection, trouble._replace(text=text)), code=code)


def unreachable(connection: KafkaConnection, text: str) -> EventLogUnreachable:
    """Make the error for a broker that does not answer, or not in time."""
    hint = "check KAFKA_BOOTSTRAP_SERVERS and that the broker runs"
    if "Disconnected" in text:
        hint += f", and KAFKA_SECURITY_PROTOCOL: {connection.protocol} is in effect"
    return EventLogUnreachable(
        f"no answer from Kafka at {connection.bootstrap_servers}: {text or 'timed out'}", hint=hint
    )


def tidy(connection: KafkaConnection, text: str) -> str:
    """Clean a text of secrets and of librdkafka's inner names."""
    for found, ours in _WORDING:
        text = found.sub(ours, text)
    for secret in connection.secrets:
        text = text.replace(secret, "***")
    return text.strip().rstrip(".:")


def _login_hint(connection: KafkaConnection, _: Trouble) -> str:
    if connection.mechanism == "OAUTHBEARER":
        return "check KAFKA_OIDC_TOKEN_ENDPOINT, KAFKA_OIDC_CLIENT_ID and KAFKA_OIDC_CLIENT_SECRET"
    return "check KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"


def _tls_hint(connection: KafkaConnection, trouble: Trouble) -> str:
    low = trouble.text.lower()
    if "wrong version" in low:
        return f"check KAFKA_SECURITY_PROTOCOL: {connection.protocol} is in effect"
    if "hostname" in low or "ip address" in low:
        return "KAFKA_BOOTSTRAP_SERVERS must use a name that the broker's certificate holds"
    if "alert" in low or "certfile" in low or "key" in low:
        return "check KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE: the broker asks who we are"
    return "check KAFKA_SSL_CAFILE: it must hold the authority of the broker's certificate"


def _acl_hint(connection: KafkaConnection, trouble: Trouble) -> str:
    """Give the command that adds the missing ACL, as far as it is known."""
    kind, _, name = trouble.resource.partition(" ")
    option = {"topic": "--topic", "transactional.id": "--transactional-id"}.get(kind)
    if option is None:
        return "docs/kafka.md lists the ACLs that are needed"
    who = connection.sasl_username or "…"
    operations = " ".join(f"--operation {each}" for each in (trouble.operation or "Write").split())
    added = f"kafka-acls --add --allow-principal User:{who} {operations} {option} {name}"
    return f"{added}; docs/kafka.md lists all that are needed"


def listen(producer: Producer, complaints: Complaints) -> None:
    """Hear what is waiting to be told; a fatal error, which poll raises, is told like the rest."""
    try:
        producer.poll(0)
    except KafkaException as error:
        complaints(error.args[0])


def _topic_hint(_: KafkaConnection, __: Trouble) -> str:
    return (
        "franc-gitops topics create; if they are there, KAFKA_TOPIC_PREFIX is another than theirs"
    )


def _record_hint(_: KafkaConnection, __: Trouble) -> str:
    return "franc-gitops topics check compares the topics' settings"


def _other_hint(_: KafkaConnection, trouble: Trouble) -> str:
    return _OTHER_HINTS.get(trouble.name, "")


_OTHER_HINTS = {
    "INVALID_TRANSACTION_TIMEOUT": "KAFKA_TRANSACTION_TIMEOUT is over the brokers' "
    "transaction.max.timeout.ms",
    "UNSUPPORTED_VERSION": "Apache Kafka 2.5 or newer is needed",
    "_UNSUPPORTED_FEATURE": "Apache Kafka 2.5 or newer is needed",
}

_REFUSALS: Mapping[Cause, tuple[str, str, Callable[[KafkaConnection, Trouble], str]]] = {
    Cause.AUTHENTICATION: ("FRN504", "login refused", _login_hint),
    Cause.TLS: ("FRN508", "TLS failed", _tls_hint),
    Cause.AUTHORIZATION: ("FRN509", "not authorized", _acl_hint),
    Cause.TOPIC: ("FRN505", "topic missing", _topic_hint),
    Cause.RECORD: ("FRN511", "record refused", _record_hint),
    Cause.REFUSED: ("FRN503", "the broker refused", _other_hint),
}

_WORDING = tuple(
    (re.compile(found), ours)
    for found, ours in (
        (r" ?\(after \d+ms in state \w+(, \d+ identical error\(s\) suppressed)?\)", ""),
        (r" ?\(after \d+ ms\)", ""),
        (r"\bipv[46]#", ""),
        (r"\b(sasl_ssl|sasl_plaintext|ssl|plaintext)://", ""),
        (r"/(bootstrap|\d+)\b(?=:)", ""),
        (r"\bssl\.ca\.location\b", "KAFKA_SSL_CAFILE"),
        (r"\bssl\.certificate\.location\b", "KAFKA_SSL_CERTFILE"),
        (r"\bssl\.key\.location\b", "KAFKA_SSL_KEYFILE"),
        (r"\bssl\.key\.password\b", "KAFKA_SSL_KEY_PASSWORD"),
        (r"\bsecurity\.protocol\b", "KAFKA_SECURITY_PROTOCOL"),
        (r"\bsasl\.mechanisms?\b", "KAFKA_SASL_MECHANISM"),
        (r"\bbootstrap\.servers\b", "KAFKA_BOOTSTRAP_SERVERS"),
    )
)
"""librdkafka's words and ours."""
