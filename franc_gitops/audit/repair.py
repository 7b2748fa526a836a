"""Status files written anew, from commit and ledger alone.

In: an audit and the pass that it was made with. Out: the audit with what was repaired. Neither
events nor the ledger are ever touched.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from franc_gitops.model import Written

if TYPE_CHECKING:
    from franc_gitops.audit.verify import Audit
    from franc_gitops.pipeline.ports import PartialWriteBack
    from franc_gitops.pipeline.turn import Pass

REPAIRED = frozenset({"FRN524", "FRN620", "FRN621", "FRN622"})
"""What is right again once the status files are written."""


def repair(turn: Pass, audit: Audit, work_tree: PartialWriteBack | None) -> Audit:
    """Write what is wrong or missing and remove strays; raises WriteBackFailed.

    `work_tree` writes the files of the work tree, if any are kept there.
    """
    healed = tuple(found for found in audit.problems if found.code in REPAIRED)
    if audit.plan is None or turn.write_back is None or not healed:
        return audit
    written = Written()
    if work_tree is not None:  # just what is wrong: no cache of what files hold is believed
        written = work_tree.some(audit.wrong, audit.strays)
    if turn.write_back is not work_tree or _lacks_pins(turn):
        projection = turn.projection(audit.plan)
        whole = turn.write_back(projection, projection.keep, turn.pins)
        written = (
            whole
            if work_tree is None
            else written._replace(commit=whole.commit, branch=whole.branch)
        )
    left = tuple(found for found in audit.problems if found.code not in REPAIRED)
    return replace(audit, problems=left, repaired=healed, written=written)


def _lacks_pins(turn: Pass) -> bool:
    return any(pin not in turn.guard.pins for pin in turn.pins)
