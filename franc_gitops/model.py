"""The nouns of the product, all frozen: what flows from a YAML file to a status file.

In running order: `SourceFile` (a path and its git blob id) holds `Document`s, a valid one
becomes a `Request`, a request is sent as `Event`s, and what was sent is a `LedgerEntry`
(see `ledger.py`). What is wrong with the input is a `Problem`, never an exception.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Value: TypeAlias = "str | list[Value] | dict[str, Value] | None"
"""What the strict reader makes of YAML: text, absent, list or mapping; never another type."""


class Phase(StrEnum):
    """Where a request stands, in the words of the status files."""

    REJECTED = "Rejected"
    SCHEDULED = "Scheduled"
    PENDING = "Pending"
    PUBLISHED = "Published"
    RUNNING = "Running"
    STALLED = "Stalled"
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELLED = "Cancelled"

    @property
    def is_final(self) -> bool:
        """Whether no event but a cancellation may still follow."""
        return self in FINAL_PHASES


FINAL_PHASES = frozenset({Phase.COMPLETED, Phase.FAILED, Phase.CANCELLED})

FILE_PHASE_ORDER = (
    Phase.FAILED,
    Phase.STALLED,
    Phase.PENDING,
    Phase.SCHEDULED,
    Phase.RUNNING,
    Phase.PUBLISHED,
    Phase.CANCELLED,
    Phase.COMPLETED,
)
"""A file's phase is the first of these that one of its requests is in."""


class Severity(StrEnum):
    """How bad a problem is: an error holds its file, a warning holds nothing."""

    ERROR = "error"
    WARNING = "warning"


class Place(NamedTuple):
    """Where in a file something stands: line and column, both counted from 1, in characters."""

    line: int
    column: int


START = Place(1, 1)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the input, with the place and the way out.

    `field` is a path such as `interfaces[1].speed`, empty where no field is meant.
    """

    code: str
    severity: Severity
    path: str
    line: int
    column: int
    field: str
    message: str
    hint: str = ""

    @property
    def is_error(self) -> bool:
        """Whether the problem holds its file."""
        return self.severity is Severity.ERROR

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        """Reading order: by file, then place, then code."""
        return (self.path, self.line, self.column, self.code, self.field)

    def as_dict(self) -> dict[str, str | int]:
        """Give the shape that it has in JSON."""
        return {
            "code": self.code,
            "severity": str(self.severity),
            "path": self.path,
            "line": self.line,
            "column": self.column,
            "field": self.field,
            "message": self.message,
            "hint": self.hint,
        }

    def in_its_file(self) -> dict[str, str | int]:
        """Give what the ledger and a status file keep: both name the path themselves."""
        fields = self.as_dict()
        del fields["path"], fields["severity"]
        return fields


class SourceFile(NamedTuple):
    """A request file at a revision: path from the repository's root and git blob id (hex)."""

    path: str
    blob: str


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document of a file: text-only fields and where it starts; `index` counts from 1."""

    path: str
    index: int
    fields: dict[str, Value]
    place: Place = START


@dataclass(frozen=True, slots=True)
class Request:
    """A valid change request, ready to be compared with the ledger and sent.

    `own_fields` is the JSON fragment of the kind's own event fields in the guide's order
    (no braces); `digest` is `sha256:…` over what the request asks for, so that reformatting,
    renaming or rescheduling it changes nothing. `documents` is how many its file holds.
    `claims` name what no other open request may touch (`kinds/claims.py`).
    """

    path: str
    document: int
    documents: int
    place: Place
    type: str
    change_number: str
    item: str | None
    revision: int
    request_id: str
    digest: str
    own_fields: str
    user_id: str | None = None
    cancel: str | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None
    claims: tuple[str, ...] = ()


class Provenance(NamedTuple):
    """The commit that last touched a file: id (empty outside git), committer time, author.

    If `is_cut`, it is the oldest one that a shallow clone has: an earlier one may have been it.
    Of a symbolic link it is the one since which link and content are what they are; `others`
    are the commits that last touched the link, what it leads through and its end, each alone.
    """

    commit: str
    time: datetime
    author: str = ""
    is_cut: bool = False
    others: tuple[str, ...] = ()


UNKNOWN_PROVENANCE = Provenance("", datetime.fromtimestamp(0, UTC))


class Lineage(NamedTuple):
    """How commits stand to the one that is planned, whose committer time is `time`.

    `newer` are its descendants on a branch or tag; `abandoned` descendants on none, left over
    from a history that was rewritten, or not yet known to be on one; `missing` are not at hand.
    All others are older than it or on another line.
    """

    newer: frozenset[str] = frozenset()
    abandoned: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    time: datetime = UNKNOWN_PROVENANCE.time


class Made(NamedTuple):
    """Who made a commit: `Name <email>` and UTC time of each; whether it carries a signature."""

    author: str
    authored: str
    committer: str
    committed: str
    subject: str
    is_signed: bool


class Trust(StrEnum):
    """What the signature of a commit is worth, held against the keys that are trusted."""

    TRUSTED = "trusted"
    UNSIGNED = "unsigned"
    STRANGER = "key not trusted"
    EXPIRED = "expired"
    REVOKED = "revoked"
    BAD = "bad"
    UNKNOWN = "unknown"
    """Nobody can tell: in a shallow clone another commit may have touched the file last."""


class Signature(NamedTuple):
    """Who signed a commit, as far as git can tell: a name out of the trusted keys, and the key."""

    trust: Trust
    signer: str = ""
    key: str = ""


class Signatures(NamedTuple):
    """Who signed each commit; `warnings` are about the trusted keys themselves."""

    by_commit: Mapping[str, Signature]
    warnings: tuple[Problem, ...] = ()


class Position(NamedTuple):
    """Where the event log put an event."""

    partition: int
    offset: int


class Event(NamedTuple):
    """One record to be sent: exact bytes, so that a plan shows what `publish` sends."""

    event_type: str
    event_id: str
    topic: str
    key: bytes
    headers: tuple[tuple[str, bytes], ...]
    value: bytes

    @property
    def size(self) -> int:
        """Bytes of key, value and headers, as the broker counts them, with the record's frame."""
        headers = sum(len(name) + len(value) + 6 for name, value in self.headers)
        return len(self.key) + len(self.value) + headers + 64


