"""All that is known of one change, in one bundle: what was asked, by whom, and what was sent.

In: a pass, change numbers, and what commits held, if there is git. Out: an `Evidence` for each
change. Everything follows from repository and event log, nothing from the clock or the machine,
so the same bundle is made again as long as both say the same.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from json import loads
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from franc_gitops import events
from franc_gitops.audit.events import EventAudit
from franc_gitops.audit.facts import expected, told
from franc_gitops.errors import UsageError
from franc_gitops.eventlogs import NoRecord
from franc_gitops.ledger import change_of
from franc_gitops.pipeline.project import published_row
from franc_gitops.pipeline.rows import rows_of_actions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from franc_gitops.audit.facts import Facts, Known
    from franc_gitops.eventlogs import Record
    from franc_gitops.ledger import LedgerEntry, SentEvent
    from franc_gitops.model import Made, Problem, Signature
    from franc_gitops.pipeline.actions import Action, Plan
    from franc_gitops.pipeline.turn import Pass

    Row = tuple[SentEvent, Known, Facts]
    Answer = Record | NoRecord


class PastCommits(Protocol):
    """What commits held and who made them; what is not at hand is left out."""

    def commits(self, ids: Collection[str], /) -> Mapping[str, Made]:
        """Give who made each commit."""
        ...

    def files(self, places: Collection[tuple[str, str]], /) -> Mapping[tuple[str, str], bytes]:
        """Give what commits hold at a path each."""
        ...


class Exhibit(NamedTuple):
    """One event: what the ledger says of it, the record at its place, and whether they agree.

    `state` is `as published`, `another event`, `removed by retention` or `missing`.
    """

    event: SentEvent
    state: str
    record: Record | None


@dataclass(frozen=True, slots=True)
class Publication:
    """What was sent for a request at one time, and the commit that asked for it.

    `text` is the request file at that commit; None where git does not have it.
    """

    revision: str
    commit: str
    path: str
    timestamp: str
    exhibits: tuple[Exhibit, ...]
    text: str | None = None
    made: Made | None = None
    signature: Signature | None = None


@dataclass(frozen=True, slots=True)
class RequestEvidence:
    """What is known of one request; `row` is its entry as in its status file.

    `record` is its ledger record. `trail` are the statuses that its events tell: time, type,
    status, message.
    """

    row: Mapping[str, Any]
    path: str
    record: Mapping[str, Any] | None
    publications: tuple[Publication, ...]
    trail: tuple[tuple[str, str, str, str], ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The bundle of one change number."""

    change_number: str
    log_name: str
    requests: tuple[RequestEvidence, ...]


