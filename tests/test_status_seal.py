"""A record's seal is the blob id of the status file that it stands for, or there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from franc_gitops import status_seal
from franc_gitops.blobs import git_blob_id
from franc_gitops.ledger import decode
from franc_gitops.model import Phase
from franc_gitops.status_plain import render_plain
from franc_gitops.status_seal import is_sealed, mark_of, seal, sealed_blob
from tests.test_status_plain import KAFKA, commits, entry, render_fully

if TYPE_CHECKING:
    from typing import Any


@given(commit=commits, item=st.sampled_from([None, "a"]), blob=st.sampled_from([40, 64]))
def test_a_plain_record_is_sealed_with_the_blob_of_its_status_file(
    commit: str, item: str | None, blob: int
) -> None:
    """In a repository of either object format, which its own blob id tells."""
    for log_name in ("embedded", KAFKA):
        plain = entry(commit=commit, item=item, blob="1" * blob)
        text = render_fully(plain, log_name)
        expected = git_blob_id(text, "sha1" if blob == 40 else "sha256")
        sealed = seal(plain.encode(), log_name)
        assert sealed_blob(sealed, plain.path, mark_of(log_name)) == expected
        assert is_sealed(sealed, plain.path, mark_of(log_name) + expected)
        assert decode(sealed) == plain
        assert render_plain(plain.path, sealed, log_name) == text
        assert seal(plain.encode(), log_name) == sealed


@pytest.mark.parametrize(
    "changes",
    [
        {"cancel": "not needed"},
        {"documents": 2},
        {"phase": Phase.CANCELLED},
        {"completion": "adopt", "events": ()},
        {"warnings": ({"code": "FRN210"},)},
        {"path": 'requests/"quoted".yaml'},
        {"task": {"a": 1, "status": "completed"}},
    ],
    ids="-".join,
)
def test_any_other_record_stays_as_it_is_and_tells_nothing(changes: dict[str, Any]) -> None:
    record = entry(**changes).encode()
    assert seal(record, KAFKA) == record
    assert not sealed_blob(record, entry(**changes).path, mark_of(KAFKA))


def test_a_seal_counts_only_for_its_own_path_log_and_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file and its status file that are moved together hold the path of before."""
    plain = entry()
    sealed = seal(plain.encode(), KAFKA)
    blob = sealed_blob(sealed, plain.path, mark_of(KAFKA))
    assert not sealed_blob(sealed, "requests/b.yaml", mark_of(KAFKA))
    assert not is_sealed(sealed, "requests/b.yaml", mark_of(KAFKA) + blob)
    assert not sealed_blob(sealed, plain.path, mark_of("kafka:another"))
    assert not is_sealed(sealed, plain.path, mark_of("kafka:another") + blob)
    assert not is_sealed(sealed, plain.path, mark_of(KAFKA) + "0" * 40)
    monkeypatch.setattr(status_seal, "RENDERING", 2)
    mark_of.cache_clear()
    assert not sealed_blob(sealed, plain.path, mark_of(KAFKA))
    mark_of.cache_clear()
