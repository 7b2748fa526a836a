"""`franc-gitops verify`: the audit of git, ledger, status files and events."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from franc_gitops.cli import options
from franc_gitops.cli.help import count, epilog, verb
from franc_gitops.errors import Exit, UsageError

if TYPE_CHECKING:
    from franc_gitops.audit.verify import Audit
    from franc_gitops.pipeline.turn import Pass
    from franc_gitops.settings import Settings

app = verb()


@app.command(
    epilog=epilog(
        {
            "verify": "compare everything; nothing is changed",
            "verify --repair": "and write wrong status files anew",
            "verify -o json": "for scripts",
            "verify -o github -o junit=verify.xml": "two formats, as CI systems want them",
            "verify --fail-on-changes": "exit with 3 if anything would be sent",
        },
        Exit.OK,
        Exit.FINDINGS,
        Exit.USAGE,
        Exit.CHANGES,
        Exit.UNREACHABLE,
        Exit.WRITE_BACK,
    )
)
def verify(
    context: typer.Context,
    *,
    output: options.Outputs = None,
    max_length: options.MaxLength = "",
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="Write status files anew where they are wrong; sends nothing."
        ),
    ] = False,
    rev: options.Rev = "HEAD",
    worktree: options.Worktree = False,
    fail_on_changes: Annotated[
        bool, typer.Option("--fail-on-changes", help="Exit with 3 if anything would be sent.")
    ] = False,
    fail_on_warnings: options.FailOnWarnings = False,
    allow_empty: options.AllowEmpty = False,
) -> int:
    """Compare git, ledger, status files and events with each other.

    Reads every status file, and every event at the partition and offset that the ledger names.
    With --rev, requests and status files are those of that commit.
    Requests that wait for the next `publish` are counted and are no findings. Run it while
    nothing is being published: what changes meanwhile may look wrong.
    """
    from franc_gitops.cli.ahead import refuse_if_behind, warn_if_behind
    from franc_gitops.cli.outcome import check_files, name_uncommitted
    from franc_gitops.cli.outputs import open_outputs
    from franc_gitops.cli.progress import progress_bar
    from franc_gitops.reports import Audited
    from franc_gitops.wiring import Choices, open_auditor, open_pass

    invocation = context.obj
    outputs = open_outputs("audit", output, invocation, max_length)
    settings = invocation.settings()
    _check_repair(settings.write_back, rev, is_wanted=repair)
    choices = Choices(revision=rev, worktree=worktree, write_back=repair)
    if repair:
        refuse_if_behind(settings, choices)
    warn_if_behind(settings, choices, invocation)
    with open_pass(settings, choices) as turn:
        auditor = open_auditor(settings, choices, turn)
        with progress_bar(invocation, "verifying") as progress:
            approve = partial(check_files, settings=settings, allow_empty=allow_empty)
            audit = replace(auditor, progress=progress, approve=approve).run()
        if repair:
            audit = _repair(turn, audit, settings)
        if audit.plan:
            name_uncommitted(audit.plan, invocation)
    summary = _summary(audit)
    outputs.write(Audited(audit, summary), settings.root)
    invocation.say(summary)
    return _code(audit, fail_on_changes=fail_on_changes, fail_on_warnings=fail_on_warnings)


def _check_repair(write_back: str, rev: str, *, is_wanted: bool) -> None:
    if is_wanted and write_back == "off":
        raise UsageError("--repair has nothing to write: write_back is off")
    if is_wanted and rev != "HEAD":
        raise UsageError(
            f"--repair writes the status files of HEAD, not those of {rev}", hint="leave --rev out"
        )


def _repair(turn: Pass, audit: Audit, settings: Settings) -> Audit:
    from franc_gitops.audit.repair import repair
    from franc_gitops.pipeline.ports import PartialWriteBack
    from franc_gitops.wiring import open_work_tree

    own = turn.write_back
    work_tree = own if isinstance(own, PartialWriteBack) else open_work_tree(settings)
    return repair(turn, audit, work_tree)


def _code(audit: Audit, *, fail_on_changes: bool, fail_on_warnings: bool) -> Exit:
    """Findings come before changes: they must be looked at first."""
    if audit.errors or (fail_on_warnings and audit.problems):
        return Exit.FINDINGS
    if fail_on_changes and audit.plan and audit.plan.sends:
        return Exit.CHANGES
    return Exit.OK


def _summary(audit: Audit) -> str:
    """Say in one line what was looked at and found."""
    from franc_gitops.cli.outcome import describe_written

    plan = audit.plan
    if plan is None:
        return "verify: another ledger than the pinned one; nothing else was compared"
    at = f" at {plan.commit[:12]}" if plan.commit else ""
    warnings = len(audit.problems) - audit.errors
    looked = (
        count(audit.requests, "request"),
        count(audit.events, "event"),
        count(audit.status_files, "status file"),
    )
    found = (
        count(audit.errors, "error"),
        count(warnings, "warning"),
        f"{len(audit.repaired)} repaired" if audit.repaired else "",
        f"{len(plan.sends)} to be published" if plan.sends else "",
        f"{len(audit.retired)} retired" if audit.retired else "",
    )
    where = describe_written(audit.written)
    return f"verify{at}: {', '.join(looked)} compared; {', '.join(filter(None, found))}{where}"
