"""Metrics as a scraper gets them: names, labels, and numbers that agree with what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from franc_gitops import __version__, kinds
from franc_gitops.daemon.board import Count, Role
from franc_gitops.errors import EventLogRefused, EventLogUnreachable, GuardRefused
from franc_gitops.model import Phase
from tests.support.daemon import Station
from tests.support.http import ask
from tests.support.project import new_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
OURS = {
    "franc_build_info",
    "franc_events_published_total",
    "franc_fenced_total",
    "franc_heartbeat_age_seconds",
    "franc_hooks_total",
    "franc_http_requests_total",
    "franc_last_success_timestamp_seconds",
    "franc_outbox_oldest_pending_age_seconds",
    "franc_outbox_pending",
    "franc_publish_duration_seconds_bucket",
    "franc_publish_duration_seconds_count",
    "franc_publish_duration_seconds_sum",
    "franc_publish_failures_total",
    "franc_ready",
    "franc_requests",
    "franc_role",
    "franc_stage_ok",
    "franc_sync_duration_seconds_bucket",
    "franc_sync_duration_seconds_count",
    "franc_sync_duration_seconds_sum",
    "franc_sync_total",
    "franc_validation_errors_total",
    "franc_wakeups_total",
    "franc_watch_overflows_total",
    "franc_writeback_conflicts_total",
}


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    project = new_project(tmp_path / "work")
    project.add(range(3))
    project.clone.commit({"requests/bad.yaml": "type: nonsense\n"})
    with Station(project) as station:
        yield station


@pytest.fixture
def address(station: Station) -> Iterator[str]:
    with station.serve(hook_secret="0123456789abcdef") as address:
        yield address


class Scrape:
    """What a scraper reads: sample name and labels to value."""

    def __init__(self, address: str) -> None:
        text = ask(address, "/metrics").text
        self.families = list(text_string_to_metric_families(text))
        self.samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        return self.samples[name, frozenset(labels.items())]

    def sum(self, name: str) -> float:
        return sum(value for (found, _), value in self.samples.items() if found == name)


def test_every_metric_of_ours_is_exposed_under_its_name(station: Station, address: str) -> None:
    station.go()
    ask(address, "/livez")
    ask(address, "/hooks/push", method="POST")
    station.board.count(Count.WAKE_UPS, "timer")
    names = {name for name, _ in Scrape(address).samples}
    assert {name for name in names if name.startswith("franc_")} == OURS
    assert "process_resident_memory_bytes" in names


def test_numbers_agree_with_what_happened(station: Station, address: str) -> None:
    station.go()
    station.go("timer")
    station.board.pass_began("timer")
    station.clock.go_on(0.2)
    station.board.pass_ended(error=EventLogUnreachable("away"))
    scrape = Scrape(address)
    assert scrape("franc_build_info", version=__version__) == 1
    assert scrape.sum("franc_events_published_total") == 9
    assert (
        scrape(
            "franc_events_published_total", topic="franc.task.completion", kind="task_completion"
        )
        == 3
    )
    outcomes = [scrape("franc_sync_total", status=s) for s in ("success", "noop", "error")]
    assert outcomes == [1, 1, 1]
    assert scrape("franc_sync_duration_seconds_count") == 3
    assert scrape("franc_sync_duration_seconds_bucket", le="0.1") == 2
    assert scrape("franc_sync_duration_seconds_bucket", le="+Inf") == 3
    assert scrape("franc_sync_duration_seconds_sum") == pytest.approx(0.2)
    assert scrape("franc_publish_duration_seconds_count") == 1
    assert scrape("franc_publish_failures_total", reason="unreachable") == 1
    assert scrape("franc_validation_errors_total", code="FRN205") == 1
    assert scrape("franc_requests", kind="unknown", phase="Rejected") == 1
    assert scrape.sum("franc_requests") == 4
    assert scrape("franc_stage_ok", stage="event_log") == 0
    assert scrape("franc_stage_ok", stage="repository") == 1
    assert scrape("franc_ready") == 0
    now = station.clock.now().timestamp()
    assert scrape("franc_last_success_timestamp_seconds", stage="scan") == pytest.approx(now)
    assert scrape("franc_last_success_timestamp_seconds", stage="publish") < now


def test_what_waits_is_counted_with_its_age(station: Station, address: str) -> None:
    before = Scrape(address).samples
    assert not [name for name, _ in before if name.startswith("franc_outbox_")]
    station.go()
    assert Scrape(address)("franc_outbox_pending") == 0
    assert Scrape(address)("franc_outbox_oldest_pending_age_seconds") == 0
    station.board.pending(5, station.clock.now())
    station.clock.go_on(90)
    scrape = Scrape(address)
    assert scrape("franc_outbox_pending") == 5
    assert scrape("franc_outbox_oldest_pending_age_seconds") == 90
    assert scrape("franc_heartbeat_age_seconds") == 90


def test_what_has_not_happened_is_there_with_zero(station: Station, address: str) -> None:
    """A rate over a series that does not exist is nothing, not zero: alerts would not fire."""
    scrape = Scrape(address)
    assert scrape("franc_watch_overflows_total") == 0
    assert scrape("franc_writeback_conflicts_total") == 0
    assert scrape("franc_publish_failures_total", reason="refused") == 0
    for kind in kinds.all_kinds():
        for phase in Phase:
            assert scrape("franc_requests", kind=kind.type, phase=str(phase)) == 0
    roles = {role: scrape("franc_role", role=str(role)) for role in Role}
    assert [role for role, value in roles.items() if value] == [Role.STARTING]


@pytest.mark.parametrize(
    ("error", "reason"),
    [(EventLogRefused("no"), "refused"), (GuardRefused("another"), "guard")],
)
def test_failures_are_told_apart(
    station: Station, address: str, error: EventLogRefused, reason: str
) -> None:
    station.board.pass_ended(error=error)
    assert Scrape(address)("franc_publish_failures_total", reason=reason) == 1


def test_no_label_names_a_request_or_a_path(station: Station, address: str) -> None:
    station.go()
    ask(address, "/requests/device_conn_CHG-2024-000000")
    ask(address, "/requests/requests/bad.yaml")
    values = {value for _, labels in Scrape(address).samples for _, value in labels}
    assert not [value for value in values if "CHG-" in value or ".yaml" in value]


def test_what_is_counted_beyond_the_labels_that_are_kept_has_all_labels(
    station: Station, address: str
) -> None:
    for number in range(150):
        station.board.count(Count.HTTP_REQUESTS, f"/{number} 200")
    [counted] = [f for f in Scrape(address).families if f.name == "franc_http_requests"]
    assert {tuple(sorted(sample.labels)) for sample in counted.samples} == {("code", "route")}
    assert len(counted.samples) < 150


def test_openmetrics_is_spoken_to_who_asks_for_it(station: Station, address: str) -> None:
    answer = ask(address, "/metrics", headers={"Accept": OPENMETRICS})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_every_metric_says_what_it_is(address: str) -> None:
    for family in Scrape(address).families:
        assert family.documentation, family.name
