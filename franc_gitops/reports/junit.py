"""Output as JUnit XML, which nearly every CI system shows as a table of tests.

A test case is a request or a problem: `classname` is the file, `name` the request's id or the
problem's code and field, neither with a line number, so that a history can be kept of each.
An error is a failed case; a request that waits or is held is a skipped one; what could not be
published because the world failed is an error.

Source: the schema of Jenkins' xunit plug-in; there is no official one.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

from franc_gitops.pipeline.actions import Kind
from franc_gitops.reports import NOTHING
from franc_gitops.reports.annotations import clip, told
from franc_gitops.reports.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from franc_gitops.errors import FrancError
    from franc_gitops.model import Problem
    from franc_gitops.pipeline.actions import Action, Plan
    from franc_gitops.reports import Audited, Done, Findings, Look, Planned


class Case(NamedTuple):
    """One test case; `outcome` is failure, error, skipped, or empty for one that passes."""

    file: str
    name: str
    outcome: str = ""
    message: str = ""
    kind: str = ""
    details: str = ""


def findings(found: Findings, _look: Look) -> Iterator[str]:
    """Show each valid request as passed and each problem as failed."""
    valid = [Case(request.path, request.request_id) for request in found.validated.requests]
    cases = [*_problems(found.validated.problems), *valid]
    yield from _document(f"franc-gitops {found.verb}", cases)


def audit(audited: Audited, _look: Look) -> Iterator[str]:
    """Show each problem as failed; where there is none, the audit as passed."""
    cases = list(_problems(audited.validated.problems))
    yield from _document("franc-gitops verify", cases or [Case("verify", "audit")])


def plan(planned: Planned, _look: Look) -> Iterator[str]:
    """Show each request that would be sent as passed, what is held as skipped."""
    plan = planned.plan
    requests = (_planned(action) for action in _named(plan.actions))
    cases = [*_problems(plan.problems), *requests, *_settled(plan, 0)]
    yield from _document("franc-gitops plan", cases)


def report(done: Done, _look: Look) -> Iterator[str]:
    """Show each request that is published as passed, what could not be sent as an error."""
    report = done.report
    unsent = report.unsent
    requests = (
        _unsent(action, report.failure) if action.request_id in unsent else _planned(action)
        for action in _named(report.actions)
    )
    cases = [*_problems(report.plan.problems), *requests, *_settled(report.plan, report.resting)]
    yield from _document("franc-gitops publish", [*cases, *_failed(report.failure)])


def _named(actions: Iterable[Action]) -> Iterator[Action]:
    """Give the actions that are about a request; of others the file's problems tell all."""
    return (action for action in actions if action.request_id)


def _settled(plan: Plan, resting: int) -> Iterator[Case]:
    """Give one case for all that is published and unchanged: there may be very many."""
    if number := resting + sum(map(len, plan.comparison.settled.values())):
        yield Case("requests", "published and unchanged", "", f"{number} in all")


def _planned(action: Action) -> Case:
    waits = action.kind in {Kind.HOLD, Kind.ORPHANED}
    return Case(action.path, action.request_id, "skipped" if waits else "", action.reason)


def _unsent(action: Action, failure: FrancError | None) -> Case:
    code = failure.code if failure else ""
    return Case(action.path, action.request_id, "error", "not published; still pending", code)


def _failed(failure: FrancError | None) -> Iterator[Case]:
    """Give the case of what kept a pass from its end."""
    if failure is not None:
        name = "the pass ends as it should"
        yield Case("publish", name, "error", failure.message, failure.code, failure.hint)


def _problems(problems: Sequence[Problem]) -> Iterator[Case]:
    """Give a case for each problem; of equal names each but the first is numbered."""
    seen: Counter[tuple[str, str]] = Counter()
    for problem in problems:
        name = f"{problem.code} {problem.field}".strip()
        seen[problem.path, name] += 1
        again = seen[problem.path, name]
        yield Case(
            problem.path,
            f"{name} ({again})" if again > 1 else name,
            "failure" if problem.is_error else "",
            problem.message,
            problem.code,
            f"{printable(problem.path)}:{problem.line}:{problem.column}\n{told(problem)}",
        )


def _document(name: str, cases: Sequence[Case]) -> Iterator[str]:
    """Write the cases; a run that looked at nothing says so in a case of its own."""
    cases = cases or [Case("requests", "requests", "skipped", NOTHING)]
    outcomes = Counter(case.outcome for case in cases)
    totals = {
        "tests": str(len(cases)),
        "failures": str(outcomes["failure"]),
        "errors": str(outcomes["error"]),
    }
    suites = ET.Element("testsuites", {"name": name, **totals})
    skipped = str(outcomes["skipped"])
    suite = ET.SubElement(suites, "testsuite", {"name": name, **totals, "skipped": skipped})
    suite.extend(map(_element, cases))
    ET.indent(suites)
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f"{ET.tostring(suites, encoding='unicode')}\n"


def _element(case: Case) -> ET.Element:
    names = {"classname": printable(case.file), "name": printable(case.name)}
    element = ET.Element("testcase", names)
    if case.outcome:
        message = clip(printable(case.message))
        attributes = {"message": message, "type": case.kind or case.outcome}
        ET.SubElement(element, case.outcome, attributes).text = _text(case.details)
    elif case.message:
        ET.SubElement(element, "system-out").text = _text(case.details or case.message)
    return element


def _text(text: str) -> str:
    """Give lines without what XML cannot hold, and what no page can show."""
    return "\n".join(clip(printable(line)) for line in text.split("\n"))
