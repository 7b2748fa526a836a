"""Output as SARIF 2.1.0, the static-analysis format that code scanners and editors read.

Source: OASIS "SARIF Version 2.1.0 plus Errata 01", and "SARIF support for code scanning" of
GitHub, which refuses a run of more than 25,000 results and shows the first 5,000.
"""

from __future__ import annotations

import re
from itertools import islice
from json import JSONEncoder
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from franc_gitops import __version__
from franc_gitops.problems import CODES
from franc_gitops.reports.annotations import annotate, clip
from franc_gitops.reports.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from franc_gitops.errors import FrancError
    from franc_gitops.model import Problem
    from franc_gitops.reports import Done, Findings, Look, Planned
    from franc_gitops.reports.annotations import Annotation

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
MOST = 25_000
_encode = JSONEncoder(ensure_ascii=True).encode


def findings(found: Findings, look: Look) -> Iterator[str]:
    """Report what `validate` found."""
    return _log(found.validated.problems, look)


audit = findings
"""`verify` finds problems, too."""


def plan(planned: Planned, look: Look) -> Iterator[str]:
    """Report what is wrong with a plan."""
    return _log(planned.plan.problems, look)


def report(done: Done, look: Look) -> Iterator[str]:
    """Report what a pass held and why, and what kept it from its end."""
    return _log(done.report.plan.problems, look, done.report.failure)


def _log(
    problems: Sequence[Problem], look: Look, failure: FrancError | None = None
) -> Iterator[str]:
    """Write a log of one run, one result a line."""
    shown = list(islice(annotate(problems, look.below), MOST))
    codes = {code: at for at, code in enumerate(sorted({one.problem.code for one in shown}))}
    run = {
        "tool": {"driver": _driver(codes)},
        "invocations": [_invocation(failure, len(problems) - len(shown))],
        "columnKind": "unicodeCodePoints",
    }
    yield f'{{"$schema": "{SCHEMA}", "version": "2.1.0", "runs": [\n'
    yield f'{_encode(run)[:-1]}, "results": ['
    for at, marked in enumerate(shown):
        yield f"{',' if at else ''}\n{_encode(_result(marked, codes[marked.problem.code]))}"
    yield "\n]}]}\n"


def _driver(codes: Iterable[str]) -> dict[str, Any]:
    return {
        "name": "franc-gitops",
        "semanticVersion": semantic(__version__),
        "rules": [_rule(code) for code in codes],
    }


def semantic(version: str) -> str:
    """Write a Python version as a semantic one: `1.0rc1` is 1.0.0-rc1, `0.2.dev3` 0.2.0-dev3."""
    numbers, rest = re.fullmatch(r"v?(\d+(?:\.\d+)*)(.*)", version).groups()  # type: ignore[union-attr]
    padded = ".".join([*numbers.split("."), "0", "0"][:3])
    suffix = re.sub(r"[^0-9A-Za-z-]+", "-", rest).strip("-")
    return f"{padded}-{suffix}" if suffix else padded


def _rule(code: str) -> dict[str, Any]:
    entry = CODES[code]
    example = f"\n\n{entry.example}" if entry.example else ""
    fenced = f"\n\n```yaml\n{entry.example}\n```" if entry.example else ""
    return {
        "id": code,
        "name": "".join(re.findall(r"\w+", entry.title.title())),
        "shortDescription": {"text": entry.title},
        "fullDescription": {"text": entry.explanation},
        "help": {
            "text": f"{entry.explanation}{example}",
            "markdown": f"{entry.explanation}{fenced}",
        },
        "defaultConfiguration": {"level": str(entry.severity)},
    }


def _result(marked: Annotation, rule: int) -> dict[str, Any]:
    problem = marked.problem
    location: dict[str, Any] = {"artifactLocation": _artifact(marked.path)}
    if problem.line > 0:
        location["region"] = {"startLine": problem.line, "startColumn": max(1, problem.column)}
    return {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": str(problem.severity),
        "message": {"text": marked.text},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"francProblem/v1": marked.fingerprint},
    }


def _artifact(path: str) -> dict[str, str]:
    """Point to a file; a relative path begins at the top of the clone."""
    uri = quote(path.encode(errors="surrogateescape"))
    return {"uri": uri} if path.startswith("/") else {"uri": uri, "uriBaseId": "%SRCROOT%"}


def _invocation(failure: FrancError | None, left_out: int) -> dict[str, Any]:
    """Say how the run went: what kept it from its end, and how much stands in no result."""
    notes = []
    if failure is not None:
        told = clip(printable(f"{failure.code} {failure.message}".strip()))
        notes.append({"level": "error", "message": {"text": told}})
    if left_out:
        told = f"{left_out} more problems are left out: a run holds {MOST} at the most"
        notes.append({"level": "warning", "message": {"text": told}})
    return {
        "executionSuccessful": failure is None,
        **({"toolExecutionNotifications": notes} if notes else {}),
    }
