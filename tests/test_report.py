"""What a pass says that it did, also after it had to plan again in the middle."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

from franc_gitops.cli.outcome import describe_report
from franc_gitops.eventlogs.memory import Disturbance, MemoryCluster, MemoryEventLog
from franc_gitops.pipeline.plan import make_plan
from franc_gitops.pipeline.publish import Publisher
from franc_gitops.pipeline.rows import rows_of_report
from franc_gitops.pipeline.turn import Report
from franc_gitops.reports import Done, Look, renderer
from tests.support.schedule import ScheduledClock, make_request, make_situation

if TYPE_CHECKING:
    from franc_gitops.ledger import Ledger
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
    shown: dict[str, object] = json.loads(
        "".join(render(Done(report, rows_of_report(report)), Look()))
    )
    return shown


def test_what_was_published_before_a_new_epoch_is_counted_and_shown() -> None:
    """A slow commit asks for a new epoch and a new plan, which knows the first requests."""
    undisturbed, disturbed = publish(), publish(Disturbance.REPEATED, Disturbance.REPEATED)
    assert "3 published, 0 unchanged" in describe_report(undisturbed)
    assert describe_report(disturbed) == describe_report(undisturbed)
    assert as_json(disturbed) == as_json(undisturbed)
    text = renderer("report", "text")
    shown = "".join(text(Done(disturbed, ()), Look()))
    assert shown.count("Completed") == len(REQUESTS)


def test_a_request_of_unknown_outcome_counts_once_the_ledger_has_it() -> None:
    """A commit without an answer that arrived is found in the ledger: unchanged, not pending."""
    report = publish(Disturbance.UNANSWERED)
    assert "2 published, 1 unchanged" in describe_report(report)
    assert report.unsent == frozenset()
