"""Output for people: one line for each thing found, in the form that editors can jump to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from franc_gitops.eventlogs import Record
    from franc_gitops.model import Problem
    from franc_gitops.pipeline.actions import Action
    from franc_gitops.pipeline.review import Review
    from franc_gitops.reports import Audited, Check, Done, Findings, Look, Planned, TopicRow
    from franc_gitops.settings.effective import Effective

_COLORS = {
    "error": "31;1",
    "warning": "33;1",
    "hint": "36",
    "place": "1",
    "caret": "32;1",
    "ok": "32",
    "failed": "31;1",
    "skipped": "2",
    "missing": "31;1",
    "differs": "33;1",
    "created": "32",
    "skip": "2",
    "publish": "32",
    "cancel": "35",
    "hold": "33;1",
    "orphaned": "33;1",
    "Completed": "32",
    "Published": "32",
    "Rejected": "31;1",
    "Failed": "31;1",
    "Pending": "33;1",
    "Scheduled": "33",
    "Cancelled": "35",
}
_WIDEST = 160


def printable(text: str) -> str:
    """Show what a terminal would obey, or not show at all, as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _paint(text: str, color: str, look: Look) -> str:
    code = _COLORS.get(color)
    return f"\x1b[{code}m{text}\x1b[0m" if look.colors and code else text


# --- validate -------------------------------------------------------------------------------


def findings(found: Findings, look: Look) -> Iterator[str]:
    """Show each problem with its place, its line and the way out."""
    for problem in found.validated.problems:
        yield from _problem(problem, found.line(problem), look)


def _problem(problem: Problem, line: str, look: Look) -> Iterator[str]:
    place = _paint(printable(f"{problem.path}:{problem.line}:{problem.column}:"), "place", look)
    severity = _paint(f"{problem.severity} {problem.code}", str(problem.severity), look)
    yield f"{place} {severity} {printable(problem.message)}\n"
    if line.strip():
        yield from _excerpt(line, problem.line, problem.column, look)
    if problem.hint:
        yield f"{_paint('  hint:', 'hint', look)} {printable(problem.hint)}\n"


