"""The verbs, loaded when they are asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from franc_gitops.cli.common import share_options
from franc_gitops.errors import UsageError
from franc_gitops.suggestion import did_you_mean

VERBS = (
    "init",
    "new",
    "validate",
    "plan",
    "publish",
    "watch",
    "cancel",
    "replay",
    "adopt",
    "status",
    "events",
    "verify",
    "evidence",
    "topics",
    "doctor",
    "config",
    "schema",
    "explain",
)
"""In the order of their use. Each is a module of this package whose `app` holds its commands."""


class ClosedPipe(Exception):
    """The reader of standard output went away: a signal to the door, never shown."""


class Verbs(TyperGroup):
    """The group of all verbs; only the one that is asked for is imported."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Give the names of all verbs, in the order of their use."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        """Load one verb."""
        del ctx
        if cmd_name not in VERBS:
            return None
        module = import_module(f"franc_gitops.cli.{cmd_name}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return share_options(command)

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override]
        """Find the verb on the command line, or say which one may be meant."""
        verb = args[0]
        if verb not in VERBS and not verb.startswith("-"):
            raise UsageError(
                f"there is no verb {verb!r}",
                hint=did_you_mean(verb, VERBS) or "franc-gitops --help",
            )
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Run the verb; a closed pipe is told apart here, before typer makes an exit of it."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise ClosedPipe from None


def _show_version(value: bool) -> None:
    if value:
        from franc_gitops import __version__

        typer.echo(f"franc-gitops {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Change requests in git, exactly-once events in Apache Kafka.

    Requests are YAML files below requests/. `publish` sends what the event log does not know
    yet: never twice, whatever dies in between, and writes what became of it below status/.
    Without Kafka (KAFKA_ENABLED unset) the events stay on this machine, in an embedded log.
    """


def make_command() -> Any:
    """Make the command line: the group of verbs with the common options."""
    app = typer.Typer(cls=Verbs, no_args_is_help=True, rich_markup_mode=None, epilog=_EPILOG)
    app.callback()(_root)
    return share_options(typer.main.get_command(app))


_EPILOG = """
\b
Begin with:
  franc-gitops init                            a working set-up in an empty repository
  franc-gitops new device_connection --write   a valid example below requests/
  franc-gitops validate                        what is wrong, with line and column
  franc-gitops plan                            what would be sent, and what is held and why
  franc-gitops publish                         send it, and write the status files

\b
Exit codes:
  0  fine            1  findings             2  a human must change something
  3  changes pending 4  event log away       5  published in part
  6  write-back      7  fenced by another    130 interrupted

`franc-gitops explain exit-codes` says more; `explain CODE` explains a problem.
"""
