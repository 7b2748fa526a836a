"""What things are called in Kafka: topics and transactional ids below one prefix."""

from __future__ import annotations

from typing import NamedTuple

EVENT_TOPICS = (
    "device.connection",
    "datacenter.deployment",
    "pop.deployment",
    "task.status",
    "task.completion",
)
"""The topics of the guide, without their prefix."""

LEDGER_TOPIC = "gitops.ledger"
LEDGER_PARTITIONS = 32

GROUP = "franc-gitops"
"""librdkafka insists on a consumer group; nothing is ever committed to it."""


class Names(NamedTuple):
    """The names of one installation; `suffixes` are its event topics without the prefix."""

    prefix: str
    suffixes: tuple[str, ...] = EVENT_TOPICS

    @property
    def events(self) -> tuple[str, ...]:
        """The event topics, in the order of the guide."""
        return tuple(f"{self.prefix}.{suffix}" for suffix in self.suffixes)

    @property
    def ledger(self) -> str:
        """The ledger topic."""
        return f"{self.prefix}.{LEDGER_TOPIC}"

    @property
    def all(self) -> tuple[str, ...]:
        """Every topic that must exist."""
        return (*self.events, self.ledger)

    @property
    def publisher(self) -> str:
        """The transactional id of all publishers of this ledger.

        It follows from the ledger alone, never from a host, a pod or a run: two publishers
        with different ids would not fence each other, and both would publish.
        """
        return f"{self.ledger}.publisher"

    @property
    def doctor(self) -> str:
        """The transactional id that `doctor` tests with; another one, so it fences nobody."""
        return f"{self.ledger}.doctor"
