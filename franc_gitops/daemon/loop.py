"""The loop: wait, look, do what is due, wait again. Once and for ever are the same turn.

It is level-triggered: a turn compares repository and ledger as they are, whatever woke it, so
a wake-up that was lost costs time and nothing else. What fails is tried again, later each
time; what woke the loop meanwhile waits for that. Everything runs on one thread.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from franc_gitops.daemon.backoff import Backoff
from franc_gitops.daemon.model import Count, Role
from franc_gitops.daemon.outcome import stage_of
from franc_gitops.daemon.signals import GraceOver
from franc_gitops.daemon.standby import Standby
from franc_gitops.daemon.wakeups import NOTHING, Wake
from franc_gitops.errors import Exit, FencedTooLong, FrancError, TurnFailed

if TYPE_CHECKING:
    from franc_gitops.clock import Clock
    from franc_gitops.daemon.board import Board
    from franc_gitops.daemon.narrator import Narrator
    from franc_gitops.daemon.signals import Stop
    from franc_gitops.daemon.turns import Outcome, Turns
    from franc_gitops.daemon.wakeups import Wakeups

SETTLE_SECONDS = 0.5
"""After so long files that were being written are looked at again; their closing is told, too."""

BEAT_SECONDS = 5.0
"""The longest that the loop waits in one go: the clock may have been set meanwhile."""

EVERYTHING = Wake(frozenset(), None)


@dataclass(frozen=True, slots=True)
class Tempo:
    """Seconds: between two passes over everything, and more patience with a leader."""

    interval: float = 300.0
    patience: float = 0.0


class Loop:
    """One daemon's life, from its first turn to its last."""

    def __init__(
        self,
        turns: Turns,
        wakeups: Wakeups,
        board: Board,
        narrator: Narrator,
        stop: Stop,
        tempo: Tempo,
    ) -> None:
        """Take what it works with; nothing is done yet."""
        self._turns = turns
        self._wakeups = wakeups
        self._board = board
        self._narrator = narrator
        self._stop = stop
        self._tempo = tempo
        self._clock: Clock = board.clock
        self._backoff = Backoff(self._clock)
        self._standby: Standby | None = None
        self._waiting = EVERYTHING | Wake(frozenset(["start"]))
        self._has_passed = False
        self._postponed = NOTHING
        self._postponed_to = 0.0
        self._not_before = self._whole_at = self._clock.monotonic()

    def run(self) -> None:
        """Make turns until asked to stop; raises what a human must change before the first one."""
        with suppress(GraceOver):
            while not self._stop.requested:
                self._board.beat()
                if self._is_due():
                    self._turn()
                self._waiting |= self._hear(self._wait_seconds())
            self._drain()

    # --- when ---------------------------------------------------------------------------------

    def _hear(self, seconds: float) -> Wake:
        wake = self._wakeups.wait(seconds)
        for reason in wake.reasons:
            self._board.count(Count.WAKE_UPS, reason)
        if "signal" in wake.reasons:  # a human says "now"
            self._not_before = self._clock.monotonic()
            return wake | EVERYTHING
        return wake

    def _is_due(self) -> bool:
        now = self._clock.monotonic()
        if now < self._not_before:
            return False
        if now >= self._whole_at:
            self._waiting |= EVERYTHING | Wake(frozenset(["timer"]))
        if now >= self._postponed_to:
            self._waiting |= self._postponed
            self._postponed = NOTHING
        return self._waiting != NOTHING or self._looks_in() <= 0

    def _wait_seconds(self) -> float:
        """Give how long nothing but a wake-up can make a turn due."""
        now = self._clock.monotonic()
        if self._waiting != NOTHING or now < self._not_before:
            return min(BEAT_SECONDS, max(0.0, self._not_before - now))
        settles_in = self._postponed_to - now if self._postponed != NOTHING else BEAT_SECONDS
        return min(BEAT_SECONDS, self._whole_at - now, self._looks_in(), settles_in)

    def _looks_in(self) -> float:
        return BEAT_SECONDS if self._standby is None else self._standby.looks_in

    # --- a turn -------------------------------------------------------------------------------

    def _turn(self) -> None:
        wake, self._waiting = self._waiting, NOTHING
        trigger = _trigger(wake)
        publishes = self._standby is None or self._standby.takes_over_in == 0
        began = self._clock.monotonic()
        self._board.pass_began(trigger)
        outcome, error = self._attempt(wake, publishes=publishes)
        failure = error or (outcome.report.failure if outcome else None)
        self._take_role(outcome, failure, published=publishes)
        self._postpone(self._turns.busy)
        if outcome is None and error is None:
            return
        self._board.pass_ended(
            outcome.report if outcome else None, error, paths=outcome.paths if outcome else None
        )
        if outcome is not None:
            self._narrator.turn_ended(
                outcome.report,
                trigger=trigger,
                seconds=self._clock.monotonic() - began,
                whole=outcome.paths is None,
            )
        self._plan_next(wake, outcome, failure)

    def _attempt(self, wake: Wake, *, publishes: bool) -> tuple[Outcome | None, FrancError | None]:
        """Make a turn, and turn whatever ends it early into an error that people understand."""
        try:
            return self._turns.take(wake, publishes=publishes), None
        except FrancError as error:
            return None, self._refuse_start(error)
        except OSError as error:
            where = f": {error.filename}" if error.filename else ""
            return None, TurnFailed(f"{error.strerror or error}{where}")
        except Exception as error:
            if not self._has_passed:
                raise
            failure = TurnFailed(
                f"this is a bug, please report it: {type(error).__name__}: {error}"
            )
            failure.__cause__ = error
            return None, failure

    def _refuse_start(self, error: FrancError) -> FrancError:
        """End at once where a human must change something first; later, wait for them."""
        if not self._has_passed and error.exit_code is Exit.USAGE:
            raise error
        return error

    def _plan_next(self, wake: Wake, outcome: Outcome | None, failure: FrancError | None) -> None:
        now = self._clock.monotonic()
        if outcome is not None:
            self._has_passed = True
            if outcome.again:
                self._waiting |= Wake(frozenset(["publication"]), outcome.again)
        if failure is None or isinstance(failure, FencedTooLong):
            self._backoff.succeeded()
            if outcome is not None and outcome.paths is None:
                self._whole_at = now + self._tempo.interval
            return
        stage = stage_of(failure)
        seconds = self._backoff.failed(stage)
        self._not_before = now + seconds
        self._waiting |= EVERYTHING | Wake(wake.reasons)
        self._narrator.failed(failure, stage=str(stage), retry_in=seconds)

    def _postpone(self, busy: frozenset[str]) -> None:
        """Look at files again that somebody is writing."""
        self._postponed = Wake(frozenset(["save"]), busy) if busy else NOTHING
        self._postponed_to = self._clock.monotonic() + SETTLE_SECONDS

    # --- who leads ----------------------------------------------------------------------------

    def _take_role(
        self, outcome: Outcome | None, failure: FrancError | None, *, published: bool
    ) -> None:
        """Step back once another publisher took over; step forward once it is gone."""
        if isinstance(failure, FencedTooLong):
            self._board.count(Count.FENCED)
            self._standby = Standby(self._clock, self._tempo.patience)
        elif outcome is not None and published and failure is None:
            self._standby = None
        if self._standby is not None and outcome is not None:
            self._standby.see(outcome.report.unsent)
        if not self._stop.requested and (outcome is not None or self._standby is not None):
            self._show_role(Role.LEADER if self._standby is None else Role.STANDBY)

    def _show_role(self, role: Role) -> None:
        if self._board.view().role is not role:
            self._board.role(role)
            self._narrator.role(role)

    # --- the end ------------------------------------------------------------------------------

    def _drain(self) -> None:
        """Do what had come before the signal, if nothing stands in the way."""
        self._show_role(Role.DRAINING)
        self._waiting |= self._wakeups.take()
        ready = self._clock.monotonic() >= self._not_before and self._standby is None
        if ready and self._waiting.paths != frozenset():
            self._turn()


def _trigger(wake: Wake) -> str:
    """Name what woke the loop; the wake-up that says most."""
    return next((name for name in _BY_WEIGHT if name in wake.reasons), "ledger")


_BY_WEIGHT = ("start", "signal", "push hook", "commit", "save", "overflow", "due", "retry", "timer")
