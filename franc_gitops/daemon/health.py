"""How the stages are, drawn from the ends of passes: conditions, readiness and its reasons.

A condition keeps since when it is as it is, so that a page can say for how long something
has been wrong. No lock of its own: the board's is held around every call.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from franc_gitops.daemon.model import Condition, Reason, Role, Stage
from franc_gitops.daemon.outcome import stage_of
from franc_gitops.errors import FencedTooLong

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from franc_gitops.clock import Clock
    from franc_gitops.errors import FrancError
    from franc_gitops.pipeline.report import Report


class Health:
    """The conditions of all stages, the role, and when each stage last went well."""

    def __init__(self, clock: Clock) -> None:
        """Begin as starting, with no stage tried."""
        self._clock = clock
        self._started = clock.now()
        self.role = Role.STARTING
        self.conditions: dict[Stage, Condition] = {}
        self.last_success: dict[str, datetime] = {}

    def set_condition(self, stage: Stage, *, ok: bool, reason: str = "", message: str = "") -> None:
        """Note how a stage is; since when stays as long as it neither fails nor heals."""
        before = self.conditions.get(stage)
        since = before.since if before and before.ok == ok else self._clock.now()
        self.conditions[stage] = Condition(stage, ok, reason, message, since)

    def judge(self, report: Report | None, failure: FrancError | None) -> None:
        """Draw from the end of a pass how each stage is."""
        bad = stage_of(failure)
        if report is not None or bad is not Stage.REPOSITORY:
            self._well(Stage.REPOSITORY, "scan")
        if report is not None and bad is not Stage.EVENT_LOG:
            self._well(Stage.EVENT_LOG, "publish")
        if report is not None and bad is not Stage.WRITE_BACK and report.written is not None:
            self._well(Stage.WRITE_BACK, "writeback")
        if failure is None or self.is_beaten(failure):
            self.set_condition(Stage.PASS, ok=True)
            return
        for stage in {Stage.PASS, bad}:
            self.set_condition(
                stage, ok=False, reason=type(failure).__name__, message=failure.message
            )

    def is_beaten(self, failure: FrancError | None) -> bool:
        """Tell whether it failed only because another is the leader, as a standby's pass does."""
        return self.role is Role.STANDBY and isinstance(failure, FencedTooLong)

    def _well(self, stage: Stage, name: str) -> None:
        self.set_condition(stage, ok=True)
        self.last_success[name] = self._clock.now()

    def reasons(
        self, *, hung_for: float | None, late_for: float | None, pending: int
    ) -> Iterator[Reason]:
        """Give why it is not ready; `hung_for` and `late_for` are seconds, None where not so."""
        now = self._clock.now()
        for condition in self.conditions.values():
            if not condition.ok and not self._is_said(condition):
                yield Reason(
                    str(condition.stage), condition.reason, condition.message, condition.since
                )
        if self.role is Role.STARTING:
            yield Reason("loop", "Starting", "the first pass has not ended", self._started)
        if self.role is Role.DRAINING:
            yield Reason("loop", "Draining", "it is being shut down", now)
        if hung_for is not None:
            since = now - timedelta(seconds=hung_for)
            yield Reason("loop", "Hung", "the loop gives no sign of life", since)
        if late_for is not None:
            message = f"{pending} requests wait to be sent, the oldest for {late_for:.0f} s"
            yield Reason("lag", "Late", message, now - timedelta(seconds=late_for))

    def _is_said(self, failed: Condition) -> bool:
        """Tell whether it is the pass's, and a stage already says what is wrong with it."""
        others = (c for c in self.conditions.values() if c.stage is not Stage.PASS)
        return failed.stage is Stage.PASS and any(
            not other.ok and other.message == failed.message for other in others
        )
