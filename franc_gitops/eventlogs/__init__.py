"""Where events go and where the ledger lives: one port, three implementations.

`memory.py` (tests, and the model that the random-schedule search runs on), `sqlite.py`
(embedded, one file) and `kafka.py` (imported only when Kafka is enabled). The steps of the
exactly-once protocol are in `pipeline/publish.py`; a log only offers the operations. One
contract suite, `tests/test_eventlog_contract.py`, holds for all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from franc_gitops.model import Event, LogIdentity, Position

Target: TypeAlias = "Mapping[int, int]"
"""Ledger partition -> end offset."""

LedgerRecord: TypeAlias = tuple[str, bytes]
"""A ledger record: request_id and value."""

Wanted: TypeAlias = "Mapping[tuple[str, int], Sequence[int]]"
"""(topic, partition) -> offsets, rising, each once."""


class Record(NamedTuple):
    """An event as a read_committed consumer sees it."""

    topic: str
    partition: int
    offset: int
    key: bytes
    headers: tuple[tuple[str, bytes], ...]
    value: bytes


class NoRecord(NamedTuple):
    """No committed event stands at a place; `removed` says that the log now begins after it."""

    topic: str
    partition: int
    offset: int
    removed: bool = False


class LedgerReader(Protocol):
    """Reads the committed records of the ledger, oldest first, each once.

    A reader keeps its place: a second `read` goes on where the first one ended. Records
    that were compacted away may be missing; a key's last record never is.
    """

    def read(self, target: Target | None) -> Iterator[Sequence[LedgerRecord]]:
        """Yield batches of (request_id, value) that are committed and not yet read.

        With `target` (partition -> end offset) go on until every partition has been read to
        it, past open transactions of others, which end or are aborted; raises
        EventLogUnreachable naming the stuck partition after a deadline. Without, stop at the
        last stable offset: never waits for anybody's open transaction.
        """
        ...

    def target(self) -> Target:
        """Give the ledger's high watermarks now, open transactions included.

        All that was committed before this call lies below them, which the last stable offset
        does not promise. Fences nobody.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Committed(NamedTuple):
    """A transaction that is certainly committed.

    `clean` is false when the commit was retried, slow or disturbed: a late duplicate of it
    may still be under way, so the session must not be used again.
    """

    records: Sequence[LedgerRecord]
    clean: bool


class Recorder(Protocol):
    """Turns where the events were put into the ledger records of the same transaction."""

    def __call__(self, positions: Sequence[Position], /) -> Iterable[tuple[str, str, bytes]]:
        """Give (change_number, request_id, value) records; positions are in the events' order."""
        ...


class Session(Protocol):
    """One producer epoch: as long as no other session opens, only this one can commit."""

    def target(self) -> Target:
        """Give the ledger's high watermarks now, open transactions included."""
        ...

    def commit(self, events: Iterable[Event], recorder: Recorder) -> Committed:
        """Write events and their ledger records in one transaction.

        Raises OutcomeUnknown whenever it is not certain that the transaction is committed
        or can never be (fenced included), EventLogRefused when the log says no for a cause
        that a human must remove (nothing is committed then).
        """
        ...

    def is_overtaken(self) -> bool:
        """Tell whether another session has written to the ledger since `target` was asked for.

        Then this one can commit nothing any more. One that was only opened leaves no trace.
        Raises EventLogUnreachable or EventLogRefused.
        """
        ...

    def close(self) -> None:
        """Abort what is open and let go of connections; never raises."""
        ...


class EventLog(Protocol):
    """Events and the ledger behind them."""

    def identify(self) -> LogIdentity:
        """Say which log this is and what it takes; reads nothing of the ledger.

        Raises EventLogUnreachable, or EventLogRefused for a missing topic, wrong password, ACL.
        EventLogReplaced tells once that it is another one than before: sessions and readers of
        that are of no use any more, and the next call is about the new one.
        """
        ...

    def mark(self) -> str:
        """Say where the committed ledger ends now, reading none of it; `identify` comes first.

        Equal marks, also of different processes and days, mean the same ledger with the same
        committed records. Empty where that cannot be told.
        """
        ...

    def reader(self) -> LedgerReader:
        """Open a reader at the beginning of the ledger; fences nobody."""
        ...

    def fence(self) -> Session:
        """Open a session and fence every earlier one.

        When it returns, each earlier session's transaction is either committed (and below
        `Session.target()`) or can never be.
        """
        ...

    def events(self, *, follow: bool = False) -> Iterator[Record]:
        """Yield committed events from the beginning; with `follow`, wait for more for ever."""
        ...

    def look_up(self, wanted: Wanted) -> Iterator[Record | NoRecord]:
        """Answer for each place, once: the committed event that stands there, or that none does.

        Within a partition the answers come in the order of the offsets, so that a log is read
        in one direction. Waits for open transactions of others, as `events` does.
        """
        ...

    def close(self) -> None:
        """Let go of connections and threads."""
        ...
