"""`franc-gitops watch`: the same pass for ever."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from functools import partial
from signal import SIGINT
from typing import TYPE_CHECKING, Annotated

import typer

from franc_gitops.cli import TERMINATED, options
from franc_gitops.cli.help import epilog, verb
from franc_gitops.errors import Exit, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from franc_gitops.daemon.narrator import Narrator
    from franc_gitops.daemon.opening import Daemon
    from franc_gitops.settings import Settings

app = verb()


@app.command(
    epilog=epilog(
        {
            "watch": "publish what is committed and pushed, until told to end",
            "watch --local": "follow this clone alone, and do not ask its remote",
            "watch --worktree": "follow saves in the folder instead of commits",
            "watch --http 0.0.0.0:8080": "answer HTTP on every address: dashboard, health, metrics",
            "watch --http off": "answer no HTTP",
            "watch --once": "one turn, then end",
        },
        Exit.OK,
        Exit.FINDINGS,
        Exit.USAGE,
        Exit.UNREACHABLE,
        Exit.PARTIAL,
        Exit.WRITE_BACK,
        Exit.FENCED,
        Exit.INTERRUPTED,
        TERMINATED,
        notes={
            Exit.FINDINGS: "with --once",
            Exit.UNREACHABLE: "with --once",
            Exit.PARTIAL: "with --once",
            Exit.WRITE_BACK: "with --once",
            Exit.FENCED: "with --once",
        },
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
    local: Annotated[
        bool, typer.Option("--local", help="Follow this clone alone, not its remote.")
    ] = False,
    poll: Annotated[
        str | None,
        typer.Option(
            "--poll",
            metavar="SECONDS",
            help="Ask the remote again after that, and a folder without events.",
        ),
    ] = None,
    grace: Annotated[
        str | None,
        typer.Option("--grace", metavar="SECONDS", help="Time to finish after SIGTERM."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Make one turn and end.")] = False,
    accept_ledger: Annotated[
        bool, typer.Option("--accept-ledger", help="Accept a ledger that is not the pinned one.")
    ] = False,
    http: Annotated[
        str | None,
        typer.Option("--http", metavar="HOST:PORT|off", help="Where to answer HTTP."),
    ] = None,
) -> int:
    """Publish what is missing, now and whenever it changes.

    Its dashboard is at http://127.0.0.1:8080/ unless that address is taken or another is asked
    for; /readyz, /livez and /metrics are there, too.
    """
    from franc_gitops.cli.narration import open_narrator
    from franc_gitops.cli.outcome import check_files, code_of_report
    from franc_gitops.daemon.memory import limit_heaps
    from franc_gitops.daemon.notify import notifying
    from franc_gitops.daemon.opening import open_daemon
    from franc_gitops.daemon.signals import Stop, handled
    from franc_gitops.daemon.wakeups import Wakeups
    from franc_gitops.settings.sources import find_supervisor
    from franc_gitops.wiring import Choices

    limit_heaps()
    invocation = context.obj
    for key, value in (("interval", interval), ("poll", poll), ("http", http)):
        if value is not None:
            _check_option(key, value)
            invocation.overrides.append(f"{key}={value}")
    settings, seconds = invocation.settings(), _seconds(grace)
    choices = Choices(worktree=worktree, strict=strict, accept_ledger=accept_ledger, local=local)
    stop, reread = Stop(Wakeups()), partial(invocation.settings, quiet=True)
    with ExitStack() as stack:
        if not once:
            stack.enter_context(handled(stop, seconds))
        narrator = stack.enter_context(open_narrator(invocation))
        daemon = stack.enter_context(open_daemon(settings, choices, narrator, stop, reread))
        if once:
            hint = "check requests_dir; `publish --allow-empty` takes it as it is"
            approve = partial(check_files, settings=settings, allow_empty=False, hint=hint)
            return code_of_report(daemon.loop.run_once(approve).report, fail_on_warnings=False)
        stack.enter_context(_http(daemon, settings, narrator))
        stack.enter_context(notifying(daemon.board, find_supervisor()))
        daemon.loop.run()
    return Exit.INTERRUPTED if daemon.stop.signal == SIGINT else Exit.OK


def _check_option(key: str, text: str) -> None:
    """Refuse a value in the option's own name: as a setting it would be called `--set`."""
    from franc_gitops.settings.forms import HTTP_ADDRESS, SECONDS, Unfit

    try:
        (HTTP_ADDRESS if key == "http" else SECONDS).read(text)
    except Unfit as error:
        raise UsageError(f"--{key}: {error}") from None


def _seconds(grace: str | None) -> float:
    """Read the grace period, as settings are read."""
    from franc_gitops.daemon.signals import GRACE_SECONDS
    from franc_gitops.settings.forms import SECONDS, Unfit

    if grace is None:
        return GRACE_SECONDS
    try:
        return float(SECONDS.read(grace))
    except Unfit as error:
        raise UsageError(f"--grace: {error}") from None


@contextmanager
def _http(daemon: Daemon, settings: Settings, narrator: Narrator) -> Iterator[None]:
    """Answer HTTP as the settings say; what that needs is imported only if they do."""
    if settings.http == "off":
        yield
        return
    from franc_gitops.daemon.http import Doors, serving
    from franc_gitops.daemon.site import make_site

    doors = Doors(
        board=daemon.board,
        wake=daemon.hook,
        warn=narrator.warn,
        site=make_site(settings, daemon.choices),
        hook_secret=settings.hook_secret,
        token=settings.http_token,
    )
    with serving(settings.http, doors) as address:
        if address:
            narrator.tell("http", address=f"http://{address}/")
        yield
