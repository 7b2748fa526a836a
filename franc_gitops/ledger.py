"""What the event log knows of each request: the ledger's records, and how they fold.

One record per request and change of it, keyed by `request_id`; the last one wins. The value
is JSON in a fixed order that begins with what a pass asks first (document, blob, path), so
that a hundred thousand unchanged files are told from changed ones without parsing JSON.
`docs/ledger.md` describes the format for other programs.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from itertools import count, islice
from json.encoder import encode_basestring as quote
from typing import TYPE_CHECKING, Any, NamedTuple

from franc_gitops.errors import EventLogRefused
from franc_gitops.ledger_values import LedgerValues
from franc_gitops.model import FINAL_PHASES, Phase

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from franc_gitops.model import Position

LedgerState = tuple[int, int]
"""Which ledger in memory, and how much it knows."""

VERSION = 1
PRIVATE_KEY = "~"
"""Keys that begin with this are not requests (a canary of `doctor`) and are not folded."""

_SIMPLE = re.compile(
    rb'\{"v":%d,"documents":1,"blob":"([0-9a-f]+)","path":"([^"\\]*)",' % VERSION
).match
"""The beginning of a record whose file holds one request and has a name without escapes."""

_PHASE = b'"phase":"'
_FINAL = tuple(f'{phase}"'.encode() for phase in FINAL_PHASES)
"""The first place of `_PHASE` is the field: texts before it have their quotes escaped."""

_CHANGE_LENGTH = len("CHG-2024-000001")
_REMEMBERED_CHANGES = 10_000
_NUMBERS = count()


class LedgerUnreadable(EventLogRefused):
    """The ledger holds a record that this version cannot read; publishing would be guessing."""

    code = "FRN512"

    def __init__(self, value: bytes) -> None:
        """Take the record's value, of which the beginning is shown."""
        super().__init__(
            f"the ledger holds a record that is not of version {VERSION}: {value[:80]!r}",
            hint="use a newer franc-gitops, or find out who else writes to the ledger topic",
        )


class SentEvent(NamedTuple):
    """Where one event of a request went."""

    event_type: str
    event_id: str
    topic: str
    partition: int
    offset: int
    timestamp: str


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What is known of one request: enough to rebuild its status file byte for byte.

    `blob` and `path` are the file's when it was last published, `document` (from 1) and
    `documents` the request's place in it. `warnings` are what the file was warned of then; only
    the record of its first request has them.
    `task` is None where the publisher itself completed the request (`completion: accept`):
    its texts follow from the other fields, see `accept.py`.
    """

    request_id: str
    type: str
    change_number: str
    item: str | None
    revision: int
    digest: str
    path: str
    blob: str
    document: int
    documents: int
    commit: str
    phase: Phase
    completion: str
    timestamp: str
    cancel: str | None = None
    task: dict[str, Any] | None = None
    warnings: tuple[dict[str, Any], ...] = ()
    events: tuple[SentEvent, ...] = ()

    def encode(self) -> bytes:
        """Give the ledger record's value."""
        return unplaced(self, ()).place(())


class Unplaced(NamedTuple):
    """A ledger record that lacks only the positions of the events that go with it."""

    request_id: str
    change_number: str
    head: str
    rows: tuple[tuple[str, str], ...]

    def place(self, positions: Sequence[Position]) -> bytes:
        """Give the record's value, once the log has told where the events stand."""
        placed = ",".join(
            f"{before}{partition},{offset}{after}"
            for (before, after), (partition, offset) in zip(self.rows, positions, strict=True)
        )
        return f"{self.head}{placed}]}}".encode()


def unplaced(entry: LedgerEntry, events: Iterable[tuple[str, str, str, str]]) -> Unplaced:
    """Prepare the record of `entry` and new events: type, id, topic, timestamp, no position."""
    sent = "".join(f"{_json(event)}," for event in entry.events)
    rows = tuple(
        (f'["{event_type}","{event_id}","{topic}",', f',"{timestamp}"]')
        for event_type, event_id, topic, timestamp in events
    )
    head = f'{_fields(entry)},"events":[{sent if rows else sent[:-1]}'
    return Unplaced(entry.request_id, entry.change_number, head, rows)


