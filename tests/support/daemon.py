"""A board that is driven by real passes, with a clock that tests set."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from franc_gitops.daemon.board import Board, Role
from franc_gitops.daemon.http import Doors, serving
from franc_gitops.daemon.site import make_site
from franc_gitops.errors import FrancError
from franc_gitops.settings import load_settings
from franc_gitops.wiring import Choices, open_pass
from tests.support.clock import SetClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from franc_gitops.pipeline.report import Report
    from tests.support.project import Project


@dataclass
class Station:
    """A project, a pass over its embedded log that stays open, and the board that hears of it."""

    project: Project
    clock: SetClock = field(default_factory=SetClock)

    def __enter__(self) -> Self:
        """Open the pass."""
        self.board = Board(self.clock)
        settings = load_settings(
            self.project.root, is_tracked=lambda _: False, environ=self.project.settings
        )
        self._open = ExitStack()
        self.settings = settings
        self.turn = self._open.enter_context(open_pass(settings, Choices()))
        self.turn.rests = False
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the pass."""
        self._open.close()

    def go(self, trigger: str = "commit", role: Role = Role.LEADER) -> Report | None:
        """Make a pass as a loop does, and tell the board."""
        self.board.pass_began(trigger)
        report, error = None, None
        try:
            report = self.turn.run()
        except FrancError as caught:
            error = caught
        self.board.pass_ended(report, error)
        self.board.role(role)
        return report

    @contextmanager
    def serve(self, address: str = "127.0.0.1:0", **secrets: str) -> Iterator[str]:
        """Answer HTTP; what wakes the loop and what people are told is kept."""
        self.woken: list[str] = []
        self.told: list[str] = []
        doors = Doors(
            board=self.board,
            wake=self.woken.append,
            warn=self.told.append,
            site=make_site(self.settings, Choices()),
            **secrets,
        )
        with serving(address, doors) as bound:
            yield bound
