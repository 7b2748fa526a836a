"""Requests + ledger → plan: what is sent, held and skipped, and why.

In: a `Situation` (snapshot, validated requests of the files the ledger does not know, their
provenance, the time) and the ledger. Out: a `Plan`. Pure: no clock, no input or output, so
every publisher makes the same plan of the same situation. The file is the unit of holding.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from franc_gitops.model import UNKNOWN_PROVENANCE, Phase
from franc_gitops.pipeline.actions import Action, Kind, Plan
from franc_gitops.pipeline.conflicts import conflicts, made_twice
from franc_gitops.pipeline.deliver import events_of, size_problems
from franc_gitops.pipeline.identity import copy_problems, repeated_requests
from franc_gitops.pipeline.lifecycle import give_way, judge
from franc_gitops.pipeline.open_requests import at_its_beginning, open_requests
from franc_gitops.pipeline.reuse import reuse_problems
from franc_gitops.pipeline.windows import override_problems
from franc_gitops.problems import problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from franc_gitops.ledger import Comparison, Ledger, LedgerEntry
    from franc_gitops.model import Problem, Request
    from franc_gitops.pipeline.actions import Situation
    from franc_gitops.pipeline.reuse import Family


def make_plan(situation: Situation, ledger: Ledger, comparison: Comparison) -> Plan:
    """Decide what becomes of every request at the commit."""
    requests = [r for r in situation.validated.requests if r.path in comparison.unknown]
    entries = {r.request_id: ledger.get(r.request_id) for r in requests if r.request_id in ledger}
    repeated = list(repeated_requests(requests, entries, comparison))
    strangers = _strangers(repeated, entries, comparison)
    judged = [
        judge(r, None if strangers and r in strangers else entries.get(r.request_id), situation)
        for r in requests
    ]
    verdicts = give_way(judged, situation)
    distrusted = list(situation.distrust.about(action for action, _ in verdicts))
    problems = [
        *(p for p in situation.validated.problems if p.path in comparison.unknown),
        *situation.snapshot.problems,
        *copy_problems(comparison),
        *(found for _, found in repeated),
        *(found for _, found in verdicts if found),
        *distrusted,
    ]
    decided = [action for action, _ in verdicts]
    family = _family(decided, ledger)
    problems += reuse_problems(decided, family, situation.provenance)
    claiming = _claiming(decided, strangers, _bad(distrusted))
    actions, problems = _hold_each_other(decided, claiming, problems, family, situation)
    bad = _bad(problems)
    orphans = list(_older(_orphans(requests, ledger, comparison, bad), situation))
    problems += map(_orphan_problem, orphans)
    actions = [_hold(action, bad, strict=situation.strict) for action in actions]
    problems += override_problems(actions, situation)
    actions += [*_wordless(situation, bad, actions), *orphans]
    actions.sort(key=_sending_order(situation))
    problems.sort(key=lambda p: p.sort_key)
    return Plan(situation, comparison, tuple(actions), tuple(problems), ledger.state)


def _hold_each_other(
    decided: list[Action],
    claiming: Sequence[Action],
    problems: list[Problem],
    family: Family,
    situation: Situation,
) -> tuple[list[Action], list[Problem]]:
    """Add what requests do to each other: conflicts, shared event ids, records too large.

    What is held goes on claiming what it has published, so it may hold others in its turn.
    """
    held = _bad(problems)
    while True:
        found = [*problems, *_conflicts(claiming, situation, held)]
        bad = _bad(found)
        actions = _name_events(decided, family, situation, bad)
        found += list(_too_large([a for a in actions if a.path not in bad], found, situation))
        if not situation.tracks or _bad(found) <= held:
            return actions, found
        held |= _bad(found)


def _claiming(
    decided: list[Action], strangers: set[Request], distrusted: set[str]
) -> Sequence[Action]:
    """Leave out what must not stand in anybody's way: mistaken for another, or not trusted."""
    if not strangers and not distrusted:
        return decided
    return [a for a in decided if a.request not in strangers and a.path not in distrusted]


def _conflicts(
    claiming: Sequence[Action], situation: Situation, held: set[str]
) -> Iterable[Problem]:
    new = (action.request.claims for action in claiming if action.request)
    twice = made_twice(chain(new, (one.claims for one in situation.published.values())))
    if not twice:
        return ()
    opened = open_requests(claiming, situation, held, twice)
    return conflicts(opened, situation.locate or at_its_beginning)


def _bad(problems: Iterable[Problem]) -> set[str]:
    return {problem.path for problem in problems if problem.is_error}


