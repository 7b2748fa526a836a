"""What a status commit says: a line for people, and trailers for programs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

MOST_CHANGES = 50
"""So many change numbers are named; the rest are counted."""

_CHANGE = re.compile(rb"^    change_number: (CHG-\d{4}-\d{6})$", re.MULTILINE)


def change_numbers(content: bytes) -> set[str]:
    """Give the change numbers of a status file."""
    return {number.decode() for number in _CHANGE.findall(content)}


def commit_message(
    subject: str, *, written: int, removed: int, commit: str, log: str, changes: Collection[str]
) -> str:
    """Give the message; `commit` is the one whose requests the status files are about."""
    done = [f"{written} written" if written else "", f"{removed} removed" if removed else ""]
    named = sorted(changes)
    trailers = [
        f"Franc-Commit: {commit}" if commit else "",
        f"Franc-Log: {log}",
        *(f"Franc-Change: {number}" for number in named[:MOST_CHANGES]),
        f"Franc-Changes-Omitted: {len(named) - MOST_CHANGES}" if named[MOST_CHANGES:] else "",
    ]
    body = f"Status files: {', '.join(filter(None, done)) or 'the pinned ledger'}."
    return f"{subject}\n\n{body}\n\n" + "".join(f"{line}\n" for line in trailers if line)