def _excerpt(line: str, number: int, column: int, look: Look) -> Iterator[str]:
    """Show the line and a caret below the column."""
    start = max(0, column - _WIDEST // 2) if len(line) > _WIDEST else 0
    before = printable(line[start : column - 1].replace("\t", " "))
    after = printable(line[column - 1 : start + _WIDEST].replace("\t", " "))
    yield f"{number:>5} | {before}{after}\n"
    yield f"      | {' ' * len(before)}{_paint('^', 'caret', look)}\n"


# --- verify ---------------------------------------------------------------------------------


def audit(audited: Audited, look: Look) -> Iterator[str]:
    """Show what is not as it should be, and what a repair put right."""
    found = audited.audit
    for problem in found.problems:
        yield from _problem(problem, "", look)
    for problem in found.repaired:
        word = _paint("repaired", "ok", look)
        yield f"{word} {printable(problem.path)}: {problem.code} {printable(problem.message)}\n"
    if look.verbose:
        yield from (f"retired  {request_id}\n" for request_id in found.retired)


# --- plan and publish -----------------------------------------------------------------------


def plan(planned: Planned, look: Look) -> Iterator[str]:
    """Show what would be sent, and what is held and why; unchanged requests only as a number."""
    from franc_gitops.pipeline.review import is_gone

    plan = planned.plan
    if not planned.log:
        yield "offline   the event log was not asked whether any of this is published already\n"
    for problem in plan.problems:
        yield from _problem(problem, "", look)
    shown = [a for a in plan.actions if look.verbose or a.kind != "skip" or is_gone(a)]
    if plan.problems and shown:
        yield "\n"
    yield from (_action(action, look) for action in shown)
    if look.verbose:
        for path, request_ids in plan.comparison.settled.items():
            yield from (f"skip      {name}  {printable(path)}\n" for name in request_ids)
    if planned.review:
        yield from _left_on_base(planned.review)
    if plan.sends:
        yield f"digest    {plan.digest}\n"


def _left_on_base(review: Review) -> Iterator[str]:
    """Count what a change does not touch."""
    errors = f"{review.errors} {'error' if review.errors == 1 else 'errors'} of its own"
    more = f"{review.pending} more {'is' if review.pending == 1 else 'are'} pending on the base"
    if review.pending:
        yield f"base      {more}{f', which has {errors}' if review.errors else ''}\n"
    elif review.errors:
        yield f"base      the base has {errors}\n"


def _action(action: Action, look: Look) -> str:
    word = _paint(f"{action.kind.value:<9}", action.kind.value, look)
    name = f"{action.request_id or '?'} (revision {action.revision})" if action.revision else "?"
    return f"{word} {name}  {printable(action.path)}: {printable(action.reason)}\n"


def report(done: Done, look: Look) -> Iterator[str]:
    """Show what became of each request that this pass touched; its events with --verbose."""
    for problem in done.report.plan.problems:
        yield from _problem(problem, "", look)
    actions = done.report.actions
    if look.verbose:
        width = max((len(action.request_id) for action in actions), default=0)
        for row in done.rows:
            yield from _request(row, width, look)
        return
    unsent = done.report.unsent
    for action in actions:
        if action.kind != "skip" and action.request_id:
            yield _outcome(action, look, pending=action.request_id in unsent)


def _outcome(action: Action, look: Look, *, pending: bool) -> str:
    phase = "Pending" if pending else action.phase.value
    shown = f"{_paint(f'{phase:<9}', phase, look)} {action.request_id}  {printable(action.path)}"
    why = "" if action.sends else f": {printable(action.reason)}"
    return f"{shown}{why}\n"


# --- status and events ----------------------------------------------------------------------


def requests(rows: Sequence[Mapping[str, Any]], look: Look) -> Iterator[str]:
    """Show requests, one a line, and where their events are."""
    width = max((len(row["request_id"]) for row in rows), default=0)
    for row in rows:
        yield from _request(row, width, look)


def _request(row: Mapping[str, Any], width: int, look: Look) -> Iterator[str]:
    phase = _paint(f"{row['phase']:<9}", row["phase"], look)
    yield f"{phase} {row['request_id']:<{width}}  {printable(row['message'])}\n"
    if look.verbose:
        yield f"          {printable(row['path'])}, revision {row['revision']}\n"
        yield from (f"          {_sent(event)}\n" for event in row["events"])


def _sent(event: Mapping[str, Any]) -> str:
    place = f" {event['partition']}@{event['offset']}" if "partition" in event else ""
    return f"{event['event_type']} {event['event_id']} → {event['topic']}{place}"


def events(records: Iterable[Record], look: Look) -> Iterator[str]:
    """Show events as a consumer sees them, one a line; the whole body with --verbose."""
    for record in records:
        headers = {name: value.decode(errors="replace") for name, value in record.headers}
        place = f"{record.topic} {record.partition}@{record.offset}"
        key = record.key.decode(errors="replace")
        told = f"{headers.get('ce_time', ''):<27} {key:<15} {headers.get('ce_id', '')}  {place}"
        yield f"{printable(told)}\n"
        if look.verbose:
            yield f"  {printable(record.value.decode(errors='replace'))}\n"


def edits(rows: Iterable[Mapping[str, Any]], _look: Look) -> Iterator[str]:
    """Name the files that `cancel` edited, for whoever wants to commit them."""
    for path in dict.fromkeys(row["path"] for row in rows if row["edited"]):
        yield f"{path}\n"


# --- doctor and topics ----------------------------------------------------------------------


def checks(found: Iterable[Check], look: Look) -> Iterator[str]:
    """Show what `doctor` tried, each with what to do about it, as soon as it is known."""
    for check in found:
        outcome = _paint(f"{check.outcome:<7}", check.outcome, look)
        code = f"{check.code} " if check.code else ""
        yield f"{outcome}  {check.name}: {code}{printable(check.message)}\n"
        if check.hint:
            yield f"{_paint('         hint:', 'hint', look)} {printable(check.hint)}\n"


def topics(found: Iterable[TopicRow], look: Look) -> Iterator[str]:
    """Show topics as they are, and how they differ from what they should be."""
    for row in found:
        state = _paint(f"{row.state:<7}", row.state, look)
        yield f"{state}  {row.topic}  {printable(', '.join(_topic_facts(row)))}\n"
        for difference in row.differences:
            severity = _paint(difference["severity"], difference["severity"], look)
            is_but = f"is {difference['found']}, should be {difference['expected']}"
            yield f"         {severity}: {difference['setting']} {is_but}\n"
            yield f"{_paint('         hint:', 'hint', look)} {printable(difference['hint'])}\n"


def _topic_facts(row: TopicRow) -> Iterator[str]:
    """Say what a topic is like, and what else was wished for; of one that is missing the wish."""
    if row.state == "missing":
        yield f"to have partitions {row.wanted['partitions']}"
        yield f"replicas {row.wanted['replication']}"
        yield row.wanted["config"]["cleanup.policy"]
        return
    yield f"partitions {_beside(row.partitions, row.wanted['partitions'])}"
    yield f"replicas {_beside(row.replication, row.wanted['replication'])}"
    if policy := row.config.get("cleanup.policy"):
        yield policy


def _beside(found: int | None, wanted: int) -> str:
    return f"{found}" if found == wanted else f"{found} (wished for: {wanted}; left as it is)"


# --- config ---------------------------------------------------------------------------------


def settings(rows: Sequence[Effective], look: Look) -> Iterator[str]:
    """Show the settings that count, one a line."""
    width = max(len(row.name) for row in rows)
    for row in rows:
        value = "-" if row.value is None else printable(_shown(row.value))
        origin = _paint(f"({row.origin})", "skip", look)
        yield f"{row.name:<{width}}  {value}  {origin}\n"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict):
        from json import dumps

        return dumps(value, ensure_ascii=False)
    return str(value)
