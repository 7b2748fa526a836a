"""`franc-gitops watch`: the same pass for ever."""

from __future__ import annotations

from typing import Annotated

import typer

from franc_gitops.cli import options
from franc_gitops.cli.help import epilog, verb
from franc_gitops.errors import Exit

app = verb()


@app.command(
    epilog=epilog(
        {
            "watch": "publish what is committed from now on, until SIGTERM or Ctrl-C",
            "watch --worktree": "follow saves in the folder instead of commits",
            "watch --once": "one turn, then end",
        },
        Exit.OK,
        Exit.USAGE,
        Exit.INTERRUPTED,
    )
)
def watch(
    context: typer.Context,
    *,
    worktree: options.Worktree = False,
    strict: options.Strict = False,
    interval: Annotated[
        str | None,
        typer.Option("--interval", metavar="SECONDS", help="Look at everything again after that."),
    ] = None,
) -> int:
    """Publish what is missing, and go on doing so whenever something changes."""
    from franc_gitops.cli.narration import open_narrator
    from franc_gitops.daemon.opening import open_daemon
    from franc_gitops.daemon.signals import handled
    from franc_gitops.wiring import Choices

    invocation = context.obj
    if interval is not None:
        invocation.overrides.append(f"interval={interval}")
    settings = invocation.settings()
    choices = Choices(worktree=worktree, strict=strict)
    with open_daemon(settings, choices, open_narrator(invocation)) as daemon, handled(daemon.stop):
        daemon.loop.run()
    return 0
