"""`replay`: the same events once more, byte for byte, and the ledger says where they are."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml

from franc_gitops.clock import SystemClock
from franc_gitops.errors import EventLogUnreachable, PartlyPublished
from franc_gitops.eventlogs.memory import MemoryCluster, MemoryEventLog
from franc_gitops.pipeline.plan import make_plan
from franc_gitops.pipeline.publish import Publisher
from franc_gitops.pipeline.replay import Replay
from franc_gitops.settings import Settings
from franc_gitops.wiring import Choices, open_pass
from tests.support.console import console_consume
from tests.support.edited import CANCELLATION, OTHER, PUBLISHED, World, text
from tests.support.inprocess import run
from tests.support.project import Project, new_project
from tests.support.schedule import make_request, make_situation
from tests.support.terminal import on_terminal

if TYPE_CHECKING:
    from pathlib import Path

    from franc_gitops.eventlogs import Record
    from franc_gitops.ledger import Ledger
    from franc_gitops.pipeline.actions import Plan
    from tests.support.broker import Broker

CHANGE, OTHER_CHANGE = "CHG-2024-000001", "CHG-2024-000002"
REQUEST_ID = f"datacenter_{CHANGE}"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A repository with one published request."""
    world = World(tmp_path)
    world.commit({"a.yaml": text()})
    world.publish()
    return world


def bytes_of(records: list[Record]) -> list[tuple[object, ...]]:
    """Give topic, key, headers and value, without the place."""
    return [(r.topic, r.key, r.headers, r.value) for r in records]


def forget_events(world: World) -> None:
    """Remove the events from the log, as retention does; the offsets go on."""
    with sqlite3.connect(world.clone.root / ".franc/events.sqlite") as database:
        database.execute("UPDATE events SET topic = topic || '.old'")
    database.close()


def replayed(world: World, *wanted: str) -> list[Record]:
    """Replay, and give what was sent."""
    before = len(world.events())
    done = run(world.clone.root, "replay", *(wanted or (CHANGE,)))
    assert done.code == 0, done.err
    return world.events()[before:]


def test_the_same_bytes_are_sent_again(world: World) -> None:
    first = world.events()
    again = replayed(world)
    assert bytes_of(again) == bytes_of(first)
    assert [record.offset for record in again] == [1, 1, 1]


def test_the_bytes_are_made_again_where_the_log_has_lost_them(world: World) -> None:
    first = world.events()
    forget_events(world)
    assert bytes_of(replayed(world)) == bytes_of(first)


def test_the_ledger_says_where_the_events_now_are(world: World) -> None:
    replayed(world)
    [row] = json.loads(run(world.clone.root, "replay", REQUEST_ID, "-o", "json").out)
    assert [event["event_type"] for event in row["events"]] == [
        "datacenter_deployment",
        "task_status_update",
        "task_completion",
    ]
    with sqlite3.connect(world.clone.root / ".franc/events.sqlite") as database:
        [(value,)] = database.execute("SELECT value FROM ledger").fetchall()
    database.close()
    assert [event[4] for event in json.loads(value)["events"]] == [2, 2, 2]


def test_nothing_else_changes(world: World) -> None:
    status = world.clone.root / "status/a.yaml"
    before = status.read_bytes()
    replayed(world)
    assert status.read_bytes() == before
    assert world.publish().events == ()


def test_what_was_sent_last_is_sent_again(world: World) -> None:
    """The last revision, not those before it."""
    world.commit({"a.yaml": text(revision="2", location="Boston")})
    world.publish()
    again = replayed(world)
    assert bytes_of(again) == bytes_of(world.events()[3:6])
    assert all(dict(record.headers)["ce_revision"] == b"2" for record in again)


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_of_a_cancelled_request_the_cancellation_is_sent_again(
    world: World, is_forgotten: bool
) -> None:
    world.commit({"a.yaml": text(cancel="ordered twice", location="Boston")})
    assert world.publish().events == CANCELLATION
    first = world.events()[3:]
    if is_forgotten:
        forget_events(world)
    assert bytes_of(replayed(world)) == bytes_of(first)


def test_a_request_is_replayed_though_its_file_was_renamed_reformatted_or_deleted(
    world: World,
) -> None:
    first = world.events()
    world.commit({"a.yaml": None, "b.yaml": f"# moved\n{text()}"})
    world.publish()
    forget_events(world)
    assert bytes_of(replayed(world)) == bytes_of(first)
    world.commit({"b.yaml": None, "c.yaml": OTHER})
    world.publish()
    forget_events(world)
    assert bytes_of(replayed(world)) == bytes_of(first)


def test_values_that_are_no_longer_allowed_are_replayed(world: World) -> None:
    first = world.events()
    forget_events(world)
    (world.clone.root / "franc-gitops.yaml").write_text("rules: {location: [Boston]}\n")
    assert bytes_of(replayed(world)) == bytes_of(first)


