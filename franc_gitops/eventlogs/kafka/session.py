"""One producer epoch: fences every earlier publisher when it opens, then commits.

The transactional id is the same for all publishers of a ledger. `init_transactions` returns
only after the transaction of every earlier one is committed, or aborted and fenced.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from confluent_kafka import IsolationLevel, KafkaException

from franc_gitops.errors import OutcomeUnknown
from franc_gitops.eventlogs import Committed
from franc_gitops.eventlogs.kafka.causes import Cause, Complaints, explain, listen, trouble_of
from franc_gitops.eventlogs.kafka.clients import make_producer
from franc_gitops.eventlogs.kafka.deadline import Deadline
from franc_gitops.eventlogs.kafka.hanging import abort_in, find_leftovers
from franc_gitops.eventlogs.kafka.transaction import Layout, Transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from confluent_kafka import Producer

    from franc_gitops.eventlogs import Recorder, Target
    from franc_gitops.eventlogs.kafka.admin import Admin
    from franc_gitops.eventlogs.kafka.causes import Trouble
    from franc_gitops.kafka_connection import KafkaConnection
    from franc_gitops.model import Event

_CONNECT_STEP = 0.5
_INIT_STEPS = (0.1, 0.2, 0.4, 1.0)


class KafkaSession:
    """A producer that has fenced its predecessors; unusable after any doubt."""

    def __init__(
        self, producer: Producer, complaints: Complaints, admin: Admin, layout: Layout
    ) -> None:
        """Take a producer whose transactions are initialised."""
        self._producer: Producer | None = producer
        self._complaints = complaints
        self._admin = admin
        self._layout = layout
        self._transaction: Transaction | None = None
        self._ends: dict[int, int] = {}

    def target(self) -> Target:
        """Give the ledger's high watermarks now, open transactions included."""
        self._ends = self._watermarks()
        return self._ends

    def is_overtaken(self) -> bool:
        """Tell whether a partition of the ledger ends after what this session wrote there."""
        known = self._ends
        return any(end > known.get(number, end) for number, end in self._watermarks().items())

    def _watermarks(self) -> dict[int, int]:
        ledger = self._layout.ledger
        places = [(ledger, number) for number in range(self._layout.partitions[ledger])]
        ends = self._admin.ends(places, IsolationLevel.READ_UNCOMMITTED)
        return {partition: end for (_, partition), end in ends.items()}

    def commit(self, events: Iterable[Event], recorder: Recorder) -> Committed:
        """Write events and their ledger records in one transaction."""
        producer = self._take()
        clean = False
        try:
            self._transaction = Transaction(producer, self._complaints, self._admin, self._layout)
            positions = self._transaction.send_events(events)
            records = self._transaction.send_records(recorder(positions))
            clean = self._transaction.commit()
            self._ends = {**self._ends, **self._transaction.ends()}
            self._transaction = None
        finally:
            if clean:
                self._producer = producer
            else:
                self._let_go(producer)
        return Committed(records, clean=clean)

    def close(self) -> None:
        """Abort what is open and let go of connections; never raises."""
        producer, self._producer = self._producer, None
        if producer is not None:
            self._let_go(producer)

    def _take(self) -> Producer:
        """Give the producer to one transaction: only a clean one gives it back.

        After a lost connection the broker may have come back without the end of the last
        transaction (see hanging.py); the next one must not be of the same epoch.
        """
        producer, self._producer = self._producer, None
        if producer is None:
            raise OutcomeUnknown("this session ended with a doubtful transaction; open another one")
        listen(producer, self._complaints)
        if self._complaints:
            self._let_go(producer)
            raise OutcomeUnknown("the connection was lost in between; open another session")
        return producer

    def _let_go(self, producer: Producer) -> None:
        if self._transaction is not None:
            self._transaction.abandon()
            self._transaction = None
        release(producer)


def open_session(
    admin: Admin, transactional_id: str, layout: Layout, limits: Sequence[int]
) -> KafkaSession:
    """Open a session, which fences every earlier one of this transactional id.

    `limits` are the max.message.bytes of the topics: a record may be as large as the largest,
    a batch only as large as the smallest. Raises EventLogUnreachable or EventLogRefused.
    """
    producer, complaints = _fence(admin, transactional_id, layout, limits)
    try:
        left_open = find_leftovers(admin, layout)
        if left_open:
            abort_in(admin, producer, complaints, left_open)
    except BaseException:
        release(producer)
        raise
    if left_open:
        release(producer)
        producer, complaints = _fence(admin, transactional_id, layout, limits)
    return KafkaSession(producer, complaints, admin, layout)


def _fence(
    admin: Admin, transactional_id: str, layout: Layout, limits: Sequence[int]
) -> tuple[Producer, Complaints]:
    """Make a producer, which fences every earlier one."""
    complaints = Complaints()
    sizes = {"message.max.bytes": max(limits), "batch.size": min(1_000_000, *limits)}
    producer = make_producer(admin.connection, complaints, transactional_id, sizes)
    try:
        initialise(producer, complaints, admin.connection, transactional_id, layout.ledger)
    except BaseException:
        release(producer)
        raise
    return producer, complaints


def initialise(
    producer: Producer,
    complaints: Complaints,
    connection: KafkaConnection,
    transactional_id: str,
    topic: str,
) -> None:
    """Connect and initialise transactions: abort and fence earlier producers of the id."""
    deadline = Deadline(connection.connect_timeout)
    _connect(producer, complaints, connection, topic, deadline)
    steps = iter(_INIT_STEPS)
    step = next(steps)
    while True:
        try:
            producer.init_transactions(min(step, deadline.remaining or step))
            return
        except KafkaException as error:
            trouble = trouble_of(error, f"transactional.id {transactional_id}", "Write")
            hopeless = not error.args[0].retriable() and trouble.cause is not Cause.UNREACHABLE
        listen(producer, complaints)
        if hopeless or complaints.conclusive or deadline.passed:
            raise _why(connection, complaints, trouble)
        step = next(steps, step)


def _connect(
    producer: Producer,
    complaints: Complaints,
    connection: KafkaConnection,
    topic: str,
    deadline: Deadline,
) -> None:
    """Wait for a broker, twice: the first answer is the bootstrap address's, the second a broker's.

    Without a connected broker, librdkafka looks for the transaction coordinator only every
    500 ms, and half of all starts would take that long.
    """
    done = 0
    while done < 2:  # noqa: PLR2004
        try:
            producer.list_topics(topic, timeout=_CONNECT_STEP)
            done += 1
        except KafkaException as error:
            trouble = trouble_of(error)
        else:
            continue
        listen(producer, complaints)
        if complaints.conclusive or deadline.passed:
            raise _why(connection, complaints, trouble)


def _why(connection: KafkaConnection, complaints: Complaints, trouble: Trouble) -> Exception:
    return explain(connection, [trouble, *complaints])


def release(producer: Producer) -> None:
    """Drop what is queued, so that the producer ends at once even if no broker answers."""
    with suppress(Exception):
        producer.purge()
        producer.poll(0)
