"""Valid requests that nobody knows → ledger records without events: `adopt`, as a pass's purpose.

In: a plan and which of its requests are meant. Out: a plan that records them as published and
sends nothing, by the protocol of `publish.py` as everything that is recorded. A request that
another publisher records in the meantime is no longer adopted.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from franc_gitops.accept import ADOPTED
from franc_gitops.errors import CannotAdopt, UsageError
from franc_gitops.ledger import change_of
from franc_gitops.model import UNKNOWN_PROVENANCE, Phase
from franc_gitops.pipeline.actions import Kind, Plan, Prepared
from franc_gitops.pipeline.deliver import known_after
from franc_gitops.suggestion import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from franc_gitops.ledger import Ledger, LedgerEntry
    from franc_gitops.pipeline.actions import Action

_NAMED = 10


@dataclass
class Adopt:
    """The purpose of a pass that adopts; `wanted` are change numbers and request ids.

    Without any, all requests are adopted that `publish` would send now for the first time.
    """

    wanted: Sequence[str] = ()
    _chosen: frozenset[str] = field(default=frozenset())

    def __call__(self, plan: Plan, ledger: Ledger) -> Plan:
        """Give the plan that records what is not known yet.

        Raises UsageError for what nobody knows, CannotAdopt for what is not to be adopted.
        """
        if not self._chosen:
            self._chosen = frozenset(self._choose(plan, ledger))
        actions = [
            _adoption(action, plan)
            for action in plan.actions
            if action.request_id in self._chosen and _is_adoptable(action)
        ]
        return replace(plan, actions=tuple(actions), problems=(), whole=plan)

    def done(self, ledger: Ledger) -> list[LedgerEntry]:
        """Give what the ledger knows of the requests that are adopted."""
        found = (ledger.get(request_id) for request_id in sorted(self._chosen))
        return [entry for entry in found if entry is not None and entry.completion == ADOPTED]

    def _choose(self, plan: Plan, ledger: Ledger) -> list[str]:
        if not self.wanted:
            return [a.request_id for a in plan.sends if _is_adoptable(a)]
        chosen: list[str] = []
        for word in self.wanted:
            named = [action for action in plan.actions if _is_named(action.request_id, word)]
            found = [action.request_id for action in named if _is_adoptable(action)]
            if not found:
                raise _refusal(word, named, plan, ledger)
            chosen += found
        return chosen


def _is_named(request_id: str, word: str) -> bool:
    return word in {request_id, change_of(request_id)}


def _is_adoptable(action: Action) -> bool:
    """Tell whether nothing but its first publication, now or in its window, is left to do."""
    if action.request is None or action.entry is not None:
        return False
    return action.kind is Kind.PUBLISH or action.phase is Phase.SCHEDULED


def _adoption(action: Action, plan: Plan) -> Action:
    """Record that the request counts as published, with no event and nobody to complete it."""
    if action.request is None:
        raise ValueError(action)
    situation = plan.situation
    adopted = replace(action, kind=Kind.PUBLISH, phase=Phase.COMPLETED, reason="adopted")
    provenance = situation.provenance.get(action.path, UNKNOWN_PROVENANCE)
    problems = plan.problems_by_path.get(action.path, ())
    entry = known_after(adopted, action.request, provenance, situation, problems)
    return replace(adopted, prepared=Prepared((), replace(entry, completion=ADOPTED)))


def _refusal(
    word: str, named: Sequence[Action], plan: Plan, ledger: Ledger
) -> CannotAdopt | UsageError:
    """Say why nothing of that name can be adopted."""
    held = [action for action in named if action.kind is not Kind.SKIP]
    known = [request_id for request_id in ledger if _is_named(request_id, word)]
    if held:
        return CannotAdopt(f"{word}: {held[0].reason}", hint="franc-gitops plan")
    if known:
        entry = ledger.get(known[0])
        phase = f", {entry.phase}" if entry else ""
        return CannotAdopt(
            f"{word} is known already{phase}: nothing to adopt",
            hint=f"franc-gitops status {word}",
        )
    if named:
        return CannotAdopt(f"{word}: {named[0].reason}; there is nothing to adopt")
    names = [*ledger, *(action.request_id for action in plan.actions)]
    words = {w for name in names for w in (name, change_of(name))} - {""}
    hint = did_you_mean(word, words) or "is it committed? franc-gitops plan"
    if any(not action.request_id for action in plan.actions):
        hint = "some files hold no valid request: franc-gitops validate"
    return UsageError(f"there is no valid request {word} at this commit", hint=hint)
