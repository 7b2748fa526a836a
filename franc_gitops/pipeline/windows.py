"""When a request may be published: its own window and the freeze calendar.

In: a request, the time, the calendar. Out: what it waits for, or None. A cancellation waits
for nothing: it takes back, and adds nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.model import START, Phase
from franc_gitops.pipeline.actions import Kind
from franc_gitops.problems import problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from franc_gitops.freeze import Calendar, Frozen
    from franc_gitops.model import Problem, Request
    from franc_gitops.pipeline.actions import Action, Plan, Situation

OVERRIDDEN = "FRN407"


class Wait(NamedTuple):
    """Why a request waits, and when it may go; None if it never will as things are."""

    reason: str
    until: datetime | None


def wait_for_window(request: Request, now: datetime, freeze: Calendar) -> Wait | None:
    """Tell what a request waits for; None if it may be published now."""
    opens, closes = request.not_before, request.not_after
    if closes is not None and now > closes:
        return Wait(_closed(closes), None)
    early = f"scheduled: not before {opens.isoformat()}" if opens and now < opens else ""
    start = opens if opens and early else now
    frozen = freeze.frozen(request.type, start)
    if frozen is None:
        return Wait(early, start) if early else None
    reason = ", then ".join(filter(None, (early, _describe(frozen))))
    if frozen.until is not None and closes is not None and frozen.until > closes:
        reason += f"; its window closes before, at {closes.isoformat()}"
        return Wait(reason, None)
    return Wait(reason, frozen.until)


def _describe(frozen: Frozen) -> str:
    if frozen.until is None:
        return f"frozen without end: {frozen.reason}"
    return f"frozen until {frozen.until.isoformat()}: {frozen.reason}"


def may_be_said(request: Request, reason: str) -> bool:
    """Tell whether a request could wait for this reason at some time, with some calendar."""
    opens, closes = request.not_before, request.not_after
    early = f"scheduled: not before {opens.isoformat()}" if opens else ""
    if early and reason == early:
        return True
    if closes is not None and reason == _closed(closes):
        return True
    return (
        _FROZEN.fullmatch(reason.removeprefix(f"{early}, then ") if early else reason) is not None
    )


_FROZEN = re.compile(r"frozen (?:until \d{4}-\d\d-\d\dT[0-9:.+-]+|without end): .+", re.DOTALL)


def _closed(closes: datetime) -> str:
    return f"its window closed at {closes.isoformat()}; set a new `not_after`"


def next_due(plan: Plan) -> datetime | None:
    """Give when the next of the requests that a plan holds for their time becomes due, in UTC.

    That is the time for another pass if nothing else wakes a daemon. None: for no request.
    """
    situation = plan.situation
    waits = (
        wait_for_window(action.request, situation.now, situation.freeze)
        for action in plan.actions
        if action.request and action.kind is Kind.HOLD and action.phase is Phase.SCHEDULED
    )
    times = (wait.until.astimezone(UTC) for wait in waits if wait and wait.until)
    return min(times, default=None)


def frozen_sends(
    actions: Iterable[Action], freeze: Calendar, now: datetime
) -> Mapping[str, Sequence[Action]]:
    """Give what is published although the calendar would hold it, by what it says."""
    found: dict[str, list[Action]] = defaultdict(list)
    for action in actions:
        if action.kind is Kind.PUBLISH and action.request is not None:
            frozen = freeze.frozen(action.request.type, now)
            if frozen is not None:
                found[_describe(frozen)].append(action)
    return found


def override_problems(actions: Sequence[Action], situation: Situation) -> Iterator[Problem]:
    """Leave a trace of what is sent in spite of a freeze: the ledger keeps a file's warnings.

    A file that is read again, because it was reformatted, keeps the trace that it has.
    """
    by = situation.freeze.overridden_by
    found = frozen_sends(actions, situation.freeze.in_force, situation.now) if by else {}
    for frozen, sent in found.items():
        for action in sent:
            yield _overridden(action, f"{action.request_id} is sent by {by}, though {frozen}")
    for action in actions:
        if action.kind is Kind.SKIP and action.entry:
            for told in action.entry.warnings:
                if told["code"] == OVERRIDDEN:
                    yield _overridden(action, told["message"])


def _overridden(action: Action, message: str) -> Problem:
    place = action.request.place if action.request else START
    hint = "--ignore-freeze is for emergencies; nothing is left to do"
    return problem(OVERRIDDEN, action.path, message, place=place, hint=hint)
