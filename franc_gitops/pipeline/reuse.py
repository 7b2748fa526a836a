"""A change number that is used again after its change was completed: a warning, FRN350.

In: the judged actions, what the ledger knows of their change numbers, and the commits. A
request is told from one that was committed together with the completed ones by its commit.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from franc_gitops.model import UNKNOWN_PROVENANCE, Phase
from franc_gitops.pipeline.actions import Kind
from franc_gitops.problems import problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from franc_gitops.ledger import LedgerEntry
    from franc_gitops.model import Problem, Provenance, Request
    from franc_gitops.pipeline.actions import Action

Family: TypeAlias = "Mapping[str, Sequence[LedgerEntry]]"
"""Change number -> what the ledger knows of it."""


def reuse_problems(
    actions: Sequence[Action], family: Family, provenance: Mapping[str, Provenance]
) -> Iterator[Problem]:
    """Find new requests under the number of a change that was completed without them."""
    if not family:
        return
    places = {(action.request_id, action.path) for action in actions}
    raised = {a.request.change_number for a in actions if a.request and _is_raised(a)}
    for action in actions:
        request = action.request
        if request is None or not _is_new(action) or request.change_number in raised:
            continue
        finished = _completed(family.get(request.change_number, ()))
        origin = provenance.get(request.path, UNKNOWN_PROVENANCE)
        if not finished or not _is_later(origin, finished):
            continue
        if not any((entry.request_id, request.path) in places for entry in finished):
            yield _reused(request, finished)


def _is_new(action: Action) -> bool:
    waits = action.kind is Kind.PUBLISH or action.phase is Phase.SCHEDULED
    return waits and action.entry is None


def _is_raised(action: Action) -> bool:
    """Whether something that is published is ordered once more: its change is not completed."""
    return action.kind is Kind.PUBLISH and action.entry is not None


def _completed(entries: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """Give the completed requests of a change; none while one of them is under way."""
    found = list(entries)
    if not all(entry.phase.is_final for entry in found):
        return []
    return [entry for entry in found if entry.phase is Phase.COMPLETED]


def _is_later(origin: Provenance, finished: Sequence[LedgerEntry]) -> bool:
    """Whether a file was committed after what is completed.

    Unknown, so no, outside git and where a shallow clone does not have its commit.
    """
    if (
        not origin.commit
        or origin.is_cut
        or any(origin.commit == entry.commit for entry in finished)
    ):
        return False
    return origin.time > min(map(_first_published, finished))


def _first_published(entry: LedgerEntry) -> datetime:
    first = entry.events[0].timestamp if entry.events else entry.timestamp
    return datetime.fromisoformat(first)


def _reused(request: Request, finished: Sequence[LedgerEntry]) -> Problem:
    earlier = finished[0]
    more = f" and {len(finished) - 1} more" if len(finished) > 1 else ""
    return problem(
        "FRN350",
        request.path,
        f"{request.change_number} was completed before: {earlier.request_id} "
        f"({earlier.path}){more}",
        place=request.place,
        field="change_number",
        hint="give it a change number of its own, or put it into the file of the same change",
    )
