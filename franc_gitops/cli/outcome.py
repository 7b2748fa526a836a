"""What `plan`, `publish` and `status` say about a pass as a whole, and its exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from franc_gitops.cli.help import count
from franc_gitops.errors import Exit, UsageError
from franc_gitops.model import Phase
from franc_gitops.pipeline.actions import Kind
from franc_gitops.pipeline.review import is_gone
from franc_gitops.reports import NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from franc_gitops.cli.invocation import Invocation
    from franc_gitops.model import Written
    from franc_gitops.pipeline.actions import Action, Plan
    from franc_gitops.pipeline.report import Report
    from franc_gitops.reports import Planned
    from franc_gitops.settings import Settings

_NAMED = 5


def check_files(
    plan: Plan,
    settings: Settings,
    *,
    allow_empty: bool,
    hint: str = "check requests_dir; with --allow-empty this is fine",
) -> None:
    """Refuse to go on without a single request file: a folder may be misspelt.

    Publishing would remove every status file for it, and a check would be green.
    """
    if plan.is_empty and not allow_empty:
        where = f"at commit {plan.commit[:12]}" if plan.commit else f"in {settings.root}"
        raise UsageError(
            f"there is no request file below {settings.requests_dir}/ {where}",
            hint=hint,
        )


def name_uncommitted(plan: Plan, invocation: Invocation) -> None:
    """Warn of request files that are not committed, and therefore not part of the plan."""
    if uncommitted := plan.situation.snapshot.uncommitted:
        named = ", ".join(uncommitted[:_NAMED])
        more = len(uncommitted) - _NAMED
        also = f" and {more} more" if more > 0 else ""
        invocation.warn(f"not committed, and therefore not looked at: {named}{also}")


def name_superseded(plan: Plan, invocation: Invocation) -> None:
    """Say that a newer commit has spoken: whoever runs an older one should know why it is quiet."""
    if plan.superseded:
        named = ", ".join(action.request_id for action in plan.superseded[:_NAMED])
        more = len(plan.superseded) - _NAMED
        also = f" and {more} more" if more > 0 else ""
        invocation.warn(f"published from a newer commit, and therefore left alone: {named}{also}")


def name_pins(report: Report, settings: Settings, invocation: Invocation) -> None:
    """Say which ledger is taken as ours from now on: a human should agree."""
    for pin in report.new_pins:
        where = f"{settings.status_dir}/.ledger.yaml"
        kept = f"pinned in {where}" if report.written else f"not written to {where}"
        invocation.warn(f"ledger {pin.topic} of cluster {pin.cluster_id} is new: {kept}")


def warn_of_freeze(
    actions: Iterable[Action], plan: Plan, settings: Settings, invocation: Invocation
) -> None:
    """Say which of the actions go out although it is a freeze: only with --ignore-freeze."""
    from franc_gitops.pipeline.windows import frozen_sends

    for frozen, sent in frozen_sends(actions, settings.freeze, plan.situation.now).items():
        more = f" and {len(sent) - _NAMED} more" if len(sent) > _NAMED else ""
        named = ", ".join(action.request_id for action in sent[:_NAMED])
        invocation.warn(f"--ignore-freeze: {named}{more}, though {frozen}")


def code_of_plan(plan: Plan, *, fail_on_warnings: bool) -> Exit:
    """Give 1 for anything wrong with the requests; a request that waits for its time is fine."""
    wrong = any(problem.is_error or fail_on_warnings for problem in plan.problems)
    return Exit.FINDINGS if wrong else Exit.OK


def code_of_report(report: Report, *, fail_on_warnings: bool) -> Exit:
    """Give what kept the pass from its end, if anything did, else what is wrong with requests."""
    if report.failure is not None:
        return report.failure.exit_code
    return code_of_plan(report.plan, fail_on_warnings=fail_on_warnings)


def describe_plan(planned: Planned) -> str:
    """Sum a plan up in one line: of what, against what, and what comes of it."""
    plan, review = planned.plan, planned.review
    at = f" at {plan.commit[:12]}" if plan.commit else ""
    since = f" since {review.revision} ({review.commit[:12]})" if review else ""
    about = f"plan{at}{since}, {name_log(planned.log)}"
    if review and not review.changed:
        return f"{about}: no request file differs, nothing is added"
    return f"{about}: {', '.join(filter(None, _counts(plan)))}"


def _counts(plan: Plan) -> Iterator[str]:
    counts = {kind: plan.counts.get(kind, 0) for kind in Kind}
    left = sum(map(is_gone, plan.actions))
    yield f"{counts[Kind.PUBLISH]} to publish"
    yield f"{counts[Kind.CANCEL]} to cancel" if counts[Kind.CANCEL] else ""
    yield f"{counts[Kind.SKIP] - left} unchanged"
    yield f"{left} no longer asked for" if left else ""
    yield from _describe_held(plan)
    yield f"{counts[Kind.ORPHANED]} orphaned" if counts[Kind.ORPHANED] else ""
    yield NOTHING if plan.is_empty else ""


def name_log(log: str) -> str:
    """Name the event log that was looked at, if any was."""
    if not log:
        return "offline (the event log was not asked)"
    return "embedded log" if log == "embedded" else f"log {log}"


def _describe_held(plan: Plan) -> Iterator[str]:
    """Tell what is held because it is wrong from what waits for its time."""
    from franc_gitops.pipeline.windows import next_due

    scheduled = sum(a.kind is Kind.HOLD and a.phase is Phase.SCHEDULED for a in plan.actions)
    held = plan.counts.get(Kind.HOLD, 0) - scheduled
    due = next_due(plan) if scheduled else None
    yield f"{held} held" if held else ""
    yield f"{scheduled} scheduled" if scheduled else ""
    yield f"next due {due.isoformat()}" if due else ""


def describe_report(report: Report) -> str:
    """Sum up in one line what a pass did."""
    plan, counts = report.plan, {kind: report.counts.get(kind, 0) for kind in Kind}
    parts = [
        f"{counts[Kind.PUBLISH]} published",
        f"{counts[Kind.CANCEL]} cancelled" if counts[Kind.CANCEL] else "",
        f"{counts[Kind.SKIP]} unchanged",
        *_describe_held(plan),
        f"{len(report.unsent)} still pending" if report.unsent else "",
        NOTHING if report.is_empty else "",
    ]
    at = f" at {plan.commit[:12]}" if plan.commit else ""
    return f"publish{at}: {', '.join(filter(None, parts))}{describe_written(report.written)}"


def describe_written(written: Written | None) -> str:
    """Say which commit has the status files, if one was made, and of how many it has none."""
    if not written:
        return ""
    there = f"; status files on {written.branch} in {written.commit[:12]}" if written.commit else ""
    if not written.absent:
        return there
    files = count(written.absent, "request file")
    return f"{there}; {files} not on the branch yet, nor the status"
