"""Output for GitLab: a Code Quality report, for `artifacts:reports:codequality`.

GitLab compares the fingerprints of a merge request's report with those of its target branch,
and stops reading at the first entry that is not as it should be.
"""

from __future__ import annotations

from json import JSONEncoder
from typing import TYPE_CHECKING, Any

from franc_gitops.model import Severity
from franc_gitops.reports.annotations import annotate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from franc_gitops.model import Problem
    from franc_gitops.reports import Done, Findings, Look, Planned
    from franc_gitops.reports.annotations import Annotation

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "minor"}
_encode = JSONEncoder(ensure_ascii=True).encode


def findings(found: Findings, look: Look) -> Iterator[str]:
    """Report what `validate` found."""
    return _entries(found.validated.problems, look)


audit = findings
"""`verify` finds problems, too."""


def plan(planned: Planned, look: Look) -> Iterator[str]:
    """Report what is wrong with a plan."""
    return _entries(planned.plan.problems, look)


def report(done: Done, look: Look) -> Iterator[str]:
    """Report what a pass held, and why."""
    return _entries(done.report.plan.problems, look)


def _entries(problems: Iterable[Problem], look: Look) -> Iterator[str]:
    separator = "["
    for marked in annotate(problems, look.below):
        yield f"{separator}\n{_encode(_entry(marked))}"
        separator = ","
    yield "[]\n" if separator == "[" else "\n]\n"


def _entry(marked: Annotation) -> dict[str, Any]:
    return {
        "description": marked.text,
        "check_name": marked.problem.code,
        "fingerprint": marked.fingerprint,
        "severity": _SEVERITIES[marked.problem.severity],
        "location": {"path": marked.path, "lines": {"begin": max(1, marked.problem.line)}},
    }
