"""The plan that a human agreed to: nothing else goes out, also if the world moves meanwhile.

In: the digest that was agreed to, and each plan before it is published. Out: nothing, or
PlanRefused. A digest says whether a plan is the expected one, not which part of it another
plan is; so what is sent must be the whole of it. Once the first plan has agreed, its requests
are known, and a later plan of the same pass may lack those that this pass itself has tried
to publish, and no others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from franc_gitops.errors import PlanRefused, UsageError

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from franc_gitops.pipeline.actions import Plan

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HINT = "`plan` shows what would be sent now: expect its digest, or publish without --expect"


@dataclass
class Expectation:
    """What may be published, given as the digest of a plan."""

    digest: str
    _agreed: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what cannot be a digest; raises UsageError."""
        if not _DIGEST.fullmatch(self.digest):
            raise UsageError(
                f"{self.digest!r} is not the digest of a plan",
                hint="it is `sha256:` and 64 hexadecimal digits; `franc-gitops plan` prints it",
            )

    def check(self, plan: Plan) -> None:
        """Raise PlanRefused unless this is the expected plan."""
        if plan.digest != self.digest:
            raise PlanRefused(_difference(plan, self.digest), hint=_HINT)
        self._agreed = dict(plan.content)

    def check_again(self, plan: Plan, attempted: AbstractSet[str]) -> None:
        """Raise PlanRefused if a later plan is more than the expected one, or less by others.

        `attempted` are the request_ids that this pass itself has tried to publish.
        """
        now = plan.content
        other = [name for name, content in now.items() if self._agreed.get(name) != content]
        lost = [name for name in self._agreed if name not in now and name not in attempted]
        if other:
            raise PlanRefused(
                f"{_some(other)} would be sent that the expected plan does not hold", hint=_HINT
            )
        if lost:
            raise PlanRefused(
                f"{_some(lost)} of the expected plan was published by someone else meanwhile, "
                "or is held now",
                hint=_HINT,
            )


def _difference(plan: Plan, expected: str) -> str:
    if not plan.sends:
        return (
            "nothing is left to send, so this is not the expected plan: it is published "
            "already, or another commit was meant"
        )
    return f"the plan is {plan.digest}, expected is {expected}; nothing is sent"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]}{more}"