@dataclass
class Collector:
    """Collects evidence; without `past` nothing is known of commits."""

    turn: Pass
    past: PastCommits | None = None
    _plan: Plan = field(init=False)
    _actions: dict[str, list[Action]] = field(init=False)  # by change number
    _rows: dict[tuple[str, str], dict[str, Any]] = field(init=False)
    _answers: dict[tuple[str, int, int], Answer] = field(default_factory=dict)

    def collect(self, wanted: Iterable[str]) -> list[Evidence]:
        """Give the bundle of each change, once; raises UsageError for one that nobody knows.

        Changes are named by their number, or by the id of one of their requests.
        """
        self.turn.publisher.catch_up()
        self._plan = self.turn.plan().everything
        self._actions = defaultdict(list)
        for action in self._plan.actions:
            if action.request:
                self._actions[action.request.change_number].append(action)
        rows = rows_of_actions(self._plan, self.turn.publisher.ledger, self.turn.identity.name)
        self._rows = {(row["request_id"], row["path"]): row for row in rows}
        change_numbers = dict.fromkeys(map(self._number, wanted))
        entries = self.turn.publisher.ledger.of_changes(change_numbers.keys())
        self._look_up(entry for group in entries.values() for entry in group)
        return [self._bundle(number, entries.get(number, [])) for number in change_numbers]

    def _number(self, name: str) -> str:
        """Give the change number of a request id that is known; any other name as it is."""
        number = change_of(name)
        asked = (action.request_id for action in self._actions.get(number, ()))
        return number if name in self.turn.publisher.ledger or name in asked else name

    def _look_up(self, entries: Iterable[LedgerEntry]) -> None:
        """Read all events at once."""
        wanted: dict[tuple[str, int], set[int]] = {}
        for entry in entries:
            for event in entry.events:
                wanted.setdefault((event.topic, event.partition), set()).add(event.offset)
        places = {place: sorted(offsets) for place, offsets in sorted(wanted.items())}
        for answer in self.turn.publisher.log.look_up(places):
            self._answers[answer.topic, answer.partition, answer.offset] = answer

    def _bundle(self, number: str, entries: Sequence[LedgerEntry]) -> Evidence:
        known = {entry.request_id for entry in entries}
        found = [self._of_entry(entry) for entry in entries]
        found += [
            self._of_action(action)
            for action in self._actions.get(number, ())
            if action.request_id not in known
        ]
        if not found:
            raise UsageError(f"nothing is known of {number}", hint="franc-gitops status")
        found.sort(key=lambda each: (each.row["request_id"], each.path))
        return Evidence(number, self.turn.identity.name, tuple(found))

    def _of_entry(self, entry: LedgerEntry) -> RequestEvidence:
        ledger, log = self.turn.publisher.ledger, self.turn.publisher.log
        publications = list(self._publications(entry))
        audit = EventAudit(ledger, log, self.turn.repository.describe)
        problems = [*self._problems_of(entry.path), *audit.run([entry.request_id])]
        row = published_row(entry, self.turn.identity.name)
        return RequestEvidence(
            self._rows.get((entry.request_id, entry.path), row),
            entry.path,
            loads(entry.encode()),
            tuple(self._with_commits(publications)),
            tuple(_trail(publications)),
            tuple(problems),
        )

    def _of_action(self, action: Action) -> RequestEvidence:
        """Tell of a request that is not published: what is asked for, and why it waits."""
        provenance = self._plan.situation.provenance.get(action.path)
        commit = provenance.commit if provenance else ""
        asked = Publication(str(action.revision), commit, action.path, "", ())
        return RequestEvidence(
            self._rows[action.request_id, action.path],
            action.path,
            None,
            tuple(self._with_commits([asked])),
            (),
            tuple(self._problems_of(action.path)),
        )

    def _problems_of(self, path: str) -> Sequence[Problem]:
        return self._plan.problems_by_path.get(path, ())

    # --- what was sent ------------------------------------------------------------------------

    def _publications(self, entry: LedgerEntry) -> Iterator[Publication]:
        groups = list(_groups(list(expected(entry)), entry.type))
        for group in groups:
            exhibits = tuple(self._exhibit(*row) for row in group)
            is_last = group is groups[-1]
            commit, path, revision = _headers(exhibits) or (
                (entry.commit, entry.path, str(entry.revision)) if is_last else ("", "", "")
            )
            yield Publication(revision, commit, path, group[0][0].timestamp, exhibits)
        if not groups:
            yield Publication(str(entry.revision), entry.commit, entry.path, entry.timestamp, ())

    def _exhibit(self, event: SentEvent, known: Known, facts: Facts) -> Exhibit:
        answer = self._answers[event.topic, event.partition, event.offset]
        if isinstance(answer, NoRecord):
            return Exhibit(event, "removed by retention" if answer.removed else "missing", None)
        agrees = any(facts == each.facts for each in told(answer, known))
        return Exhibit(event, "as published" if agrees else "another event", answer)

    # --- who asked ----------------------------------------------------------------------------

    def _with_commits(self, publications: Sequence[Publication]) -> Iterator[Publication]:
        """Add what git knows of each publication's commit."""
        commits = {each.commit for each in publications if each.commit}
        made = self.past.commits(commits) if self.past else {}
        places = {(each.commit, each.path) for each in publications}
        files = self.past.files(places) if self.past else {}
        signatures = self._signatures(made)
        for each in publications:
            content = files.get((each.commit, each.path))
            yield Publication(
                each.revision,
                each.commit,
                each.path,
                each.timestamp,
                each.exhibits,
                None if content is None else content.decode(errors="backslashreplace"),
                made.get(each.commit),
                signatures.get(each.commit),
            )

    def _signatures(self, made: Mapping[str, Made]) -> Mapping[str, Signature]:
        """Verify the commits, if there are keys that are trusted."""
        if self.turn.signatures is None or not made:
            return {}
        return self.turn.signatures(self._plan.commit, list(made)).by_commit


def _groups(rows: Sequence[Row], asking: str) -> Iterator[list[Row]]:
    """Part the events of a request by publication: all of one have the same time."""
    group: list[Row] = []
    for row in rows:
        event = row[0]
        if group and (event.timestamp != group[-1][0].timestamp or event.event_type == asking):
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _headers(exhibits: Sequence[Exhibit]) -> tuple[str, str, str] | None:
    """Give commit, path and revision as the events themselves tell them."""
    for exhibit in exhibits:
        if exhibit.record is not None and exhibit.state == "as published":
            headers = dict(exhibit.record.headers)
            names = ("ce_commit", "ce_subject", "ce_revision")
            texts = [headers.get(name, b"").decode(errors="replace") for name in names]
            return texts[0], texts[1], texts[2]
    return None


def _trail(publications: Iterable[Publication]) -> Iterator[tuple[str, str, str, str]]:
    """Give the statuses that the events of a request tell, in their order."""
    for publication in publications:
        for exhibit in publication.exhibits:
            event = exhibit.event
            status, message = "", ""
            if exhibit.record is not None and exhibit.state == "as published":
                status, message = _status(event.event_type, exhibit.record.value)
            yield event.timestamp, event.event_type, status, message


def _status(event_type: str, body: bytes) -> tuple[str, str]:
    fields = loads(body)
    if event_type == events.STATUS:
        return f"{fields['status']}, {fields['progress_percentage']} %", fields["status_message"]
    if event_type == events.COMPLETION:
        return fields["completion_status"], fields["completion_message"]
    return "requested", ""
