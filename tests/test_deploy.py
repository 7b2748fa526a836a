"""Alert rules and Grafana dashboard against the metrics that are really exposed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from franc_gitops.daemon.board import Count
from tests.support.daemon import Station
from tests.support.http import ask
from tests.support.kafka_jars import REPOSITORY
from tests.support.project import new_project

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPLOY = REPOSITORY / "deploy"
RULES = DEPLOY / "prometheus" / "franc-gitops.rules.yml"
RULE_TESTS = DEPLOY / "prometheus" / "franc-gitops.rules.test.yml"
DASHBOARD = DEPLOY / "grafana" / "franc-gitops.json"
PAGE = REPOSITORY / "docs" / "operations.md"
TARGET = {"job", "instance"}
"""Labels that Prometheus itself adds to every sample."""

OPEN_LABELS = {"topic", "code", "route", "trigger", "outcome", "version", "le"}
"""Labels whose values are not known beforehand, or depend on what was called."""


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a scraper reads from a daemon to which everything happened."""
    project = new_project(tmp_path_factory.mktemp("deploy"))
    project.add(range(1))
    project.clone.commit({"requests/bad.yaml": "type: nonsense\n"})
    with Station(project) as station, station.serve() as address:
        station.go()
        station.board.count(Count.WAKE_UPS, "timer")
        ask(address, "/hooks/push", method="POST")
        ask(address, "/livez")
        return ask(address, "/metrics").text


@pytest.fixture(scope="module")
def exposed(scraped: str) -> dict[str, dict[str, set[str]]]:
    """Sample name -> label -> values."""
    found: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(scraped):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return found


@cache
def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@cache
def dashboard() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return read


def queries() -> list[tuple[str, str]]:
    """Where each query stands, and its text with Grafana's variables filled in."""
    found = [(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules()]
    found += [
        (panel["title"], target["expr"])
        for panel in dashboard()["panels"]
        for target in panel.get("targets", ())
    ]
    found += [("annotations", a["expr"]) for a in dashboard()["annotations"]["list"]]
    return [(name, text.replace("$__rate_interval", "5m")) for name, text in found]


def selectors(node: Any) -> Iterator[Any]:
    """Every selector of series within a parsed query."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    elif isinstance(node, promql_parser.MatrixSelector):
        yield node.vector_selector
    for part in ("lhs", "rhs", "expr"):
        if getattr(node, part, None) is not None:
            yield from selectors(getattr(node, part))
    for argument in getattr(node, "args", ()):
        yield from selectors(argument)


def groupings(text: str) -> set[str]:
    """The labels that a query groups by."""
    found = re.findall(r"\b(?:by|without) \(([^)]*)\)", text)
    return {label.strip() for labels in found for label in labels.split(",")}


@pytest.mark.parametrize(("name", "text"), queries())
def test_a_query_asks_for_metrics_and_labels_that_are_exposed(
    exposed: dict[str, dict[str, set[str]]], name: str, text: str
) -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    found = list(selectors(promql_parser.parse(text)))
    assert found, name
    labels = set(TARGET)
    for selector in found:
        if selector.name == "ALERTS":
            continue
        assert selector.name in exposed or selector.name in recorded, f"{name}: {selector.name}"
        known = exposed.get(selector.name, {})
        labels |= set(known)
        for matcher in selector.matchers.matchers:
            assert matcher.name in TARGET | set(known), f"{name}: {matcher.name}"
            if matcher.name not in TARGET | OPEN_LABELS:
                values = re.split(r"\|", matcher.value)
                assert set(values) <= known[matcher.name], f"{name}: {matcher.value}"
    assert groupings(text) <= labels, name


def test_every_metric_of_ours_is_on_the_page_and_on_the_dashboard_or_alerted_on(
    exposed: dict[str, dict[str, set[str]]],
) -> None:
    ours = {re.sub("_(bucket|sum|count)$", "", name) for name in exposed if "franc_" in name}
    asked = " ".join(text for _, text in queries())
    assert {name for name in ours if name not in asked} == {"franc_build_info"}
    page = PAGE.read_text()
    assert {name for name in ours if f"`{name}" not in page} == set()


def test_every_alert_says_what_it_is_and_what_to_do() -> None:
    alerts = [rule for rule in rules() if "alert" in rule]
    assert len({rule["alert"] for rule in alerts}) == len(alerts) > 10
    for rule in alerts:
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"]["summary"], rule["alert"]
        assert rule["annotations"]["description"], rule["alert"]


def test_every_alert_is_shown_to_fire() -> None:
    tests = yaml.safe_load(RULE_TESTS.read_text())["tests"]
    fired = {
        case["alertname"]
        for test in tests
        for case in test["alert_rule_test"]
        if case["exp_alerts"]
    }
    assert fired == {rule["alert"] for rule in rules() if "alert" in rule}


def promtool(*arguments: str | Path, given: str = "") -> None:
    cached = REPOSITORY / ".cache" / "promtool" / "usr" / "bin" / "promtool"
    program = shutil.which("promtool") or shutil.which(cached)
    if program is None:
        pytest.fail("no promtool: `make operations` brings it or says what to install")
    done = subprocess.run(
        [program, *arguments], input=given, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


@pytest.mark.parametrize("command", [["check", "rules", RULES], ["test", "rules", RULE_TESTS]])
def test_prometheus_itself_takes_the_rules(command: list[str | Path]) -> None:
    promtool(*command)


def test_prometheus_itself_finds_no_fault_with_the_metrics(scraped: str) -> None:
    promtool("check", "metrics", given=scraped)


def test_the_dashboard_can_be_imported() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [tuple(panel["gridPos"][name] for name in "xywh") for panel in panels]
    taken: set[tuple[int, int]] = set()
    for x, y, width, height in places:
        assert x + width <= 24
        cells = {(x + dx, y + dy) for dx in range(width) for dy in range(height)}
        assert not taken & cells
        taken |= cells
    variables = {variable["name"] for variable in dashboard()["templating"]["list"]}
    assert set(re.findall(r"\$\{?([a-z]+)", DASHBOARD.read_text())) <= variables | {"__all"}
    for panel in panels:
        assert panel["type"] == "row" or panel["description"], panel["title"]


def test_what_is_deployed_names_files_that_are_there() -> None:
    named = re.findall(r"`(deploy/[\w./-]+)`", PAGE.read_text())
    assert named
    for name in named:
        assert Path(REPOSITORY / name).exists(), name
