"""`franc-gitops events`: the events as a consumer sees them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from franc_gitops.cli.help import epilog, verb
from franc_gitops.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from franc_gitops.eventlogs import Record

app = verb()


@app.command(
    epilog=epilog(
        {
            "events": "all committed events, one a line",
            "events -v CHG-2024-001234": "those of one change, with their bodies",
            "events -o jsonl": "for programs, with headers and body",
            "events --follow": "and wait for more, until Ctrl-C",
        },
        Exit.OK,
        Exit.USAGE,
        Exit.UNREACHABLE,
        Exit.INTERRUPTED,
    )
)
def events(
    context: typer.Context,
    wanted: Annotated[
        list[str] | None, typer.Argument(metavar="[CHG…]", help="Change numbers; all if none.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Wait for more events, until Ctrl-C.")
    ] = False,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="text|jsonl", help="Output format.")
    ] = "text",
) -> int:
    """Show the events as a consumer sees them.

    That is a consumer which reads committed records only (read_committed).
    """
    from franc_gitops.reports import renderer
    from franc_gitops.wiring import open_event_log

    invocation = context.obj
    render = renderer("events", output)
    log = open_event_log(invocation.settings())
    try:
        records = _chosen(log.events(follow=follow), frozenset(map(str.encode, wanted or ())))
        for piece in render(records, invocation.look()):
            sys.stdout.write(piece)
            if follow:
                sys.stdout.flush()
    finally:
        log.close()
    return Exit.OK


def _chosen(records: Iterable[Record], keys: frozenset[bytes]) -> Iterator[Record]:
    """Choose by key, which is the change number; without a choice, all."""
    return (record for record in records if not keys or record.key in keys)
