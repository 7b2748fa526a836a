"""The tables of docs/edits.md, made from the edits that the tests try.

python -m tests.support.edits_page        # write them into the page (make docs)
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.edits import EDITS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.edited import Edit

PAGE = Path(__file__).resolve().parents[2] / "docs" / "edits.md"
BEGIN, END = "<!-- made by make docs from tests/support/edits.py -->\n", "<!-- end -->\n"
HEAD = "| edit | events | status file | exit | problem |\n|---|---|---|---|---|\n"


def page(old: str) -> str:
    """Give the page with the tables of now."""
    before, _, rest = old.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{''.join(tables())}{END}{after}"


def tables() -> Iterator[str]:
    """Give the edits as Markdown, a table for each topic."""
    for topic, edits in groupby(EDITS, key=lambda edit: edit.topic):
        yield f"\n### {topic}\n\n{HEAD}"
        yield from map(row, edits)
    yield "\n"


def row(edit: Edit) -> str:
    """Give one line of a table."""
    outcome = edit.outcome
    cells = (
        edit.what,
        ", ".join(outcome.events) or "none",
        outcome.phase or "none",
        str(outcome.exit),
        outcome.codes or "none",
    )
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
