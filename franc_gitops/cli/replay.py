"""`franc-gitops replay`: send what was sent once more, with the same ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from franc_gitops.cli import options
from franc_gitops.cli.help import count, epilog, verb
from franc_gitops.errors import Exit

if TYPE_CHECKING:
    from franc_gitops.cli.invocation import Invocation
    from franc_gitops.pipeline.actions import Plan
    from franc_gitops.pipeline.replay import Replay
    from franc_gitops.pipeline.report import Report
    from franc_gitops.pipeline.turn import Pass
    from franc_gitops.reports import Render

app = verb()

_NAMED = 5


@app.command(
    epilog=epilog(
        {
            "replay CHG-2024-001234": "all requests of one change, after a question",
            "replay pop_CHG-2024-001234": "one of them",
            "replay --dry-run CHG-2024-001234": "say what would be sent, and whether it can be",
            "replay --yes -o json CHG-2024-001234": "for scripts",
        },
        Exit.OK,
        Exit.USAGE,
        Exit.UNREACHABLE,
        Exit.PARTIAL,
        Exit.WRITE_BACK,
        Exit.FENCED,
    )
)
def replay(
    context: typer.Context,
    wanted: Annotated[
        list[str],
        typer.Argument(metavar="CHG…", help="Change numbers or request ids."),
    ],
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="text|json|jsonl", help="Output format.")
    ] = "text",
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    worktree: options.Worktree = False,
) -> int:
    """Send published events again, with the same ids.

    They are the same byte for byte, and consumers know repeats by ce_id. What was sent last is
    sent: the last revision, or the cancellation after it. The bytes come from the event log if
    they are still there, else from the request file as it was published; if neither is at
    hand, nothing is sent at all.

    Up to 5,000 requests are one transaction. More are several: if the log goes away between
    two of them (exit code 5), what is left is named. Only that is to be sent again then.
    """
    from franc_gitops.cli.progress import progress_bar
    from franc_gitops.pipeline.replay import Replay
    from franc_gitops.pipeline.rows import rows_of_entries
    from franc_gitops.reports import renderer
    from franc_gitops.wiring import Choices, open_pass

    invocation = context.obj
    render = renderer("requests", output)
    settings = invocation.settings()
    with progress_bar(invocation, "sending again") as progress:
        choices = Choices(worktree=worktree, progress=progress)
        with open_pass(settings, choices) as turn:
            purpose = Replay(wanted, turn.repository, turn.publisher.log, turn.envelope)
            turn.purpose = purpose
            if dry_run:
                return _show(turn, invocation, None if output == "text" else render)
            turn.approve = lambda plan: _ask(plan, yes=yes)
            report = turn.run()
    rows = list(rows_of_entries(purpose.done(report.ledger), report.log_name))
    invocation.write(render(rows, invocation.look()))
    return _tell(report, purpose, invocation)


def _show(turn: Pass, invocation: Invocation, render: Render | None) -> int:
    """Name what would be sent; that it can be sent is known by then."""
    from franc_gitops.pipeline.rows import rows_of_entries

    plan = turn.plan()
    lines = (f"{a.request_id}  {a.path}: {a.reason}\n" for a in plan.sends)
    rows = rows_of_entries((a.entry for a in plan.sends if a.entry), turn.identity.name)
    invocation.write(render(list(rows), invocation.look()) if render else lines)
    invocation.say(f"replay: would send {_size(plan)} again")
    return Exit.OK


def _size(plan: Plan) -> str:
    events = sum(len(action.prepared.events) for action in plan.sends if action.prepared)
    return f"{count(events, 'event')} of {count(len(plan.sends), 'request')}"


def _ask(plan: Plan, *, yes: bool) -> None:
    from franc_gitops.cli.confirmation import confirm

    named = ", ".join(action.request_id for action in plan.sends[:_NAMED])
    more = f" and {len(plan.sends) - _NAMED} more" if len(plan.sends) > _NAMED else ""
    confirm(f"Send {_size(plan)} again ({named}{more})?", yes=yes)


def _tell(report: Report, purpose: Replay, invocation: Invocation) -> int:
    """Say how it went, and what is missing."""
    done, left = len(purpose.done(report.ledger)), purpose.left(report.ledger)
    if failure := report.failure:
        hint = f"send these again: franc-gitops replay {' '.join(left[:_NAMED])}"
        if len(left) > _NAMED:
            hint += f", and {len(left) - _NAMED} more: those that the output does not show as sent"
        invocation.fail(failure.message, hint=hint if left else failure.hint, code=failure.code)
    also = f", {len(left)} not" if left else ""
    invocation.say(f"replay: {count(done, 'request')} sent again{also}")
    return report.failure.exit_code if report.failure else Exit.OK
