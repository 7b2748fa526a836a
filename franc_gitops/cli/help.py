"""What the help pages of all verbs have in common."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import typer

from franc_gitops.cli import TERMINATED
from franc_gitops.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXITS: Mapping[int, str] = {
    Exit.OK: "fine, warnings included",
    Exit.FINDINGS: "findings: something is invalid, held or failed",
    Exit.USAGE: "a human must change something",
    Exit.CHANGES: "changes are pending (--fail-on-changes)",
    Exit.UNREACHABLE: "event log unreachable, a retry may help",
    Exit.PARTIAL: "published in part, then the event log went away",
    Exit.WRITE_BACK: "published, but status files could not be written or pushed",
    Exit.FENCED: "another publisher kept taking over",
    Exit.INTERRUPTED: "interrupted",
    TERMINATED: "ended at once by a second SIGTERM",
}
"""In short; `explain exit-codes` says more."""


def verb() -> typer.Typer:
    """Make the holder of a verb's commands; help is plain text, which needs no rich."""
    return typer.Typer(add_completion=False, rich_markup_mode=None)


def epilog(
    examples: Mapping[str, str], *exits: int, notes: Mapping[int, str] = MappingProxyType({})
) -> str:
    """Write examples (command line without the program -> what it does) and exit codes.

    `notes` say of some exit codes when they are used.
    """
    width = max(map(len, examples))
    lines = [f"  franc-gitops {line:<{width}}  {does}" for line, does in examples.items()]
    codes = [_exit_line(code, notes.get(code, "")) for code in exits]
    return "\n".join(["\b", "Examples:", *lines, "", "\b", "Exit codes:", *codes])


def count(number: int, noun: str) -> str:
    """Write a number of things."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _exit_line(code: int, note: str) -> str:
    return f"  {code:<4} {note}{': ' if note else ''}{_EXITS[code]}"
