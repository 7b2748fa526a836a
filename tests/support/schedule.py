"""A search over schedules: publishers on one in-memory cluster, interleaved, killed, disturbed.

Each publisher runs in a greenlet that hands over before every request to the broker, so a
seed decides who goes on, who dies, which commit is lost, late, unanswered or repeated, and
when a transaction times out. A killed publisher never runs again: no clean-up, as with
`kill -9`. `run` returns what a read_committed consumer would complain about.

With several `commits` the repository moves on meanwhile: requests are added and their
revisions raised. Some of the publishers then are daemons, which make a pass at each commit
that they see and keep their session in between.

`replayers` send again what they find published, in the same confusion.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from greenlet import greenlet

from franc_gitops.errors import FrancError, OutcomeUnknown
from franc_gitops.eventlogs.memory import Disturbance, MemoryCluster, MemoryEventLog
from franc_gitops.events import Envelope
from franc_gitops.ledger import Ledger, decode
from franc_gitops.model import Event, Place, Provenance, Request, Snapshot, Validated
from franc_gitops.pipeline.actions import Plan, Situation
from franc_gitops.pipeline.plan import make_plan
from franc_gitops.pipeline.publish import Publisher
from franc_gitops.pipeline.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from franc_gitops.eventlogs import Record

NOW = datetime(2024, 7, 9, 14, 25, 30, tzinfo=UTC)
EVENTS_PER_REQUEST = 3


def make_request(number: int, **changes: object) -> Request:
    """Make a small valid request in a file of its own."""
    change = f"CHG-2024-{number:06d}"
    fields = {
        "path": f"requests/{change}.yaml",
        "document": 1,
        "documents": 1,
        "place": Place(1, 1),
        "type": "datacenter_deployment",
        "change_number": change,
        "item": None,
        "revision": 1,
        "request_id": f"datacenter_{change}",
        "digest": f"sha256:{number:064x}",
        "own_fields": '"dc_name":"D","location":"L","design_pattern":"P"',
    }
    return Request(**{**fields, **changes})  # type: ignore[arg-type]


def make_situation(
    requests: tuple[Request, ...], commit: int = 0xCCCC, **changes: object
) -> Situation:
    """Make the situation of a commit that holds these requests, each in a file of its own."""
    blobs = {request.path: request.digest[-40:] for request in requests}
    provenance = {path: Provenance(f"{commit:040x}", NOW, "An Author") for path in blobs}
    snapshot = Snapshot(f"{commit:040x}", blobs)
    validated = Validated(requests, (), len(blobs), len(requests))
    fields = {"envelope": Envelope(), "now": NOW, **changes}
    return Situation(snapshot, validated, provenance, **fields)  # type: ignore[arg-type]


@dataclass
class ScheduledClock:
    """A clock whose waiting hands over to the others."""

    chance: random.Random
    hand_over: object = None

    def now(self) -> datetime:
        """Give a fixed time."""
        return NOW

    def monotonic(self) -> float:
        """Stand still: nobody gives up."""
        return 0.0

    def sleep(self, seconds: float) -> None:
        """Hand over."""
        del seconds
        self.hand_over("sleep")  # type: ignore[operator]

    def uniform(self, low: float, high: float) -> float:
        """Roll the seed's dice."""
        return self.chance.uniform(low, high)


@dataclass
class Actor:
    """One publisher, from its start to its end or death."""

    publisher: Publisher
    look: Callable[[], Situation]
    plans: dict[tuple[str, frozenset[bytes]], Plan]
    believed: set[str] = field(default_factory=set)
    passes: int = 1
    thread: greenlet | None = None
    waiting: bool = False

    def work(self) -> None:
        """Do the passes; a broken world ends one of them, as it ends a CI job."""
        for _ in range(self.passes):
            self.situation = self.look()
            try:
                plan = self.replan(self.publisher.peek())
                self.publisher.publish(plan, self.replan)
            except FrancError:
                pass
            finally:
                self._remember()

    def _remember(self) -> None:
        published = self.publisher.published.items()
        self.believed |= {f"{name} {action.revision}" for name, action in published}

    def replan(self, ledger: Ledger) -> Plan:
        """Plan the same commit again; equal ledgers give equal plans."""
        known = (self.situation.snapshot.commit, frozenset(map(ledger.raw, ledger)))
        if known not in self.plans:
            comparison = ledger.compare(self.situation.snapshot.files)
            self.plans[known] = make_plan(self.situation, ledger, comparison)
        return replace(self.plans[known], known=ledger.state)


