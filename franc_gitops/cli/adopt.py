"""`franc-gitops adopt`: mark existing requests as published without sending them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from franc_gitops.cli import options
from franc_gitops.cli.help import count, epilog, verb
from franc_gitops.errors import Exit, UsageError

if TYPE_CHECKING:
    from franc_gitops.cli.invocation import Invocation
    from franc_gitops.pipeline.actions import Plan
    from franc_gitops.pipeline.turn import Report
    from franc_gitops.settings import Settings

app = verb()


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
        choices = Choices(revision=rev, worktree=worktree, progress=progress)
        with open_pass(settings, choices) as turn:
            turn.purpose = purpose = Adopt(wanted or ())
            if dry_run:
                plan = turn.plan()
                check_files(plan, settings, allow_empty=False)
                return _describe(plan, invocation)
            turn.approve = lambda plan: _ask(plan, settings, yes=yes)
            report = turn.run()
    name_uncommitted(report.plan, invocation)
    rows = list(rows_of_entries(purpose.done(report.ledger), report.log_name))
    invocation.write(render(rows, invocation.look()))
    return _tell(report, len(rows), settings, invocation)


def _check_choice(wanted: list[str] | None, *, everything: bool) -> None:
    if everything and wanted:
        raise UsageError("--all and a change number contradict each other")
    if not everything and not wanted:
        raise UsageError("which requests?", hint="name change numbers or request ids, or say --all")


def _describe(plan: Plan, invocation: Invocation) -> int:
    for action in plan.sends:
        invocation.write([f"{action.request_id}  {action.path}\n"])
    invocation.say(f"adopt: would adopt {count(len(plan.sends), 'request')} and send nothing")
    return _code(plan)


def _code(plan: Plan) -> Exit:
    from franc_gitops.cli.outcome import code_of_plan

    return code_of_plan(plan.everything, fail_on_warnings=False)


def _ask(plan: Plan, settings: Settings, *, yes: bool) -> None:
    """Ask, once it is known how many they are."""
    from franc_gitops.cli.confirmation import confirm
    from franc_gitops.cli.outcome import check_files

    check_files(plan, settings, allow_empty=False)
    if plan.sends:
        requests = count(len(plan.sends), "request")
        confirm(f"Mark {requests} as published without sending anything?", yes=yes)


def _tell(report: Report, adopted: int, settings: Settings, invocation: Invocation) -> int:
    """Say how it went, what was left out, and which ledger is ours from now on."""
    from franc_gitops.cli.outcome import name_pins

    if report.new_pins:
        name_pins(report, settings, invocation)
    plan = report.plan
    for problem in plan.problems:
        if problem.is_error:
            place = f"{problem.path}:{problem.line}:{problem.column}"
            invocation.warn(f"left out: {place}: {problem.code} {problem.message}")
    if report.failure is not None:
        failure = report.failure
        hint = "run adopt again: it adopts exactly the rest"
        invocation.fail(failure.message, hint=hint, code=failure.code)
    at = f" at {plan.commit[:12]}" if plan.commit else ""
    invocation.say(f"adopt{at}: {count(adopted, 'request')} adopted, nothing sent")
    return report.failure.exit_code if report.failure else _code(plan)
