"""Output as Markdown: a comment for a pull request, or the summary of a CI job.

The first line is a marker that no page shows: whoever posts the report finds the comment of
the run before by it, and replaces that instead of adding one more. A report keeps within
`Look.room`: each of its lists loses its middle, and says how much that is and where all of it is.

Whatever a request holds is shown as text: nothing in it becomes markup, a mention or a link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from franc_gitops.pipeline.actions import Kind
from franc_gitops.reports import NOTHING, count
from franc_gitops.reports.annotations import annotate, in_words
from franc_gitops.reports.bundle import page
from franc_gitops.reports.markup import Section, code, fenced, fit, html_code, row, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from franc_gitops.audit.evidence import Evidence
    from franc_gitops.errors import FrancError
    from franc_gitops.model import Event, Problem
    from franc_gitops.pipeline.actions import Action, Plan
    from franc_gitops.reports import Done, Findings, Look, Planned

_MARKS = {True: "❌", False: "⚠️"}
_EMPTY = "⚪"


def findings(found: Findings, look: Look) -> Iterator[str]:
    """Show what `validate` found."""
    problems = found.validated.problems
    verdict = _EMPTY if found.is_empty else _verdict(problems)
    head = _head(found.verb, verdict, NOTHING if found.is_empty else in_words(problems))
    head += "" if found.is_empty else f"\n{text(found.summary)}\n"
    yield from fit(head, [_problems(problems)], f"franc-gitops {found.verb}", look.room)


audit = findings
"""`verify` finds problems, too."""


def plan(planned: Planned, look: Look) -> Iterator[str]:
    """Show what would be sent, with the body of every event, and what is held and why."""
    from franc_gitops.pipeline.review import is_gone

    plan = planned.plan
    shown = [a for a in plan.actions if a.kind is not Kind.SKIP or is_gone(a)]
    sent = plan.sends
    sections = [
        _problems(plan.problems),
        Section(
            "\n| | request | revision | file | why |\n|---|---|---|---|---|\n",
            len(shown),
            lambda at: _action(shown[at]),
            lambda number: row("", f"… {number} more …", "", "", ""),
        ),
        Section("\n", len(sent), lambda at: _events(sent[at], plan), _left_out),
    ]
    yield from fit(_plan_head(planned), sections, "franc-gitops plan -o json", look.room)


def report(done: Done, look: Look) -> Iterator[str]:
    """Show what became of each request, and where its events are."""
    from franc_gitops.pipeline.rows import row_of_report

    report = done.report
    shown = [a for a in report.actions if a.kind is not Kind.SKIP and a.request_id]
    sent = [a for a in shown if a.sends and a.request_id not in report.unsent]
    sections = [
        _problems(report.plan.problems),
        Section(
            "\n| phase | request | file | |\n|---|---|---|---|\n",
            len(shown),
            lambda at: _outcome(shown[at], report.unsent),
            lambda number: row("", f"… {number} more …", "", ""),
        ),
        Section("\n", len(sent), lambda at: _sent(row_of_report(sent[at], report)), _left_out),
    ]
    yield from fit(_report_head(done), sections, "franc-gitops status -o json", look.room)


def evidence(bundles: Iterable[Evidence], _look: Look) -> Iterator[str]:
    """Show all that is known of some changes, however long it is."""
    for number, bundle in enumerate(bundles):
        yield "\n" if number else ""
        yield from page(bundle)


# --- headings -------------------------------------------------------------------------------


def _head(verb: str, mark: str, words: str) -> str:
    return f"<!-- franc-gitops:{verb} -->\n### {mark} franc-gitops {verb}: {text(words)}\n"


def _verdict(problems: Sequence[Problem]) -> str:
    errors = {problem.is_error for problem in problems}
    return _MARKS[max(errors)] if errors else "✅"


def _plan_head(planned: Planned) -> str:
    plan = planned.plan
    counts = {kind: plan.counts.get(kind, 0) for kind in Kind}
    words = f"{counts[Kind.PUBLISH]} to publish, {counts[Kind.HOLD]} held"
    if planned.review and not planned.review.changed:
        words = "no request file differs, nothing is added"
    table = row(*counts) + row(*["---"] * len(counts)) + row(*map(str, counts.values()))
    mark = _EMPTY if plan.is_empty else _verdict(plan.problems)
    head = _head("plan", mark, NOTHING if plan.is_empty else words)
    return f"{head}\n{table}\n{''.join(_plan_facts(planned))}"


def _plan_facts(planned: Planned) -> Iterator[str]:
    """Say what was planned, against what."""
    plan, review = planned.plan, planned.review
    if plan.commit:
        yield f"- commit {code(plan.commit)}\n"
    if review is not None:
        yield f"- only what it adds to {code(review.revision)} ({code(review.commit)}): "
        yield f"{count(review.changed, 'request file')} changed"
        left = f", {review.pending} pending and {count(review.errors, 'error')} on the base itself"
        yield f"{left if review.pending or review.errors else ''}\n"
    if planned.log:
        yield f"- event log {code(planned.log)}\n"
    else:
        yield "- without the ledger: what is published already is shown as to be sent, too\n"
    yield f"- digest {code(plan.digest)}\n"


def _report_head(done: Done) -> str:
    report, counts = done.report, done.report.counts
    parts = [
        f"{counts.get(Kind.PUBLISH, 0)} published",
        f"{counts.get(Kind.CANCEL, 0)} cancelled" if counts.get(Kind.CANCEL) else "",
        f"{counts.get(Kind.SKIP, 0)} unchanged",
        f"{counts.get(Kind.HOLD, 0)} held" if counts.get(Kind.HOLD) else "",
        f"{len(report.unsent)} still pending" if report.unsent else "",
    ]
    words = NOTHING if report.is_empty else ", ".join(filter(None, parts))
    mark = _EMPTY if report.is_empty else _verdict(report.plan.problems)
    head = _head("publish", "❌" if report.failure else mark, words)
    commit = f"- commit {code(report.plan.commit)}\n" if report.plan.commit else ""
    facts = f"{commit}- event log {code(report.log_name)}\n"
    return f"{head}\n{facts}{_failure(report.failure)}"


def _failure(failure: FrancError | None) -> str:
    if failure is None:
        return ""
    hint = f"<br>hint: {text(failure.hint)}" if failure.hint else ""
    return f"\n**error {text(failure.code)}** {text(failure.message)}{hint}\n"


# --- lists ----------------------------------------------------------------------------------


def _problems(problems: Iterable[Problem]) -> Section:
    marked = list(annotate(problems, ""))

    def item(at: int) -> str:
        problem = marked[at].problem
        place = code(f"{problem.path}:{problem.line}:{problem.column}")
        told = "<br>".join(map(text, marked[at].text.split("\n")))
        return row(f"{_MARKS[problem.is_error]} {problem.severity} {problem.code}", place, told)

    heading = "\n| | where | what |\n|---|---|---|\n"
    return Section(heading, len(marked), item, lambda number: row("", "", f"… {number} more …"))


def _action(action: Action) -> str:
    revision = str(action.revision) if action.revision else ""
    name = code(action.request_id) if action.request_id else "?"
    return row(action.kind.value, name, revision, code(action.path), text(action.reason))


def _outcome(action: Action, unsent: frozenset[str]) -> str:
    phase = "Pending" if action.request_id in unsent else action.phase.value
    why = "" if action.sends else text(action.reason)
    return row(phase, code(action.request_id), code(action.path), why)


def _events(action: Action, plan: Plan) -> str:
    from franc_gitops.pipeline.deliver import events_of

    events = events_of(action, plan.situation)
    return _details(action.request_id, len(events), map(_event, events))


def _event(event: Event) -> str:
    headers = "".join(
        f"{name}: {value.decode(errors='replace')}\n" for name, value in event.headers
    )
    key = code(event.key.decode(errors="replace"))
    place = f"{code(event.topic)}, key {key}"
    body = fenced(event.value.decode(errors="replace"), "json")
    return (
        f"{place}\n\n{body}\n<details><summary>headers</summary>\n\n{fenced(headers)}\n</details>\n"
    )


def _sent(entry: Mapping[str, Any]) -> str:
    lines = [
        f"- {code(event['event_type'])} {code(event['event_id'])} → {code(event['topic'])}"
        + (f" partition {event['partition']} offset {event['offset']}" if "offset" in event else "")
        + "\n"
        for event in entry["events"]
    ]
    return _details(entry["request_id"], len(lines), ["".join(lines)])


def _details(name: str, number: int, pieces: Iterable[str]) -> str:
    title = f"{html_code(name)}: {count(number, 'event')}"
    inside = "\n".join(pieces)
    return f"<details><summary>{title}</summary>\n\n{inside}\n</details>\n\n"


def _left_out(number: int) -> str:
    return f"… left out here: the events of {number} of the requests …\n\n"