def _fields(entry: LedgerEntry) -> str:
    """Give the record up to its events; names and order are the format, see `docs/ledger.md`."""
    return (
        f'{{"v":{VERSION},"documents":{entry.documents},"blob":"{entry.blob}"'
        f',"path":{quote(entry.path)},"document":{entry.document}'
        f',"request_id":"{entry.request_id}","type":"{entry.type}"'
        f',"change_number":"{entry.change_number}","item":{_text(entry.item)}'
        f',"revision":{entry.revision},"digest":"{entry.digest}","commit":"{entry.commit}"'
        f',"phase":"{entry.phase}","completion":"{entry.completion}"'
        f',"timestamp":"{entry.timestamp}","cancel":{_text(entry.cancel)}'
        f',"task":{_json(entry.task) if entry.task else "null"}'
        f',"warnings":{_json(list(entry.warnings)) if entry.warnings else "[]"}'
    )


def _text(value: str | None) -> str:
    return "null" if value is None else quote(value)


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def decode(value: bytes) -> LedgerEntry:
    """Read a record's value; raises LedgerUnreadable for anything that is not ours or too new."""
    try:
        fields = json.loads(value)
        if fields.pop("v") != VERSION:
            raise LedgerUnreadable(value)
        fields.pop("status", None)  # the seal (`status_seal.py`) belongs to the record's bytes
        fields["events"] = tuple(SentEvent(*event) for event in fields["events"])
        fields["warnings"] = tuple(fields["warnings"])
        fields["phase"] = Phase(fields["phase"])
        return LedgerEntry(**fields)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise LedgerUnreadable(value) from error


