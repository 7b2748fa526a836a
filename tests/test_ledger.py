"""The ledger's records and how they fold and compare."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from franc_gitops.ledger import Ledger, LedgerEntry, LedgerUnreadable, SentEvent, decode, unplaced
from franc_gitops.model import Phase, Position

ENTRY = LedgerEntry(
    request_id="pop_CHG-2024-000001",
    type="pop_deployment",
    change_number="CHG-2024-000001",
    item=None,
    revision=1,
    digest="sha256:aa",
    path="requests/a.yaml",
    blob="b" * 40,
    document=1,
    documents=1,
    commit="c" * 40,
    phase=Phase.COMPLETED,
    completion="accept",
    timestamp="2024-07-09T14:25:30.000000Z",
    events=(SentEvent("pop_deployment", "pop_1", "franc.pop.deployment", 2, 41, "t"),),
)


def fold(*entries: LedgerEntry) -> Ledger:
    """Make a ledger of entries."""
    ledger = Ledger()
    ledger.fold((entry.request_id, entry.encode()) for entry in entries)
    return ledger


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)


@given(
    path=TEXT,
    cancel=st.none() | TEXT,
    item=st.none() | st.just("leaf-01"),
    documents=st.integers(1, 3),
)
def test_a_record_reads_back_as_it_was_written(
    path: str, cancel: str | None, item: str | None, documents: int
) -> None:
    """Whatever stands in path and reason, and its file is found by path and blob."""
    entry = replace(ENTRY, path=path, cancel=cancel, item=item, documents=documents)
    assert decode(entry.encode()) == entry
    settled = fold(entry).compare({path: ENTRY.blob}).settled
    assert settled == ({path: (ENTRY.request_id,)} if documents == 1 else {})


def test_positions_are_filled_in_after_the_events_were_sent() -> None:
    """The record that was prepared without positions is that of the entry with them."""
    new = SentEvent("task_completion", "complete_1", "franc.task.completion", 1, 7, "later")
    row = ("task_completion", "complete_1", "franc.task.completion", "later")
    value = unplaced(ENTRY, [row]).place([Position(1, 7)])
    assert decode(value) == replace(ENTRY, events=(*ENTRY.events, new))


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"v":2}',
        b'{"v":1}',
        b"null",
        b"[" * 100_000,
        b'{"v":1,"documents":1,"blob":"ab","path":"\xff",',
    ],
)
def test_a_foreign_record_is_refused_and_never_skipped(value: bytes) -> None:
    """Skipping a record could mean to publish its request again."""
    with pytest.raises(LedgerUnreadable):
        decode(value)
    ledger = Ledger()
    ledger.fold([("pop_1", value)])
    with pytest.raises(LedgerUnreadable):
        ledger.compare({})


def test_private_records_are_not_requests() -> None:
    """A canary of doctor does not count and needs no format."""
    ledger = Ledger()
    ledger.fold([("~canary", b"anything")])
    assert list(ledger) == []
    assert ledger.compare({}).settled == {}


def test_the_last_record_of_a_key_wins() -> None:
    """Folding keeps the newest state; a repeated record tells nothing new."""
    ledger = fold(ENTRY, replace(ENTRY, revision=2))
    version = ledger.version
    entry = ledger.get(ENTRY.request_id)
    assert entry is not None
    assert entry.revision == 2
    ledger.fold([(ENTRY.request_id, ledger.raw(ENTRY.request_id))])
    assert ledger.version == version


def test_a_file_of_two_requests_is_known_only_whole() -> None:
    """As long as one of its documents is not published, the file must be read."""
    first = replace(ENTRY, documents=2)
    second = replace(ENTRY, request_id="pop_2", document=2, documents=2)
    files = {ENTRY.path: ENTRY.blob}
    assert fold(first).compare(files).unknown == files
    settled = fold(second, first).compare(files).settled
    assert settled == {ENTRY.path: (ENTRY.request_id, "pop_2")}


def test_a_changed_and_a_deleted_file_leave_their_request_astray() -> None:
    """The request's published content is nowhere in the snapshot."""
    changed = fold(ENTRY).compare({ENTRY.path: "e" * 40})
    assert changed.astray == {ENTRY.request_id: ENTRY.path}
    assert changed.unknown == {ENTRY.path: "e" * 40}
    assert fold(ENTRY).compare({}).astray == {ENTRY.request_id: ENTRY.path}


def test_of_two_copies_under_new_names_one_is_the_renamed_file() -> None:
    """The first by name takes the place of the vanished original, the other is its copy."""
    found = fold(ENTRY).compare({"requests/x.yaml": ENTRY.blob, "requests/y.yaml": ENTRY.blob})
    assert found.settled == {"requests/x.yaml": (ENTRY.request_id,)}
    assert found.copies == {"requests/y.yaml": "requests/x.yaml"}
    assert found.unknown == {}


def test_the_record_is_json_for_other_programs() -> None:
    """The format that docs/ledger.md describes: names, order and form of the events."""
    fields = json.loads(ENTRY.encode())
    assert list(fields) == [
        "v",
        "documents",
        "blob",
        "path",
        "document",
        "request_id",
        "type",
        "change_number",
        "item",
        "revision",
        "digest",
        "commit",
        "phase",
        "completion",
        "timestamp",
        "cancel",
        "task",
        "warnings",
        "events",
    ]
    assert fields["events"] == [["pop_deployment", "pop_1", "franc.pop.deployment", 2, 41, "t"]]
