"""A pass that finds everything as the last one left it ends at once; whatever moved is seen."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from franc_gitops.cli.outcome import describe_report
from franc_gitops.pipeline import rest
from franc_gitops.pipeline.actions import Kind
from franc_gitops.reports import NOTHING, Done, Look, renderer
from franc_gitops.settings import load_settings
from franc_gitops.wiring import Choices, open_pass
from tests.support.git import Clone, new_repository
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from franc_gitops.pipeline.report import Report
    from franc_gitops.settings import Settings

REQUEST = """\
type: datacenter_deployment
change_number: CHG-2024-{0:06d}
dc_name: DC-{0}
location: Oslo
design_pattern: leaf-spine
"""


def settings_of(clone: Clone) -> Settings:
    """Read the settings without those of whoever runs the tests."""
    return load_settings(clone.root, is_tracked=lambda _: False, environ={})


def run(clone: Clone) -> tuple[Report, bool]:
    """Run a pass; tell what it reports, and whether it had to list the request files."""
    listed = []
    with open_pass(settings_of(clone), Choices()) as turn:
        snapshot = turn.repository.snapshot

        def note_and_list() -> object:
            listed.append(True)
            return snapshot()

        with patch.object(turn.repository, "snapshot", note_and_list):
            return turn.run(), bool(listed)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A repository at rest: two files with three requests, published and written back."""
    clone = new_repository(tmp_path)
    clone.commit(
        {
            "requests/a.yaml": REQUEST.format(1),
            "requests/b.yaml": f"{REQUEST.format(2)}---\n{REQUEST.format(3)}",
        }
    )
    come_to_rest(clone)
    return clone


def come_to_rest(clone: Clone) -> None:
    """Run passes until one need not look: a file that was just written is not believed at once."""
    wait_for(lambda: not run(clone)[1], what="a pass at rest", seconds=20)


def status_files(clone: Clone) -> dict[str, bytes]:
    folder = clone.root / "status"
    return {file.name: file.read_bytes() for file in folder.rglob("*.yaml")}


def test_nothing_is_listed_and_nothing_forgotten_in_the_report(clone: Clone) -> None:
    report, listed = run(clone)
    assert not listed
    assert report.counts[Kind.SKIP] == 3
    assert report.written is not None
    assert report.written.unchanged == 2
    assert report.log_name == "embedded"
    assert report.plan.commit == clone.git("rev-parse", "HEAD")


@pytest.mark.parametrize("output", ["text", "github", "junit", "markdown"])
def test_a_pass_at_rest_does_not_claim_that_there_was_no_request(clone: Clone, output: str) -> None:
    report, listed = run(clone)
    assert not listed
    told = "".join(renderer("report", output)(Done(report), Look())) + describe_report(report)
    assert NOTHING not in told
    assert "3 unchanged" in told
    assert output != "junit" or "3 in all" in told


def test_what_is_not_committed_is_named_at_rest_too(clone: Clone) -> None:
    clone.write("requests/c.yaml", REQUEST.format(4))
    report, listed = run(clone)
    assert not listed
    assert report.plan.situation.snapshot.uncommitted == ("requests/c.yaml",)


def test_a_commit_that_touches_no_request_leaves_it_at_rest(clone: Clone) -> None:
    head = clone.commit({"README.md": "about"})
    report, listed = run(clone)
    assert not listed
    assert report.plan.commit == head


MOVES: dict[str, Callable[[Clone], object]] = {
    "a new request": lambda clone: clone.commit({"requests/c.yaml": REQUEST.format(4)}),
    "a changed request": lambda clone: clone.commit({"requests/a.yaml": REQUEST.format(5)}),
    "a deleted request": lambda clone: clone.commit({"requests/a.yaml": None}),
    "a renamed request": lambda clone: (
        clone.git("mv", "requests/a.yaml", "requests/z.yaml") or clone.commit()
    ),
    "a status file of another length": lambda clone: clone.write("status/a.yaml", "mine"),
    "a status file that is gone": lambda clone: clone.write("status/a.yaml", None),
    "a status file too many": lambda clone: clone.write(
        "status/c.yaml", status_files(clone)["a.yaml"].replace(b"requests/a", b"requests/c")
    ),
    "a lost event log": lambda clone: shutil.rmtree(clone.root / ".franc"),
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_whatever_moves_is_seen_and_mended(clone: Clone, move: Callable[[Clone], object]) -> None:
    right = status_files(clone)
    move(clone)
    report, listed = run(clone)
    assert listed, "the pass has looked"
    paths = set(report.plan.situation.snapshot.files)
    assert {f"status/{path.removeprefix('requests/')}" for path in paths} == {
        f"status/{name}" for name in status_files(clone)
    }
    if not report.published and paths == {"requests/a.yaml", "requests/b.yaml"}:
        assert status_files(clone) == right
    come_to_rest(clone)


def test_an_edit_that_keeps_length_and_name_is_seen(clone: Clone) -> None:
    file = clone.root / "status/a.yaml"
    right = file.read_bytes()
    file.write_bytes(right.replace(b"Completed", b"Cancelled"))
    assert run(clone)[1]
    assert file.read_bytes() == right


def test_a_ledger_that_went_on_is_read(clone: Clone) -> None:
    with open_pass(settings_of(clone), Choices()) as turn:
        log = turn.publisher.log
        log.fence().commit((), lambda _: [("CHG-2024-000009", "datacenter_CHG-2024-000009", b"{}")])
        before = log.mark()
    with pytest.raises(Exception, match="not of version"):
        run(clone)
    assert before


def test_another_version_looks_for_itself(clone: Clone) -> None:
    with patch.object(rest, "__version__", "0.0.0-other"):
        assert run(clone)[1]


def test_a_damaged_cache_is_no_rest(clone: Clone) -> None:
    cache = clone.root / ".franc/status-index"
    cache.write_bytes(cache.read_bytes()[:-1])
    assert run(clone)[1]
    cache.write_bytes(b"\xff\xfe")
    assert run(clone)[1]


def test_a_request_that_a_link_leads_to_is_always_looked_at(tmp_path: Path) -> None:
    """Its content may change without the folder of requests changing."""
    clone = new_repository(tmp_path)
    clone.write("shared/a.yaml", REQUEST.format(1))
    clone.link("requests/a.yaml", "../shared/a.yaml")
    clone.commit()
    for _ in range(3):
        assert run(clone)[1]
    clone.commit({"shared/a.yaml": REQUEST.format(2)})
    assert list(run(clone)[0].published) == ["datacenter_CHG-2024-000002"]


def test_a_request_that_is_held_is_looked_at_again(clone: Clone) -> None:
    clone.commit({"requests/c.yaml": "type: nothing\n"})
    for _ in range(3):
        report, listed = run(clone)
        assert listed
        assert report.plan.problems
