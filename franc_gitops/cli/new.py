"""`franc-gitops new`: a valid request to begin with."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from franc_gitops.cli.help import epilog, verb
from franc_gitops.errors import Exit, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from franc_gitops.kinds import Kind

app = verb()


@app.command(
    epilog=epilog(
        {
            "new device_connection": "print a valid request",
            "new pop_deployment --change CHG-2026-000042 --write": "put it below requests/",
            "new datacenter_deployment > requests/dc.yaml": "put it where you like",
        },
        Exit.OK,
        Exit.USAGE,
    )
)
def new(
    context: typer.Context,
    kind: Annotated[
        str,
        typer.Argument(
            metavar="TYPE", help="device_connection, datacenter_deployment or pop_deployment."
        ),
    ],
    change: Annotated[
        str, typer.Option("--change", metavar="CHG", help="The change number to write into it.")
    ] = "",
    item: Annotated[
        str,
        typer.Option("--item", metavar="ITEM", help="Its item, if the change has several."),
    ] = "",
    write: Annotated[
        bool, typer.Option("--write", help="Write the file below the requests folder.")
    ] = False,
) -> int:
    """Write a valid request of a type, to begin with.

    Change it to what is wanted. Without --write it goes to standard output.
    """
    from franc_gitops.scaffold import EXAMPLE_CHANGE, place_of, scaffold

    made = _find(kind)
    number = change or EXAMPLE_CHANGE
    _check("--change", "change_number", number)
    if item:
        _check("--item", "item", item)
    if not write:
        sys.stdout.write(scaffold(made, number, item))
        return Exit.OK
    settings = context.obj.settings(with_kafka=False)
    path = place_of(settings.requests_dir, made, number, item)
    schema = _schema_seen_from(settings.root, path, made)
    _create(settings.root / path, scaffold(made, number, item, schema))
    sys.stdout.write(f"{path}\n")
    return Exit.OK


def _find(name: str) -> Kind:
    from franc_gitops.kinds import all_kinds
    from franc_gitops.suggestion import did_you_mean

    known = {kind.type: kind for kind in all_kinds()}
    if name not in known:
        hint = did_you_mean(name, known) or f"one of {', '.join(known)}"
        raise UsageError(f"{name!r} is not a type of request", hint=hint)
    return known[name]


def _check(option: str, name: str, value: str) -> None:
    """Hold a value against the field that it becomes."""
    from franc_gitops.kinds.common import COMMON

    field = next(field for field in COMMON if field.name == name)
    if not field.compile()(value):
        finding = next(iter(field.explain(value, (name,))))
        raise UsageError(f"{option}: {finding.message}", hint=finding.hint)


def _schema_seen_from(root: Path, path: str, kind: Kind) -> str:
    """Give the relative path of the request's JSON Schema if the repository has it."""
    schema = f"schemas/{kind.type}.schema.json"
    return "../" * path.count("/") + schema if (root / schema).is_file() else ""


def _create(file: Path, text: str) -> None:
    """Write a new file; one that is there is never overwritten."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise UsageError(
            f"{file} is there already", hint="choose another --change or --item"
        ) from None
