"""What a pass says that it did, also after it had to plan again in the middle."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from franc_gitops.cli.outcome import describe_report
from franc_gitops.clock import SystemClock
from franc_gitops.errors import RepositoryError
from franc_gitops.eventlogs.memory import Disturbance, MemoryCluster, MemoryEventLog
from franc_gitops.model import Lineage
from franc_gitops.pipeline.guard import Guard
from franc_gitops.pipeline.plan import make_plan
from franc_gitops.pipeline.publish import Publisher
from franc_gitops.pipeline.report import Report
from franc_gitops.pipeline.turn import Pass
from franc_gitops.reports import Done, Look, renderer
from tests.support.schedule import ScheduledClock, make_request, make_situation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from franc_gitops.ledger import Ledger
    from franc_gitops.model import Problem, Provenance, Snapshot, SourceFile, Validated
    from franc_gitops.pipeline.actions import Plan

REQUESTS = tuple(make_request(number) for number in (1, 2, 3))


def publish(*disturbances: Disturbance) -> Report:
    """Publish three requests in a transaction each, of which the first ones are disturbed."""
    fates = [*disturbances, *[Disturbance.NONE] * 9]
    log = MemoryEventLog(MemoryCluster(), disturb=lambda: fates.pop(0))
    clock = ScheduledClock(random.Random(1), lambda _: None)
    publisher = Publisher(log, clock, batch=1)
    situation = make_situation(REQUESTS)

    def plan(ledger: Ledger) -> Plan:
        return make_plan(situation, ledger, ledger.compare(situation.snapshot.files))

    last = publisher.publish(plan(publisher.peek()), plan)
    return Report(last, publisher.ledger, "embedded", publisher.published)


def as_json(report: Report) -> dict[str, object]:
    """Give what `publish -o json` shows."""
    render = renderer("report", "json")
    shown: dict[str, object] = json.loads("".join(render(Done(report), Look())))
    return shown


def test_what_was_published_before_a_new_epoch_is_counted_and_shown() -> None:
    """A slow commit asks for a new epoch and a new plan, which knows the first requests."""
    undisturbed, disturbed = publish(), publish(Disturbance.REPEATED, Disturbance.REPEATED)
    assert "3 published, 0 unchanged" in describe_report(undisturbed)
    assert describe_report(disturbed) == describe_report(undisturbed)
    assert as_json(disturbed) == as_json(undisturbed)
    text = renderer("report", "text")
    shown = "".join(text(Done(disturbed), Look()))
    assert shown.count("Completed") == len(REQUESTS)


def test_a_request_of_unknown_outcome_counts_once_the_ledger_has_it() -> None:
    """A commit without an answer that arrived is found in the ledger: unchanged, not pending."""
    report = publish(Disturbance.UNANSWERED)
    assert "2 published, 1 unchanged" in describe_report(report)
    assert report.unsent == frozenset()


def test_a_git_that_fails_after_publication_does_not_hide_what_was_published(
    tmp_path: Path,
) -> None:
    """Which files are not committed is only a warning; the pass must still say what it did."""
    situation = make_situation(REQUESTS)
    report = Pass(
        repository=FailingStatus(situation.snapshot, tmp_path),  # type: ignore[arg-type]
        publisher=Publisher(MemoryEventLog(), SystemClock()),
        validator=Judged(situation.validated),
        envelope=situation.envelope,
        clock=SystemClock(),
        guard=Guard(),
    ).run()
    assert len(report.published) == len(REQUESTS)


@dataclass
class FailingStatus:
    """A repository of which git cannot tell the status."""

    listed: Snapshot
    root: Path

    def snapshot(self) -> Snapshot:
        """Give the files."""
        return replace(self.listed, find_uncommitted=self._fail)

    def read(self, files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes | Problem]]:
        """Have nothing to read."""
        return iter([(file, b"") for file in files])

    def provenance(self, snapshot: Snapshot, paths: Iterable[str]) -> dict[str, Provenance]:
        """Know of no commit."""
        del snapshot, paths
        return {}

    def trace(self, snapshot: Snapshot, commits: Collection[str]) -> Lineage:
        """Know of no history."""
        del snapshot, commits
        return Lineage()

    def _fail(self) -> tuple[str, ...]:
        raise RepositoryError("git status failed")


@dataclass
class Judged:
    """A validator that knows the answer."""

    answer: Validated

    def prepare(self, files: int, /) -> None:
        """Need nothing."""

    def __call__(self, files: Sequence[SourceFile], /) -> Validated:
        """Give the answer."""
        del files
        return self.answer
