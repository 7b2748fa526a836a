"""One request against what the ledger knows of it: publish, cancel, skip or hold.

The table "changing what was published is explicit" of contract 2, as code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from franc_gitops.model import Phase
from franc_gitops.pipeline.actions import Action, Kind
from franc_gitops.problems import problem

if TYPE_CHECKING:
    from franc_gitops.ledger import LedgerEntry
    from franc_gitops.model import Problem, Request
    from franc_gitops.pipeline.actions import Situation

Verdict = tuple[Action, "Problem | None"]


def judge(request: Request, entry: LedgerEntry | None, situation: Situation) -> Verdict:
    """Decide what becomes of a valid request, looking at nothing but its ledger entry."""
    if request.cancel is not None:
        return _judge_cancel(request, entry)
    if entry is None:
        return _judge_new(request, situation)
    return _judge_known(request, entry, situation)


def _act(
    kind: Kind, request: Request, entry: LedgerEntry | None, phase: Phase, reason: str
) -> Action:
    return Action(
        kind, request.request_id, request.path, request.revision, reason, phase, request, entry
    )


def _judge_cancel(request: Request, entry: LedgerEntry | None) -> Verdict:
    if entry is None:
        reason = "cancelled before it was published: nothing is sent"
        return _act(Kind.SKIP, request, None, Phase.CANCELLED, reason), None
    if entry.phase is Phase.CANCELLED:
        reason = "its cancellation is published"
        return _act(Kind.SKIP, request, entry, Phase.CANCELLED, reason), None
    if request.revision < entry.revision:
        return _hold(request, entry, _went_back(request, entry))
    reason = f"cancels the published revision {entry.revision}"
    return _act(Kind.CANCEL, request, entry, Phase.CANCELLED, reason), None


def _judge_new(request: Request, situation: Situation, entry: LedgerEntry | None = None) -> Verdict:
    """Publish a request that is new, or new in this revision, if it is time."""
    now = situation.now
    if request.not_before is not None and now < request.not_before:
        reason = f"scheduled: not before {request.not_before.isoformat()}"
        return _act(Kind.HOLD, request, entry, Phase.SCHEDULED, reason), None
    if request.not_after is not None and now > request.not_after:
        reason = f"its window closed at {request.not_after.isoformat()}; set a new `not_after`"
        return _act(Kind.HOLD, request, entry, Phase.SCHEDULED, reason), None
    reason = (
        f"revision {request.revision} follows {entry.revision}" if entry else "not published yet"
    )
    phase = Phase.COMPLETED if situation.envelope.completion == "accept" else Phase.PUBLISHED
    action = _act(Kind.PUBLISH, request, entry, phase, reason)
    return action, None


def _judge_known(request: Request, entry: LedgerEntry, situation: Situation) -> Verdict:
    if request.revision > entry.revision:
        return _judge_new(request, situation, entry)
    if request.revision < entry.revision:
        found = _went_back(request, entry)
    elif request.digest != entry.digest:
        found = _lifecycle(
            "FRN401",
            request,
            f"changed after publication of revision {entry.revision}",
            f"set revision: {entry.revision + 1} to publish the change, or take it back",
        )
    elif entry.phase is Phase.CANCELLED:
        found = _lifecycle(
            "FRN405",
            request,
            f"revision {entry.revision} was published and cancelled",
            f"set revision: {entry.revision + 1} to order it again, or bring `cancel` back",
        )
    else:
        return _act(Kind.SKIP, request, entry, entry.phase, "published, unchanged"), None
    return _hold(request, entry, found)


def _hold(request: Request, entry: LedgerEntry, found: Problem) -> Verdict:
    return _act(Kind.HOLD, request, entry, Phase.REJECTED, found.message), found


def _went_back(request: Request, entry: LedgerEntry) -> Problem:
    return _lifecycle(
        "FRN402",
        request,
        f"revision went back: {entry.revision} is published, the file says {request.revision}",
        f"set revision: {entry.revision} to keep what is published, "
        f"or {entry.revision + 1} to publish this content",
    )


def _lifecycle(code: str, request: Request, message: str, hint: str) -> Problem:
    return problem(code, request.path, message, place=request.place, field="revision", hint=hint)