def _family(actions: Iterable[Action], ledger: Ledger) -> Family:
    """Give all that the ledger knows of the change numbers that something may be sent of."""
    waiting = {Kind.PUBLISH, Kind.CANCEL, Kind.HOLD} if len(ledger) else set()
    numbers = {a.request.change_number for a in actions if a.request and a.kind in waiting}
    return ledger.of_changes(numbers) if numbers else {}


def _too_large(
    actions: Iterable[Action], problems: Iterable[Problem], situation: Situation
) -> Iterator[Problem]:
    """Find what its topic would refuse; the ledger's record holds the file's warnings, too."""
    warnings: dict[str, list[Problem]] = defaultdict(list)
    for found in problems:
        warnings[found.path].append(found)
    for action in actions:
        yield from size_problems(action, situation, warnings.get(action.path, ()))


def _strangers(
    repeated: Sequence[tuple[Request, Problem]],
    entries: Mapping[str, LedgerEntry | None],
    comparison: Comparison,
) -> set[Request]:
    """Find repeated requests that the ledger's entry is not about, but another place."""
    return {
        request
        for request, _ in repeated
        if (entry := entries.get(request.request_id)) is not None
        and (request.request_id not in comparison.astray or request.path != entry.path)
    }


def _hold(action: Action, bad: set[str], *, strict: bool) -> Action:
    if not action.sends or not bad:
        return action
    if action.path in bad:
        reason, phase = "held: its file has an error", Phase.REJECTED
    elif strict:
        reason, phase = "held: --strict and another file has an error", Phase.PENDING
    else:
        return action
    return replace(action, kind=Kind.HOLD, reason=reason, phase=phase)


def _wordless(situation: Situation, bad: set[str], actions: Iterable[Action]) -> Iterator[Action]:
    """Hold files of which no request could be read, so that they are counted and named."""
    spoken = {action.path for action in actions}
    for path in sorted(bad - spoken):
        if path in situation.snapshot.files:
            yield Action(Kind.HOLD, "", path, 0, "held: its file has an error", Phase.REJECTED)


def _orphans(
    requests: Iterable[Request], ledger: Ledger, comparison: Comparison, bad: set[str]
) -> Iterator[Action]:
    """Find unfinished requests whose file was deleted; finished ones are simply retired."""
    if not comparison.astray:
        return
    claimed = {request.request_id for request in requests}
    for request_id, path in comparison.astray.items():
        if request_id in claimed or path in bad:
            continue
        entry = ledger.get(request_id)
        if entry is not None and not entry.phase.is_final:
            reason = "its file was deleted before it was finished; nothing is sent"
            yield Action(
                Kind.ORPHANED, request_id, path, entry.revision, reason, entry.phase, entry=entry
            )


def _older(orphans: Iterable[Action], situation: Situation) -> Iterator[Action]:
    """Leave out requests that only a newer commit has: their file was not deleted."""
    found = list(orphans)
    commits = frozenset(action.entry.commit for action in found if action.entry) - {""}
    newer = situation.trace(commits).newer if commits else frozenset[str]()
    return (action for action in found if action.entry and action.entry.commit not in newer)


def _orphan_problem(action: Action) -> Problem:
    return problem(
        "FRN410",
        action.path,
        f"the file of {action.request_id}, which is {action.phase}, was deleted",
        hint="bring it back and add `cancel: reason` to cancel the request",
    )


def _sending_order(
    situation: Situation,
) -> Callable[[Action], tuple[datetime, str, int, str]]:
    """Order by commit time, then path and document: as the changes were merged."""
    provenance = situation.provenance

    def key(action: Action) -> tuple[datetime, str, int, str]:
        time = provenance.get(action.path, UNKNOWN_PROVENANCE).time
        return (time, action.path, action.document, action.request_id)

    return key


def _name_events(
    actions: list[Action], family: Family, situation: Situation, bad: set[str]
) -> list[Action]:
    """Tell requests that share a change number which event ids are taken, in a stable order."""
    sending = [a.request for a in actions if a.sends and a.path not in bad and a.request]
    numbers = Counter(request.change_number for request in sending)
    taken = {
        number: {event.event_id for entry in family.get(number, ()) for event in entry.events}
        for number, count in numbers.items()
        if count > 1 or number in family
    }
    if not taken:
        return actions
    return [
        _mark_taken(action, taken, situation)
        for action in sorted(actions, key=lambda action: (action.request_id, action.path))
    ]


def _mark_taken(action: Action, taken: dict[str, set[str]], situation: Situation) -> Action:
    """Note the ids that the action must not repeat, and add its own to them."""
    request = action.request
    if request is None or not action.sends or request.change_number not in taken:
        return action
    used = taken[request.change_number]
    marked = replace(action, taken=frozenset(used))
    used.update(event.event_id for event in events_of(marked, situation))
    return marked
