"""Plan → ledger entries: the exactly-once protocol, step by step.

In: an event log, a plan and a way to plan again. Out: what was published; the ledger knows
it. Why it is exact: when `fence` returns, every other publisher's transaction is either
committed, and then below the high watermark that we read up to, or can never commit. What
we read after that is the truth until somebody fences us, and then we cannot commit.

The steps: 0 peek (fences nobody) · 1 guard · 2 fence · 3 target (high watermark) · 4 read up
to it · 5 plan · 6 publish in transactions · 7 resolve an unknown outcome by beginning again
at 2 · 8 a new epoch after any commit that was not clean. Step 9, the status files, is
`writeback.py`. A random-schedule search in the tests breaks each step and finds the
duplicate or the loss.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from franc_gitops.errors import (
    EventLogReplaced,
    EventLogUnreachable,
    FencedTooLong,
    OutcomeUnknown,
    PartlyPublished,
    forget_frames,
)
from franc_gitops.ledger import Ledger
from franc_gitops.pipeline.deliver import deliveries, stale_records
from franc_gitops.status_seal import seal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from franc_gitops.clock import Clock
    from franc_gitops.eventlogs import Committed, EventLog, LedgerReader, Recorder, Session, Target
    from franc_gitops.ledger import Unplaced
    from franc_gitops.model import Event, LogIdentity, Position
    from franc_gitops.pipeline.actions import Action, Plan
    from franc_gitops.pipeline.deliver import Delivery

BATCH = 5_000
"""Requests per transaction at the most; a file's requests are never split."""

PATIENCE = 120.0
"""Seconds that a publisher tries again after being fenced or left without an answer."""


class Progress(Protocol):
    """Hears how many requests are published so far."""

    def __call__(self, done: int, total: int, /) -> None:
        """Show it, or do nothing."""
        ...


def no_progress(done: int, total: int) -> None:
    """Show nothing."""
    del done, total


