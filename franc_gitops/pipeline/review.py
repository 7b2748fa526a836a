"""What a change adds: the plan of a commit, less what the commit that it began from would do.

In: two plans against one ledger, of the commit under review and of its base. Out: a plan that
holds only what concerns a file that differs between the two commits, or a file whose outcome
is another one because of such a file. What was asked for and no longer is, is named, too.
Everything else is the base's own: counted, not shown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from franc_gitops.model import Phase, SourceFile, Validated
from franc_gitops.pipeline.actions import Action, Kind
from franc_gitops.pipeline.deliver import events_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from franc_gitops.ledger import Comparison, Ledger
    from franc_gitops.model import Snapshot
    from franc_gitops.pipeline.actions import Plan
    from franc_gitops.pipeline.ports import Validator
    from franc_gitops.repositories import RequestRepository


@dataclass(frozen=True, slots=True)
class Base:
    """The commit that a change began from, ready to be read.

    `revision` is what was asked for, `commit` the merge base with it. Unless `is_whole`, a
    shallow clone lacks commits of the change.
    """

    revision: str
    commit: str
    is_whole: bool
    repository: RequestRepository
    validator: Validator


@dataclass(frozen=True, slots=True)
class Review:
    """What a change adds to its base; `plan` holds nothing else.

    `revision` is the base as it was asked for, `commit` the merge base with it. `changed` is
    how many request files differ from there. `pending` requests and `errors` are the base's
    own: the change does not touch them. Unless `is_whole`, a shallow clone lacks commits of
    the change, so that events show time and commit of the oldest one at hand.
    """

    plan: Plan
    revision: str
    commit: str
    changed: int
    pending: int = 0
    errors: int = 0
    is_whole: bool = True


def changed_paths(before: Mapping[str, str], after: Mapping[str, str]) -> frozenset[str]:
    """Find the paths that hold different content, or are there on one side only."""
    return frozenset(path for path, _ in before.items() ^ after.items())


def narrowed(snapshot: Snapshot, paths: AbstractSet[str]) -> Snapshot:
    """Give a snapshot that holds some of its files only."""
    files = {path: blob for path, blob in snapshot.files.items() if path in paths}
    return replace(snapshot, files=files)


def carry_over(
    plan: Plan, files: Mapping[str, str], comparison: Comparison
) -> tuple[Validated, list[SourceFile]]:
    """Share out what is unknown of the base: validated for the plan already, or to be read."""
    situation = plan.situation
    same = {
        path
        for path, blob in comparison.unknown.items()
        if path in plan.comparison.unknown and situation.snapshot.files[path] == blob
    }
    known = Validated(
        tuple(request for request in situation.validated.requests if request.path in same),
        tuple(found for found in situation.validated.problems if found.path in same),
        len(same),
    )
    return known, [SourceFile(path, files[path]) for path in comparison.unknown.keys() - same]


def joined(known: Validated, read: Validated) -> Validated:
    """Put two sets of validated files together, in order."""
    return Validated(
        tuple(sorted((*known.requests, *read.requests), key=lambda r: (r.path, r.document))),
        tuple(sorted((*known.problems, *read.problems), key=lambda found: found.sort_key)),
        known.files + read.files,
        known.documents + read.documents,
    )


def review(base: Base, before: Plan, after: Plan, ledger: Ledger) -> Review:
    """Take what the base's plan does already out of the plan of the commit under review."""
    changed = changed_paths(before.situation.snapshot.files, after.situation.snapshot.files)
    shown = changed | _affected(before, after, changed)
    own = frozenset(before.problems)
    problems = tuple(
        found
        for found in after.problems
        if found.path in changed
        or found not in own
        or (after.situation.strict and found.is_error)  # it holds what the change adds
    )
    left = gone(before, after, changed, ledger)
    plan = replace(
        after,
        actions=(*(action for action in after.actions if action.path in shown), *left),
        problems=problems,
        comparison=_settled_at(after.comparison, shown),
    )
    pending = sum(action.path not in shown for action in after.sends)
    errors = sum(found.is_error for found in after.problems)
    errors -= sum(found.is_error for found in problems)
    return Review(plan, base.revision, base.commit, len(changed), pending, errors, base.is_whole)


def _settled_at(comparison: Comparison, paths: AbstractSet[str]) -> Comparison:
    settled = comparison.settled
    return replace(comparison, settled={p: settled[p] for p in sorted(paths) if p in settled})


def _affected(before: Plan, after: Plan, changed: AbstractSet[str]) -> set[str]:
    """Find files that are the same and yet come to another outcome.

    Files that are settled both times need no look: what is settled only once was acted on, or
    was a problem, the other time.
    """
    looked_at = before.by_path.keys() | after.by_path.keys()
    looked_at |= before.problems_by_path.keys() | after.problems_by_path.keys()
    return {path for path in looked_at - changed if not _is_same(path, before, after)}


def _is_same(path: str, before: Plan, after: Plan) -> bool:
    earlier, later = before.by_path.get(path, ()), after.by_path.get(path, ())
    return (
        len(earlier) == len(later)
        and before.problems_by_path.get(path) == after.problems_by_path.get(path)
        and all(
            _outcome(one) == _outcome(other) and _has_same_ids(one, before, other, after)
            for one, other in zip(earlier, later, strict=True)
        )
    )


def _outcome(action: Action) -> tuple[object, ...]:
    return (action.request_id, action.kind, action.revision, action.reason, action.phase)


def _has_same_ids(one: Action, before: Plan, other: Action, after: Plan) -> bool:
    """Tell whether the events keep their ids; events are made only where they might not."""
    if one.taken == other.taken:
        return True
    earlier, later = events_of(one, before.situation), events_of(other, after.situation)
    return [event.event_id for event in earlier] == [event.event_id for event in later]


# --- what is no longer asked for ------------------------------------------------------------


def gone(before: Plan, after: Plan, changed: AbstractSet[str], ledger: Ledger) -> Iterator[Action]:
    """Name what stood in a changed file and stands nowhere any more."""
    bad = {found.path for found in after.problems if found.is_error}
    acted_on = {action.request_id for action in after.actions}
    for path in sorted(changed - bad):
        for request_id in before.comparison.settled.get(path, ()):
            if request_id in after.comparison.astray and request_id not in acted_on:
                yield _retired(request_id, path, ledger)
        for action in before.by_path.get(path, ()):
            if action.request and not (
                action.request_id in acted_on or action.request_id in ledger
            ):
                yield _withdrawn(action)


def _retired(request_id: str, path: str, ledger: Ledger) -> Action:
    entry = ledger.get(request_id)
    reason = "retired: no file asks for it any more; nothing is sent, its status goes"
    return Action(
        Kind.SKIP,
        request_id,
        path,
        entry.revision if entry else 0,
        reason,
        entry.phase if entry else Phase.PENDING,
        entry=entry,
    )


def _withdrawn(action: Action) -> Action:
    """Name a request that the base asks for, never published; nothing is left of it."""
    reason = "withdrawn before it was published; nothing is sent"
    return replace(action, kind=Kind.SKIP, reason=reason, request=None)


def is_gone(action: Action) -> bool:
    """Tell whether no file asks for a request any more that the base asked for."""
    return action.kind is Kind.SKIP and action.request is None and not action.newer
