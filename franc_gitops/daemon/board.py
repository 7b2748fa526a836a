"""The board: what the loop tells of itself, and what HTTP, metrics and systemd read from it.

The loop's thread writes, any thread reads, no reader ever waits for a pass. What is kept
grows with what is not settled, not with time. All times come from the clock that is passed
in: ages from its monotonic one, so that a clock that is set changes none of them.
"""

from __future__ import annotations

from collections import Counter, deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from franc_gitops.daemon.health import Health
from franc_gitops.daemon.history import DURATIONS, Histogram, History
from franc_gitops.daemon.model import (
    Count,
    Figures,
    Published,
    Reason,
    Role,
    Stage,
    Turn,
    View,
)
from franc_gitops.daemon.outcome import OTHER, events_published, reason_of, stage_of
from franc_gitops.daemon.register import Register

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from datetime import datetime

    from franc_gitops.clock import Clock
    from franc_gitops.errors import FrancError
    from franc_gitops.pipeline.report import Report

__all__ = ["Board", "Count", "Role", "Stage"]

HUNG_AFTER = 300.0
"""Seconds without a heartbeat after which the loop counts as hung; publishing alone may take
120 s to give up."""

LATE_AFTER = 600.0
"""Seconds that a request may wait to be sent before readiness says so."""

_RECENT = 200
_LABELS = 100


@dataclass(slots=True)
class _Running:
    trigger: str
    began: datetime
    at: float
    done: int = 0
    total: int = 0


@dataclass(slots=True)
class _Tally:
    """The counters, without a lock of their own."""

    events: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    passes: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    counts: Counter[tuple[Count, str]] = field(default_factory=Counter)
    pass_seconds: Histogram = field(default_factory=lambda: Histogram(DURATIONS))
    publish_seconds: Histogram = field(default_factory=lambda: Histogram(DURATIONS))