def change_of(request_id: str) -> str:
    """Give the change number that is part of a request_id; nothing for a key that has none."""
    start = request_id.find("CHG-")
    return request_id[start : start + _CHANGE_LENGTH] if start >= 0 else ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The files of a snapshot against the ledger.

    `settled`: path -> the request_ids of a file that is published as it stands (under this
    or an earlier name). `unknown`: files the ledger does not know, which must be read.
    `copies`: path -> the published file that it is a byte-identical copy of.
    `astray`: request_id -> path, for requests whose content as published is nowhere in the
    snapshot: the file was changed, or deleted. `moved`: request_id -> path now, for requests
    that are settled under another name than the ledger's.
    """

    settled: Mapping[str, tuple[str, ...]]
    unknown: Mapping[str, str]
    copies: Mapping[str, str]
    astray: Mapping[str, str]
    moved: Mapping[str, str] = field(default_factory=dict)


class Ledger:
    """The folded ledger: request_id -> last record, decoded only when asked for.

    A large ledger lies in a temporary file, so that a hundred thousand requests cost some
    20 MB of memory; reading in the order of the log is then quick, anything else one seek.
    While one thread folds and compares, others may ask `get`, `raw` and `in`.
    """

    def __init__(self) -> None:
        """Begin with an empty ledger."""
        self._values = LedgerValues()
        self._number = next(_NUMBERS)
        self._changed: deque[str] = deque(maxlen=_REMEMBERED_CHANGES)
        self._open: set[str] = set()
        self._looked_at = 0
        self.version = 0
        """Grows with every record that told something new; equal versions are equal ledgers."""

    @property
    def state(self) -> LedgerState:
        """Tell which ledger this is and what it knows: equal states, equal contents."""
        return self._number, self.version

    def fold(self, records: Iterable[tuple[str, bytes]]) -> None:
        """Take records in the order of the log; the last one of a key wins."""
        for request_id, value in records:
            if not request_id.startswith(PRIVATE_KEY) and self._values.put(request_id, value):
                self.version += 1
                self._changed.append(request_id)

    def changed_since(self, version: int) -> list[str] | None:
        """Give the request_ids of what an earlier version did not know, oldest first.

        None if that is too long ago to be remembered: then any of them may have changed.
        """
        number = self.version - version
        if not 0 <= number <= len(self._changed):
            return None
        return list(islice(self._changed, len(self._changed) - number, None))

    def __len__(self) -> int:
        """Count the requests."""
        return len(self._values)

    def __iter__(self) -> Iterator[str]:
        """Give the request_ids."""
        return iter(self._values)

    def __contains__(self, request_id: object) -> bool:
        """Tell whether a request is known."""
        return request_id in self._values

    def raw(self, request_id: str) -> bytes:
        """Give the record's value as it stands in the log; raises KeyError."""
        return self._values[request_id]

    def raw_in_turn(self, request_ids: Iterable[str]) -> Iterator[bytes]:
        """Give the same of many requests, which is quicker."""
        return self._values.in_turn(request_ids)

    def get(self, request_id: str) -> LedgerEntry | None:
        """Give what is known of a request, or None; raises LedgerUnreadable."""
        return decode(self._values[request_id]) if request_id in self._values else None

    def of_changes(self, change_numbers: AbstractSet[str]) -> dict[str, list[LedgerEntry]]:
        """Give all entries of some change numbers."""
        found: dict[str, list[LedgerEntry]] = defaultdict(list)
        for request_id in self._values if change_numbers else ():
            if change_of(request_id) in change_numbers:
                entry = decode(self._values[request_id])
                found[entry.change_number].append(entry)
        return found

    def unfinished(self) -> list[LedgerEntry]:
        """Give the entries that are not final, by request_id.

        Only these are decoded, and only what has changed since the last call is looked at.
        """
        version, self._looked_at = self._looked_at, self.version
        changed = self.changed_since(version)
        for request_id in self._values if changed is None else changed:
            value = self._values[request_id]
            if value.startswith(_FINAL, value.find(_PHASE) + len(_PHASE)):
                self._open.discard(request_id)
            else:
                self._open.add(request_id)
        return [decode(self._values[request_id]) for request_id in sorted(self._open)]

    def place_of(self, request_id: str) -> tuple[str, str]:
        """Give path and blob id of the file that a request was last published from."""
        return _where(self._values[request_id])[:2]

    def published_from(self, blob: str) -> list[str]:
        """Give the requests last published from a file with this content; looks at all of them."""
        return [key for key, value in self._values.items() if _where(value)[1] == blob]

    def compare(self, files: Mapping[str, str], among: Collection[str] | None = None) -> Comparison:
        """Sort files (path -> blob id) into known and unknown ones, without reading any.

        With `among`, only these requests are looked at: enough where no other one was
        published from a file of these paths, or of this content.
        """
        unknown = dict(files)
        settled: dict[str, tuple[str, ...]] = {}
        several: dict[tuple[str, str, int], list[str]] = defaultdict(list)
        loose: list[tuple[str, str, str, int]] = []
        for request_id, value in self._values.items(among):
            path, blob, documents = _where(value)
            if unknown.get(path) != blob:
                loose.append((request_id, path, blob, documents))
            elif documents == 1:
                del unknown[path]
                settled[path] = (request_id,)
            else:
                several[path, blob, documents].append(request_id)
        for (path, blob, documents), request_ids in several.items():
            if len(request_ids) == documents:
                del unknown[path]
                settled[path] = self._in_order(request_ids)
            else:
                loose += [(request_id, path, blob, documents) for request_id in request_ids]
        moved = self._find_moved(loose, unknown, settled)
        copies = _find_copies(files, unknown, settled)
        astray = {request_id: path for request_id, path, _, _ in loose if request_id not in moved}
        return Comparison(settled, unknown, copies, astray, moved)

    def _in_order(self, request_ids: list[str]) -> tuple[str, ...]:
        return tuple(sorted(request_ids, key=lambda key: decode(self._values[key]).document))

    def _find_moved(
        self,
        loose: list[tuple[str, str, str, int]],
        unknown: dict[str, str],
        settled: dict[str, tuple[str, ...]],
    ) -> dict[str, str]:
        """Settle files that were renamed: the content is known, its old path is gone or changed."""
        if not loose or not unknown:
            return {}
        waiting: dict[str, list[str]] = defaultdict(list)
        for request_id, _, blob, _ in loose:
            waiting[blob].append(request_id)
        documents = {blob: number for _, _, blob, number in loose}
        moved: dict[str, str] = {}
        for path, blob in sorted(unknown.items()):
            request_ids = waiting.get(blob, [])
            if request_ids and len(request_ids) == documents[blob]:
                del unknown[path], waiting[blob]
                settled[path] = self._in_order(request_ids)
                moved.update(dict.fromkeys(request_ids, path))
        return moved


def _where(value: bytes) -> tuple[str, str, int]:
    """Give path, blob and number of documents of a record."""
    simple = _SIMPLE(value)
    if simple:
        blob, path = simple.groups()
        try:
            return path.decode(), blob.decode(), 1
        except UnicodeDecodeError as error:
            raise LedgerUnreadable(value) from error
    entry = decode(value)
    return entry.path, entry.blob, entry.documents


def _find_copies(
    files: Mapping[str, str], unknown: dict[str, str], settled: Mapping[str, tuple[str, ...]]
) -> dict[str, str]:
    """Take files out of `unknown` that repeat a settled one byte for byte."""
    blobs = set(unknown.values())
    counts = Counter(files[path] for path in settled if files[path] in blobs)
    if not counts:
        return {}
    first = {files[path]: path for path in sorted(settled, reverse=True) if files[path] in counts}
    copies = {path: first[blob] for path, blob in unknown.items() if blob in counts}
    for path in copies:
        del unknown[path]
    return copies
