"""`franc-gitops status`: what is known of each request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from franc_gitops.cli import options
from franc_gitops.cli.help import epilog, verb
from franc_gitops.errors import Exit, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from franc_gitops.pipeline.actions import Plan
    from franc_gitops.pipeline.turn import Pass

app = verb()

_BAD = frozenset({"Rejected", "Failed", "Stalled"})


@app.command(
    epilog=epilog(
        {
            "status": "every request at HEAD",
            "status CHG-2024-001234": "the requests of one change, also if their file is gone",
            "status -v CHG-2024-001234": "with the place of every event",
            "status -o json": "the entries of the status files, with the path",
        },
        Exit.OK,
        Exit.FINDINGS,
        Exit.USAGE,
        Exit.UNREACHABLE,
    )
)
def status(
    context: typer.Context,
    wanted: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CHG…]", help="Change numbers or request ids; all if none."),
    ] = None,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="text|json|jsonl", help="Output format.")
    ] = "text",
    rev: options.Rev = "HEAD",
    worktree: options.Worktree = False,
    allow_empty: options.AllowEmpty = False,
) -> int:
    """Show where each request stands.

    That is what the repository asks for, against what the event log knows. Exits with 1 if a
    request that is shown is Rejected, Failed or Stalled.
    """
    from franc_gitops.cli.ahead import warn_if_behind
    from franc_gitops.cli.outcome import check_files, name_log, name_uncommitted
    from franc_gitops.reports import renderer
    from franc_gitops.wiring import Choices, open_pass

    invocation = context.obj
    render = renderer("requests", output)
    settings = invocation.settings()
    choices = Choices(revision=rev, worktree=worktree, write_back=False)
    warn_if_behind(settings, choices, invocation)
    with open_pass(settings, choices) as turn:
        plan = turn.plan()
        if not wanted:
            check_files(plan, settings, allow_empty=allow_empty)
            name_uncommitted(plan, invocation)
        rows = list(_chosen(turn, plan, set(wanted)) if wanted else _rows(turn, plan))
    if wanted and not rows and not allow_empty:
        raise UsageError(f"nothing is known of {', '.join(wanted)}", hint="franc-gitops status")
    invocation.write(render(rows, invocation.look()))
    invocation.say(f"status, {name_log(turn.identity.name)}: {_summary(rows, plan)}")
    return Exit.FINDINGS if any(row["phase"] in _BAD for row in rows) else Exit.OK


def _rows(turn: Pass, plan: Plan) -> Iterator[dict[str, Any]]:
    """Give every request by path, whatever this pass would do with it."""
    from franc_gitops.pipeline.rows import rows_of_actions, rows_of_settled

    ledger, log = turn.publisher.ledger, turn.identity.name
    rows = [*rows_of_settled(plan, ledger, log), *rows_of_actions(plan, ledger, log)]
    yield from sorted(rows, key=lambda row: (row["path"], row["request_id"]))


def _chosen(turn: Pass, plan: Plan, wanted: set[str]) -> Iterator[dict[str, Any]]:
    """Give the requests of some change numbers or ids, those whose file is gone too."""
    from itertools import chain

    from franc_gitops.pipeline.rows import rows_of_retired

    retired = rows_of_retired(plan, turn.publisher.ledger, turn.identity.name)
    for row in chain(_rows(turn, plan), retired):
        if not wanted.isdisjoint((row["change_number"], row["request_id"])):
            yield row


def _summary(rows: Sequence[dict[str, Any]], plan: Plan) -> str:
    """Count the requests by where they stand; name what could not even be read."""
    from collections import Counter

    phases = Counter(row["phase"] for row in rows)
    counts = ", ".join(f"{count} {phase}" for phase, count in sorted(phases.items()))
    unread = sum(not action.request_id for action in plan.actions)
    also = f"; {unread} files hold no valid request: franc-gitops validate" if unread else ""
    return f"{counts or 'no request'}{also}"
