"""One transaction: events, then the ledger records that say where they are, then the commit.

Until commit is asked for, whatever goes wrong means "not published". From then on only a
clean answer counts: a time-out, a fatal error, even an error of Python's means "unknown",
because the broker may have committed and the answer may be lost (`kafka.md`, section 1).
"""

from __future__ import annotations

from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from confluent_kafka import KafkaException, murmur2

from franc_gitops.errors import EventLogRefused, OutcomeUnknown
from franc_gitops.eventlogs.kafka.causes import FENCED, Cause, Trouble, explain, listen, trouble_of
from franc_gitops.eventlogs.kafka.clients import RETRY_BACKOFF_MS
from franc_gitops.eventlogs.kafka.deadline import Deadline
from franc_gitops.eventlogs.kafka.deliveries import Deliveries, Positions
from franc_gitops.eventlogs.kafka.survey import survey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from confluent_kafka import Producer

    from franc_gitops.eventlogs import LedgerRecord
    from franc_gitops.eventlogs.kafka.admin import Admin
    from franc_gitops.eventlogs.kafka.causes import Complaints
    from franc_gitops.model import Event

SLOW = RETRY_BACKOFF_MS / 2000
"""A commit that took longer may have been sent twice: a retry comes after 0.8 of the back-off."""

_STEP = 1.0
_ABORT = 2.0
_REPORTS = 0.05
_FEW = 100
"""So few records are flushed, which does not wait for more of them as `linger.ms` does."""

_POLL_EVERY = 5_000
_REFUSALS = {Cause.AUTHENTICATION, Cause.TLS, Cause.AUTHORIZATION, Cause.TOPIC, Cause.RECORD}


class Layout(NamedTuple):
    """Where records go: partitions by topic, and the ledger's name."""

    partitions: Mapping[str, int]
    ledger: str


