"""Plan + ledger → one row per request, as in its status file and with its path.

In: a plan, the ledger, and which requests were published. Out: rows for the terminal and for
scripts. A request that would be sent and is not yet is Pending here; its status file is not
touched for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from franc_gitops.model import UNKNOWN_PROVENANCE, Phase
from franc_gitops.pipeline.project import entry_of, published_row, unpublished_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from franc_gitops.ledger import Ledger
    from franc_gitops.pipeline.actions import Action, Plan


def rows_of_settled(plan: Plan, ledger: Ledger, log_name: str) -> Iterator[dict[str, Any]]:
    """Give the requests of files that the ledger knows as they are."""
    for path, request_ids in plan.comparison.settled.items():
        for request_id in request_ids:
            entry = ledger.get(request_id)
            if entry is not None:
                yield {**published_row(entry, log_name), "path": path}


def rows_of_actions(
    plan: Plan, ledger: Ledger, log_name: str, published: frozenset[str] = frozenset()
) -> Iterator[dict[str, Any]]:
    """Give the requests of files that were read; `published` are those sent in this pass."""
    for action in plan.actions:
        pending = action.sends and action.request_id not in published
        row = _row(action, plan, ledger, log_name)
        if row is not None:
            yield {**row, **_standing(action, pending=pending), "path": action.path}


def rows_of_retired(plan: Plan, ledger: Ledger, log_name: str) -> Iterator[dict[str, Any]]:
    """Give the requests that the ledger knows and no file asks for any more."""
    shown = {action.request_id for action in plan.actions}
    for request_id in plan.comparison.astray:
        entry = ledger.get(request_id) if request_id not in shown else None
        if entry is not None:
            yield {**published_row(entry, log_name), "path": entry.path}


def _row(action: Action, plan: Plan, ledger: Ledger, log_name: str) -> dict[str, Any] | None:
    entry = entry_of(action, ledger)
    if entry is not None:
        return published_row(entry, log_name)
    if action.request is None:
        return None
    provenance = plan.situation.provenance.get(action.path, UNKNOWN_PROVENANCE)
    return unpublished_row(action.request, action.phase, action.reason, provenance.commit, log_name)


def _standing(action: Action, *, pending: bool) -> dict[str, str]:
    """Say where the request stands if that is not what its status file says."""
    if pending:
        return {"phase": Phase.PENDING.value, "message": f"Pending: {action.reason}"}
    if action.sends or action.entry is not None:
        return {}
    return {"message": action.reason[:1].upper() + action.reason[1:]}
