"""What a pass did, for those who tell of it: the command line, the daemon, the reports."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from franc_gitops.pipeline.actions import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from franc_gitops.errors import FrancError
    from franc_gitops.ledger import Ledger
    from franc_gitops.model import Pin, Written
    from franc_gitops.pipeline.actions import Action, Plan


@dataclass(frozen=True, slots=True)
class Report:
    """What a pass did; `failure` is what went wrong after the plan was made, if anything.

    `published` are the actions, by request_id, that this pass has certainly committed. `plan`
    is the last one that was made: it knows what was published before it as unchanged.
    """

    plan: Plan
    ledger: Ledger
    log_name: str
    published: Mapping[str, Action] = field(default_factory=dict)
    written: Written | None = None
    new_pins: tuple[Pin, ...] = ()
    failure: FrancError | None = None
    publish_seconds: float = 0.0
    resting: int = 0
    """How many requests are as the last pass left them, if that is all there is to say."""

    @property
    def is_empty(self) -> bool:
        """Whether there is no request file at all, which must not pass for "all is well"."""
        return self.plan.is_empty and not self.resting

    @property
    def unsent(self) -> frozenset[str]:
        """The request_ids that the plan sends and that are not committed."""
        return frozenset(a.request_id for a in self.plan.sends) - self.published.keys()

    @property
    def actions(self) -> tuple[Action, ...]:
        """What became of each request that was looked at, also before the last plan was made."""
        earlier = self._published_earlier
        return (*earlier.values(), *(a for a in self.plan.actions if a.request_id not in earlier))

    @property
    def counts(self) -> Mapping[Kind, int]:
        """How many requests there are of each kind; of those that are sent, the committed ones."""
        counts = Counter(action.kind for action in self.published.values())
        found, earlier = self.plan.counts, len(self._published_earlier)
        counts[Kind.HOLD] = found.get(Kind.HOLD, 0)
        counts[Kind.SKIP] = max(0, found.get(Kind.SKIP, 0) - earlier) + self.resting
        return counts

    @property
    def _published_earlier(self) -> Mapping[str, Action]:
        last = {action.request_id for action in self.plan.sends}
        return {name: action for name, action in self.published.items() if name not in last}
