"""`franc-gitops adopt`: mark existing requests as published without sending them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from franc_gitops.cli import options
from franc_gitops.cli.help import count, epilog, verb
from franc_gitops.errors import Exit, UsageError, WriteBackFailed

if TYPE_CHECKING:
    from franc_gitops.cli.invocation import Invocation
    from franc_gitops.pipeline.actions import Plan
    from franc_gitops.pipeline.report import Report
    from franc_gitops.reports import Render
    from franc_gitops.settings import Settings

app = verb()

_NAMED = 10


@app.command(
    epilog=epilog(
        {
            "adopt CHG-2024-001234": "the requests of one change",
            "adopt --all --dry-run": "name what would be adopted",
            "adopt --all --yes": "everything that publish would send now",
        },
        Exit.OK,
        Exit.FINDINGS,
        Exit.USAGE,
        Exit.UNREACHABLE,
        Exit.PARTIAL,
        Exit.WRITE_BACK,
        Exit.FENCED,
    )
)
def adopt(
    context: typer.Context,
    wanted: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CHG…]", help="Change numbers or request ids."),
    ] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Every request that publish would send now.")
    ] = False,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="text|json|jsonl", help="Output format.")
    ] = "text",
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    rev: options.Rev = "HEAD",
    worktree: options.Worktree = False,
) -> int:
    """Mark requests as published without sending them.

    For requests that were carried out before franc-gitops came. The status files say that no
    event was sent. From then on they are like published requests: a change needs a higher
    `revision`, `cancel` sends a cancellation.
    """
    from franc_gitops.cli.outcome import check_files, name_uncommitted
    from franc_gitops.cli.progress import progress_bar
    from franc_gitops.pipeline.adopt import Adopt
    from franc_gitops.pipeline.rows import rows_of_entries
    from franc_gitops.reports import renderer
    from franc_gitops.wiring import Choices, open_pass

    _check_choice(wanted, everything=everything)
    invocation = context.obj
    render = renderer("requests", output)
    settings = invocation.settings()
    with progress_bar(invocation, "adopting") as progress:
        choices = Choices(revision=rev, worktree=worktree, ignore_freeze=True, progress=progress)
        with open_pass(settings, choices) as turn:
            turn.purpose = purpose = Adopt(wanted or ())
            turn.finished = lambda _: True  # carried out before, and so in nobody's way
            if dry_run:
                plan = turn.plan()
                check_files(plan, settings, allow_empty=False)
                shown = None if output == "text" else render
                _show(plan, turn.identity.name, invocation, shown)
                return _left_out(plan.everything, invocation) if everything else Exit.OK
            turn.approve = lambda plan: _ask(plan, settings, yes=yes)
            report = turn.run()
    name_uncommitted(report.plan, invocation)
    rows = list(rows_of_entries(purpose.done(report.ledger), report.log_name))
    invocation.write(render(rows, invocation.look()))
    _tell(report, len(rows), settings, invocation)
    if report.failure is not None:
        return report.failure.exit_code
    return _left_out(report.plan, invocation) if everything else Exit.OK


def _check_choice(wanted: list[str] | None, *, everything: bool) -> None:
    if everything and wanted:
        raise UsageError("--all and a change number contradict each other")
    if not everything and not wanted:
        raise UsageError("which requests?", hint="name change numbers or request ids, or say --all")


def _show(plan: Plan, log_name: str, invocation: Invocation, render: Render | None) -> None:
    """Name what would be adopted, or show what would then be known of it."""
    from franc_gitops.pipeline.rows import rows_of_entries

    lines = (f"{action.request_id}  {action.path}\n" for action in plan.sends)
    entries = (action.prepared.entry for action in plan.sends if action.prepared)
    rows = list(rows_of_entries(entries, log_name))
    invocation.write(render(rows, invocation.look()) if render else lines)
    invocation.say(f"adopt: would adopt {count(len(rows), 'request')} and send nothing")


def _ask(plan: Plan, settings: Settings, *, yes: bool) -> None:
    """Ask, once it is known how many they are."""
    from franc_gitops.cli.confirmation import confirm
    from franc_gitops.cli.outcome import check_files

    check_files(plan, settings, allow_empty=False)
    if plan.sends:
        requests = count(len(plan.sends), "request")
        confirm(f"Mark {requests} as published without sending anything?", yes=yes)


def _tell(report: Report, adopted: int, settings: Settings, invocation: Invocation) -> None:
    """Say how it went, and which ledger is ours from now on."""
    from franc_gitops.cli.outcome import name_pins

    if report.new_pins:
        name_pins(report, settings, invocation)
    if failure := report.failure:
        unwritten = isinstance(failure, WriteBackFailed)
        hint = failure.hint if unwritten else "run adopt again: it adopts exactly the rest"
        invocation.fail(failure.message, hint=hint, code=failure.code)
    at = f" at {report.plan.commit[:12]}" if report.plan.commit else ""
    invocation.say(f"adopt{at}: {count(adopted, 'request')} adopted, nothing sent")


def _left_out(plan: Plan, invocation: Invocation) -> Exit:
    """Name the errors that kept files from being adopted, the first of them."""
    errors = [problem for problem in plan.problems if problem.is_error]
    for problem in errors[:_NAMED]:
        place = f"{problem.path}:{problem.line}:{problem.column}"
        invocation.warn(f"left out: {place}: {problem.code} {problem.message}")
    if len(errors) > _NAMED:
        invocation.warn(f"left out: {len(errors) - _NAMED} more; franc-gitops validate")
    return Exit.FINDINGS if errors else Exit.OK
