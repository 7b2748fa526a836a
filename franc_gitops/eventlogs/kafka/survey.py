"""What the cluster says of itself and of our topics, asked in one go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from confluent_kafka import TopicCollection
from confluent_kafka.admin import ConfigResource, ResourceType

from franc_gitops.eventlogs.kafka.causes import Cause, Trouble, unreachable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from concurrent.futures import Future

    from confluent_kafka.admin import AdminClient

    from franc_gitops.eventlogs.kafka.admin import Admin


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is; `trouble` says why nothing is known of it.

    `config` is None where we may not ask for it; `operations` are the names of what an ACL
    allows us. `replication` is the smallest number of replicas of a partition.
    """

    name: str
    topic_id: str = ""
    partitions: int = 0
    replication: int = 0
    operations: frozenset[str] = frozenset()
    config: Mapping[str, str] | None = None
    trouble: Trouble | None = None

    @property
    def is_missing(self) -> bool:
        """Whether the broker says that there is no such topic."""
        return self.trouble is not None and self.trouble.name == "UNKNOWN_TOPIC_OR_PART"


@dataclass(frozen=True, slots=True)
class Survey:
    """The cluster: its id, how many brokers it has, and our topics by name."""

    cluster_id: str
    brokers: int
    topics: Mapping[str, Topic] = field(default_factory=dict)


def survey(admin: Admin, names: Iterable[str]) -> Survey:
    """Ask for the cluster and some topics; raises where the cluster itself does not answer."""
    wanted = list(names)
    cluster = admin.find_cluster(wanted[0] if wanted else "")
    answers = admin.ask(lambda client, seconds: _questions(client, wanted, seconds))
    for name in wanted:
        _refuse_half_answer(admin, name, answers["topic", name], answers["config", name])
    topics = {
        name: _topic(name, answers["topic", name], answers["config", name]) for name in wanted
    }
    return Survey(cluster.cluster_id, cluster.brokers, topics)


def _refuse_half_answer(
    admin: Admin,
    name: str,
    described: Any,  # noqa: ANN401  - librdkafka's answers
    config: Any,  # noqa: ANN401
) -> None:
    """Ask for patience with a broker that knows a topic and not its settings.

    One that has only just started does so, for a moment: no ACL is missing, and nothing else
    that a human could change. Raises EventLogUnreachable.
    """
    if not isinstance(config, Trouble) or isinstance(described, Trouble):
        return
    if config.cause not in {Cause.AUTHORIZATION, Cause.REFUSED}:
        text = f"it does not know the settings of topic {name} yet: {config.text}"
        raise unreachable(admin.connection, text)


def _questions(
    client: AdminClient, names: list[str], seconds: float
) -> dict[tuple[str, str], Future[Any]]:
    if not names:
        return {}
    described = client.describe_topics(
        TopicCollection(names), include_authorized_operations=True, request_timeout=seconds
    )
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    configs = client.describe_configs(resources, request_timeout=seconds)
    questions = {("topic", name): future for name, future in described.items()}
    return questions | {("config", resource.name): future for resource, future in configs.items()}


def _topic(name: str, described: Any, config: Any) -> Topic:  # noqa: ANN401  - librdkafka's answers
    if isinstance(described, Trouble):
        trouble = described._replace(resource=f"topic {name}", operation="Describe")
        return Topic(name, trouble=trouble)
    return Topic(
        name=name,
        topic_id=str(described.topic_id),
        partitions=len(described.partitions),
        replication=min((len(part.replicas) for part in described.partitions), default=0),
        operations=frozenset(each.name for each in described.authorized_operations or ()),
        config=None
        if isinstance(config, Trouble)
        else {key: entry.value for key, entry in config.items() if entry.value is not None},
    )
