"""The nouns of planning: what becomes of each request, and the plan that says so."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.freeze import Calendar
from franc_gitops.model import Lineage
from franc_gitops.pipeline.signatures import Distrust

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from franc_gitops.events import Envelope
    from franc_gitops.ledger import Comparison, LedgerEntry, LedgerState
    from franc_gitops.model import Event, Phase, Problem, Provenance, Request, Snapshot, Validated
    from franc_gitops.pipeline.conflicts import Locate
    from franc_gitops.pipeline.open_requests import OpenRequest


class Kind(StrEnum):
    """What becomes of a request."""

    PUBLISH = "publish"
    CANCEL = "cancel"
    SKIP = "skip"
    HOLD = "hold"
    ORPHANED = "orphaned"


SENDS = frozenset({Kind.PUBLISH, Kind.CANCEL})


class Prepared(NamedTuple):
    """What an action sends where that does not follow from a request and the situation.

    `entry` is what the ledger then knows, but for where `events` stand.
    """

    events: tuple[Event, ...]
    entry: LedgerEntry


@dataclass(frozen=True, slots=True)
class Action:
    """What becomes of one request and why.

    `phase` is where the request then stands. `request` is None where nothing valid is at
    hand: a held file's bad document (`request_id` is empty then), an orphan, a settled one.
    """

    kind: Kind
    request_id: str
    path: str
    revision: int
    reason: str
    phase: Phase
    request: Request | None = None
    entry: LedgerEntry | None = None
    taken: frozenset[str] = frozenset()
    """Event ids of the same change number that the new events must not repeat."""
    prepared: Prepared | None = None
    """Exactly what is sent, for actions of `replay` and `adopt`."""
    newer: str = ""
    """The commit after this one that the ledger's entry is from, and that is not overridden."""

    @property
    def sends(self) -> bool:
        """Whether the action sends events."""
        return self.kind in SENDS

    @property
    def document(self) -> int:
        """Which document of its file the request is, from 1; 0 where none could be read."""
        if self.request:
            return self.request.document
        return self.entry.document if self.entry else 0


def _no_lineage(_commits: frozenset[str], /) -> Lineage:
    return Lineage()


def _unknown(_request: Request, /) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a plan depends on, but for the ledger."""

    snapshot: Snapshot
    validated: Validated
    provenance: Mapping[str, Provenance]
    envelope: Envelope
    now: datetime
    max_record_bytes: Mapping[str, int] = field(default_factory=dict)
    strict: bool = False
    """Whether one error holds everything, not just its file."""
    trace: Callable[[frozenset[str]], Lineage] = field(default=_no_lineage, compare=False)
    """Tells how commits of the ledger stand to the one that is planned."""
    distrust: Distrust = field(default_factory=Distrust)
    freeze: Calendar = field(default_factory=Calendar)
    """When nothing new is published."""
    published: Mapping[str, OpenRequest] = field(default_factory=dict)
    """What is published and not finished, by request_id, with what it claims."""
    locate: Locate | None = field(default=None, compare=False)
    """Finds the line of a claim in the content of the snapshot, which never changes."""
    finished: Callable[[Request], bool] = field(default=_unknown, compare=False)
    """Tells from elsewhere than the ledger that a request is finished, where none is read."""

    @property
    def tracks(self) -> bool:
        """Whether what is published may be unfinished; the publisher completes it otherwise."""
        return self.envelope.completion != "accept"


@dataclass(frozen=True)
class Plan:
    """What a pass does; `actions` in the order of sending, then by path.

    Files that the ledger knows as they are do not appear among the actions but in
    `comparison.settled`: nothing of them is read.
    """

    situation: Situation
    comparison: Comparison
    actions: tuple[Action, ...]
    problems: tuple[Problem, ...]
    known: LedgerState
    """What the ledger told when this was planned: against any other state it must not be sent."""
    whole: Plan | None = None
    """What `publish` would do, in the plan of another verb."""

    @property
    def everything(self) -> Plan:
        """What `publish` would do at this commit: what status files are made from."""
        return self.whole or self

    @property
    def commit(self) -> str:
        """The commit that was planned; empty for a plain folder."""
        return self.situation.snapshot.commit

    @property
    def is_empty(self) -> bool:
        """Whether there is no request file at all, which must not pass for "all is well"."""
        snapshot = self.situation.snapshot
        return not snapshot.files and not snapshot.problems

    @cached_property
    def sends(self) -> tuple[Action, ...]:
        """The actions that send events, in their order."""
        return tuple(action for action in self.actions if action.sends)

    @cached_property
    def superseded(self) -> tuple[Action, ...]:
        """The actions that give way to what a newer commit published."""
        return tuple(action for action in self.actions if action.newer)

    @cached_property
    def counts(self) -> Mapping[Kind, int]:
        """How many requests there are of each kind of action, settled ones included."""
        found = Counter(action.kind for action in self.actions)
        found[Kind.SKIP] += sum(map(len, self.comparison.settled.values()))
        return found

    @cached_property
    def content(self) -> Mapping[str, str]:
        """What is sent, as the digest covers it: identity, revision and content; no times."""
        return {
            asked.request_id: (
                f"{action.kind} {asked.request_id} {asked.revision} {asked.digest} {asked.cancel!r}"
            )
            for action in self.sends
            if (asked := action.request)
        }

    @cached_property
    def digest(self) -> str:
        """The digest of what is sent: equal for equal identities, revisions and content."""
        lines = (f"{line}\n" for line in sorted(self.content.values()))
        return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"

    @cached_property
    def by_path(self) -> Mapping[str, Sequence[Action]]:
        """The actions of each file, in the order of its documents."""
        found: dict[str, list[Action]] = defaultdict(list)
        for action in self.actions:
            found[action.path].append(action)
        for path, actions in found.items():
            if len(actions) > 1:
                found[path] = sorted(actions, key=lambda action: action.document)
        return found

    @cached_property
    def problems_by_path(self) -> Mapping[str, Sequence[Problem]]:
        """The problems of each file, in reading order."""
        found: dict[str, list[Problem]] = defaultdict(list)
        for entry in self.problems:
            found[entry.path].append(entry)
        return found