def test_events_with_a_suffix_keep_it(world: World) -> None:
    """A second revision within the same second has ids of its own."""
    time = world.clone.git("log", "-1", "--format=%ct")
    world.clone.write("requests/a.yaml", text(revision="2"))
    world.clone.git("add", "requests")
    world.clone.git(
        "commit", "-qm", "again", stdin=None, **world.clone.next_date(seconds=int(time))
    )
    assert world.publish().events == PUBLISHED
    second = world.events()[3:]
    forget_events(world)
    assert bytes_of(replayed(world)) == bytes_of(second)


def test_the_author_is_looked_up_where_the_user_comes_from(tmp_path: Path) -> None:
    world = World(tmp_path)
    (world.clone.root / "franc-gitops.yaml").write_text("user_id_from: author\n")
    world.commit({"a.yaml": text()})
    assert run(world.clone.root, "publish").code == 0
    first = world.events()
    assert json.loads(first[0].value)["user_id"] == "Ada Lovelace <ada@example.com>"
    forget_events(world)
    assert bytes_of(replayed(world)) == bytes_of(first)


def test_several_requests_go_out_in_their_order(world: World) -> None:
    world.commit({"b.yaml": OTHER})
    world.publish()
    first = world.events()
    again = replayed(world, OTHER_CHANGE, CHANGE)
    assert sorted(bytes_of(again)) == sorted(bytes_of(first))
    asked = [r.key.decode() for r in again if r.topic.endswith("datacenter.deployment")]
    assert asked == [CHANGE, OTHER_CHANGE]


def test_a_folder_without_git_is_replayed_from(tmp_path: Path) -> None:
    root = tmp_path / "plain"
    (root / "requests").mkdir(parents=True)
    (root / "franc-gitops.yaml").write_text("")
    (root / "requests/a.yaml").write_text(text())
    assert run(root, "publish").code == 0
    assert run(root, "replay", CHANGE).code == 0
    (root / "requests/a.yaml").write_text(text(location="Boston"))
    with sqlite3.connect(root / ".franc/events.sqlite") as database:
        database.execute("UPDATE events SET topic = topic || '.old'")
    database.close()
    assert run(root, "replay", CHANGE).code == 2


# --- what is refused ---------------------------------------------------------------------------


def test_a_file_that_is_not_at_hand_is_refused_and_nothing_is_sent(world: World) -> None:
    world.commit({"b.yaml": OTHER})
    world.publish()
    world.commit({"a.yaml": text(location="Boston")})
    world.leave_for_a_clone("--depth=1")
    forget_events(world)
    before = len(world.events())
    done = run(world.clone.root, "replay", CHANGE, OTHER_CHANGE)
    assert done.code == 2
    assert "FRN420: 1 of 2 cannot be sent again" in done.err
    assert f"{REQUEST_ID}: its file as published is not at hand" in done.err
    assert "git fetch --unshallow" in done.err
    assert len(world.events()) == before
    world.clone.git("fetch", "--quiet", "--unshallow")
    assert len(replayed(world, CHANGE, OTHER_CHANGE)) == 6


def test_an_author_that_is_not_at_hand_is_refused(world: World) -> None:
    (world.clone.root / "franc-gitops.yaml").write_text("user_id_from: author\n")
    world.commit({"b.yaml": OTHER})
    world.leave_for_a_clone("--depth=1")
    forget_events(world)
    done = run(world.clone.root, "replay", CHANGE)
    assert done.code == 2
    assert "its author is not at hand" in done.err


def test_events_that_were_sent_are_not_made_of_other_content(world: World) -> None:
    """The ledger's digest decides: a blob that is not the published content is refused."""
    forget_events(world)
    with sqlite3.connect(world.clone.root / ".franc/events.sqlite") as database:
        blob = world.clone.git("hash-object", "-w", "--stdin", stdin=text(location="X").encode())
        [(value,)] = database.execute("SELECT value FROM ledger").fetchall()
        told = json.loads(value) | {"blob": blob}
        fresh = json.dumps(told, separators=(",", ":")).encode()
        database.execute("UPDATE ledger SET value = ?", (fresh,))
    database.close()
    done = run(world.clone.root, "replay", CHANGE)
    assert done.code == 2
    assert "does not hold it any more as it was published" in done.err


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("CHG-2024-000011", "did you mean CHG-2024-000001?"),
        ("datacentre_CHG-2024-000001", "did you mean datacenter_CHG-2024-000001?"),
        ("nonsense", "franc-gitops status"),
    ],
)
def test_what_nobody_knows_is_refused_with_what_may_be_meant(
    world: World, wanted: str, told: str
) -> None:
    done = run(world.clone.root, "replay", CHANGE, wanted)
    assert done.code == 2
    assert f"nothing is published under {wanted}" in done.err
    assert told in done.err
    assert len(world.events()) == 3


def test_a_request_that_is_not_published_yet_is_refused(world: World) -> None:
    world.commit({"b.yaml": OTHER})
    done = run(world.clone.root, "replay", OTHER_CHANGE)
    assert done.code == 2
    assert f"{OTHER_CHANGE} is not published yet" in done.err


