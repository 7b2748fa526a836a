"""What `doctor` tries on Kafka, each a value: reachable, TLS, login, topics and ACLs, isolation.

Nothing here disturbs a running publisher, or changes anything that another one sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from franc_gitops.errors import FrancError
from franc_gitops.eventlogs.kafka.admin import Admin
from franc_gitops.eventlogs.kafka.canary import abort_canary, clock_skew, is_hidden
from franc_gitops.eventlogs.kafka.causes import Trouble, explain
from franc_gitops.eventlogs.kafka.names import EVENT_TOPICS, Names
from franc_gitops.eventlogs.kafka.survey import survey

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from franc_gitops.eventlogs.kafka.survey import Topic
    from franc_gitops.kafka_connection import KafkaConnection

_TOLERATED_SKEW = 30.0


class Outcome(StrEnum):
    """How a probe ended; a warning is something that works less well, or was not tried."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Probe:
    """One precondition, and whether it holds."""

    name: str
    outcome: Outcome
    message: str
    hint: str = ""
    code: str = ""


class KafkaProbes:
    """The preconditions of publishing to one installation, tried one by one."""

    def __init__(
        self, connection: KafkaConnection, prefix: str, topics: Sequence[str] = EVENT_TOPICS
    ) -> None:
        """Keep the settings; `topics` are the event topics without the prefix."""
        self._connection = connection
        self._names = Names(prefix, tuple(topics))
        self._admin = Admin(connection)

    def all(self) -> Iterator[Probe]:
        """Try everything, in an order in which the first failure is the one to mend."""
        connected = self.connection()
        yield from connected
        if any(probe.outcome is Outcome.FAILED for probe in connected):
            return
        topics = self.topics()
        yield from topics
        if topics[-1].outcome is not Outcome.FAILED:
            yield from self.transactions()

    def connection(self) -> list[Probe]:
        """Try to reach a broker, to talk TLS and to log in."""
        try:
            found = survey(self._admin, ())
        except FrancError as error:
            return _not_connected(self._connection, error)
        reached = f"cluster {found.cluster_id}, {found.brokers} broker(s)"
        return [
            Probe("broker", Outcome.OK, reached),
            _tls(self._connection),
            Probe("login", Outcome.OK, _identity(self._connection)),
        ]

    def topics(self) -> list[Probe]:
        """Look at each topic and at what ACLs allow us there; the ledger comes last."""
        try:
            found = survey(self._admin, self._names.all)
        except FrancError as error:
            return [_failed("topics", error)]
        return [
            _topic(self._connection, topic, is_ledger=topic.name == self._names.ledger)
            for topic in found.topics.values()
        ]

    def transactions(self) -> list[Probe]:
        """Abort a canary in the ledger and look whether read_committed hides it; tell the skew."""
        try:
            canary = abort_canary(self._admin, self._names)
            return [
                _isolation(is_hidden(self._admin, canary)),
                _clock(clock_skew(self._admin, canary)),
            ]
        except FrancError as error:
            if error.code == "FRN509" and self._names.doctor in error.message:
                told = "not tried: it needs an ACL for a transactional id of its own"
                return [Probe("isolation", Outcome.WARNING, told, error.hint, error.code)]
            return [_failed("isolation", error)]


def _failed(name: str, error: FrancError) -> Probe:
    return Probe(name, Outcome.FAILED, error.message, error.hint, error.code)


def _not_connected(connection: KafkaConnection, error: FrancError) -> list[Probe]:
    """Say which step of connecting failed; the steps before it did not."""
    steps = ("broker", "TLS", "login")
    at = {"FRN508": 1, "FRN504": 2}.get(error.code, 0)
    before = [Probe("broker", Outcome.OK, "it answers"), _tls(connection)][:at]
    after = [Probe(name, Outcome.SKIPPED, "not tried") for name in steps[at + 1 :]]
    return [*before, _failed(steps[at], error), *after]


def _isolation(hidden: bool) -> Probe:  # noqa: FBT001  - the one thing that was found out
    if hidden:
        return Probe("isolation", Outcome.OK, "an aborted record stays hidden from read_committed")
    told = "read_committed shows a record whose transaction was aborted"
    hint = "this broker does not isolate transactions: use Apache Kafka"
    return Probe("isolation", Outcome.FAILED, told, hint, "FRN503")


def _clock(skew: float | None) -> Probe:
    if skew is None:
        told = "not measured: the ledger has newer records than the canary"
        return Probe("clock", Outcome.SKIPPED, told)
    told = f"our clock is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} the broker's"
    if abs(skew) > _TOLERATED_SKEW:
        return Probe("clock", Outcome.WARNING, told, "not_before and not_after follow our clock")
    return Probe("clock", Outcome.OK, told)


def _tls(connection: KafkaConnection) -> Probe:
    if connection.protocol.endswith("SSL"):
        return Probe("TLS", Outcome.OK, f"{connection.protocol}, the broker's certificate is valid")
    if connection.protocol.startswith("SASL"):
        told = "the password travels unencrypted"
        return Probe("TLS", Outcome.WARNING, told, "KAFKA_SECURITY_PROTOCOL=SASL_SSL")
    return Probe("TLS", Outcome.SKIPPED, "not in use: KAFKA_SECURITY_PROTOCOL is PLAINTEXT")


def _identity(connection: KafkaConnection) -> str:
    if connection.protocol.startswith("SASL"):
        who = connection.sasl_username or connection.oidc_client_id
        return f"{connection.mechanism} as {who}"
    return "with a client certificate" if connection.ssl_certfile else "none, anonymous"


_NEEDED = {"WRITE": "publish", "DESCRIBE": "publish"}
_NEEDED_LEDGER = {**_NEEDED, "READ": "publish", "DESCRIBE_CONFIGS": "publish"}
_WANTED = {"READ": "events and verify", "DESCRIBE_CONFIGS": "finding records too large in time"}


def _topic(connection: KafkaConnection, topic: Topic, *, is_ledger: bool) -> Probe:
    """Judge a topic: is it there, may we do what we need there, is the ledger compacted."""
    if topic.trouble is not None:
        return _failed(topic.name, explain(connection, [topic.trouble]))
    needed = _NEEDED_LEDGER if is_ledger else _NEEDED
    forbidden = sorted(needed.keys() - topic.operations)
    if forbidden:
        operation = forbidden[0].title().replace("_", "")
        trouble = Trouble("TOPIC_AUTHORIZATION_FAILED", "", f"topic {topic.name}", operation)
        return _failed(topic.name, explain(connection, [trouble]))
    policy = (topic.config or {}).get("cleanup.policy", "")
    if is_ledger and policy != "compact":
        told = f"cleanup.policy is {policy}: old entries get lost and would be sent again"
        hint = f"kafka-configs --alter --topic {topic.name} --add-config cleanup.policy=compact"
        return Probe(topic.name, Outcome.FAILED, told, hint, "FRN510")
    lacking = [f"{what} ({why})" for what, why in _WANTED.items() if what not in topic.operations]
    told = f"{topic.partitions} partitions, {topic.replication} replica(s)"
    if lacking:
        return Probe(topic.name, Outcome.WARNING, f"{told}; no ACL for {', '.join(lacking)}")
    return Probe(topic.name, Outcome.OK, told)