class Transaction:
    """Drives one transaction of a producer; the producer must not be used again if it fails."""

    def __init__(
        self,
        producer: Producer,
        complaints: Complaints,
        admin: Admin,
        layout: Layout,
    ) -> None:
        """Begin the transaction."""
        self._producer = producer
        self._complaints = complaints
        self._admin = admin
        self._connection = connection = admin.connection
        self._layout = layout
        self._deliveries = Deliveries()
        self._slots = {
            topic: self._deliveries.slots(topic, partitions)
            for topic, partitions in layout.partitions.items()
        }
        self._recorded = self._slots[layout.ledger]
        self._deadline = Deadline(connection.transaction_timeout)
        self._patience = Deadline(connection.connect_timeout)
        complaints.clear()
        self._attempt(producer.begin_transaction)

    def send_events(self, events: Iterable[Event]) -> Positions:
        """Send the events; their positions become known while the broker answers."""
        slots, place, produce = self._slots, self._deliveries.order.append, self._producer.produce
        last, count, partition = b"", 0, 0
        for number, (_, _, topic, key, headers, value) in enumerate(events, 1):
            row = slots.get(topic)
            if row is None:
                raise self._refusal(Trouble("UNKNOWN_TOPIC_OR_PART", "", f"topic {topic}"))
            if key is not last or len(row) != count:  # a request's events share their key
                last, count = key, len(row)
                partition = murmur2(key, count)
            slot = row[partition]
            place(slot)
            try:
                produce(topic, value, key, partition, slot.report, None, 0, [*headers])
            except (BufferError, KafkaException) as error:
                self._produce_late(error, topic, value, key, partition, slot.report, [*headers])
            if not number % _POLL_EVERY:
                self._attempt(lambda: self._producer.poll(0))
        return Positions(self._deliveries, self._wait_for_reports)

    def send_records(self, records: Iterable[tuple[str, str, bytes]]) -> list[LedgerRecord]:
        """Send the ledger records, and wait until the broker has them and all events.

        Their partition follows from the change number.
        """
        ledger, slots = self._layout.ledger, self._recorded
        count, produce = len(slots), self._producer.produce
        sent: list[LedgerRecord] = []
        for change_number, request_id, value in records:
            key, partition = request_id.encode(), murmur2(change_number.encode(), count)
            try:
                produce(ledger, value, key, partition, slots[partition].report)
            except (BufferError, KafkaException) as error:
                report = slots[partition].report
                self._produce_late(error, ledger, value, key, partition, report, None)
            sent.append((request_id, value))
        self._flush()
        if not self._deliveries.is_sound:
            raise OutcomeUnknown("the broker did not tell where every event is")
        return sent

    def commit(self) -> bool:
        """Commit; give whether that was clean, so that nothing of it can be still under way.

        Raises OutcomeUnknown for anything but a clear yes.
        """
        began, attempts = monotonic(), 0
        while True:
            attempts += 1
            try:
                self._producer.commit_transaction(_STEP)
            except KafkaException as error:
                if not error.args[0].retriable() or self._deadline.passed:
                    raise self._doubt(trouble_of(error)) from error
            except Exception as error:
                raise OutcomeUnknown(f"commit: {error!r}") from error
            else:
                took = monotonic() - began
                listen(self._producer, self._complaints)
                return attempts == 1 and took < SLOW and not self._complaints

    def ends(self) -> dict[int, int]:
        """Give where the ledger's partitions end after it: behind the marker of its commit."""
        return {slot.partition: max(slot.offsets) + 2 for slot in self._recorded if slot.offsets}

    def abandon(self) -> None:
        """Abort if that is possible; never raises. The next fence aborts it otherwise."""
        with suppress(Exception):
            self._producer.abort_transaction(_ABORT)

    # --- inside ------------------------------------------------------------------------------

    def _produce_late(
        self,
        error: BufferError | KafkaException,
        topic: str,
        *record: Any,  # noqa: ANN401  - the other arguments of `produce`
    ) -> None:
        """Send a record once the queue has room again; other errors void the transaction."""
        value, key, partition, report, headers = record
        while isinstance(error, BufferError):
            self._wait_for_reports()
            try:
                self._producer.produce(topic, value, key, partition, report, None, 0, headers)
            except (BufferError, KafkaException) as again:
                error = again
            else:
                return
        raise self._failure(trouble_of(error, f"topic {topic}", "Write")) from error

    def _wait_for_reports(self) -> None:
        """Let delivery reports come in; raises when the transaction cannot succeed any more."""
        before = len(self._producer)
        wait = self._producer.flush if before <= _FEW else self._producer.poll
        self._attempt(lambda: wait(_REPORTS))
        self._check(before)

    def _flush(self) -> None:
        """Wait until all that was sent is reported, as long as something moves."""
        before = len(self._producer)
        while self._attempt(lambda: self._producer.flush(_STEP)):
            before = self._check(before)
        self._refuse_failed()

    def _check(self, before: int) -> int:
        """Give how many records are not reported yet; raises when that cannot get better."""
        self._refuse_failed()
        waiting = len(self._producer)
        if waiting < before:
            self._patience.restart()
        elif self._patience.passed or self._deadline.passed or self._complaints.conclusive:
            raise self._failure(Trouble("_TIMED_OUT", f"{waiting} records are not acknowledged"))
        return waiting

    def _refuse_failed(self) -> None:
        if self._deliveries.failures or self._complaints.fenced:
            raise self._failure()

    def _attempt(self, call: Callable[[], int | None]) -> int:
        """Call something of the producer before the commit; its errors mean "not published"."""
        try:
            return call() or 0
        except KafkaException as error:
            raise self._failure(trouble_of(error)) from error
        except SystemError as error:  # what flush raises once the producer is fenced
            raise self._failure() from error

    def _failure(self, *troubles: Trouble) -> EventLogRefused | OutcomeUnknown:
        """Make the error for a transaction that cannot be committed any more."""
        known = [*troubles, *self._deliveries.failures, *self._complaints, *self._state()]
        if any(trouble.name in FENCED for trouble in known):
            return OutcomeUnknown("another publisher took over", fenced=True)
        return self._refusal(*known)

    def _refusal(self, *troubles: Trouble) -> EventLogRefused | OutcomeUnknown:
        troubles = (*self._forbidden(troubles), *troubles)
        error = explain(self._connection, troubles)
        refused = any(trouble.cause in _REFUSALS for trouble in troubles)
        if refused and isinstance(error, EventLogRefused):
            return error
        return OutcomeUnknown(error.message)

    def _forbidden(self, troubles: Iterable[Trouble]) -> list[Trouble]:
        """Find the topics that an ACL keeps from us: the refusal itself names none."""
        nameless = [trouble for trouble in troubles if trouble.name == "TOPIC_AUTHORIZATION_FAILED"]
        if not nameless:
            return []
        used = [*self._deliveries.topics, self._layout.ledger]
        return [
            nameless[0]._replace(resource=f"topic {topic.name}", operation="Write")
            for topic in survey(self._admin, used).topics.values()
            if "WRITE" not in topic.operations
        ]

    def _doubt(self, trouble: Trouble) -> OutcomeUnknown:
        """Make the error for a commit without a clear yes."""
        known = [trouble, *self._deliveries.failures, *self._complaints]
        fenced = any(each.name in FENCED for each in known)
        return OutcomeUnknown(explain(self._connection, known).message, fenced=fenced)

    def _state(self) -> list[Trouble]:
        """Ask librdkafka why the transaction failed: to begin another one is refused with that."""
        try:
            self._producer.begin_transaction()
        except KafkaException as error:
            trouble = trouble_of(error, operation="Write")
            return [] if trouble.name == "_STATE" else [trouble]
        except SystemError:
            pass
        return []
