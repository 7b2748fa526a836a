"""The event log in Apache Kafka: events and a compacted ledger topic in one transaction.

The only place that imports confluent_kafka, and imported only where Kafka is enabled.
`names.py` what things are called · `clients.py` librdkafka as we configure it · `causes.py`
its errors by cause · `admin.py`, `survey.py` questions to the cluster · `scan.py` reading,
`reader.py` of the ledger, `records.py` of the events, `lookup.py` of those at given places ·
`session.py`, `transaction.py`, `deliveries.py` exactly-once writing · `topics.py` creating and
comparing topics · `probes.py`, `canary.py` what `doctor` tries. The protocol itself is in
`pipeline/publish.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import IsolationLevel

from franc_gitops.errors import GuardRefused
from franc_gitops.eventlogs.kafka.admin import Admin
from franc_gitops.eventlogs.kafka.causes import Trouble, explain
from franc_gitops.eventlogs.kafka.lookup import look_up
from franc_gitops.eventlogs.kafka.names import EVENT_TOPICS, Names
from franc_gitops.eventlogs.kafka.reader import KafkaLedgerReader
from franc_gitops.eventlogs.kafka.records import read_events
from franc_gitops.eventlogs.kafka.session import KafkaSession, open_session
from franc_gitops.eventlogs.kafka.survey import Survey, survey
from franc_gitops.eventlogs.kafka.transaction import Layout
from franc_gitops.model import LogIdentity, Pin

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from franc_gitops.eventlogs import NoRecord, Record, Wanted
    from franc_gitops.eventlogs.kafka.survey import Topic
    from franc_gitops.kafka_connection import KafkaConnection

__all__ = ["KafkaEventLog", "ask_cluster_id"]

DEFAULT_MAX_BYTES = 1_048_588
"""Kafka's own default of max.message.bytes, for topics whose settings we may not ask for."""


class KafkaEventLog:
    """Events and ledger below one topic prefix of one cluster."""

    def __init__(
        self, connection: KafkaConnection, prefix: str, topics: Sequence[str] = EVENT_TOPICS
    ) -> None:
        """Keep the settings; nothing is opened before the first question.

        `topics` are the event topics without the prefix.
        """
        self.connection = connection
        self.names = Names(prefix, tuple(topics))
        self.admin = Admin(connection)
        self._known: Survey | None = None

    def identify(self) -> LogIdentity:
        """Say which cluster and ledger this is, and the largest record of each topic.

        Raises EventLogUnreachable, or EventLogRefused for a missing topic, wrong password, ACL.
        """
        found = self._survey()
        ledger = found.topics[self.names.ledger]
        policy = (ledger.config or {}).get("cleanup.policy", "")
        return LogIdentity(
            name=f"kafka:{found.cluster_id}",
            pin=Pin(found.cluster_id, ledger.name, ledger.topic_id, ledger.partitions),
            compacted=policy == "compact",
            max_record_bytes={name: _limit(topic) for name, topic in found.topics.items()},
        )

    def mark(self) -> str:
        """Say which topic it is and, for each partition, its leader's epoch and stable end."""
        ledger = self._survey_once().topics[self.names.ledger]
        places = [(ledger.name, number) for number in range(ledger.partitions)]
        ends = self.admin.ends_and_epochs(places, IsolationLevel.READ_COMMITTED)
        told = [f"{ends[place].epoch}:{ends[place].offset}" for place in places]
        return f"{ledger.topic_id} {' '.join(told)}"

    def reader(self) -> KafkaLedgerReader:
        """Open a reader at the beginning of the ledger; fences nobody."""
        ledger = self._survey_once().topics[self.names.ledger]
        return KafkaLedgerReader(self.admin, ledger.name, ledger.partitions)

    def fence(self) -> KafkaSession:
        """Open a session and fence every earlier one."""
        limits = [_limit(topic) for topic in self._survey_once().topics.values()]
        return open_session(self.admin, self.names.publisher, self.layout(), limits)

    def layout(self) -> Layout:
        """Give how many partitions each topic has."""
        topics = self._survey_once().topics
        partitions = {name: topic.partitions for name, topic in topics.items()}
        return Layout(partitions, self.names.ledger)

    def events(self, *, follow: bool = False) -> Iterator[Record]:
        """Yield committed events from the beginning; with `follow`, wait for more for ever."""
        topics = self._survey().topics
        places = [
            (name, number)
            for name in self.names.events
            for number in range(topics[name].partitions)
        ]
        return read_events(self.admin, places, follow=follow)

    def look_up(self, wanted: Wanted) -> Iterator[Record | NoRecord]:
        """Answer for each place with its event, or that there is none."""
        topics = self._survey_once().topics
        return look_up(self.admin, wanted, {name: t.partitions for name, t in topics.items()})

    def close(self) -> None:
        """Let go of connections and threads."""
        self.admin = Admin(self.connection)
        self._known = None

    def _survey_once(self) -> Survey:
        return self._known or self._survey()

    def _survey(self) -> Survey:
        """Ask for the cluster and the topics, and refuse what cannot be published to."""
        self._known = None
        found = survey(self.admin, self.names.all)
        self._refuse_other_cluster(found)
        troubles = [topic.trouble for topic in found.topics.values() if topic.trouble]
        if troubles:
            raise explain(self.connection, troubles)
        ledger = found.topics[self.names.ledger]
        if ledger.config is None:
            raise _config_hidden(self.connection, ledger)
        self._known = found
        return found

    def _refuse_other_cluster(self, found: Survey) -> None:
        expected = self.connection.expected_cluster_id
        if expected and found.cluster_id != expected:
            raise GuardRefused(
                f"this is cluster {found.cluster_id}, expected is {expected}",
                hint="check KAFKA_BOOTSTRAP_SERVERS and KAFKA_EXPECTED_CLUSTER_ID",
            )


def ask_cluster_id(connection: KafkaConnection) -> str:
    """Connect and give the cluster's id; raises EventLogUnreachable or EventLogRefused."""
    return survey(Admin(connection), ()).cluster_id


def _limit(topic: Topic) -> int:
    """Give the largest record that a topic takes."""
    return int((topic.config or {}).get("max.message.bytes", DEFAULT_MAX_BYTES))


def _config_hidden(connection: KafkaConnection, ledger: Topic) -> Exception:
    trouble = Trouble(
        "TOPIC_AUTHORIZATION_FAILED",
        "its cleanup.policy must be known",
        f"topic {ledger.name}",
        "DescribeConfigs",
    )
    return explain(connection, [trouble])
