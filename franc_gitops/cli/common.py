"""The options that every verb takes, before or after its name, and how options are read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from franc_gitops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


def share_options(command: Any) -> Any:
    """Give a command, and those below it, the common options; all values stay as typed."""
    for below in getattr(command, "commands", {}).values():
        share_options(below)
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


def _remember(context: typer.Context, parameter: typer.CallbackParam, value: Any) -> Any:
    """Keep a common option, wherever on the command line it stands."""
    if isinstance(value, list):
        context.obj.overrides += value
    elif value:
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
