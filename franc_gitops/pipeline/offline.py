"""Plans that were made without asking the event log: they claim nothing that only it knows.

In: a plan against an empty ledger; for a review, also that of the changed files as they were at
the base. Out: the same with reasons that say what is not known. A request that stands at the
base as it does now is not sent for this change; one that is new or differs is shown as to be
sent, with the exact bytes, but for a cancellation: its event names one that only the ledger
knows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from franc_gitops.pipeline.actions import Kind
from franc_gitops.pipeline.review import Review, gone

if TYPE_CHECKING:
    from franc_gitops.ledger import Ledger
    from franc_gitops.model import Request, Snapshot
    from franc_gitops.pipeline.actions import Action, Plan
    from franc_gitops.pipeline.review import Base

_PUBLISH = "to be sent unless it is published already"
_CANCEL = "cancels it if it is published; the event names one that only the ledger knows"
_SAME = "as it stands at the base"
_GONE = "no file asks for it any more; nothing is sent"


def unasked(plan: Plan) -> Plan:
    """Say of everything valid that it is to be sent, unless it is published."""
    return replace(plan, actions=tuple(map(_unasked, plan.actions)))


def _unasked(action: Action) -> Action:
    request = action.request
    if request is None or action.kind is Kind.HOLD:
        return action
    if request.cancel is None:
        return replace(action, reason=_PUBLISH)
    return replace(action, kind=Kind.CANCEL, reason=_CANCEL)


def review(base: Base, before: Plan, after: Plan, snapshot: Snapshot, ledger: Ledger) -> Review:
    """Hold the changed files against what they were; `snapshot` is all of the planned commit."""
    changed = frozenset((*before.situation.snapshot.files, *after.situation.snapshot.files))
    stood = {request.request_id: request for request in before.situation.validated.requests}
    actions = [_against(action, stood.get(action.request_id)) for action in after.actions]
    left = [replace(action, reason=_GONE) for action in gone(before, after, changed, ledger)]
    own = frozenset(before.problems)
    plan = replace(
        after,
        situation=replace(after.situation, snapshot=snapshot),
        actions=(*actions, *left),
        problems=tuple(p for p in after.problems if p.path in changed or p not in own),
    )
    return Review(plan, base.revision, base.commit, changed=len(changed), is_whole=base.is_whole)


def _against(action: Action, was: Request | None) -> Action:
    request = action.request
    if request is None or was is None or action.kind is Kind.HOLD:
        return _unasked(action)
    if (request.revision, request.digest, request.cancel) == (was.revision, was.digest, was.cancel):
        return replace(action, kind=Kind.SKIP, reason=_SAME)
    if request.cancel is not None:
        return _unasked(action)
    return replace(action, reason=_difference(request, was))


def _difference(request: Request, was: Request) -> str:
    if request.revision > was.revision:
        return f"revision {request.revision} follows {was.revision} of the base"
    if request.revision < was.revision:
        return f"revision went back from {was.revision}; held if that is published"
    if was.cancel is not None:
        return "its `cancel` was taken out; held if the cancellation is published"
    return (
        f"changed; held if revision {was.revision} is published: "
        f"set revision: {was.revision + 1} then"
    )
