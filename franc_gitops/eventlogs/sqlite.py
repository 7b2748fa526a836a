"""The embedded event log: one SQLite file, nothing leaves the machine.

The default while Kafka is not enabled. Same promises as Kafka: events and ledger records
in one transaction, an epoch that fences earlier publishers, committed records only. WAL
mode with full synchronisation, so that a committed transaction survives a power cut.
"""

from __future__ import annotations

import errno
import json
import secrets
import sqlite3
from contextlib import contextmanager
from json.encoder import encode_basestring as quote
from typing import TYPE_CHECKING

from franc_gitops.errors import EventLogRefused, EventLogUnreachable, OutcomeUnknown
from franc_gitops.eventlogs import Committed, NoRecord, Record
from franc_gitops.model import LogIdentity, Position
from franc_gitops.state_folder import make_state_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from franc_gitops.eventlogs import LedgerRecord, Recorder, Target, Wanted
    from franc_gitops.model import Event

FILE_NAME = "events.sqlite"
_FORMAT = 1
_BUSY_SECONDS = 10.0
_FOLLOW_SECONDS = 0.2
_BUSY_CODES = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL, log_offset INTEGER NOT NULL,
    key BLOB NOT NULL, headers TEXT NOT NULL, value BLOB NOT NULL,
    UNIQUE (topic, log_offset)
) STRICT;
CREATE TABLE IF NOT EXISTS ledger (
    request_id TEXT PRIMARY KEY, position INTEGER NOT NULL UNIQUE, value BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS epoch (
    only INTEGER PRIMARY KEY CHECK (only = 1), number INTEGER NOT NULL
) STRICT;
INSERT OR IGNORE INTO epoch VALUES (1, 0);
"""
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


class _Database:
    """The file, its connection, and its errors as ours."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE_NAME
        with self.causes():
            make_state_folder(folder)
            if self.file.is_symlink():
                raise OSError(errno.ELOOP, "it is a link, which is not followed")
            self.connection = self._connect()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found not in {0, _FORMAT}:
            raise EventLogRefused(
                f"{self.file} was written by another version (format {found})",
                hint="use that version, or delete the file: it is a local cache",
            )
        if found == 0:
            connection.executescript(
                f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version={_FORMAT};"
                f"PRAGMA application_id={secrets.randbits(31)};COMMIT;"
            )
        return connection

    @contextmanager
    def causes(self) -> Iterator[None]:
        """Turn the errors of file system and database into ours, with the way out."""
        try:
            yield
        except OSError as error:
            raise EventLogRefused(
                f"cannot use the embedded event log {self.file}: {error.strerror}",
                hint="check permissions and space, or set FRANC_STATE_DIR",
            ) from error
        except sqlite3.DatabaseError as error:
            raise self._explain(error) from error

    def _explain(self, error: sqlite3.DatabaseError) -> EventLogRefused | EventLogUnreachable:
        message = f"the embedded event log {self.file} failed: {error}"
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY_CODES:
            return EventLogUnreachable(message, hint="another process holds it; try again")
        return EventLogRefused(
            message,
            hint="check permissions and space; a damaged file can be deleted: it is a local cache",
        )

    def one(self, query: str, *values: object) -> int:
        """Give the single number that a query answers with."""
        number: int = self.connection.execute(query, values).fetchone()[0]
        return number

    def target(self) -> Target:
        """Give the last ledger position; what is in the table is committed."""
        with self.causes():
            return {0: self.one(_LAST_POSITION)}


class SqliteEventLog:
    """One file below the state folder, shared by all processes of this machine."""

    def __init__(self, folder: Path, sleep: Callable[[float], None]) -> None:
        """Open, and make if need be, the log in `folder`, which git is told to ignore."""
        self._database = _Database(folder)
        self._sleep = sleep

    def identify(self) -> LogIdentity:
        """Say that this is the embedded log, which is never pinned."""
        return LogIdentity("embedded")

    def mark(self) -> str:
        """Say which file it is and what was written last; empty for one that has no id."""
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
        with self._database.causes():
            rows = self._database.connection.execute(_EVENTS_AFTER, (seen,))
            for position, topic, offset, key, headers, value in rows:
                yield position, Record(topic, 0, offset, key, _pairs(headers), value)

    def look_up(self, wanted: Wanted) -> Iterator[Record | NoRecord]:
        """Answer for each place with its event, or that there is none."""
        database = self._database
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
        self._database.connection.close()


class SqliteReader:
    """Reads the ledger table in the order of its last changes."""

    def __init__(self, database: _Database) -> None:
        """Begin before the first record."""
        self._database = database
        self._seen = 0

    def read(self, target: Target | None) -> Iterator[Sequence[LedgerRecord]]:
        """Yield what is committed and not yet read; all of it is below any target."""
        del target
        with self._database.causes():
            cursor = self._database.connection.execute(_LEDGER_AFTER, (self._seen,))
            while rows := cursor.fetchmany(10_000):
                self._seen = rows[-1][0]
                yield [(request_id, value) for _, request_id, value in rows]

    def target(self) -> Target:
        """Give the last ledger position."""
        return self._database.target()

    def close(self) -> None:
        """Nothing to let go of."""


class SqliteSession:
    """One epoch: may commit until another session opens."""

    def __init__(self, database: _Database, epoch: int) -> None:
        """Take the epoch that `fence` has begun."""
        self._database = database
        self._epoch = epoch
        self._end: Target = {}

    def target(self) -> Target:
        """Give the last ledger position."""
        self._end = self._database.target()
        return self._end

    def is_overtaken(self) -> bool:
        """Tell whether the ledger ends elsewhere than this session left it."""
        return bool(self._end) and self._database.target() != self._end

    def commit(self, events: Iterable[Event], recorder: Recorder) -> Committed:
        """Write events and their ledger records in one transaction."""
        database = self._database
        with database.causes():
            database.connection.execute("BEGIN IMMEDIATE")
            try:
                self._check()
                records = _write_records(database, recorder(_write_events(database, events)))
                end = database.target()
                database.connection.execute("COMMIT")
            except BaseException:
                _roll_back(database.connection)
                raise
            self._end = end
            return Committed(records, clean=True)

    def _check(self) -> None:
        if self._database.one("SELECT number FROM epoch") != self._epoch:
            raise OutcomeUnknown("another publisher has opened the embedded log", fenced=True)

    def close(self) -> None:
        """Nothing is open between commits."""


def _pairs(headers: str) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, text.encode()) for name, text in json.loads(headers))


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _write_events(database: _Database, events: Iterable[Event]) -> list[Position]:
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
    database: _Database, records: Iterable[tuple[str, str, bytes]]
) -> list[LedgerRecord]:
    start = database.one(_LAST_POSITION)
    written = [(request_id, value) for _, request_id, value in records]
    rows = [(key, start + n, value) for n, (key, value) in enumerate(written, 1)]
    database.connection.executemany(_SET_RECORD, rows)
    return written
