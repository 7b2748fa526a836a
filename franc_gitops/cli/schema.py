"""`franc-gitops schema`: JSON Schemas of everything that is read and written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from franc_gitops.cli.help import epilog, verb
from franc_gitops.errors import Exit, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from franc_gitops.settings import Settings

app = verb()


@app.command(
    epilog=epilog(
        {
            "schema": "of any request, for editors and other checkers",
            "schema device_connection": "of one type of request",
            "schema event": "of all events; `schema pop_deployment.event` of one",
            "schema status": "of status files; `schema config` of franc-gitops.yaml",
            "schema --write schemas": "all of them, a file each",
        },
        Exit.OK,
        Exit.USAGE,
    )
)
def schema(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(metavar="WHAT", help="request, TYPE, event, TYPE.event, status, config."),
    ] = "request",
    write: Annotated[
        str, typer.Option("--write", metavar="DIR", help="Write all schemas into a folder.")
    ] = "",
) -> int:
    """Print a JSON Schema, or write all of them.

    It is draft 7, which editors know, and has the value rules of the settings in it.
    """
    from franc_gitops import schemas
    from franc_gitops.suggestion import did_you_mean

    made = _all_schemas(context.obj.settings(with_kafka=False))
    if write:
        files = schemas.write(Path(write), made)
        sys.stdout.writelines(f"{file}\n" for file in files)
        return Exit.OK
    if what not in made:
        hint = did_you_mean(what, made) or f"one of {', '.join(made)}"
        raise UsageError(f"there is no schema {what!r}", hint=hint)
    sys.stdout.write(schemas.encode(made[what]))
    return Exit.OK


def _all_schemas(settings: Settings) -> Mapping[str, dict[str, Any]]:
    from franc_gitops import schemas
    from franc_gitops.settings.schema import configuration_schema
    from franc_gitops.status_schema import status_schema

    own = {"status": status_schema(), "config": configuration_schema()}
    return {**schemas.all_schemas(settings.rules), **own}
