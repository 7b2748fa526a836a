"""Output for scripts: JSON, one entry a line."""

from __future__ import annotations

from json import JSONEncoder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from franc_gitops.audit.evidence import Evidence
    from franc_gitops.model import Event, Written
    from franc_gitops.pipeline.actions import Action
    from franc_gitops.pipeline.review import Review
    from franc_gitops.reports import Audited, Check, Done, Findings, Look, Planned, TopicRow
    from franc_gitops.settings.effective import Effective

encode = JSONEncoder(ensure_ascii=False).encode


def findings(found: Findings, _look: Look) -> Iterator[str]:
    """Show what `validate` found."""
    validated = found.validated
    errors = validated.errors
    summary = {
        "files": validated.files,
        "requests": found.valid_requests,
        "errors": errors,
        "warnings": len(validated.problems) - errors,
    }
    problems = (problem.as_dict() for problem in validated.problems)
    yield from _object({"summary": summary}, "problems", problems)


def audit(audited: Audited, _look: Look) -> Iterator[str]:
    """Show what `verify` found; what was repaired is listed apart."""
    found = audited.audit
    plan = found.plan
    head = {
        "commit": plan.commit if plan else "",
        "log": found.log_name,
        "summary": {
            "requests": found.requests,
            "events": found.events,
            "status_files": found.status_files,
            "errors": found.errors,
            "warnings": len(found.problems) - found.errors,
            "repaired": len(found.repaired),
            "pending": len(plan.sends) if plan else 0,
            "retired": len(found.retired),
            "removed_events": found.removed,
        },
        "repaired": [problem.as_dict() for problem in found.repaired],
        "retired": list(found.retired),
    }
    yield from _object(head, "problems", (problem.as_dict() for problem in found.problems))


def plan(planned: Planned, _look: Look) -> Iterator[str]:
    """Show a plan with the exact bytes that `publish` sends."""
    from franc_gitops.pipeline.actions import Kind

    plan = planned.plan
    head = {
        "commit": plan.commit,
        "digest": plan.digest,
        "log": planned.log or None,
        "offline": not planned.log,
        "base": _base(planned.review) if planned.review else None,
        "summary": {kind.value: plan.counts.get(kind, 0) for kind in Kind},
        "problems": [problem.as_dict() for problem in plan.problems],
    }
    yield from _object(head, "actions", action_rows(planned))


def _base(review: Review) -> dict[str, Any]:
    """Say what a plan was compared with, and what of it is left out."""
    return {
        "revision": review.revision,
        "commit": review.commit,
        "changed_files": review.changed,
        "pending": review.pending,
        "errors": review.errors,
        "whole": review.is_whole,
    }


def action_rows(planned: Planned) -> Iterator[dict[str, Any]]:
    """Give the actions of a plan, those on unchanged requests last."""
    from franc_gitops.pipeline.deliver import events_of

    for action in planned.plan.actions:
        yield _action(action, events_of(action, planned.plan.situation))
    for path, request_ids in planned.plan.comparison.settled.items():
        for request_id in request_ids:
            entry = planned.ledger.get(request_id)
            yield {
                "action": "skip",
                "request_id": request_id,
                "path": path,
                "revision": entry.revision if entry else 0,
                "reason": "published, unchanged",
                "events": [],
            }


def _action(action: Action, events: Iterable[Event]) -> dict[str, Any]:
    return {
        "action": action.kind.value,
        "request_id": action.request_id,
        "path": action.path,
        "revision": action.revision,
        "reason": action.reason,
        "events": [_event(event) for event in events],
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "topic": event.topic,
        "key": event.key.decode(),
        "headers": {name: value.decode() for name, value in event.headers},
        "value": event.value.decode(),
    }


def report(done: Done, _look: Look) -> Iterator[str]:
    """Show what a pass did."""
    from franc_gitops.pipeline.actions import Kind

    report, counts = done.report, done.report.counts
    head = {
        "commit": report.plan.commit,
        "log": report.log_name,
        "summary": {
            "published": counts.get(Kind.PUBLISH, 0),
            "skipped": counts.get(Kind.SKIP, 0),
            "held": counts.get(Kind.HOLD, 0),
            "cancelled": counts.get(Kind.CANCEL, 0),
            "failed": len(report.unsent),
        },
        "write_back": _written(report.written),
    }
    yield from _object(head, "requests", request_rows(done))


def request_rows(done: Done) -> Iterator[dict[str, Any]]:
    """Give the requests that a pass touched."""
    keys = ("request_id", "path", "phase", "message", "events")
    return ({key: row[key] for key in keys} for row in done.rows)


def _written(written: Written | None) -> dict[str, Any] | None:
    """Show what became of the status files; None where nothing did."""
    return written and {
        name: value or None if name in {"commit", "branch"} else value
        for name, value in written._asdict().items()
    }


def requests(rows: Sequence[Mapping[str, Any]], _look: Look) -> Iterator[str]:
    """Show requests as their entries in the status files, with their paths."""
    yield "["
    yield from _list(rows)
    yield "]\n"


def edits(rows: Iterable[Mapping[str, object]], _look: Look) -> Iterator[str]:
    """Show what `cancel` wrote into which request."""
    yield "["
    yield from _list(rows)
    yield "]\n"


def evidence(bundles: Iterable[Evidence], _look: Look) -> Iterator[str]:
    """Show all that is known of some changes, as a list."""
    from franc_gitops.reports.bundle import data

    yield "["
    yield from _list(map(data, bundles))
    yield "]\n"


def settings(rows: Iterable[Effective], _look: Look) -> Iterator[str]:
    """Show the settings that count."""
    yield "["
    yield from _list(row._asdict() for row in rows)
    yield "]\n"


def checks(found: Iterable[Check], _look: Look) -> Iterator[str]:
    """Show what `doctor` tried."""
    yield "["
    yield from _list(check._asdict() for check in found)
    yield "]\n"


def topics(found: Iterable[TopicRow], _look: Look) -> Iterator[str]:
    """Show topics and how they differ from what they should be."""
    yield "["
    yield from _list({**row._asdict(), "config": dict(row.config)} for row in found)
    yield "]\n"


def _object(head: dict[str, Any], name: str, entries: Iterable[Any]) -> Iterator[str]:
    """Write an object that ends in a long list, one entry a line."""
    yield f"{encode(head)[:-1]}, {encode(name)}: ["
    yield from _list(entries)
    yield "]}\n"


def _list(entries: Iterable[Any]) -> Iterator[str]:
    separator = "\n"
    for entry in entries:
        yield f"{separator}{encode(entry)}"
        separator = ",\n"
    if separator != "\n":
        yield "\n"
