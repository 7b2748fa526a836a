"""The verbs, loaded when they are asked for, and the options that all of them share."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from franc_gitops.errors import UsageError
from franc_gitops.suggestion import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

VERBS = (
    "new",
    "validate",
    "plan",
    "publish",
    "status",
    "events",
    "topics",
    "doctor",
    "config",
    "schema",
    "explain",
)
"""In the order of their use. Each is a module of this package whose `app` holds its commands."""

_COMMON = "Common options"


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
        return _share_options(command)

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


def _remember(context: typer.Context, parameter: typer.CallbackParam, value: Any) -> Any:
    """Keep a common option, wherever on the command line it stands."""
    if value:
        setattr(context.obj, parameter.name or "", value)
    return value


def _change_folder(value: str | None) -> str | None:
    if value is not None:
        try:
            os.chdir(value)
        except OSError as error:
            raise UsageError(f"-C {value}: {error.strerror}") from None
    return value


def _show_help(context: typer.Context, value: bool) -> None:
    if value:
        typer.echo(context.get_help())
        raise typer.Exit


def _show_version(value: bool) -> None:
    if value:
        from franc_gitops import __version__

        typer.echo(f"franc-gitops {__version__}")
        raise typer.Exit


def _common(
    folder: Annotated[
        str | None,
        typer.Option(
            "-C",
            metavar="DIR",
            callback=_change_folder,
            is_eager=True,
            help="Run as if started there.",
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", callback=_remember, help="Override a setting of the file."
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", callback=_remember, help="Say errors only.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", callback=_remember, help="Say more.")
    ] = False,
    no_color: Annotated[
        bool, typer.Option("--no-color", callback=_remember, help="Without colours, as NO_COLOR=1.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", callback=_remember, help="Show where an error comes from.")
    ] = False,
    help_page: Annotated[
        bool,
        typer.Option("-h", "--help", callback=_show_help, is_eager=True, help="Show this page."),
    ] = False,
) -> None:
    """Hold the options that every verb takes, before or after its name."""


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


def _share_options(command: Any) -> Any:
    """Give a command, and those below it, the common options; all values stay as typed."""
    for below in getattr(command, "commands", {}).values():
        _share_options(below)
    command.params = [*command.params, *_common_parameters()]
    command.add_help_option = False
    for parameter in command.params:
        parameter.get_runtime_param = _AsTyped
    return command


class _AsTyped:
    """Takes values as they were typed: text, lists of text, flags.

    In place of the pydantic validator that typer >= 0.29 makes for every option: importing
    pydantic would double the time that `validate` takes for one file. What a text may be is
    the verb's to say. Older versions of typer do not ask for this.
    """

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Give the value; an option that was not used is None or, if it is a list, empty."""
        del ctx
        return () if value is None and (param.multiple or param.nargs == -1) else value


def _common_parameters() -> Sequence[Any]:
    holder = typer.Typer(add_completion=False, rich_markup_mode=None)
    holder.command()(_common)
    parameters = typer.main.get_command(holder).params
    for parameter in parameters:
        parameter.expose_value = False
    return parameters


def make_command() -> Any:
    """Make the command line: the group of verbs with the common options."""
    app = typer.Typer(cls=Verbs, no_args_is_help=True, rich_markup_mode=None, epilog=_EPILOG)
    app.callback()(_root)
    return _share_options(typer.main.get_command(app))


_EPILOG = """
\b
Begin with:
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
