"""`franc-gitops events`: the events as a consumer sees them."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from franc_gitops.cli.help import epilog, verb
from franc_gitops.errors import Exit, UsageError
from franc_gitops.ledger import change_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from franc_gitops.eventlogs import Record

app = verb()


@app.command(
    epilog=epilog(
        {
            "events": "all committed events, one a line",
            "events -v CHG-2024-001234": "those of one change, with their bodies",
            "events pop_CHG-2024-001234": "those of one request of it",
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
        list[str] | None,
        typer.Argument(metavar="[CHG…]", help="Change numbers or request ids; all if none."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Wait for more events, until Ctrl-C.")
    ] = False,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="text|jsonl", help="Output format.")
    ] = "text",
) -> int:
    """Show the events as a consumer sees them.

    That is a consumer which reads committed records only (read_committed). Exits with 2 if there
    is no event of something that was asked for.
    """
    from franc_gitops.reports import renderer
    from franc_gitops.wiring import open_event_log

    invocation = context.obj
    render = renderer("events", output)
    log = open_event_log(invocation.settings())
    try:
        missing = set(wanted or ())
        records = _chosen(log.events(follow=follow), frozenset(missing), missing)
        for piece in render(records, invocation.look()):
            sys.stdout.write(piece)
            if follow:
                sys.stdout.flush()
    finally:
        log.close()
    if missing:
        named = ", ".join(name for name in wanted or () if name in missing)
        raise UsageError(f"no event of {named} is in the event log", hint="franc-gitops status")
    return Exit.OK


def _chosen(
    records: Iterable[Record], wanted: frozenset[str], missing: set[str]
) -> Iterator[Record]:
    """Choose by change number or request id; without a choice, all. What is met is not missing."""
    changes = {change_of(name) for name in wanted}
    for record in records:
        key = record.key.decode(errors="replace")
        names = {key, *_requests(record)} if key in changes else {key}
        if not wanted or not wanted.isdisjoint(names):
            missing -= names
            yield record


def _requests(record: Record) -> Iterator[str]:
    """Give the request that an event asks for or tells of; others may write to the topics, too."""
    try:
        body = json.loads(record.value)
    except (ValueError, RecursionError):
        return
    if isinstance(body, dict):
        names = (body.get("original_request_id"), body.get("request_id"))
        yield from (name for name in names if isinstance(name, str))
