"""One request against what the ledger knows of it: publish, cancel, skip or hold.

The rules of docs/edits.md, as code: what was published changes only on purpose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from franc_gitops.events import timestamp
from franc_gitops.model import Phase
from franc_gitops.pipeline.actions import Action, Kind
from franc_gitops.pipeline.windows import wait_for_window
from franc_gitops.problems import problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from franc_gitops.ledger import LedgerEntry
    from franc_gitops.model import Lineage, Problem, Request
    from franc_gitops.pipeline.actions import Situation

Verdict = tuple[Action, "Problem | None"]


def judge(request: Request, entry: LedgerEntry | None, situation: Situation) -> Verdict:
    """Decide what becomes of a valid request, looking at nothing but its ledger entry."""
    if request.cancel is not None:
        return _judge_cancel(request, entry)
    if entry is None:
        return _judge_new(request, situation)
    return _judge_known(request, entry, situation)


def give_way(verdicts: Sequence[Verdict], situation: Situation) -> Sequence[Verdict]:
    """Let stand what a newer commit published: a job that runs late overrides nothing."""
    commits = frozenset(a.entry.commit for a, _ in verdicts if a.entry and a.kind is not Kind.SKIP)
    if not commits - {""}:
        return verdicts
    lineage = situation.trace(commits - {""})
    return [_give_way(action, found, lineage) for action, found in verdicts]


def _give_way(action: Action, found: Problem | None, lineage: Lineage) -> Verdict:
    entry, request = action.entry, action.request
    if entry is None or request is None or action.kind is Kind.SKIP:
        return action, found
    if entry.commit in lineage.newer:
        return superseded(action, entry), None
    if action.sends and _may_be_older(action, entry, lineage):
        return _hold(request, entry, _out_of_turn(request, entry))
    return action, found


def superseded(action: Action, entry: LedgerEntry) -> Action:
    """Give the action that leaves everything as the newer commit made it.

    It has no request: what the ledger knows of the newer content must not be told the older.
    """
    reason = f"revision {entry.revision} is published from commit {entry.commit[:12]}, a newer one"
    return Action(
        Kind.SKIP,
        action.request_id,
        action.path,
        entry.revision,
        reason,
        entry.phase,
        entry=entry,
        newer=entry.commit,
    )


def _may_be_older(action: Action, entry: LedgerEntry, lineage: Lineage) -> bool:
    """Tell whether what would be sent may be older than what is published.

    A raised revision says by itself that it is newer, unless the history knows better.
    """
    if entry.commit in lineage.abandoned:
        return True
    if entry.commit not in lineage.missing or action.revision > entry.revision:
        return False
    return entry.timestamp > timestamp(lineage.time)


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
    wait = wait_for_window(request, situation.now, situation.freeze)
    if wait is not None:
        return _act(Kind.HOLD, request, entry, Phase.SCHEDULED, wait.reason), None
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


def _out_of_turn(request: Request, entry: LedgerEntry) -> Problem:
    return _lifecycle(
        "FRN406",
        request,
        f"revision {entry.revision} is published from commit {entry.commit[:12]}, which may be "
        "newer than this one",
        "publish the newest commit; if this is it: git fetch --unshallow, or commit once more",
    )


def _lifecycle(code: str, request: Request, message: str, hint: str) -> Problem:
    return problem(code, request.path, message, place=request.place, field="revision", hint=hint)