class Board:
    """What a loop says of itself; every method may be called from any thread."""

    def __init__(
        self, clock: Clock, *, hung_after: float = HUNG_AFTER, late_after: float = LATE_AFTER
    ) -> None:
        """Begin as starting, with nothing known and the heart beating."""
        self.clock = clock
        self.register = Register()
        self._hung_after = hung_after
        self._late_after = late_after
        self._lock = Lock()
        self._listeners: list[Callable[[], None]] = []
        self._health = Health(clock)
        self._started = clock.now()
        self._beat = clock.monotonic()
        self._running: _Running | None = None
        self._last: Turn | None = None
        self._commit = self._log = ""
        self._pending: tuple[int | None, float | None] = (None, None)
        self._standing_problems: frozenset[tuple[str, str, int, int, str]] = frozenset()
        self._history = History()
        self._recent: deque[Published] = deque(maxlen=_RECENT)
        self._tally = _Tally()
        self._version = 0

    # --- what the loop tells ------------------------------------------------------------------

    def beat(self) -> None:
        """Say that the loop is alive; at least once a minute, also while it waits."""
        self._beat = self.clock.monotonic()

    def role(self, role: Role) -> None:
        """Say what the daemon is doing; once it is being shut down, nothing changes that."""
        with self._telling():
            if self._health.role is not Role.DRAINING:
                self._health.role = role

    def pass_began(self, trigger: str) -> None:
        """Say that a pass begins, and what woke it: start, save, commit, timer."""
        with self._telling():
            self._running = _Running(trigger, self.clock.now(), self.clock.monotonic())

    def progress(self, done: int, total: int) -> None:
        """Say how much of what the pass sends is published; a `Progress` of the publisher.

        It is a sign of life, too: a large first pass takes longer than a hung one is given.
        """
        self.beat()
        with self._telling():
            if self._running is not None:
                self._running.done, self._running.total = done, total

    def pass_ended(
        self,
        report: Report | None = None,
        error: FrancError | None = None,
        *,
        paths: Collection[str] | None = None,
    ) -> None:
        """Say how the pass ended: its report, or the error that left none.

        `paths` are the request files that it looked at, if not all of them. A standby, which
        publishes nothing, gives a report without `published`. Conditions follow by themselves.
        """
        running = self._running or _Running("", self.clock.now(), self.clock.monotonic())
        waits: list[float] = []
        if report is not None:
            now = self.clock.monotonic()
            waits = [now - since for since in self.register.take(report, running.at, paths)]
        with self._telling():
            if report is not None:
                self._take(report, paths)
                self._pending = self.register.pending()
            self._end(running, report, error or (report.failure if report else None), waits)

    def condition(self, stage: Stage, *, ok: bool, reason: str = "", message: str = "") -> None:
        """Say whether a stage is well; for what no pass tells, such as a remote out of reach.

        `reason` is one word in CamelCase for programs, `message` is for people.
        """
        with self._telling():
            self._health.set_condition(stage, ok=ok, reason=reason, message=message)

    def pending(self, count: int, oldest: datetime | None = None) -> None:
        """Say how much waits to be sent where no pass can tell; the next report overrides it."""
        age = (self.clock.now() - oldest).total_seconds() if oldest else 0.0
        with self._telling():
            self._pending = (count, self.clock.monotonic() - max(0.0, age) if count else None)

    def count(self, what: Count, label: str = "", n: int = 1) -> None:
        """Add to a counter; labels must be few and never name a request, a path or a client."""
        with self._lock:
            counts = self._tally.counts
            if (what, label) not in counts and len(counts) >= _LABELS:
                label = OTHER
            counts[what, label] += n

    # --- what others read ---------------------------------------------------------------------

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after each change, in whatever thread makes it; give what ends that.

        It must return at once and must not raise.
        """
        with self._lock:
            self._listeners.append(listener)

        def end() -> None:
            with self._lock, suppress(ValueError):
                self._listeners.remove(listener)

        return end

    @property
    def seconds_since_beat(self) -> float:
        """Give how long ago the loop last said that it is alive."""
        return self.clock.monotonic() - self._beat

    def liveness(self) -> bool:
        """Tell whether the loop is alive; whether it gets anything done is not asked."""
        return self.seconds_since_beat < self._hung_after

    def readiness(self) -> tuple[bool, tuple[Reason, ...]]:
        """Tell whether what is merged gets published, and if not, why and since when."""
        with self._lock:
            reasons = tuple(self._reasons())
        return not reasons, reasons

    def figures(self) -> Figures:
        """Give the counters for `/metrics`."""
        with self._lock:
            tally = self._tally
            return Figures(
                dict(tally.events),
                dict(tally.failures),
                dict(tally.passes),
                dict(tally.problems),
                dict(tally.counts),
                tally.pass_seconds.copy(),
                tally.publish_seconds.copy(),
                dict(self._health.last_success),
            )

    def view(self) -> View:
        """Give everything else at this moment."""
        now = self.clock.now()
        with self._lock:
            reasons = tuple(self._reasons())
            return View(
                now=now,
                role=self._health.role,
                ready=not reasons,
                reasons=reasons,
                conditions=tuple(self._health.conditions.values()),
                running=self._under_way(),
                turn=self._last,
                commit=self._commit,
                log=self._log,
                pending=self._pending[0],
                oldest_pending=self._age(self._pending[1]),
                minutes=tuple(self._history.minutes(now)),
                recent=tuple(reversed(self._recent)),
                started=self._started,
                seconds_since_beat=self.seconds_since_beat,
                version=self._version,
            )

    # --- how it is kept -----------------------------------------------------------------------

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Hold the lock for one change, then tell the listeners."""
        with self._lock:
            yield
            self._version += 1
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    def _end(
        self,
        running: _Running,
        report: Report | None,
        failure: FrancError | None,
        waits: list[float],
    ) -> None:
        seconds = self.clock.monotonic() - running.at
        published = len(report.published) if report else 0
        self._running = None
        self._beat = self.clock.monotonic()
        self._last = Turn(
            running.trigger,
            running.began,
            seconds,
            done=running.done,
            total=running.total,
            published=published,
            failure=failure.message if failure else "",
        )
        self._history.add_pass(self.clock.now(), failed=failure is not None, waited=waits)
        self._tally.pass_seconds.add(seconds)
        self._tally.passes["error" if failure else "success" if published else "noop"] += 1
        if stage_of(failure) is Stage.EVENT_LOG and not self._health.is_beaten(failure):
            self._tally.failures[reason_of(failure)] += 1
        self._health.judge(report, failure)

    def _take(self, report: Report, paths: Collection[str] | None) -> None:
        now = self.clock.now()
        self._commit, self._log = report.plan.commit, report.log_name
        self._tally.events.update(events_published(report))
        if report.published:
            self._tally.publish_seconds.add(report.publish_seconds)
        if report.written and report.written.conflicts:
            self._tally.counts[Count.WRITE_BACK_CONFLICTS, ""] += report.written.conflicts
        self._recent.extend(
            Published(action.request_id, action.path, now)
            for action in list(report.published.values())[-_RECENT:]
        )
        found = {(p.path, p.code, p.line, p.column, p.field) for p in report.plan.problems}
        self._tally.problems.update(code for _, code, *_ in found - self._standing_problems)
        others = () if paths is None else (p for p in self._standing_problems if p[0] not in paths)
        self._standing_problems = frozenset((*found, *others))

    def _reasons(self) -> Iterator[Reason]:
        silent, age = self.seconds_since_beat, self._age(self._pending[1])
        return self._health.reasons(
            hung_for=silent if silent >= self._hung_after else None,
            late_for=age if age is not None and age >= self._late_after else None,
            pending=self._pending[0] or 0,
        )

    def _age(self, since: float | None) -> float | None:
        return None if since is None else max(0.0, self.clock.monotonic() - since)

    def _under_way(self) -> Turn | None:
        running = self._running
        if running is None:
            return None
        seconds = self.clock.monotonic() - running.at
        return Turn(running.trigger, running.began, seconds, running.done, running.total)
