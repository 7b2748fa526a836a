"""A folder, an event log in memory and passes over them, in this process and without threads."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from franc_gitops.daemon.sources import FolderSource
from franc_gitops.daemon.turns import Turns
from franc_gitops.daemon.wakeups import Wake
from franc_gitops.eventlogs.memory import MemoryEventLog
from franc_gitops.events import Envelope
from franc_gitops.pipeline.checks import Checks
from franc_gitops.pipeline.guard import Guard
from franc_gitops.pipeline.publish import Publisher
from franc_gitops.pipeline.turn import Pass
from franc_gitops.pipeline.validate import FileValidator
from franc_gitops.pipeline.writeback import FilesWriteBack
from franc_gitops.repositories.followed import FollowedFolder
from tests.support.clock import SetClock

if TYPE_CHECKING:
    from pathlib import Path

    from franc_gitops.daemon.turns import Outcome
    from franc_gitops.pipeline.report import Report

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Wakeful(SetClock):
    """A clock by which nobody waits."""

    def sleep(self, seconds: float) -> None:
        """Nobody waits here."""
        raise AssertionError(seconds)


@dataclass
class World:
    """A folder, its event log, and what is known to be wrong in it."""

    root: Path
    is_daemon: bool
    clock: SetClock = field(default_factory=lambda: Wakeful(NOW))
    log: MemoryEventLog = field(default_factory=MemoryEventLog)
    problems: dict[str, list[str]] = field(default_factory=dict)
    wholes: int = 0
    parts: int = 0

    def __post_init__(self) -> None:
        (self.root / "requests").mkdir(parents=True)
        repository = FollowedFolder(self.root, "requests", self.clock)
        self.turn = Pass(
            repository,
            Publisher(self.log, self.clock),
            FileValidator(repository.read, Checks({}), workers=0),
            Envelope(),
            self.clock,
            Guard(),
            FilesWriteBack(self.root, "requests", "status", ".franc", self.clock),
        )
        self.turns = (
            Turns(self.turn, FolderSource(repository), lambda _: Guard())
            if self.is_daemon
            else None
        )

    def write(self, path: str, text: str | None, second: int) -> None:
        """Save or delete a file; saved files have the same times in all worlds."""
        file = self.root / path
        if text is None:
            file.unlink()
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        os.utime(file, (NOW.timestamp() + second,) * 2)

    def look(self, paths: frozenset[str]) -> None:
        """Make the turn that follows an edit of these files, and what follows from it."""
        if self.turns is None:
            self.turn.rests = False
            for _ in range(2):  # the second sees what the first has published
                self._take(self.turn.run(), None)
            return
        while paths or not self.wholes:
            outcome = self.turns.take(Wake(frozenset(["save"]), paths), publishes=True)
            if outcome is None:
                return
            self._count(outcome)
            self._take(outcome.report, outcome.paths)
            paths = outcome.again

    def _count(self, outcome: Outcome) -> None:
        self.wholes += outcome.paths is None
        self.parts += outcome.paths is not None

    def _take(self, report: Report, paths: object) -> None:
        assert report.failure is None
        if paths is None:
            self.problems.clear()
        for path in paths or ():  # type: ignore[attr-defined]
            self.problems.pop(path, None)
        for problem in report.plan.problems:
            self.problems.setdefault(problem.path, []).append(f"{problem}")

    def state(self) -> dict[str, object]:
        """Everything that must not depend on how it came about."""
        ledger = self.turn.publisher.ledger
        folder = self.root / "status"
        return {
            "ledger": {key: ledger.raw(key) for key in ledger},
            "events": list(self.log.events()),
            "status": {
                str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*.yaml")
            },
            "problems": {path: sorted(found) for path, found in self.problems.items()},
        }
