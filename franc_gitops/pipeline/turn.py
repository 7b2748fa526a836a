"""The pass: snapshot → load → validate → plan → publish → write back. Once, or for ever.

This module alone knows the order of the stages. A CI job runs one pass; a daemon runs the
same pass in a loop and keeps the publisher between turns.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from franc_gitops.errors import (
    EventLogRefused,
    EventLogUnreachable,
    FencedTooLong,
    PartlyPublished,
    PlanRefused,
    RepositoryError,
    Stopped,
    WriteBackFailed,
)
from franc_gitops.freeze import Calendar
from franc_gitops.model import Snapshot, SourceFile, Validated
from franc_gitops.pipeline import offline, rest, review
from franc_gitops.pipeline.actions import Kind, Plan, Situation
from franc_gitops.pipeline.open_requests import Claims
from franc_gitops.pipeline.plan import make_plan
from franc_gitops.pipeline.ports import PartialCommits, PartialWriteBack
from franc_gitops.pipeline.projection import PlanProjection
from franc_gitops.pipeline.report import Report
from franc_gitops.pipeline.signatures import Distrust, find_distrust

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from franc_gitops.clock import Clock
    from franc_gitops.errors import FrancError
    from franc_gitops.events import Envelope
    from franc_gitops.ledger import Comparison, Ledger
    from franc_gitops.model import Glance, LogIdentity, Provenance, Request
    from franc_gitops.pipeline.expectation import Expectation
    from franc_gitops.pipeline.guard import Guard
    from franc_gitops.pipeline.part import Part
    from franc_gitops.pipeline.ports import Projection, Validator, WriteBack
    from franc_gitops.pipeline.publish import Publisher
    from franc_gitops.pipeline.review import Base, Review
    from franc_gitops.pipeline.signatures import SignatureCheck
    from franc_gitops.pipeline.witness import Witness
    from franc_gitops.repositories import RequestRepository


@dataclass
class Pass:
    """One turn from the repository to the status files, over opened ports."""

    repository: RequestRepository
    publisher: Publisher
    validator: Validator
    envelope: Envelope
    clock: Clock
    guard: Guard
    write_back: WriteBack | None = None
    strict: bool = False
    signatures: SignatureCheck | None = None
    """Verifies the commits of what is to be published, where that is required."""
    offline: bool = False
    """Whether the event log is a stand-in that knows nothing: plans must not claim that it does."""
    publishes: bool = True
    """Whether it sends; a standby only looks, and writes the status of what others sent."""
    rests: bool = True
    """Whether it ends at once where nothing has moved; a loop knows that, and needs the ledger."""
    freeze: Calendar = field(default_factory=Calendar)
    finished: Callable[[Request], bool] = field(default=lambda _: False)
    """Tells offline which requests are finished: these are in nobody's way."""
    witness: Witness | None = None
    """Knows from the status files what a ledger must not have forgotten."""
    approve: Callable[[Plan], None] = field(default=lambda _: None)
    """Looks at the plan before anything is published or written; raises to refuse."""
    expectation: Expectation | None = None
    """The only plan that may be published; asked again whenever a pass plans again."""
    purpose: Callable[[Plan, Ledger], Plan] | None = None
    """Makes of what `publish` would do what is done instead: `replay` and `adopt` are passes."""

    def __post_init__(self) -> None:
        """Read claims where requests are read."""
        self._claims = Claims(self.repository.read)
        self._last_plan: Plan | None = None

    def plan(self) -> Plan:
        """Look at repository and ledger; say what a publication would do, and change nothing."""
        snapshot = self.repository.snapshot()
        plan = self._plan(snapshot, self._look(snapshot))
        return offline.unasked(plan) if self.offline else plan

    def review(self, base: Base) -> Review:
        """Plan, and take out of the plan what the base of the change would do already."""
        before, after = base.repository.snapshot(), self.repository.snapshot()
        if self.offline:
            return self._review_offline(base, before, after)
        plan = self._plan(after, self._look(after))
        ledger = self.publisher.ledger
        return review.review(base, self._plan_base(base, before, plan, ledger), plan, ledger)

    def run(self) -> Report:
        """Publish what is missing and write the status files."""
        is_usual = not self.expectation and not self.purpose
        glance = self.repository.glance() if self.write_back and is_usual else None
        resting = self._find_rest(glance) if self.rests else None
        if resting is not None:
            return resting
        snapshot = self.repository.snapshot()
        self._prepare(len(snapshot.files))
        self._identify()
        mark = self.publisher.log.mark() if glance else ""
        plan = self._plan(snapshot, self.publisher.peek())
        self.approve(plan)
        if self.expectation:
            self.expectation.check(plan)
        report = self._publish(plan, self._replan)
        can_rest = glance and mark and not report.published and rest.is_at_rest(plan, glance)
        note = rest.note(glance, self.identity, mark) if glance and can_rest else ""
        return self._end(self._write(report, rest.noting(note, plan.counts[Kind.SKIP])))

    @property
    def unsent(self) -> list[str] | None:
        """The request_ids of the last plan that was made to be sent, without what certainly was.

        For a pass that was broken off and has no report; None if it has no plan either.
        """
        plan, published = self._last_plan, self.publisher.published
        if plan is None:
            return None
        names = (action.request_id for action in plan.sends)
        return [name for name in names if name not in published]

    def look(self, ledger: Ledger, failure: FrancError) -> Report:
        """Plan with a ledger that was read before, because it cannot be now; change nothing."""
        plan = self._plan(self.repository.snapshot(), ledger)
        return Report(plan, ledger, self.identity.name, failure=failure)

    def run_part(self, part: Part) -> Report:
        """Do the same for a few files that nothing else depends on, after a run over all.

        Raises PartOutdated if the ledger turns out to have moved on: only a run over all files
        can tell what that means.
        """
        ledger = self.publisher.ledger
        self._situation = self._situate(part.snapshot, part.validated)
        plan = self._make(ledger, ledger.compare(part.snapshot.files, part.requests))
        return self._write_part(self._publish(plan, part.refuse), part)

    def _publish(self, plan: Plan, replan: Callable[[Ledger], Plan]) -> Report:
        """Publish what a plan sends, and say how that went."""
        self.publisher.guard = self._check_again
        self._ask_witness(plan)
        failure: FrancError | None = None
        began = self.clock.monotonic()
        self.publisher.published = {}
        try:
            if self.publishes:
                plan = self.publisher.publish(plan, replan)
        except (PartlyPublished, FencedTooLong, EventLogUnreachable, Stopped) as error:
            failure, plan = error, self._last_plan or plan
        except (EventLogRefused, PlanRefused) as error:
            if not self.publisher.published:
                raise
            failure, plan = error, self._last_plan or plan
        return Report(
            plan.everything,
            self.publisher.ledger,
            self.identity.name,
            dict(self.publisher.published),
            new_pins=tuple(pin for pin in self.pins if pin not in self.guard.pins),
            failure=failure,
            publish_seconds=self.clock.monotonic() - began,
        )

    def _find_rest(self, glance: Glance | None) -> Report | None:
        """Report at once if nothing has moved since the last pass."""
        if glance is None or self.write_back is None:
            return None
        noted = self.write_back.last_note()
        if not rest.is_about(noted, glance):
            return None
        self._identify()
        note = rest.note(glance, self.identity, self.publisher.log.mark())
        requests = rest.requests_noted(noted, note)
        written = self.write_back.find_unmoved(self.pins) if requests else None
        if requests is None or written is None:
            return None
        snapshot = Snapshot(glance.commit, {}, (), glance.find_uncommitted)
        nothing_read = self.publisher.ledger
        plan = self._plan(snapshot, nothing_read)
        report = Report(plan, nothing_read, self.identity.name, written=written, resting=requests)
        return self._end(report)

    def _end(self, report: Report) -> Report:
        with suppress(RepositoryError):  # only to warn; what is published must be reported
            report.plan.situation.snapshot.find_uncommitted()  # while the repository is still open
        return report

    def _prepare(self, files: int) -> None:
        self.validator.prepare(files)
        if self.write_back is not None:
            self.write_back.prepare(files)

    def _identify(self) -> None:
        """Ask which log it is, and refuse one that is not ours."""
        self.identity = self.publisher.identify()
        self.pins = self.guard.check(self.identity)

    def _ask_witness(self, plan: Plan) -> None:
        """Refuse to send again what a ledger has forgotten, unless that is meant."""
        is_usual = self.publishes and not self.purpose and not self.guard.accept
        if self.witness is not None and is_usual and self.identity.pin:
            self.witness.check(plan, self.publisher, self.identity.name)

    def _check_again(self, identity: LogIdentity) -> None:
        """Refuse to publish if the log is no longer the one that was planned against."""
        replace(self.guard, pins=self.pins, accept=False).check(identity)

    def _look(self, snapshot: Snapshot) -> Ledger:
        """Open the event log, see whether it is the right one, and read its ledger."""
        self._prepare(len(snapshot.files))
        self._identify()
        return self.publisher.peek()

    def _plan(self, snapshot: Snapshot, ledger: Ledger) -> Plan:
        comparison = _compare(ledger, snapshot)
        unknown = [SourceFile(path, blob) for path, blob in comparison.unknown.items()]
        validated = self.validator(unknown) if unknown else Validated()
        self._situation = self._situate(snapshot, validated)
        return self._make(ledger, comparison)

    def _situate(self, snapshot: Snapshot, validated: Validated) -> Situation:
        """Add to files and what is in them all that a plan depends on, but for the ledger."""
        provenance = _provenance(self.repository, snapshot, validated)
        if self.signatures and snapshot.commit and not provenance:  # nobody's signature is asked
            self.signatures.look(snapshot.commit)
        return Situation(
            snapshot,
            validated,
            provenance,
            self.envelope,
            self.clock.now(),
            self.identity.max_record_bytes,
            strict=self.strict,
            freeze=self.freeze,
            finished=self.finished,
            trace=partial(self.repository.trace, snapshot),
            distrust=self._distrust(snapshot, provenance),
        )

    def _plan_base(self, base: Base, before: Snapshot, plan: Plan, ledger: Ledger) -> Plan:
        """Plan the base against the same ledger; only files that changed since are read."""
        comparison = ledger.compare(before.files)
        known, unread = review.carry_over(plan, before.files, comparison)
        read = base.validator(unread) if unread else Validated()
        at_base = _provenance(base.repository, before, read)
        provenance = {**plan.situation.provenance, **at_base}
        situation = replace(
            plan.situation,
            snapshot=before,
            validated=review.joined(known, read),
            provenance=provenance,
            distrust=self._distrust(before, provenance),
        )
        return make_plan(self._with_claims(situation, ledger, comparison), ledger, comparison)

    def _review_offline(self, base: Base, before: Snapshot, after: Snapshot) -> Review:
        """Hold the changed files against what they were; nothing else is read."""
        changed = review.changed_paths(before.files, after.files)
        was, now = review.narrowed(before, changed), review.narrowed(after, changed)
        ledger = self._look(now)
        plan = self._plan(now, ledger)
        then = self._plan_base(base, was, plan, ledger)
        return offline.review(base, then, plan, after, ledger)

    def _distrust(self, snapshot: Snapshot, provenance: Mapping[str, Provenance]) -> Distrust:
        """Find out whose commits nobody trusted signed, if that matters."""
        if self.signatures is None:
            return Distrust()
        return find_distrust(snapshot.commit, provenance, self.signatures)

    def _replan(self, ledger: Ledger) -> Plan:
        """Plan the same situation against a ledger that has moved on."""
        plan = self._make(ledger, _compare(ledger, self._situation.snapshot))
        if self.expectation:
            self.expectation.check_again(plan, self.publisher.attempted)
        return plan

    def _make(self, ledger: Ledger, comparison: Comparison) -> Plan:
        situation = self._with_claims(self._situation, ledger, comparison)
        plan = make_plan(situation, ledger, comparison)
        self._last_plan = plan = self.purpose(plan, ledger) if self.purpose else plan
        return plan

    def _with_claims(
        self, situation: Situation, ledger: Ledger, comparison: Comparison
    ) -> Situation:
        """Add what published requests still claim, if anything is there to claim it, too."""
        requests, published = situation.validated.requests, {}
        if situation.tracks and requests:
            published = self._claims.published(ledger, comparison, requests)
        return replace(situation, published=published, locate=self._claims.locate)

    def _write(self, report: Report, note: str) -> Report:
        if self.write_back is None:
            return report
        is_exact = bool(report.published)
        wanted = self._project(report.plan, report.unsent, is_exact=is_exact)
        try:
            written = self.write_back(wanted, wanted.keep, self.pins, note)
            return replace(report, written=written)
        except WriteBackFailed as error:
            return replace(report, written=error.written, failure=report.failure or error)

    def _write_part(self, report: Report, part: Part) -> Report:
        """Write the status files of a part, if this write-back can; the next run over all does."""
        wanted = self._project(report.plan, report.unsent, is_exact=bool(report.published))
        gone = [path for path in part.paths if not wanted.keep(path)]
        try:
            if isinstance(self.write_back, PartialWriteBack):
                return replace(report, written=self.write_back.some(wanted, gone))
            if isinstance(self.write_back, PartialCommits):
                return replace(report, written=self.write_back.part(wanted, gone))
            return report
        except WriteBackFailed as error:
            return replace(report, written=error.written, failure=report.failure or error)

    def project(self, commit: str) -> Projection:
        """Project another commit and the ledger as it is now; what is to be sent is left out."""
        ledger = self.publisher.catch_up()
        return self.projection(self._plan(self.repository.snapshot(commit), ledger).everything)

    def projection(self, plan: Plan) -> Projection:
        """Project a plan while it is not carried out: what is to be sent is left out."""
        unsent = frozenset(action.request_id for action in plan.sends)
        return self._project(plan, unsent, is_exact=True)

    def _project(self, plan: Plan, unsent: frozenset[str], *, is_exact: bool) -> PlanProjection:
        ledger, log_name = self.publisher.ledger, self.identity.name
        return PlanProjection(plan, ledger, log_name, unsent, self.project, is_exact=is_exact)


def _provenance(
    repository: RequestRepository, snapshot: Snapshot, validated: Validated
) -> dict[str, Provenance]:
    """Ask for the last commit of each file that holds a request."""
    paths = {request.path for request in validated.requests}
    return dict(repository.provenance(snapshot, paths)) if paths else {}


def _compare(ledger: Ledger, snapshot: Snapshot) -> Comparison:
    """Sort files into known and unknown ones; what is busy and not known is left as it is."""
    found = ledger.compare(snapshot.files)
    if not snapshot.busy:
        return found
    unknown = {path: blob for path, blob in found.unknown.items() if path not in snapshot.busy}
    return replace(found, unknown=unknown)
