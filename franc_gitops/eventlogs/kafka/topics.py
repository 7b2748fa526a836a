"""The topics as they should be: planned from what the cluster allows, created, compared.

Wishes and cluster → plans; plans → created topics; plans and topics → findings, as values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from confluent_kafka.admin import NewTopic

from franc_gitops.errors import EventLogUnreachable
from franc_gitops.eventlogs.kafka.admin import Admin
from franc_gitops.eventlogs.kafka.causes import Trouble, explain
from franc_gitops.eventlogs.kafka.deadline import Deadline
from franc_gitops.eventlogs.kafka.names import EVENT_TOPICS, LEDGER_PARTITIONS, Names
from franc_gitops.eventlogs.kafka.survey import survey
from franc_gitops.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from franc_gitops.eventlogs.kafka.survey import Survey, Topic
    from franc_gitops.kafka_connection import KafkaConnection

DAY = 24 * 60 * 60 * 1000
WISHED_REPLICAS = 3
_LOOK_AGAIN = 0.1
_TO_CREATE = "Create Describe DescribeConfigs"


@dataclass(frozen=True, slots=True)
class TopicWishes:
    """What a human may choose; `replication` None means three, or as many as there are brokers.

    Events are kept for thirty days by default: long enough for a consumer that was down over a
    holiday, and for `verify` to look at the events of a month. -1 keeps them for ever.
    """

    event_partitions: int = 6
    retention_days: float = 30
    replication: int | None = None
    max_message_bytes: int = 1_048_588


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """A topic as it should be."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_ledger(self) -> bool:
        """Whether this is the compacted ledger."""
        return self.config.get("cleanup.policy") == "compact"


class TopicState(StrEnum):
    """How a topic stands to its plan."""

    OK = "ok"
    DIFFERS = "differs"
    MISSING = "missing"
    CREATED = "created"


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting that is not as planned; an error where a promise of ours is at risk."""

    setting: str
    expected: str
    found: str
    severity: Severity
    hint: str


@dataclass(frozen=True, slots=True)
class TopicFinding:
    """A topic compared with its plan; `topic` is None where there is none."""

    plan: TopicPlan
    state: TopicState
    topic: Topic | None = None
    differences: tuple[Difference, ...] = ()

    @property
    def config(self) -> dict[str, str]:
        """The topic's own values of what the plan sets, as far as they are told."""
        known = (self.topic and self.topic.config) or {}
        return {name: known[name] for name in self.plan.config if name in known}


class KafkaTopics:
    """Plans, creates and compares the topics of one installation."""

    def __init__(
        self, connection: KafkaConnection, prefix: str, topics: Sequence[str] = EVENT_TOPICS
    ) -> None:
        """Keep the settings; `topics` are the event topics without the prefix."""
        self._connection = connection
        self._admin = Admin(connection)
        self._names = Names(prefix, tuple(topics))

    def plan(self, wishes: TopicWishes | None = None) -> list[TopicPlan]:
        """Give the topics as they should be on this cluster; creates nothing."""
        return plan_topics(self._names, wishes or TopicWishes(), self._survey().brokers)

    def create(self, wishes: TopicWishes | None = None) -> list[TopicFinding]:
        """Create what is missing, leave what exists as it is, and compare all of it.

        Raises EventLogUnreachable, or EventLogRefused where an ACL or the brokers say no.
        """
        found = self._survey(_TO_CREATE)
        plans = plan_topics(self._names, wishes or TopicWishes(), found.brokers)
        missing = [plan for plan in plans if found.topics[plan.name].is_missing]
        if missing:
            self._create(missing)
        now = self._wait_until_known(missing)
        created = {plan.name for plan in missing}
        return [
            TopicFinding(plan, TopicState.CREATED, now.topics[plan.name])
            if plan.name in created
            else compare(plan, now.topics[plan.name])
            for plan in plans
        ]

    def check(self, wishes: TopicWishes | None = None) -> list[TopicFinding]:
        """Compare the topics with the plan; changes nothing."""
        found = self._survey()
        plans = plan_topics(self._names, wishes or TopicWishes(), found.brokers)
        return [compare(plan, found.topics[plan.name]) for plan in plans]

    def _survey(self, needed: str = "") -> Survey:
        """Ask for the topics; refuses those that we may not look at.

        `needed` are the ACL operations of what is to follow, so that all are named at once.
        """
        found = survey(self._admin, self._names.all)
        hidden = [
            t.trouble._replace(operation=needed or t.trouble.operation)
            for t in found.topics.values()
            if t.trouble and not t.is_missing
        ]
        if hidden:
            raise explain(self._connection, hidden)
        return found

    def _create(self, plans: Sequence[TopicPlan]) -> None:
        new = [
            NewTopic(plan.name, plan.partitions, plan.replication, config=dict(plan.config))
            for plan in plans
        ]
        answers = self._admin.ask(
            lambda client, seconds: client.create_topics(new, request_timeout=seconds)
        )
        troubles = [
            answer._replace(resource=f"topic {name}", operation="Create")
            for name, answer in answers.items()
            if isinstance(answer, Trouble) and answer.name != "TOPIC_ALREADY_EXISTS"
        ]
        if troubles:
            raise explain(self._connection, troubles)

    def _wait_until_known(self, created: Sequence[TopicPlan]) -> Survey:
        """Look until the cluster tells all of the new topics, so that `publish` may follow."""
        deadline = Deadline(self._connection.connect_timeout)
        while True:
            now = survey(self._admin, self._names.all)
            unknown = [plan.name for plan in created if now.topics[plan.name].trouble]
            if not unknown:
                return now
            if deadline.passed:
                raise EventLogUnreachable(f"the cluster does not show the new topic {unknown[0]}")
            self._admin.pause(_LOOK_AGAIN)


