"""`franc-gitops plan`: what a publication would do."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from franc_gitops.cli import options
from franc_gitops.cli.help import epilog, verb
from franc_gitops.errors import Exit

if TYPE_CHECKING:
    from franc_gitops.cli.invocation import Invocation
    from franc_gitops.pipeline.actions import Plan
    from franc_gitops.pipeline.review import Base
    from franc_gitops.pipeline.turn import Pass
    from franc_gitops.reports import Planned

app = verb()


@app.command(
    epilog=epilog(
        {
            "plan": "what `publish` would do at HEAD",
            "plan --base origin/main": "only what this branch or pull request adds",
            "plan --base origin/main --offline": "the same without asking the event log",
            "plan -v": "with what is published and unchanged, too",
            "plan -o json": "with the exact bytes of every event",
            "plan -o markdown=plan.md": "as a comment for the review",
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
    output: options.Outputs = None,
    max_length: options.MaxLength = "",
    rev: options.Rev = "HEAD",
    base: Annotated[
        str | None,
        typer.Option(
            "--base", metavar="REV", help="Show only what was added since leaving this revision."
        ),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not ask the event log what is published.")
    ] = False,
    worktree: options.Worktree = False,
    strict: options.Strict = False,
    ignore_freeze: options.IgnoreFreeze = False,
    fail_on_changes: Annotated[
        bool, typer.Option("--fail-on-changes", help="Exit with 3 if anything would be sent.")
    ] = False,
    fail_on_warnings: options.FailOnWarnings = False,
    allow_empty: options.AllowEmpty = False,
) -> int:
    """Show what would be sent, and what is held and why.

    With -o json that is every event byte for byte, and also what is skipped. Nothing is
    changed: the ledger is read, nobody is fenced, no status file is written.

    --base is for a review: REV is the branch that the change is to be merged into. Compared is
    with the commit where the change left it; a shallow clone fetches what it lacks of that.
    The digest names what would be sent: `publish --expect DIGEST` sends that or nothing.
    """
    from franc_gitops.cli.ahead import warn_if_behind
    from franc_gitops.cli.outcome import (
        check_files,
        code_of_plan,
        describe_plan,
        name_superseded,
        name_uncommitted,
        warn_of_freeze,
    )
    from franc_gitops.cli.outputs import open_outputs
    from franc_gitops.wiring import Choices, open_base, open_pass

    invocation = context.obj
    outputs = open_outputs("plan", output, invocation, max_length)
    settings = invocation.settings(offline=offline)
    choices = Choices(
        revision=rev,
        worktree=worktree,
        strict=strict,
        offline=offline,
        write_back=False,
        override_freeze=ignore_freeze,
    )
    warn_if_behind(settings, choices, invocation)
    with ExitStack() as stack:
        began = None if base is None else stack.enter_context(open_base(settings, base, rev))
        planned = _plan(stack.enter_context(open_pass(settings, choices)), began)
        check_files(planned.plan, settings, allow_empty=allow_empty)
        name_uncommitted(planned.plan, invocation)
        name_superseded(planned.plan, invocation)
        warn_of_freeze(planned.plan.sends, planned.plan, settings, invocation)
        _name_lack_of_history(planned, invocation)
        outputs.write(planned, settings.root)
    invocation.say(describe_plan(planned))
    code = code_of_plan(planned.plan, fail_on_warnings=fail_on_warnings)
    return _changes(planned.plan, code) if fail_on_changes else code


def _plan(turn: Pass, began: Base | None) -> Planned:
    """Plan all of it, or only what was added since the base."""
    from franc_gitops.reports import Planned

    if began is None:
        made = turn.plan()
        return Planned(made, turn.publisher.ledger, turn.identity.name)
    review = turn.review(began)
    return Planned(review.plan, turn.publisher.ledger, turn.identity.name, review)


def _name_lack_of_history(planned: Planned, invocation: Invocation) -> None:
    """Warn of events whose time and commit are not those that `publish` will send."""
    if planned.review and not planned.review.is_whole:
        invocation.warn(
            "the clone is shallow and its remote gives no more: times and commits are those of "
            "the oldest commit at hand; `fetch-depth: 0`, `GIT_DEPTH: 0` give the right ones"
        )


def _changes(made: Plan, code: Exit) -> Exit:
    """Findings come before changes: they must be looked at first."""
    return Exit.CHANGES if code is Exit.OK and made.sends else code
