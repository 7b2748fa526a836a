"""The quick way to a status file gives the bytes of the full one, or leaves it to that."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from franc_gitops.ledger import LedgerEntry, SentEvent
from franc_gitops.model import Phase
from franc_gitops.pipeline.project import published_row
from franc_gitops.status_files import render
from franc_gitops.status_plain import render_plain

TIME = "2026-11-23T15:37:34.000000Z"
KAFKA = "kafka:F4MOIBRJQNiqpqGdgKwP6Q"

commits = st.sampled_from(["", "3315324409f9" + "0" * 28, "ab" * 20, "1e5" + "0" * 37, "9" * 40])
texts = st.text(max_size=8)


def entry(
    path: str = "requests/2024/a.yaml",
    number: str = "CHG-2024-001234",
    item: str | None = None,
    commit: str = "ab" * 20,
    prefix: str = "franc",
    **changes: Any,
) -> LedgerEntry:
    stem = f"{number}_{item}" if item else number
    events = tuple(
        SentEvent(kind, f"{start}_{stem}_20261123_153734", f"{prefix}.{topic}", 3, 41, TIME)
        for kind, start, topic in (
            ("datacenter_deployment", "dc", "datacenter.deployment"),
            ("task_status_update", "status", "task.status"),
            ("task_completion", "complete", "task.completion"),
        )
    )
    fields: dict[str, object] = {
        "request_id": f"datacenter_{stem}",
        "type": "datacenter_deployment",
        "change_number": number,
        "item": item,
        "revision": 1,
        "digest": f"sha256:{'0f' * 32}",
        "path": path,
        "blob": "12" * 20,
        "document": 1,
        "documents": 1,
        "commit": commit,
        "phase": Phase.COMPLETED,
        "completion": "accept",
        "timestamp": TIME,
        "events": events,
    }
    return LedgerEntry(**{**fields, **changes})


def render_fully(entry: LedgerEntry, log_name: str) -> bytes:
    rows = [published_row(entry, log_name)]
    return render(entry.path, entry.phase, rows, list(entry.warnings))


@given(commit=commits, item=st.sampled_from([None, "a", "sw-01", "no"]), revision=st.integers(1))
def test_a_plain_record_gives_the_bytes_of_the_full_way(
    commit: str, item: str | None, revision: int
) -> None:
    for log_name in ("embedded", KAFKA):
        plain = entry(commit=commit, item=item, revision=revision)
        quick = render_plain(plain.path, plain.encode(), log_name)
        assert quick is not None
        assert quick == render_fully(plain, log_name)


@given(
    path=st.one_of(texts, st.from_regex(r"[A-Za-z0-9_/ .-]{1,12}\.ya?ml", fullmatch=True)),
    prefix=st.one_of(texts, st.from_regex(r"[a-z0-9.-]{1,9}", fullmatch=True)),
    changes=st.fixed_dictionaries(
        {},
        optional={
            "cancel": texts,
            "phase": st.sampled_from(Phase),
            "completion": st.sampled_from(["accept", "track"]),
            "documents": st.integers(1, 3),
            "warnings": st.just(({"code": "FRN250", "line": 1, "message": "m"},)),
            "task": st.dictionaries(st.sampled_from(["completion_message", "x"]), texts),
            "request_id": texts,
            "type": texts,
            "events": st.just(()),
        },
    ),
)
def test_any_record_gives_the_bytes_of_the_full_way_or_is_left_to_it(
    path: str, prefix: str, changes: dict[str, Any]
) -> None:
    some = entry(path=path, prefix=prefix, **changes)
    quick = render_plain(some.path, some.encode(), KAFKA)
    if quick is not None:
        assert quick == render_fully(some, KAFKA)


def test_a_file_under_another_name_is_left_to_the_full_way() -> None:
    assert render_plain("requests/b.yaml", entry().encode(), KAFKA) is None
