"""Questions to the cluster: asked together, answered in time or explained by cause."""

from __future__ import annotations

from concurrent.futures import wait
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar, cast

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from franc_gitops.eventlogs.kafka.causes import (
    Cause,
    Complaints,
    Trouble,
    explain,
    trouble_of,
    unreachable,
)
from franc_gitops.eventlogs.kafka.clients import make_admin
from franc_gitops.eventlogs.kafka.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from concurrent.futures import Future

    from confluent_kafka.admin import AdminClient

    from franc_gitops.kafka_connection import KafkaConnection

Key = TypeVar("Key")
Place: TypeAlias = tuple[str, int]
"""Topic and partition."""

_LISTEN = 0.1
_METADATA = 0.5
_RETRY = 0.05


class Cluster(NamedTuple):
    """Which cluster it is, and how many brokers it names."""

    cluster_id: str
    brokers: int


class End(NamedTuple):
    """An offset, and the epoch of the leader that told it."""

    offset: int
    epoch: int | None


class Admin:
    """One admin client for the life of an event log; connects at the first question."""

    def __init__(self, connection: KafkaConnection) -> None:
        """Keep the connection's settings; nothing is opened yet."""
        self.connection = connection
        self.complaints = Complaints()

    @cached_property
    def _client(self) -> AdminClient:
        # Kept, because a client that is dropped lets its open questions fail.
        return make_admin(self.connection, self.complaints)

    def find_cluster(self, topic: str) -> Cluster:
        """Give the cluster once it names a broker; raises where it does not in time.

        From plain metadata, of all topics where none is named, and never by describe_cluster:
        a broker that is just starting may name no broker, and librdkafka 2.16 then aborts the
        whole process (rd_kafka_DescribeClusterResponse_parse gives neither error nor result).
        """
        self._forget()
        deadline = Deadline(self.connection.connect_timeout)
        trouble = Trouble("_TIMED_OUT", "the cluster names no broker")
        while True:
            try:
                found = self._client.list_topics(topic or None, timeout=_METADATA)
                cluster_id = cast("str | None", found.cluster_id)
                if found.brokers and cluster_id:
                    return Cluster(cluster_id, len(found.brokers))
            except KafkaException as error:
                trouble = trouble_of(error)
            self._client.poll(0)
            if self.complaints.conclusive or deadline.passed:
                raise explain(self.connection, [*self.complaints, trouble])

    def ask(
        self, request: Callable[[AdminClient, float], Mapping[Key, Future[Any]]]
    ) -> dict[Key, Any]:
        """Ask, and give each key its answer, or the Trouble that stands for it.

        Raises EventLogUnreachable or EventLogRefused where the cluster itself is the trouble.
        """
        self._forget()
        deadline = Deadline(self.connection.connect_timeout)
        questions = request(self._client, deadline.seconds)
        waiting = set(questions.values())
        while waiting:
            _, waiting = wait(waiting, timeout=_LISTEN)
            self._client.poll(0)
            if waiting and (self.complaints.conclusive or deadline.passed):
                raise explain(self.connection, self.complaints)
        answers = {key: _answer(future) for key, future in questions.items()}
        self._raise_if_unreachable(answers.values())
        return answers

    def _forget(self) -> None:
        """Forget what was told since the last question; a new client has only just begun."""
        if "_client" in self.__dict__:
            self._client.poll(0)
            self.complaints.clear()

    def pause(self, seconds: float) -> None:
        """Wait before asking again."""
        self._client.poll(seconds)

    def ends(self, places: Iterable[Place], isolation: IsolationLevel) -> dict[Place, int]:
        """Give where partitions end: the high watermark, or read_committed the last stable offset.

        Raises EventLogUnreachable or EventLogRefused.
        """
        found = self.ends_and_epochs(places, isolation)
        return {place: end.offset for place, end in found.items()}

    def ends_and_epochs(
        self, places: Iterable[Place], isolation: IsolationLevel
    ) -> dict[Place, End]:
        """Give where partitions end, as `ends`, and the epoch of the leader that says so."""
        return self._offsets(places, OffsetSpec.latest(), isolation)

    def beginnings(self, places: Iterable[Place]) -> dict[Place, int]:
        """Give the first offset that each partition still holds."""
        found = self._offsets(places, OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED)
        return {place: beginning.offset for place, beginning in found.items()}

    def _offsets(
        self, places: Iterable[Place], spec: OffsetSpec, isolation: IsolationLevel
    ) -> dict[Place, End]:
        """Ask for offsets, again where a leader is just moving."""
        deadline = Deadline(self.connection.connect_timeout)
        missing = set(places)
        found: dict[Place, End] = {}
        while missing:
            wanted = {TopicPartition(*place): spec for place in missing}
            answers = self.ask(
                lambda client, seconds, wanted=wanted: client.list_offsets(  # type: ignore[misc]
                    wanted, isolation_level=isolation, request_timeout=seconds
                )
            )
            for partition, answer in answers.items():
                place = (partition.topic, partition.partition)
                trouble = _offset_trouble(answer)
                if trouble is None:
                    found[place] = End(answer.offset, answer.leader_epoch)
                else:
                    self._check_transient(trouble, place, deadline)
            missing -= found.keys()
            if missing:
                self.pause(_RETRY)
                self._renew()
        return found

    def _check_transient(self, trouble: Trouble, place: Place, deadline: Deadline) -> None:
        about = trouble._replace(resource=f"topic {place[0]}", operation="Describe")
        if trouble.cause not in {Cause.UNREACHABLE, Cause.SILENT}:
            raise explain(self.connection, [about])
        if deadline.passed:
            raise unreachable(self.connection, f"{place[0]} partition {place[1]}: {trouble.text}")

    def _renew(self) -> None:
        """Take a new client: an old one goes on asking with the leader epoch that it knows.

        After a broker's restart each of its list_offsets is answered with FENCED_LEADER_EPOCH.
        """
        self.__dict__.pop("_client", None)

    def _raise_if_unreachable(self, answers: Iterable[object]) -> None:
        """Tell a cluster that cannot be asked from one that says no to a single question."""
        silent = [
            answer
            for answer in answers
            if isinstance(answer, Trouble) and answer.name in _NOT_ANSWERED
        ]
        if silent:
            raise explain(self.connection, [*self.complaints, *silent])


_NOT_ANSWERED = {
    "_TIMED_OUT",
    "_TIMED_OUT_QUEUE",
    "_TRANSPORT",
    "_RESOLVE",
    "_ALL_BROKERS_DOWN",
    "_AUTHENTICATION",
    "_SSL",
    "_DESTROY",
}


def _offset_trouble(answer: Any) -> Trouble | None:  # noqa: ANN401  - librdkafka's answer
    """Give what is wrong with the answer for one partition.

    A leader that does not answer in time leaves the offset -1001, without any error.
    """
    if isinstance(answer, Trouble):
        return answer
    return Trouble("_TIMED_OUT", "its leader did not answer") if answer.offset < 0 else None


def _answer(future: Future[Any]) -> object:
    try:
        return future.result()
    except KafkaException as error:
        return trouble_of(error)
