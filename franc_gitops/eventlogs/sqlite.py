"""The embedded event log: one SQLite file, nothing leaves the machine.

The default while Kafka is not enabled. Same promises as Kafka: events and ledger records
in one transaction, an epoch that fences earlier publishers, committed records only. WAL
mode with full synchronisation, so that a committed transaction survives a power cut. Nothing
is committed to a file that is no longer at its path: `sqlite_file.py`.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring as quote
from typing import TYPE_CHECKING

from franc_gitops.errors import OutcomeUnknown
from franc_gitops.eventlogs import Committed, NoRecord, Record
from franc_gitops.eventlogs.sqlite_file import Database
from franc_gitops.model import LogIdentity, Position

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from franc_gitops.eventlogs import LedgerRecord, Recorder, Target, Wanted
    from franc_gitops.model import Event

_FOLLOW_SECONDS = 0.2
_EVENTS_AFTER = (
    "SELECT position, topic, log_offset, key, headers, value FROM events"
    " WHERE position > ? ORDER BY position"
)
_EVENT_AT = "SELECT key, headers, value FROM events WHERE topic = ? AND log_offset = ?"
_FIRST_OFFSET = "SELECT coalesce(min(log_offset), 0) FROM events WHERE topic = ?"
_NEXT_OFFSET = "SELECT coalesce(max(log_offset) + 1, 0) FROM events WHERE topic = ?"
_ADD_EVENT = "INSERT INTO events (topic, log_offset, key, headers, value) VALUES (?, ?, ?, ?, ?)"
_LEDGER_AFTER = (
    "SELECT position, request_id, value FROM ledger WHERE position > ? ORDER BY position"
)
_LAST_POSITION = "SELECT coalesce(max(position), 0) FROM ledger"
_SET_RECORD = (
    "INSERT INTO ledger (request_id, position, value) VALUES (?, ?, ?) ON CONFLICT (request_id)"
    " DO UPDATE SET position = excluded.position, value = excluded.value"
)


class SqliteEventLog:
    """One file below the state folder, shared by all processes of this machine."""

    def __init__(self, folder: Path, sleep: Callable[[float], None]) -> None:
        """Open, and make if need be, the log in `folder`, which git is told to ignore."""
        self._folder = folder
        self._database = Database(folder)
        self._sleep = sleep

    def identify(self) -> LogIdentity:
        """Say that this is the embedded log, which is never pinned.

        One that was deleted or replaced is opened anew, and EventLogReplaced tells of it once.
        """
        database = self._database
        if not database.is_there():
            database.close()
            self._database = Database(self._folder)
            database.hold()
        return LogIdentity("embedded")

    def mark(self) -> str:
        """Say which file it is and what was written last; empty for one that has no id."""
        self._database.hold()
        with self._database.causes():
            file_id = self._database.one("PRAGMA application_id")
            epoch = self._database.one("SELECT number FROM epoch")
            last = self._database.one(_LAST_POSITION)
        return f"{file_id} {epoch} {last}" if file_id else ""

    def reader(self) -> SqliteReader:
        """Open a reader at the beginning of the ledger."""
        return SqliteReader(self._database)

    def fence(self) -> SqliteSession:
        """Open a session and fence every earlier one."""
        self._database.hold()
        with self._database.causes():
            epoch = self._database.one("UPDATE epoch SET number = number + 1 RETURNING number")
        return SqliteSession(self._database, epoch)

    def events(self, *, follow: bool = False) -> Iterator[Record]:
        """Yield events in the order of their publication; with `follow`, wait for more."""
        seen = 0
        while True:
            for position, record in self._events_after(seen):
                seen = position
                yield record
            if not follow:
                return
            self._sleep(_FOLLOW_SECONDS)

    def _events_after(self, seen: int) -> Iterator[tuple[int, Record]]:
        self._database.hold()
        with self._database.causes():
            rows = self._database.connection.execute(_EVENTS_AFTER, (seen,))
            for position, topic, offset, key, headers, value in rows:
                yield position, Record(topic, 0, offset, key, _pairs(headers), value)

    def look_up(self, wanted: Wanted) -> Iterator[Record | NoRecord]:
        """Answer for each place with its event, or that there is none."""
        database = self._database
        database.hold()
        with database.causes():
            for (topic, partition), offsets in wanted.items():
                first = database.one(_FIRST_OFFSET, topic)
                for offset in offsets if partition == 0 else ():
                    row = database.connection.execute(_EVENT_AT, (topic, offset)).fetchone()
                    if row is None:
                        yield NoRecord(topic, partition, offset, removed=offset < first)
                    else:
                        yield Record(topic, 0, offset, row[0], _pairs(row[1]), row[2])
                for offset in offsets if partition else ():
                    yield NoRecord(topic, partition, offset)

    def close(self) -> None:
        """Close the file."""
        self._database.close()


class SqliteReader:
    """Reads the ledger table in the order of its last changes."""

    def __init__(self, database: Database) -> None:
        """Begin before the first record."""
        self._database = database
        self._seen = 0

    def read(self, target: Target | None) -> Iterator[Sequence[LedgerRecord]]:
        """Yield what is committed and not yet read; all of it is below any target."""
        del target
        self._database.hold()
        with self._database.causes():
            cursor = self._database.connection.execute(_LEDGER_AFTER, (self._seen,))
            while rows := cursor.fetchmany(10_000):
                self._seen = rows[-1][0]
                yield [(request_id, value) for _, request_id, value in rows]

    def target(self) -> Target:
        """Give the last ledger position."""
        return _target(self._database)

    def close(self) -> None:
        """Nothing to let go of."""


class SqliteSession:
    """One epoch: may commit until another session opens."""

    def __init__(self, database: Database, epoch: int) -> None:
        """Take the epoch that `fence` has begun."""
        self._database = database
        self._epoch = epoch
        self._end: Target = {}

    def target(self) -> Target:
        """Give the last ledger position."""
        self._end = _target(self._database)
        return self._end

    def is_overtaken(self) -> bool:
        """Tell whether the ledger ends elsewhere than this session left it."""
        end = _target(self._database)
        return bool(self._end) and end != self._end

    def commit(self, events: Iterable[Event], recorder: Recorder) -> Committed:
        """Write events and their ledger records in one transaction."""
        database = self._database
        self._check_place()
        with database.causes():
            database.connection.execute("BEGIN IMMEDIATE")
            try:
                self._check_epoch()
                records = _write_records(database, recorder(_write_events(database, events)))
                end = {0: database.one(_LAST_POSITION)}
                self._check_place()  # what counts: making the events may have taken a while
                database.connection.execute("COMMIT")
            except BaseException:
                _roll_back(database.connection)
                raise
            self._end = end
            return Committed(records, clean=True)

    def _check_place(self) -> None:
        if not self._database.is_there():
            raise OutcomeUnknown("the embedded log was deleted or replaced")

    def _check_epoch(self) -> None:
        if self._database.one("SELECT number FROM epoch") != self._epoch:
            raise OutcomeUnknown("another publisher has opened the embedded log", fenced=True)

    def close(self) -> None:
        """Nothing is open between commits."""


def _target(database: Database) -> Target:
    """Give the last ledger position; what is in the table is committed."""
    database.hold()
    with database.causes():
        return {0: database.one(_LAST_POSITION)}


def _pairs(headers: str) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, text.encode()) for name, text in json.loads(headers))


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _write_events(database: Database, events: Iterable[Event]) -> list[Position]:
    following: dict[str, int] = {}
    positions: list[Position] = []

    def rows() -> Iterator[tuple[str, int, bytes, str, bytes]]:
        for _, _, topic, key, headers, value in events:
            offset = following.get(topic)
            if offset is None:
                offset = database.one(_NEXT_OFFSET, topic)
            following[topic] = offset + 1
            positions.append(Position(0, offset))
            pairs = [f'["{name}",{quote(text.decode())}]' for name, text in headers]
            yield topic, offset, key, f"[{','.join(pairs)}]", value

    database.connection.executemany(_ADD_EVENT, rows())
    return positions


def _write_records(
    database: Database, records: Iterable[tuple[str, str, bytes]]
) -> list[LedgerRecord]:
    start = database.one(_LAST_POSITION)
    written = [(request_id, value) for _, request_id, value in records]
    rows = [(key, start + n, value) for n, (key, value) in enumerate(written, 1)]
    database.connection.executemany(_SET_RECORD, rows)
    return written
