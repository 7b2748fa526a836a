"""What a change adds: the plan of a commit, less what the commit that it began from would do.

In: two plans against one ledger, of the commit under review and of its base. Out: a `Review`,
whose plan holds only what concerns a file that differs between the two commits, or a file
whose outcome is another one because of such a file. Everything else is counted, not shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from franc_gitops.pipeline.actions import Plan


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
    pending: int
    errors: int
    is_whole: bool = True
