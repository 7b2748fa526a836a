"""Status files written anew, from commit and ledger alone.

In: an audit and the pass that it was made with. Out: the audit with what was repaired. Neither
events nor the ledger are ever touched.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from franc_gitops.pipeline.turn import PartialWriteBack

if TYPE_CHECKING:
    from franc_gitops.audit.verify import Audit
    from franc_gitops.model import Written
    from franc_gitops.pipeline.actions import Plan
    from franc_gitops.pipeline.turn import Pass, WriteBack

REPAIRED = frozenset({"FRN524", "FRN620", "FRN621", "FRN622"})
"""What is right again once the status files are written."""


def repair(turn: Pass, write_back: WriteBack, audit: Audit) -> Audit:
    """Write what is wrong or missing and remove strays; raises WriteBackFailed."""
    if audit.plan is None:
        return audit
    healed = tuple(found for found in audit.problems if found.code in REPAIRED)
    if not healed:
        return audit
    written = _write(turn, write_back, audit, audit.plan)
    left = tuple(found for found in audit.problems if found.code not in REPAIRED)
    return replace(audit, problems=left, repaired=healed, written=written)


def _write(turn: Pass, write_back: WriteBack, audit: Audit, plan: Plan) -> Written:
    """Write just what is wrong where that can be; no cache of what files hold is believed."""
    are_pinned = all(pin in turn.guard.pins for pin in turn.pins)
    if isinstance(write_back, PartialWriteBack) and are_pinned:
        return write_back.some(audit.wrong, audit.strays)
    projection = turn.projection(plan)
    if isinstance(write_back, PartialWriteBack):
        write_back.some(audit.wrong, audit.strays)
    return write_back(projection, projection.keep, turn.pins)