def plan_topics(names: Names, wishes: TopicWishes, brokers: int) -> list[TopicPlan]:
    """Plan all topics for a cluster of so many brokers: five for events, one compacted ledger."""
    replication = wishes.replication or min(WISHED_REPLICAS, max(1, brokers))
    durable = {
        "min.insync.replicas": str(max(1, replication - 1)),
        "unclean.leader.election.enable": "false",
        "max.message.bytes": str(wishes.max_message_bytes),
        "compression.type": "producer",
    }
    keep = -1 if wishes.retention_days < 0 else round(wishes.retention_days * DAY)
    events = {"cleanup.policy": "delete", "retention.ms": str(keep), **durable}
    ledger = {
        "cleanup.policy": "compact",
        "min.cleanable.dirty.ratio": "0.1",
        "segment.ms": str(DAY),
        "delete.retention.ms": str(7 * DAY),
        **durable,
    }
    return [
        *(TopicPlan(name, wishes.event_partitions, replication, events) for name in names.events),
        TopicPlan(names.ledger, LEDGER_PARTITIONS, replication, ledger),
    ]


def compare(plan: TopicPlan, topic: Topic) -> TopicFinding:
    """Compare a topic with its plan."""
    if topic.is_missing:
        return TopicFinding(plan, TopicState.MISSING)
    differences = tuple(_differences(plan, topic))
    state = TopicState.DIFFERS if differences else TopicState.OK
    return TopicFinding(plan, state, topic, differences)


def _differences(plan: TopicPlan, topic: Topic) -> Iterator[Difference]:
    if plan.is_ledger and topic.partitions != plan.partitions:
        yield Difference(
            "partitions",
            str(plan.partitions),
            str(topic.partitions),
            Severity.WARNING,
            "it works, and must never be changed once the ledger holds anything",
        )
    if topic.replication < plan.replication:
        yield Difference(
            "replication",
            str(plan.replication),
            str(topic.replication),
            Severity.WARNING,
            f"kafka-reassign-partitions: more replicas for {plan.name}",
        )
    if topic.config is None:
        acl = f"kafka-acls --add … --operation DescribeConfigs --topic {plan.name}"
        yield Difference("settings", "readable", "hidden by an ACL", Severity.WARNING, acl)
        return
    yield from _config_differences(plan, topic.config)


def _config_differences(plan: TopicPlan, config: Mapping[str, str]) -> Iterator[Difference]:
    """Find settings that are weaker than planned; what a broker does not tell is let pass."""
    for setting, expected in plan.config.items():
        found = config.get(setting)
        if found is None or setting not in _COMPARED or _suffices(setting, expected, found):
            continue
        command = f"kafka-configs --alter --topic {plan.name} --add-config {setting}={expected}"
        yield Difference(setting, expected, found, _COMPARED[setting], command)


def _suffices(setting: str, expected: str, found: str) -> bool:
    """Tell whether a setting is as planned, or better."""
    if setting not in _AT_LEAST:
        return found == expected
    if setting == "retention.ms" and "-1" in {expected, found}:
        return found == "-1"
    return int(found) >= int(expected)


_AT_LEAST = {"min.insync.replicas", "retention.ms", "max.message.bytes"}

_COMPARED = {
    "cleanup.policy": Severity.ERROR,
    "unclean.leader.election.enable": Severity.ERROR,
    "min.insync.replicas": Severity.WARNING,
    "retention.ms": Severity.WARNING,
    "max.message.bytes": Severity.WARNING,
}
"""What is compared; with a wrong one of the errors, committed entries or events can get lost."""
