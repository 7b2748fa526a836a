"""Ends what a dead predecessor's transaction left open although its coordinator calls it ended.

Apache Kafka 4.3 skips the marker of a partition that has no leader when the transaction ends
(KRaftMetadataCache.getPartitionLeaderEndpoint answers as for a deleted topic), for example
while the only broker restarts. The records stay open, and the next *commit* of the same
producer id shows them: aborted events would appear after all, and twice once they are sent
again. An *abort* of the same producer id ends them as they ended. So this is looked for
after every fence: then no transaction of ours can be open, and what is open in our
partitions is another producer's, which our abort does not touch, or left over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import IsolationLevel, KafkaException

from franc_gitops.eventlogs.kafka.causes import explain, trouble_of
from franc_gitops.eventlogs.kafka.deadline import Deadline
from franc_gitops.ledger import PRIVATE_KEY

if TYPE_CHECKING:
    from confluent_kafka import Producer

    from franc_gitops.eventlogs.kafka.admin import Admin, Place
    from franc_gitops.eventlogs.kafka.causes import Complaints
    from franc_gitops.eventlogs.kafka.transaction import Layout

KEY = f"{PRIVATE_KEY}ended".encode()
SETTLE = 0.3
"""Seconds in which another producer's transaction usually ends by itself."""

_PAUSE = 0.05
_ABORT_SECONDS = 10.0


def find_open(admin: Admin, layout: Layout) -> list[Place]:
    """Give the partitions in which a transaction is open, and stays so for a moment."""
    places = [(topic, n) for topic, count in layout.partitions.items() for n in range(count)]
    deadline = Deadline(SETTLE)
    while True:
        high = admin.ends(places, IsolationLevel.READ_UNCOMMITTED)
        stable = admin.ends(places, IsolationLevel.READ_COMMITTED)
        places = [place for place in places if stable[place] < high[place]]
        if not places or deadline.passed:
            return places
        admin.pause(_PAUSE)


def abort_in(admin: Admin, producer: Producer, complaints: Complaints, places: list[Place]) -> None:
    """Abort a transaction that spans the partitions; the producer must not be used afterwards."""
    try:
        producer.begin_transaction()
        for topic, partition in places:
            producer.produce(topic, b"{}", KEY, partition)
        producer.flush(_ABORT_SECONDS)
        producer.abort_transaction(_ABORT_SECONDS)
    except KafkaException as error:
        raise explain(admin.connection, [trouble_of(error), *complaints]) from error