def test_a_dry_run_sends_nothing_and_says_what_would_be_sent(world: World) -> None:
    done = run(world.clone.root, "replay", "--dry-run", CHANGE)
    assert done.code == 0
    assert done.out == f"{REQUEST_ID}  requests/a.yaml: sends revision 1 again\n"
    assert "would send 3 events of 1 request again" in done.err
    [row] = json.loads(run(world.clone.root, "replay", "--dry-run", CHANGE, "-o", "json").out)
    assert [event["topic"] for event in row["events"]] == [r.topic for r in world.events()]
    assert len(world.events()) == 3


# --- the question ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "answer", "code", "sent"),
    [([], "n\n", 2, 3), ([], "y\n", 0, 6), (["--yes"], "", 0, 6)],
)
def test_a_human_is_asked_first(
    world: World, options: list[str], answer: str, code: int, sent: int
) -> None:
    project = Project(world.clone)
    found, shown = on_terminal(project, "replay", CHANGE, *options, answer=answer)
    assert found == code, shown
    asked = f"Send 3 events of 1 request again ({REQUEST_ID})?" in shown
    assert asked == (not options)
    assert ("not confirmed, nothing was done" in shown) == (code == 2)
    assert len(world.events()) == sent


# --- other ways to publish ---------------------------------------------------------------------


def test_of_a_tracked_request_only_its_own_event_is_sent_again(tmp_path: Path) -> None:
    """Status and completion are the workers' to send."""
    world = World(tmp_path, completion="track")
    world.commit({"a.yaml": text()})
    assert world.publish().events == ("request",)
    forget_events(world)
    settings = Settings(root=world.clone.root, completion="track")
    with open_pass(settings, Choices()) as turn:
        turn.purpose = Replay([CHANGE], turn.repository, turn.publisher.log, turn.envelope)
        turn.run()
    old, new = bytes_of(world.events())
    assert new[1:] == old[1:]


def test_a_real_cluster_is_sent_the_same_records(
    tmp_path: Path, kafka: Broker, topics_prefix: str
) -> None:
    settings = kafka.settings(KAFKA_ENABLED="true", KAFKA_TOPIC_PREFIX=topics_prefix)
    project = new_project(tmp_path / "work", settings)
    project.clone.commit({"requests/a.yaml": text()})
    assert run(project.root, "topics", "create", **project.settings).code == 0
    assert run(project.root, "publish", **project.settings).code == 0
    done = run(project.root, "replay", CHANGE, "-o", "json", **project.settings)
    assert done.code == 0, done.err
    topic = f"{topics_prefix}.datacenter.deployment"
    first, second = console_consume(kafka.bootstrap, [topic])
    assert (first.key, first.headers, first.value) == (second.key, second.headers, second.value)
    [row] = json.loads(done.out)
    told = {(event["topic"], event["partition"], event["offset"]) for event in row["events"]}
    assert (topic, second.partition, second.offset) in told
    status = yaml.safe_load((project.root / "status/a.yaml").read_text())
    assert status["requests"][0]["events"] == row["events"]
    assert run(project.root, "plan", "--fail-on-changes", **project.settings).code == 0


# --- a broken world ----------------------------------------------------------------------------


def test_a_status_file_that_cannot_be_written_is_told_after_the_events_are_out(
    world: World,
) -> None:
    """Exit 6: the events are out once more, and are not to be sent a third time."""
    world.commit({"b.yaml": OTHER})
    (world.clone.root / "status/a.yaml").unlink()
    (world.clone.root / "status/a.yaml").mkdir()
    done = run(world.clone.root, "replay", CHANGE)
    assert done.code == 6
    assert "1 request sent again\n" in done.err
    assert "heal the cause and run publish again" in done.err
    assert len(world.events()) == 6


def test_what_is_left_when_the_log_goes_away_in_between_is_named() -> None:
    """The first transaction is committed, the second never: only its request is sent again."""
    cluster, situation = MemoryCluster(), make_situation((make_request(1), make_request(2)))

    def plan(ledger: Ledger) -> Plan:
        return make_plan(situation, ledger, ledger.compare(situation.snapshot.files))

    first = Publisher(MemoryEventLog(cluster), SystemClock())
    first.publish(plan(first.peek()), plan)
    commits = iter([None, EventLogUnreachable("the broker is gone")])

    def step(name: str) -> None:
        if name == "commit" and (error := next(commits)):
            raise error

    publisher = Publisher(MemoryEventLog(cluster, step), SystemClock(), batch=1)
    nowhere = cast("Any", None)
    ids = [request.request_id for request in situation.validated.requests]
    purpose = Replay(ids, nowhere, MemoryEventLog(cluster), situation.envelope)
    begin = purpose(plan(publisher.peek()), publisher.ledger)
    with pytest.raises(PartlyPublished):
        publisher.publish(begin, lambda ledger: purpose(plan(ledger), ledger))
    assert purpose.left(publisher.ledger) == ids[1:]
    assert [entry.request_id for entry in purpose.done(publisher.ledger)] == ids[:1]
    assert len(list(MemoryEventLog(cluster).events())) == 9