class Glance(NamedTuple):
    """A revision without its files: equal `state`s are equal request files.

    `find_uncommitted` is that of `Snapshot`.
    """

    commit: str
    state: str
    find_uncommitted: Callable[[], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The request files at one revision: `files` maps path to git blob id, sorted by path.

    `commit` is empty for a plain folder. `problems` are what was found while listing
    (links out of the repository, FIFOs, …). With `has_links`, content may come from elsewhere;
    in a commit `links` has for each the paths, from the top of the repository, that it hangs on.
    `busy` files are being written: they are not read, and count as they were, if they were.
    """

    commit: str
    files: dict[str, str]
    problems: tuple[Problem, ...] = ()
    find_uncommitted: Callable[[], tuple[str, ...]] = field(default=tuple, compare=False)
    has_links: bool = False
    busy: frozenset[str] = frozenset()
    links: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)

    @property
    def uncommitted(self) -> tuple[str, ...]:
        """Request files of the work tree that the commit does not hold: they are not published.

        Looking for them takes its time; it goes on while the snapshot is worked with.
        """
        return self.find_uncommitted()


@dataclass(frozen=True, slots=True)
class Validated:
    """What loading and validating a set of files gave: requests and problems, both sorted."""

    requests: tuple[Request, ...] = ()
    problems: tuple[Problem, ...] = ()
    files: int = 0
    documents: int = 0

    @property
    def errors(self) -> int:
        """How many problems hold their file."""
        return sum(problem.is_error for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Pin:
    """What a Kafka ledger must look like: the guard refuses anything else (docs/ledger.md)."""

    cluster_id: str
    topic: str
    topic_id: str
    partitions: int


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """Which event log this is; `pin` is None for the embedded ones, which are never pinned.

    `name` goes into the status files: `embedded` or `kafka:<cluster id>`.
    """

    name: str
    pin: Pin | None = None
    compacted: bool = True
    max_record_bytes: dict[str, int] = field(default_factory=dict)
    """Largest record per topic, in bytes; a topic that is not named has no limit."""


class Written(NamedTuple):
    """What a write-back did: how many status files were written, were right, were removed.

    `commit` is the commit that holds them and `branch` where it is, as people say it (`main`,
    `origin/main`); both are empty where nothing had to be committed, or nothing is. `absent`
    counts request files that the branch does not have, and therefore no status files of;
    `conflicts` how often somebody else was quicker.
    """

    written: int = 0
    unchanged: int = 0
    removed: int = 0
    commit: str = ""
    branch: str = ""
    absent: int = 0
    conflicts: int = 0
