"""`franc-gitops publish`: one pass from the commit to the status files."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from franc_gitops.cli import options
from franc_gitops.cli.help import count, epilog, verb
from franc_gitops.errors import EventLogRefused, EventLogUnreachable, Exit

if TYPE_CHECKING:
    from collections.abc import Callable

    from franc_gitops.cli.invocation import Invocation
    from franc_gitops.pipeline.report import Report
    from franc_gitops.settings import Settings

app = verb()

_FAILED = "publishing failed; what is missing stays pending for the next pass"
SUCCESS = "📡 Event successfully published to Kafka"


@app.command(
    epilog=epilog(
        {
            "publish": "send what is missing, write the status files",
            "publish --set write_back=push": "and push them, as CI jobs do",
            "publish -v": "and log a line per request; JSON in a pipe or a job",
            "publish -o json": "the outcome for scripts",
            "publish --expect sha256:…": "send what was reviewed, or nothing",
            "publish -o github": "annotations and a summary in a workflow",
            "publish --strict": "send nothing if any file has an error",
            "publish --ignore-freeze": "publish in spite of a freeze, in an emergency",
            "publish --accept-ledger": "publish to a ledger that is not the pinned one",
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
def publish(
    context: typer.Context,
    *,
    output: options.Outputs = None,
    max_length: options.MaxLength = "",
    rev: options.Rev = "HEAD",
    worktree: options.Worktree = False,
    strict: options.Strict = False,
    ignore_freeze: options.IgnoreFreeze = False,
    expect: Annotated[
        str | None,
        typer.Option(
            "--expect", metavar="DIGEST", help="Send the plan of this digest, or nothing."
        ),
    ] = None,
    accept_ledger: Annotated[
        bool, typer.Option("--accept-ledger", help="Accept a ledger that is not the pinned one.")
    ] = False,
    fail_on_warnings: options.FailOnWarnings = False,
    allow_empty: options.AllowEmpty = False,
) -> int:
    """Publish what is missing, and write the status files.

    Each event is published exactly once, whatever dies in between.
    It may be run again at any time: it sends exactly what the event log does not know yet.
    A file with an error is held; every other file goes on.

    With --expect it sends exactly what `plan` has shown with that digest. Anything else is
    refused with exit code 2: a further request, a part that is published or held meanwhile.
    """
    from franc_gitops.cli.ahead import warn_if_behind
    from franc_gitops.cli.outcome import (
        check_files,
        code_of_report,
        name_superseded,
        name_uncommitted,
        warn_of_freeze,
    )
    from franc_gitops.cli.outputs import open_outputs
    from franc_gitops.cli.progress import progress_bar
    from franc_gitops.reports import Done
    from franc_gitops.wiring import Choices, open_pass

    invocation = context.obj
    outputs = open_outputs("report", output, invocation, max_length)
    settings = invocation.settings()
    with progress_bar(invocation, "publishing") as progress:
        choices = Choices(
            revision=rev,
            worktree=worktree,
            strict=strict,
            override_freeze=ignore_freeze,
            accept_ledger=accept_ledger,
            expect=expect,
            progress=progress,
        )
        warn_if_behind(settings, choices, invocation)
        with open_pass(settings, choices) as turn:
            turn.approve = partial(check_files, settings=settings, allow_empty=allow_empty)
            report = _run(turn.run, invocation)
    name_uncommitted(report.plan, invocation)
    name_superseded(report.plan, invocation)
    warn_of_freeze(report.published.values(), report.plan, settings, invocation)
    done = Done(report)
    try:
        outputs.write(done, settings.root)
    finally:  # whatever becomes of the reports, say what was published
        _tell(report, settings, invocation)
    if invocation.verbose:
        from franc_gitops.cli.logs import log_requests, open_log

        log_requests(open_log(invocation), done.rows)
    return code_of_report(report, fail_on_warnings=fail_on_warnings)


def _run(run: Callable[[], Report], invocation: Invocation) -> Report:
    """Run the pass; if the event log keeps it from beginning, say what that means."""
    try:
        return run()
    except (EventLogUnreachable, EventLogRefused):
        invocation.warn(_FAILED)
        raise


def _tell(report: Report, settings: Settings, invocation: Invocation) -> None:
    """Say in the guide's words how it went, then sum it up."""
    from franc_gitops.cli.outcome import describe_report, name_pins

    if report.new_pins:
        name_pins(report, settings, invocation)
    if report.published:
        invocation.say(_success(report, settings))
    if report.failure is not None:
        if report.unsent:
            invocation.warn(_FAILED)
        invocation.fail(report.failure.message, hint=report.failure.hint, code=report.failure.code)
    invocation.say(describe_report(report))


def _success(report: Report, settings: Settings) -> str:
    """Give the guide's message, or without Kafka the simplified one."""
    requests = count(len(report.published), "request")
    if settings.kafka_enabled:
        return f"{SUCCESS} ({requests})"
    return f"Completed: {requests} recorded in the embedded event log; nothing left this machine"
