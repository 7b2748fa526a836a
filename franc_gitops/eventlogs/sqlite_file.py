"""The file of the embedded event log: how it is opened, and whether it still is at its path.

A file that was deleted, or moved away with its clone, nobody else reads, and nobody who opens
the path is fenced by it. So what is open is held against what is at the path.
"""

from __future__ import annotations

import errno
import os
import secrets
import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from franc_gitops.errors import EventLogRefused, EventLogReplaced, EventLogUnreachable
from franc_gitops.state_folder import make_state_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE_NAME = "events.sqlite"
_FORMAT = 1
_BUSY_SECONDS = 10.0
_BUSY_CODES = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_ENDINGS = ("", "-wal", "-shm")
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


class Database:
    """The file, its connection, and its errors as ours."""

    def __init__(self, folder: Path) -> None:
        """Open, and make if need be, the file in `folder`."""
        self.file = folder / FILE_NAME
        self._is_open = True
        with self.causes():
            make_state_folder(folder)
            if self.file.is_symlink():
                raise OSError(errno.ELOOP, "it is a link, which is not followed")
            with suppress(FileExistsError):  # others are not opened: closing would end locks
                os.close(os.open(self.file, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
            meant = _which(self.file)
            self.connection = sqlite3.connect(
                self.file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._set_up(self.connection)
                self._opened = [meant, *self._at_the_path()[1:]]
                self.hold()
            except BaseException:
                self.close()
                raise

    def _at_the_path(self) -> list[tuple[int, int] | None]:
        """Say which files are where ours were opened: the database, its log and its index."""
        return [_which(f"{self.file}{ending}") for ending in _ENDINGS]

    def is_there(self) -> bool:
        """Tell whether what is open is what others find at the path."""
        return self._is_open and self._at_the_path() == self._opened

    def hold(self) -> None:
        """Raise EventLogReplaced if what is open is not what others find at the path."""
        if not self.is_there():
            raise EventLogReplaced(
                f"the embedded event log {self.file} was deleted or replaced",
                hint="what is there now is opened, and published to, as by a new start",
            )

    def close(self) -> None:
        """Close the connection, which is not to be used again."""
        self._is_open = False
        self.connection.close()

    def _set_up(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found not in {0, _FORMAT}:
            raise EventLogRefused(
                f"{self.file} was written by another version (format {found})",
                hint="use that version, or restore its file: without it all is published again",
            )
        if found == 0:
            connection.executescript(
                f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version={_FORMAT};"
                f"PRAGMA application_id={secrets.randbits(31)};COMMIT;"
            )

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
            hint="check permissions and space; a damaged file is best restored from a copy: "
            "it is the ledger, and without it all requests are published again",
        )

    def one(self, query: str, *values: object) -> int:
        """Give the single number that a query answers with."""
        number: int = self.connection.execute(query, values).fetchone()[0]
        return number


def _which(path: str | Path) -> tuple[int, int] | None:
    """Give device and inode of a file, not of what a link leads to; None if there is none."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
