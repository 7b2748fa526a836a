"""Output for programs that read a line at a time: one JSON object a line."""

from __future__ import annotations

from json import JSONEncoder
from typing import TYPE_CHECKING, Any

from franc_gitops.reports.json import action_rows, request_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from franc_gitops.eventlogs import Record
    from franc_gitops.reports import Done, Findings, Look, Planned

encode = JSONEncoder(ensure_ascii=False).encode


def findings(found: Findings, _look: Look) -> Iterator[str]:
    """Show one problem a line."""
    yield from (f"{encode(problem.as_dict())}\n" for problem in found.validated.problems)


audit = findings
"""`verify` finds problems, too."""


def plan(planned: Planned, _look: Look) -> Iterator[str]:
    """Show one action a line, with the exact bytes of its events."""
    yield from (f"{encode(row)}\n" for row in action_rows(planned))


def report(done: Done, _look: Look) -> Iterator[str]:
    """Show one request that the pass touched a line."""
    yield from (f"{encode(row)}\n" for row in request_rows(done))


def requests(rows: Sequence[Mapping[str, Any]], _look: Look) -> Iterator[str]:
    """Show one request a line, as its entry in the status file and with its path."""
    yield from (f"{encode(row)}\n" for row in rows)


def events(records: Iterable[Record], _look: Look) -> Iterator[str]:
    """Show one event a line, as a consumer sees it."""
    for record in records:
        shown = {
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "key": record.key.decode(errors="replace"),
            "headers": {name: value.decode(errors="replace") for name, value in record.headers},
            "value": record.value.decode(errors="replace"),
        }
        yield f"{encode(shown)}\n"
