"""What every edit of the repository does: nothing is sent that was not asked for on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.edited import World
from tests.support.edits import EDITS
from tests.support.edits_page import PAGE, page

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.edited import Edit


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_an_edit_does_what_the_table_says(edit: Edit, tmp_path: Path) -> None:
    world = World(tmp_path)
    edit.do(world)
    planned = world.plan()
    assert world.publish() == edit.outcome
    assert (len(planned.sends) > 0) == (len(edit.outcome.events) > 0)
    again = edit.outcome._replace(events=())
    if edit.outcome.events and not edit.outcome.exit:
        again = again._replace(codes="")  # a warning of what is published is told once
    assert world.publish() == again
    if world.revision != "HEAD":
        world.revision = "HEAD"
        assert world.publish().events == ()


def test_the_page_shows_the_edits_of_now() -> None:
    """Run `make docs` where this fails."""
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text)