@dataclass
class Publisher:
    """Follows the ledger of one event log and publishes to it; lives as long as the log.

    `guard` looks at the log before anything is written and raises if it is not the one that
    is meant. `published` are the actions, by request_id, that the last call of `publish` has
    certainly committed, `attempted` those that it has tried to.

    With `keep` the session outlives `publish`: what was read after its fence and what it has
    committed itself is the truth until somebody fences it, and then it cannot commit. So the
    next call commits at once, without guard, fence or reading; any doubt begins again at 2.
    """

    log: EventLog
    clock: Clock
    guard: Callable[[LogIdentity], None] = lambda _: None
    batch: int = BATCH
    patience: float = PATIENCE
    progress: Progress = no_progress
    keep: bool = False
    ledger: Ledger = field(default_factory=Ledger)
    published: dict[str, Action] = field(default_factory=dict)
    attempted: set[str] = field(default_factory=set)
    _reader: LedgerReader | None = None
    _is_torn: bool = False
    _session: Session | None = None
    _log_name: str = ""

    def identify(self) -> LogIdentity:
        """Ask which log it is now; a session and a ledger of one that was replaced are forgotten.

        Raises EventLogUnreachable, EventLogReplaced among them, or EventLogRefused.
        """
        try:
            return self.log.identify()
        except EventLogReplaced:
            self._drop_session()
            self._is_torn = True
            raise

    def peek(self) -> Ledger:
        """Read what is committed, fencing nobody and waiting for nobody (step 0).

        Ledger entries are never taken back: what a peek shows as published is final. With a
        session nothing is read: it would tell less than is known, up to the last stable offset.
        """
        if self._session is not None:
            return self.ledger
        self._read(None)
        return self.ledger

    def catch_up(self) -> Ledger:
        """Read all that was committed before this call, fencing nobody.

        What `peek` sees may lag behind the commits of others, by their open transactions and by
        the broker's own haste; this waits for those to end. Raises EventLogUnreachable. A session
        that was kept does not know whether it has been fenced meanwhile, so it is given up.
        """
        self._drop_session()
        self._read(self._open_reader().target())
        return self.ledger

    def publish(self, plan: Plan, replan: Callable[[Ledger], Plan]) -> Plan:
        """Publish what `plan` sends, exactly once, and return the last plan that was made.

        Raises FencedTooLong, EventLogUnreachable, EventLogRefused, or PartlyPublished when
        something was committed before the log went away. Whatever is raised, the next pass
        sends exactly what is missing.
        """
        deadline = self.clock.monotonic() + self.patience
        attempt = 0
        was_kept, is_sound = self._session is not None, False
        self.published, self.attempted = {}, set()
        try:
            plan = self._brought_up_to_date(plan, replan)
            while plan.sends:
                try:
                    plan = self._publish_in_epochs(plan, replan)
                    break
                except OutcomeUnknown as doubt:
                    attempt += 1
                    if was_kept and attempt == 1 and not doubt.fenced:
                        self._drop_session()  # it may only have lost its connection meanwhile
                    else:
                        self._give_up_or_wait(doubt, attempt, deadline)
                    forget_frames(doubt)
                    plan = self._plan_after(self.peek(), replan)
            is_sound = self.keep
        except EventLogUnreachable as error:
            if not self.published:
                raise
            raise PartlyPublished(
                f"{len(self.published)} requests are published, then: {error.message}",
                hint=error.hint or "run publish again: it sends exactly the rest",
            ) from error
        finally:
            if not is_sound:
                self._drop_session()
        return plan

    def lead(self) -> None:
        """Open a session though nothing is to be sent yet, so that the next commit is quick.

        Others who had one learn at their next commit that they follow now. Raises as `publish`.
        """
        if self.keep and self._session is None:
            self.begin()

    def begin(self) -> Ledger:
        """Take steps 1 to 4 now; the next `publish` goes on from there.

        Unlike a peek this knows all that is committed, and unlike `catch_up` it does not wait for
        what the dead or the broker left unfinished: fencing ends it. Raises as `publish`.
        """
        self._drop_session()
        self._check_guard()
        try:
            self._read(self._fence().target())
        except BaseException:
            self._drop_session()
            raise
        return self.ledger

    def step_back(self) -> bool:
        """Let go of a session that another publisher has overtaken; tell whether it was so.

        A session learns that only by its next commit otherwise, which may be days away.
        Raises EventLogUnreachable or EventLogRefused.
        """
        if self._session is None or not self._session.is_overtaken():
            return False
        self._drop_session()
        return True

    def close(self) -> None:
        """Let go of the reader and of the log."""
        self._drop_session()
        if self._reader is not None:
            self._reader.close()
        self.log.close()

    # --- the steps, each a method, so that a test can break one ------------------------------

    def _publish_in_epochs(self, plan: Plan, replan: Callable[[Ledger], Plan]) -> Plan:
        """Steps 1 to 8 until nothing is left to send."""
        last = plan
        while plan.sends:
            session = self._session
            if session is None:
                self._check_guard()
                session = self._fence()
                plan = last = self._plan_in_epoch(session, plan, replan)
            if self._publish_in_epoch(session, plan):
                return last
            self._drop_session()
            plan = self._plan_after(self.ledger, replan)
        return last

    def _check_guard(self) -> None:
        identity = self.identify()
        self.guard(identity)
        self._log_name = identity.name

    def _fence(self) -> Session:
        self._session = self.log.fence()
        return self._session

    def _plan_in_epoch(
        self, session: Session, plan: Plan, replan: Callable[[Ledger], Plan]
    ) -> Plan:
        """Steps 3 to 5: read up to the high watermark; plan again if that told anything new."""
        self._read(session.target())
        return self._brought_up_to_date(plan, replan)

    def _brought_up_to_date(self, plan: Plan, replan: Callable[[Ledger], Plan]) -> Plan:
        """Plan again if the ledger has told anything since, whoever asked it."""
        if plan.known == self.ledger.state:
            return plan
        return self._plan_after(self.ledger, replan)

    def _plan_after(self, ledger: Ledger, replan: Callable[[Ledger], Plan]) -> Plan:
        return replan(ledger)

    def _publish_in_epoch(self, session: Session, plan: Plan) -> bool:
        """Steps 6 to 8: give whether all is sent; false asks for a new epoch first."""
        batches = list(_batches(plan.sends, self.batch))
        sent = 0
        for number, batch in enumerate(batches, 1):
            made = deliveries(plan, batch)
            if number == 1:
                made = _with_stale_records(made, islice(stale_records(plan), self.batch))
            self.attempted.update(action.request_id for action in batch)
            committed = self._commit(session, made)
            self._remember(committed, batch)
            sent += len(batch)
            self.progress(sent, len(plan.sends))
            if self._needs_new_epoch(committed):
                self._drop_session()
                return number == len(batches)
        return True

    def _needs_new_epoch(self, committed: Committed) -> bool:
        """A late duplicate of a disturbed commit could end the next transaction (step 8)."""
        return not committed.clean

    def _commit(self, session: Session, batch: Iterable[Delivery]) -> Committed:
        """Write events and ledger records in one transaction (step 6).

        An event is made when it is sent, while earlier ones are under way.
        """
        records: list[tuple[int, Unplaced]] = []

        def events() -> Iterator[Event]:
            for delivery in batch:
                yield from delivery.events
                records.append((len(delivery.events), delivery.record))
                records.extend((0, other) for other in delivery.refreshed)

        return session.commit(events(), _recorder(records, self._log_name))

    def _remember(self, committed: Committed, batch: Iterable[Action]) -> None:
        self.ledger.fold(committed.records)
        self.published.update((action.request_id, action) for action in batch)

    def _open_reader(self) -> LedgerReader:
        if self._is_torn:
            self._begin_again()
        if self._reader is None:
            self._reader = self.log.reader()
        return self._reader

    def _read(self, target: Target | None) -> None:
        reader = self._open_reader()
        self._is_torn = True
        for records in reader.read(target):
            self.ledger.fold(records)
        self._is_torn = False

    def _begin_again(self) -> None:
        """Forget a ledger whose reading was broken off: the reader may have passed records by."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self.ledger = Ledger()
        self._is_torn = False

    def _give_up_or_wait(self, doubt: OutcomeUnknown, attempt: int, deadline: float) -> None:
        """Wait with jitter, longer each time: two publishers must not fence each other for ever."""
        self._drop_session()
        if self.clock.monotonic() > deadline:
            if doubt.fenced:
                raise FencedTooLong(
                    f"another publisher kept taking over for {self.patience:.0f} s",
                    hint="let one publisher finish; run publish again for what is missing",
                ) from doubt
            raise EventLogUnreachable(
                f"the event log gave no certain answer for {self.patience:.0f} s: {doubt}",
                hint="run publish again: it reads the ledger and sends exactly what is missing",
            ) from doubt
        longest = min(30.0, (2.0 if doubt.fenced else 0.2) * 2**attempt)
        self.clock.sleep(self.clock.uniform(longest / 4, longest))

    def _drop_session(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def _with_stale_records(made: Iterator[Delivery], stale: Iterable[Unplaced]) -> Iterator[Delivery]:
    """Let records of files that were only reformatted or moved ride along with the first."""
    for first in islice(made, 1):
        yield first._replace(refreshed=(*first.refreshed, *stale))
    yield from made


def _recorder(records: Iterable[tuple[int, Unplaced]], log_name: str) -> Recorder:
    """Place and seal the ledger records of a batch.

    Each is told with how many of the events are its own.
    """

    def record(positions: Sequence[Position]) -> Iterator[tuple[str, str, bytes]]:
        at = 0
        for events, unplaced in records:
            until = at + events
            placed = unplaced.place(positions[at:until] if events else ())
            yield unplaced.change_number, unplaced.request_id, seal(placed, log_name)
            at = until

    return record


def _batches(actions: Sequence[Action], most: int) -> Iterator[list[Action]]:
    """Cut the actions into transactions, between files only."""
    batch: list[Action] = []
    for action in actions:
        if len(batch) >= most and action.path != batch[-1].path:
            yield batch
            batch = []
        batch.append(action)
    if batch:
        yield batch
