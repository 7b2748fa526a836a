"""Plan + ledger → one row per request, as in its status file and with its path.

In: a plan and the ledger, or the report of a pass. Out: rows for the terminal and for
scripts. A request that would be sent and is not yet is Pending here; its status file is not
touched for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from franc_gitops.model import Phase
from franc_gitops.pipeline.actions import Kind
from franc_gitops.pipeline.project import entry_of, held, published_row, unpublished_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from franc_gitops.ledger import Ledger, LedgerEntry
    from franc_gitops.pipeline.actions import Action, Plan
    from franc_gitops.pipeline.report import Report


def rows_of_settled(plan: Plan, ledger: Ledger, log_name: str) -> Iterator[dict[str, Any]]:
    """Give the requests of files that the ledger knows as they are."""
    for path, request_ids in plan.comparison.settled.items():
        for request_id in request_ids:
            entry = ledger.get(request_id)
            if entry is not None:
                yield {**published_row(entry, log_name), "path": path}


def rows_of_actions(plan: Plan, ledger: Ledger, log_name: str) -> Iterator[dict[str, Any]]:
    """Give the requests of files that were read; what is to be sent is pending."""
    pending = frozenset(action.request_id for action in plan.sends)
    return _rows(plan.actions, ledger, log_name, pending)


def rows_of_report(report: Report) -> Iterator[dict[str, Any]]:
    """Give the requests that a pass dealt with; what it could not send is pending.

    Published requests of files that were merely reformatted are counted, not shown.
    """
    actions = [a for a in report.actions if a.kind is not Kind.SKIP or a.entry is None]
    return _rows(actions, report.ledger, report.log_name, report.unsent)


def row_of_report(action: Action, report: Report) -> dict[str, Any]:
    """Give one of the requests that a pass published, as in its status file."""
    row = _row(action, report.ledger, report.log_name)
    return {**(row or {"request_id": action.request_id, "events": []}), "path": action.path}


def _rows(
    actions: Iterable[Action], ledger: Ledger, log_name: str, pending: frozenset[str]
) -> Iterator[dict[str, Any]]:
    for action in actions:
        row = _row(action, ledger, log_name)
        if row is not None:
            is_pending = action.sends and action.request_id in pending
            yield {**row, **_standing(action, pending=is_pending), "path": action.path}


def rows_of_retired(plan: Plan, ledger: Ledger, log_name: str) -> Iterator[dict[str, Any]]:
    """Give the requests that the ledger knows and no file asks for any more."""
    shown = {action.request_id for action in plan.actions}
    for request_id in plan.comparison.astray:
        entry = ledger.get(request_id) if request_id not in shown else None
        if entry is not None:
            yield {**published_row(entry, log_name), "path": entry.path}


def rows_of_entries(entries: Iterable[LedgerEntry], log_name: str) -> Iterator[dict[str, Any]]:
    """Give requests as the ledger knows them, with the path they were published from."""
    for entry in entries:
        yield {**published_row(entry, log_name), "path": entry.path}


def _row(action: Action, ledger: Ledger, log_name: str) -> dict[str, Any] | None:
    entry = entry_of(action, ledger)
    if entry is not None:
        return published_row(entry, log_name)
    if action.request is None:
        return None
    return unpublished_row(action.request, action.phase, action.reason, log_name)


def _standing(action: Action, *, pending: bool) -> dict[str, str]:
    """Say where the request stands if that is not what its status file says."""
    if pending:
        return {"phase": Phase.PENDING.value, "message": f"Pending: {action.reason}"}
    if action.sends or action.entry is not None:
        return held(action)
    return {"message": action.reason[:1].upper() + action.reason[1:]}
