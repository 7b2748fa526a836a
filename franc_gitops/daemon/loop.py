"""The loop: wait, look, do what is due, wait again. Once and for ever are the same turn.

It is level-triggered: a turn compares repository and ledger as they are, whatever woke it, so
a wake-up that was lost costs time and nothing else. What fails is tried again, later each
time; what woke the loop meanwhile waits for that. Everything runs on one thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from franc_gitops.clock import Deadline
from franc_gitops.daemon.agenda import BEAT_SECONDS, Agenda
from franc_gitops.daemon.backoff import Backoff
from franc_gitops.daemon.memory import give_back
from franc_gitops.daemon.model import Count, Role, Stage
from franc_gitops.daemon.outcome import stage_of
from franc_gitops.daemon.signals import GraceOver
from franc_gitops.daemon.standby import Standby
from franc_gitops.daemon.wakeups import NOTHING, Wake
from franc_gitops.errors import (
    Exit,
    FencedTooLong,
    FrancError,
    OutcomeUnknown,
    TurnFailed,
    bug,
    forget_frames,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from franc_gitops.clock import Clock
    from franc_gitops.daemon.board import Board
    from franc_gitops.daemon.choosing import Watching
    from franc_gitops.daemon.narrator import Narrator
    from franc_gitops.daemon.remote_polling import RemotePolling
    from franc_gitops.daemon.signals import Stop
    from franc_gitops.daemon.turns import Outcome, Turns
    from franc_gitops.pipeline.actions import Plan
    from franc_gitops.pipeline.report import Report

_NAMED = 10
_FIRST_ANSWER_SECONDS = 30.0
"""For so long the first turn waits for the remote at the most."""
SURE_SECONDS = 5.0
"""So long a daemon believes that nobody else publishes, having asked."""


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
        board: Board,
        narrator: Narrator,
        stop: Stop,
        tempo: Tempo,
        watching: Watching,
        remote: RemotePolling | None = None,
    ) -> None:
        """Take what it works with; nothing is done yet."""
        self._watching = watching
        self._remote = remote
        self._turns = turns
        self._wakeups = stop.wakeups
        self._board = board
        self._narrator = narrator
        self._stop = stop
        self._clock: Clock = board.clock
        self._patience = tempo.patience
        self._agenda = Agenda(self._clock, tempo.interval)
        self._backoff = Backoff(self._clock)
        self._role = Role.STARTING
        self._standby: Standby | None = None
        self._has_passed = False
        self._is_empty = False
        self._sure_until = 0.0

    def run(self) -> None:
        """Make turns until asked to stop; raises what a human must change before the first one."""
        self._stop.in_loop = True
        try:
            self._begin()
            while not self._stop.requested:
                self._board.beat()
                if self._is_due():
                    self._turn()
                self._hear(min(self._agenda.wait_seconds(), self._looks_in()))
                self._make_sure_to_lead()
                self._look_for_freezes()
            self._drain()
        except GraceOver:
            self.say_what_is_left(self._turns.find_unsent())
        else:
            self.say_what_is_left()
        finally:
            self._stop.in_loop = False

    def run_once(self, approve: Callable[[Plan], None]) -> Outcome:
        """Make one turn over everything; raises what keeps it from its end.

        `approve` looks at the plan before anything is published or written; raises to refuse.
        """
        self._turns.approve(approve)
        if self._remote is not None:
            self._remote.ask()
        began = self._clock.monotonic()
        outcome = self._turns.take(self._agenda.take(), self._began("start"), publishes=True)
        if outcome is None:
            raise AssertionError("a turn over everything always has an outcome")
        seconds = self._clock.monotonic() - began
        self._narrator.turn_ended(outcome.report, trigger="start", seconds=seconds, paths=None)
        return outcome

    def _begin(self) -> None:
        """Begin to follow the remote, and let it answer first: what it has may be much newer."""
        if self._remote is None:
            return
        self._remote.start()
        deadline = Deadline(self._clock, _FIRST_ANSWER_SECONDS)
        while deadline.left and not self._remote.has_asked and not self._stop.requested:
            self._board.beat()
            self._hear(min(BEAT_SECONDS, deadline.left))

    # --- when ---------------------------------------------------------------------------------

    def _hear(self, seconds: float) -> None:
        if self._watching.has_strayed():
            self._wakeups.wake("replacement")
        wake = self._wakeups.wait(seconds)
        for reason in wake.reasons:
            self._board.count(Count.WAKE_UPS, reason)
        self._agenda.add(wake)
        if "signal" in wake.reasons and self._remote is not None:
            self._remote.hurry()

    def _is_due(self) -> bool:
        return self._agenda.is_due() or (self._looks_in() <= 0 and not self._agenda.is_paused())

    def _looks_in(self) -> float:
        """Give when a standby is to look at the ledger."""
        if self._standby is None:
            return float("inf")
        return self._standby.looks_in(self._pending_since())

    def _pending_since(self) -> float | None:
        return self._board.register.pending()[1]

    # --- a turn -------------------------------------------------------------------------------

    def _turn(self) -> None:
        wake, publishes = self._agenda.take(), True
        if self._standby is not None:
            publishes = self._standby.takes_over_in(self._pending_since()) <= 0
            wake |= Wake.everything("takeover") if publishes else Wake()
        if wake.everywhere:
            self._watching.renew()
        outcome, error = self._attempt(wake, publishes=publishes)
        failure = error or (outcome.report.failure if outcome else None)
        sent = bool(outcome and outcome.report.published)
        if outcome is not None and failure is None and (sent or self._standby is None):
            failure = self._lead()
        self._take_role(failure, sent=sent, passed=outcome is not None)
        if outcome is not None or error is not None:
            paths = outcome.paths if outcome else None
            self._board.pass_ended(outcome.report if outcome else None, error, paths=paths)
        if self._standby is not None:
            self._standby.looked()
        self._plan_next(wake, outcome, failure)
        if failure is not None or (outcome is not None and outcome.paths is None):
            forget_frames(failure)
            del outcome, error, failure
            give_back()

    def _attempt(self, wake: Wake, *, publishes: bool) -> tuple[Outcome | None, FrancError | None]:
        """Make a turn, and turn whatever ends it early into an error that people understand."""
        trigger, began = trigger_of(wake), self._clock.monotonic()
        try:
            outcome = self._turns.take(wake, self._began(trigger), publishes=publishes)
            if outcome is not None:
                seconds = self._clock.monotonic() - began
                self._narrator.turn_ended(
                    outcome.report, trigger=trigger, seconds=seconds, paths=outcome.paths
                )
        except Exception as error:  # noqa: BLE001  - a daemon stays up, and says what is wrong
            return None, self._explain(error)
        return outcome, None

    def _began(self, trigger: str) -> Callable[[], None]:
        return lambda: self._board.pass_began(trigger)

    def _explain(self, error: Exception) -> FrancError:
        """Make of an exception what people understand; raise it where only they can help."""
        if isinstance(error, FrancError):
            if not self._has_passed and error.exit_code is Exit.USAGE:
                raise error
            return error
        if isinstance(error, OutcomeUnknown | OSError):
            forget_frames(error)
            return _in_our_words(error)
        if not self._has_passed:
            raise error
        failure = TurnFailed(bug(error))
        failure.__cause__ = error
        return failure

    def _plan_next(self, wake: Wake, outcome: Outcome | None, failure: FrancError | None) -> None:
        """Note when to look at what, after a turn."""
        self._agenda.postpone(self._turns.busy)
        self._agenda.due = self._turns.due
        if outcome is not None:
            if wake.reasons == {"timer"} and outcome.report.published:
                self._watching.missed()
            self._has_passed = True
            if outcome.paths is None:
                self._warn_if_empty(outcome.report)
            if outcome.again:
                self._agenda.add(Wake(frozenset(["publication"]), outcome.again))
        if failure is None or isinstance(failure, FencedTooLong):
            for stage in self._backoff.succeeded():
                self._narrator.recovered(stage=str(stage))
            self._agenda.succeeded(whole=outcome is not None and outcome.paths is None)
            return
        stage = stage_of(failure)
        seconds = self._backoff.failed(stage)
        self._agenda.failed(wake if outcome is None else NOTHING, seconds)
        if stage is Stage.REPOSITORY and self._remote is not None:
            self._remote.suspect()
        self._narrator.failed(failure, stage=str(stage), retry_in=seconds)

    def _warn_if_empty(self, report: Report) -> None:
        """Say that there is no request file, once: a folder may be misspelt."""
        if report.is_empty and not self._is_empty:
            self._narrator.warn("there is no request file", hint="check requests_dir")
        self._is_empty = report.is_empty

    # --- who leads ----------------------------------------------------------------------------

    def _take_role(self, failure: FrancError | None, *, sent: bool, passed: bool) -> None:
        """Step back once another publisher took over; step forward once it is gone.

        A standby that came to take over and found nothing to send has no reason to.
        """
        if isinstance(failure, FencedTooLong):
            self._follow()
        elif sent and failure is None:
            self._standby = None
        if self._standby is not None:
            self._show_role(Role.STANDBY)
        elif sent or (passed and self._role is Role.LEADER):
            self._show_role(Role.LEADER)
        elif passed:
            self._show_role(Role.CANDIDATE)

    def _follow(self) -> None:
        self._board.count(Count.FENCED)
        self._standby = Standby(self._clock, self._patience)

    def _make_sure_to_lead(self) -> None:
        """Ask now and then whether another has published since: only a commit tells otherwise.

        So a daemon that was frozen, or cut off, for a while does not call itself leader for long.
        """
        if self._standby is not None or self._agenda.is_paused() or self._stop.requested:
            return
        if self._clock.monotonic() < self._sure_until:
            return
        try:
            if self._turns.step_back():
                self._follow()
                self._show_role(Role.STANDBY)
                self._agenda.add(Wake(frozenset(["ledger"])))
        except FrancError as error:
            forget_frames(error)
            self._agenda.add(Wake.everything("ledger"))  # a pass finds out what is wrong, and says
        self._sure_until = self._clock.monotonic() + SURE_SECONDS

    def _lead(self) -> FrancError | None:
        """Be the one that publishes, from the first turn on; give what keeps it from that."""
        try:
            if not self._stop.requested:
                self._turns.lead()
        except (FrancError, OutcomeUnknown) as error:
            return self._explain(error)
        return None

    def _show_role(self, role: Role) -> None:
        if role is not self._role and self._role is not Role.DRAINING:
            self._role = role
            self._board.role(role)
            self._narrator.role(role)

    def _look_for_freezes(self) -> None:
        """Make a turn over everything once freezes have changed; it says what is wrong there."""
        if self._agenda.is_paused():
            return
        try:
            if not self._turns.renew():
                return
            self._narrator.tell("the settings have changed: freezes are read again, nothing else")
        except FrancError:
            pass  # the turn meets the same, and says it
        self._agenda.add(Wake.everything("settings"))

    # --- the end ------------------------------------------------------------------------------

    def _drain(self) -> None:
        """Do what had come before the signal, if nothing stands in the way."""
        self._show_role(Role.DRAINING)
        self._agenda.add(self._wakeups.take())
        if self._agenda.has_news() and not self._agenda.is_paused() and self._standby is None:
            self._turn()

    def say_what_is_left(self, broken_off: Iterable[str] | None = None) -> None:
        """Say what is not sent, as far as turns that ended, or were broken off, have told.

        Where none has, that is not known: then `unsent` is None. Any thread may call it.
        """
        register = self._board.register
        if broken_off is None and not register.is_told:
            why = "the first pass did not end: what waits to be published is not known"
            self._narrator.tell("stopped", unsent=None, requests=[], reason=why)
            return
        known = [row.key for row in register.unsettled() if row.is_pending]
        names = list(dict.fromkeys([*known, *(broken_off or ())]))
        self._narrator.tell("stopped", unsent=len(names), requests=names[:_NAMED])


def _in_our_words(error: OutcomeUnknown | OSError) -> FrancError:
    if isinstance(error, OutcomeUnknown):
        return FencedTooLong(str(error)) if error.fenced else TurnFailed(str(error))
    where = f": {error.filename}" if error.filename else ""
    return TurnFailed(f"{error.strerror or error}{where}")


def trigger_of(wake: Wake) -> str:
    """Name what woke the loop; the wake-up that says most."""
    return next((name for name in _BY_WEIGHT if name in wake.reasons), "ledger")


_BY_WEIGHT = (
    *("start", "signal", "takeover", "push hook", "commit", "save"),
    "replacement",
    "settings",
    *("due", "publication", "ledger", "retry", "timer"),
)