@dataclass
class Replayer(Actor):
    """One run of `replay`: it sends again what it finds published, once; `meant` are the ids."""

    replay_class: type[Replay] = Replay
    meant: frozenset[str] = frozenset()
    finished: bool = False

    def work(self) -> None:
        """Wait until something is published, and send that again."""
        self.situation = self.look()
        try:
            while not len(ledger := self.publisher.peek()):
                self.publisher.clock.sleep(1)
            log, nowhere = MemoryEventLog(self.publisher.log.cluster), cast("Any", None)  # type: ignore[attr-defined]
            purpose = self.replay_class(sorted(ledger), nowhere, log, Envelope())
            plan = purpose(self.replan(ledger), ledger)
            prepared = [action.prepared for action in plan.sends if action.prepared]
            self.meant = frozenset(event.event_id for each in prepared for event in each.events)
            self.publisher.publish(plan, lambda now: purpose(self.replan(now), now))
            self.finished = True
        except FrancError:
            pass
        finally:
            self._remember()


@dataclass
class Schedule:
    """The world of one seed."""

    seed: int
    publisher_class: type[Publisher] = Publisher
    replay_class: type[Replay] = Replay
    replayers: int = 0
    shared_id: bool = True
    requests: int = 4
    batch: int = 2
    publishers: int = 3
    steps: int = 500
    commits: int = 1

    def run(self) -> list[str]:
        """Run the schedule and a last undisturbed pass; give the complaints."""
        self.chance = random.Random(self.seed)
        self.cluster = MemoryCluster(partitions=2)
        self.situations = [self._situation(commit) for commit in range(1, self.commits + 1)]
        self.commit = 0
        self.plans: dict[tuple[str, frozenset[bytes]], Plan] = {}
        actors = [self._actor(number) for number in range(self.publishers)]
        for daemon in actors[1:] if self.commits > 1 else ():
            daemon.passes, daemon.publisher.keep = 2 * self.commits, True
        self.again = [self._replayer() for _ in range(self.replayers)]
        bystander = self._bystander()
        self._play([*actors, *self.again, bystander])
        while self.cluster.late:
            self.cluster.deliver_late()
        self.cluster.expire()
        self.commit = self.commits - 1
        last = self._actor(0, calm=True)
        last.work()
        return [*self._complaints(), *self._lies([*actors, *self.again, last])]

    def _situation(self, commit: int) -> Situation:
        """Make a commit: all requests at the last one, each raised in every second commit."""
        there = self.requests * commit // self.commits
        made = (
            make_request(number, revision=revision, digest=f"sha256:{number:060x}{revision:04x}")
            for number in range(1, there + 1)
            if (revision := (commit + number) // 2)
        )
        return make_situation(tuple(made), commit=commit)

    def _look(self) -> Situation:
        """Read the repository, which may have moved on."""
        self.commit = min(self.commit + self.chance.randint(0, 1), self.commits - 1)
        return self.situations[self.commit]

    def _actor(self, number: int, *, calm: bool = False) -> Actor:
        clock = ScheduledClock(self.chance)
        log = MemoryEventLog(self.cluster)
        if not self.shared_id:
            log.transactional_id = f"publisher-{number}"
        publisher = self.publisher_class(log, clock, batch=self.batch)
        actor = Actor(publisher, self._look, self.plans)
        if calm:
            clock.hand_over = lambda _: None
        else:
            log.disturb = self._disturb
            log.step = clock.hand_over = lambda name: self._hand_over(actor, name)
        return actor

    def _replayer(self) -> Replayer:
        publisher = self._actor(0).publisher
        actor = Replayer(publisher, self._look, self.plans, replay_class=self.replay_class)

        def hand_over(name: str) -> None:
            self._hand_over(actor, name)

        publisher.log.step = publisher.clock.hand_over = hand_over  # type: ignore[attr-defined]
        return actor

    def _hand_over(self, actor: Actor, name: str) -> None:
        actor.waiting = name == "wait"
        self.hub.switch()

    def _disturb(self) -> Disturbance:
        fates = [fate for fate in Disturbance if fate is not Disturbance.NONE]
        return self.chance.choice(fates) if self.chance.random() < 0.4 else Disturbance.NONE

    def _bystander(self) -> Actor:
        """Somebody with an id of his own who holds ledger partitions open."""
        actor = self._actor(99)
        actor.publisher.log.transactional_id = "bystander"  # type: ignore[attr-defined]

        def work() -> None:
            for turn in range(4):
                session = actor.publisher.log.fence()
                records = [("CHG-A", f"~{turn}", b""), ("CHG-B", f"~{turn}", b"")]
                try:
                    session.commit([], lambda _, records=records: records)
                except OutcomeUnknown:
                    continue

        actor.work = work  # type: ignore[method-assign]
        return actor

    def _play(self, actors: list[Actor]) -> None:
        self.hub = greenlet.getcurrent()
        for actor in actors:
            actor.thread = greenlet(actor.work)
        alive = list(actors)
        kills = self.chance.randint(0, 3)
        for _ in range(self.steps):
            if not alive:
                break
            actor = self.chance.choice(alive)
            dice = self.chance.random()
            if dice < 0.01 and kills:
                kills -= 1
                alive.remove(actor)
            elif dice < 0.04 and self.cluster.late:
                self.cluster.deliver_late()
            elif dice < 0.042 or (actor.waiting and dice < 0.2):
                self.cluster.expire()
            else:
                actor.thread.switch()  # type: ignore[union-attr]
                if actor.thread.dead:  # type: ignore[union-attr]
                    alive.remove(actor)
        self.keep = actors  # a killed greenlet must not be cleaned up before the count

    def _complaints(self) -> list[str]:
        records = list(MemoryEventLog(self.cluster).events())
        ids = Counter(dict(r.headers)["ce_id"].decode() for r in records)
        found = list(self._wrong_counts(ids))
        if len({(r.topic, r.key, r.headers, r.value) for r in records}) != len(ids):
            found.append("a copy is not its original")
        revisions = sorted({(dict(r.headers)["ce_correlationid"], _revision(r)) for r in records})
        wanted = {(r.change_number.encode(), r.revision) for r in self._last.validated.requests}
        found += [f"{each} is not published" for each in sorted(wanted - set(revisions))]
        if len(ids) != len(revisions) * EVENTS_PER_REQUEST:
            found.append(f"{len(ids)} events of {len(revisions)} publications are there")
        places = {
            (r.topic, r.partition, r.offset): dict(r.headers)["ce_id"].decode() for r in records
        }
        return found + self._ledger_complaints(places)

    def _wrong_counts(self, ids: Mapping[str, int]) -> Iterator[str]:
        """An event stands once, and at most once more for each replay that meant it."""
        for event_id, count in ids.items():
            meant = [replayer for replayer in self.again if event_id in replayer.meant]
            is_sure = self.commits == 1 and any(replayer.finished for replayer in meant)
            if not (2 if is_sure else 1) <= count <= 1 + len(meant):
                yield f"{event_id} stands {count} times, {len(meant)} replays meant it"

    def _ledger_complaints(self, places: dict[tuple[str, int, int], str]) -> list[str]:
        ledger = Ledger()
        for records in MemoryEventLog(self.cluster).reader().read(None):
            ledger.fold(records)
        found = [] if len(ledger) == self.requests else [f"the ledger has {len(ledger)} entries"]
        entries = [decode(ledger.raw(request_id)) for request_id in ledger]
        wanted = {(r.request_id, r.revision) for r in self._last.validated.requests}
        if {(entry.request_id, entry.revision) for entry in entries} != wanted:
            found.append("the ledger has other revisions than the last commit")
        newest = {event_id: place for place, event_id in sorted(places.items())}
        return found + [
            f"the ledger misplaces {event.event_id}"
            for entry in entries
            for event in entry.events
            if newest.get(event.event_id) != (event.topic, event.partition, event.offset)
        ]

    @property
    def _last(self) -> Situation:
        return self.situations[-1]

    def _lies(self, actors: list[Actor]) -> list[str]:
        """Find publishers that reported what is not so."""
        reader = MemoryEventLog(self.cluster).reader()
        read = (decode(value) for records in reader.read(None) for key, value in records if value)
        truth = {f"{entry.request_id} {entry.revision}" for entry in read}
        return [
            f"a publisher believed {sorted(a.believed - truth)}"
            for a in actors
            if a.believed - truth
        ]


def _revision(record: Record) -> int:
    return int(dict(record.headers)["ce_revision"])


def complaints(seeds: range, **world: object) -> list[str]:
    """Run many schedules and give what was found, with the seed that finds it again."""
    return [
        f"seed {seed}: {complaint}"
        for seed in seeds
        for complaint in Schedule(seed, **world).run()  # type: ignore[arg-type]
    ]


__all__ = ["Event", "Schedule", "complaints", "make_request", "make_situation"]
