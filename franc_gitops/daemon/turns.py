"""Wake → what is done about it: a run over all files, or a small one over those that changed.

What the last turns found is kept (`pipeline/known.py`), so that a save or a commit costs what
it changes and not what is there. Whatever cannot be told from a few files is left to a run
over all of them, which is made after every failure, too.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from franc_gitops.daemon.wakeups import Wake
from franc_gitops.errors import EventLogRefused, EventLogUnreachable, FrancError, Stopped
from franc_gitops.pipeline.known import Known
from franc_gitops.pipeline.part import PartOutdated, Search
from franc_gitops.pipeline.windows import next_due

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from franc_gitops.daemon.sources import Source
    from franc_gitops.freeze import Calendar
    from franc_gitops.ledger import Ledger
    from franc_gitops.pipeline.actions import Plan
    from franc_gitops.pipeline.guard import Guard
    from franc_gitops.pipeline.part import Part
    from franc_gitops.pipeline.report import Report
    from franc_gitops.pipeline.turn import Pass

_NO_NEWS = frozenset(["retry", "takeover"])
"""What wakes the loop although nothing has changed."""

_MOST_NEWS = 200
"""So many requests that others published are looked at one by one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a turn did; `paths` are the files that it looked at, None for all of them.

    `again` are files to look at once more: something that they depend on was published.
    """

    report: Report
    paths: Collection[str] | None = None
    again: frozenset[str] = frozenset()


class Turns:
    """Makes the turns of one loop, over ports that stay open."""

    def __init__(self, turn: Pass, source: Source, guard: Callable[[str], Guard]) -> None:
        """Take the pass; `guard` reads the pins anew, which a commit may have changed."""
        self._pass = turn
        self._source = source
        self._guard = guard
        self._known: Known | None = None
        self._version = 0
        self._commit = ""
        self._began: Callable[[], None] = lambda: None
        self._reasons: frozenset[str] = frozenset()
        self._ledger: Ledger | None = None  # the last that was read to its end
        self.busy: frozenset[str] = frozenset()
        """Files to look at again soon: they were being written."""
        self.due: datetime | None = None
        """When the next request that waits for its time becomes due."""
        self.freezes: Callable[[], Calendar | None] = lambda: None
        """Gives the freezes if they are others than before; raises SettingsError."""
        self.check: Callable[[], None] = lambda: None
        """Raises FrancError where what this machine keeps is not to be believed any more."""
        turn.rests = False
        turn.publisher.keep = True
        turn.publisher.patience = 0.0  # the loop waits, not the publisher

    def take(
        self, wake: Wake, began: Callable[[], None] = lambda: None, *, publishes: bool
    ) -> Outcome | None:
        """Do what a wake-up asks for; None if there turns out to be nothing to do.

        `began` is called when there is something. After an error, the next turn looks at
        everything.
        """
        self._pass.publishes = publishes
        self._began, self._reasons = began, wake.reasons
        try:
            return self._take(wake)
        except (EventLogUnreachable, EventLogRefused) as error:
            return Outcome(self._look_without_log(error))
        finally:
            self._source.rest()

    def approve(self, look: Callable[[Plan], None]) -> None:
        """Have each plan over all files looked at before it is carried out."""
        self._pass.approve = look

    def renew(self) -> bool:
        """Take over freezes that were declared or lifted; tell whether there are any."""
        calendar = self.freezes()
        if calendar is None:
            return False
        self._pass.freeze, self._known = calendar, None
        return True

    def _take(self, wake: Wake) -> Outcome | None:
        self.check()
        self.renew()
        if self.is_due:
            wake |= Wake(frozenset(["due"]), self._scheduled())
            self.due = None
        if wake.paths and self._are_busy(wake.paths):
            return None
        known, self._known = self._known, None
        commit, changed = self._source.look(self._commit)
        if known is None or wake.paths is None or changed is None or self._needs_all:
            return self._whole(commit)
        paths = self._paths({*wake.paths, *changed}, known, moved=commit != self._commit)
        part = None if paths is None else self._search(known, commit).find(paths)
        if part is None or not self._stands_alone(part, known):
            return self._whole(commit)
        self.busy = part.busy
        if part.is_empty:
            self._remember(known, commit)
            return None
        self._began()
        try:
            report = self._pass.run_part(part)
        except PartOutdated:
            return self._whole(commit)
        known.take(report, part)
        self._note_due(next_due(report.plan), self.due)
        return Outcome(report, part.paths, self._remember(known, commit, report))

    def lead(self) -> None:
        """Fence whoever led until now; raises as a publication does."""
        self._pass.publisher.lead()

    def step_back(self) -> bool:
        """Tell whether another publisher has taken over, and let it."""
        return self._pass.publisher.step_back()

    def find_unsent(self) -> list[str] | None:
        """Find what a turn that was broken off leaves to be sent, without asking the event log.

        None if none came as far as a plan.
        """
        if self._ledger is not None:
            with suppress(FrancError, OSError):
                return sorted(self._pass.look(self._ledger, Stopped("asked to stop")).unsent)
        return self._pass.unsent

    @property
    def is_due(self) -> bool:
        """Whether a request's time has come."""
        return self.due is not None and self._pass.clock.now() >= self.due

    def _scheduled(self) -> frozenset[str]:
        return frozenset(self._known.scheduled) if self._known else frozenset()

    def _note_due(self, *times: datetime | None) -> None:
        self.due = min(filter(None, times), default=None)

    @property
    def _needs_all(self) -> bool:
        """Whether one file may hold any other, or what is published may still claim something."""
        return self._pass.strict or self._pass.envelope.completion != "accept"

    def close(self) -> None:
        """Let go of the session, so that the next publisher need not fence it."""
        self._pass.publisher.close()

    def _are_busy(self, paths: frozenset[str]) -> bool:
        """Tell whether files that were being written still are."""
        if self._known is None or not paths <= self.busy:
            return False
        found = self._source.repository.part(self._commit, paths)
        return found is not None and paths <= found.busy

    def _whole(self, commit: str) -> Outcome:
        self._began()
        self._pass.guard = self._guard(commit)
        report = self._pass.run()
        self.busy = report.plan.situation.snapshot.busy
        known = Known.of(report)
        self._note_due(next_due(report.plan))
        return Outcome(report, None, self._remember(known, commit, report))

    def _look_without_log(self, error: FrancError) -> Report:
        """Find out what waits for the event log, if anything may have changed; else raise."""
        if self._ledger is None or self._reasons <= _NO_NEWS:
            raise error
        report = self._pass.look(self._ledger, error)
        self.busy = report.plan.situation.snapshot.busy
        return report

    def _remember(self, known: Known, commit: str, report: Report | None = None) -> frozenset[str]:
        """Keep what was found; give the unsettled files that what was published concerns."""
        news = known.ledger.changed_since(self._version)
        self._known, self._commit, self._version = known, commit, known.ledger.version
        self._ledger = known.ledger
        if report is None or not report.published:
            return frozenset()
        return frozenset(known.unsettled) if news is None else known.unsettled_by(news)

    def _search(self, known: Known, commit: str) -> Search:
        return Search(self._source.repository, self._pass.validator, known, commit)

    def _paths(self, changed: set[str], known: Known, *, moved: bool) -> set[str] | None:
        """Add to the changed files those that are to be looked at again; None for all of them."""
        news = self._news(known)
        if news is None:
            return None
        if moved:
            news |= known.disputed
            if self._pass.signatures is not None:
                news |= known.unsettled
        return changed | news

    def _news(self, known: Known) -> set[str] | None:
        """Give the files of which others have published something."""
        ledger = self._pass.publisher.peek()
        if ledger is not known.ledger:
            return None
        changed = ledger.changed_since(self._version)
        if changed is None or len(changed) > _MOST_NEWS:
            return None
        found: set[str] = set()
        for request_id in set(changed):
            found.update(known.files_with(request_id) or known.settled_with(request_id))
        return found

    def _stands_alone(self, part: Part, known: Known) -> bool:
        """Tell whether nothing outside of the part has to do with it.

        Files that were only reformatted wait for a transaction to be told to the ledger.
        """
        waiting = known.stale.difference(part.paths)
        return not waiting or not part.may_send(known.ledger)
