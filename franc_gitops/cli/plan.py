"""`franc-gitops plan`: what a publication would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from franc_gitops.cli import options
from franc_gitops.cli.help import epilog, verb
from franc_gitops.errors import Exit

if TYPE_CHECKING:
    from franc_gitops.pipeline.actions import Plan

app = verb()


@app.command(
    epilog=epilog(
        {
            "plan": "what `publish` would do at HEAD",
            "plan -v": "with the requests that are published and unchanged",
            "plan -o json": "with the exact bytes of every event",
            "plan --worktree": "of the files as they are, committed or not",
            "plan --fail-on-changes": "exit with 3 if anything would be sent",
        },
        Exit.OK,
        Exit.FINDINGS,
        Exit.USAGE,
        Exit.CHANGES,
        Exit.UNREACHABLE,
    )
)
def plan(
    context: typer.Context,
    *,
    output: options.TextOrJson = "text",
    rev: options.Rev = "HEAD",
    worktree: options.Worktree = False,
    strict: options.Strict = False,
    fail_on_changes: Annotated[
        bool, typer.Option("--fail-on-changes", help="Exit with 3 if anything would be sent.")
    ] = False,
    fail_on_warnings: options.FailOnWarnings = False,
    allow_empty: options.AllowEmpty = False,
) -> int:
    """Show what would be sent, and what is held and why.

    With -o json that is every event byte for byte, and also what is skipped. Nothing is
    changed: the ledger is read, nobody is fenced, no status file is written.
    """
    from franc_gitops.cli.outcome import (
        check_files,
        code_of_plan,
        describe_plan,
        name_superseded,
        name_uncommitted,
    )
    from franc_gitops.reports import Planned, renderer
    from franc_gitops.wiring import Choices, open_pass

    invocation = context.obj
    render = renderer("plan", output)
    settings = invocation.settings()
    choices = Choices(revision=rev, worktree=worktree, strict=strict, write_back=False)
    with open_pass(settings, choices) as turn:
        made = turn.plan()
        check_files(made, settings, allow_empty=allow_empty)
        name_uncommitted(made, invocation)
        name_superseded(made, invocation)
        invocation.write(
            render(Planned(made, turn.publisher.ledger, turn.identity.name), invocation.look())
        )
    invocation.say(describe_plan(made))
    code = code_of_plan(made, fail_on_warnings=fail_on_warnings)
    return _changes(made, code) if fail_on_changes else code


def _changes(made: Plan, code: Exit) -> Exit:
    """Findings come before changes: they must be looked at first."""
    return Exit.CHANGES if code is Exit.OK and made.sends else code
