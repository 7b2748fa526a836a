"""`verify`: what was tampered with, lost or removed is found, and status files are put right."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Producer

from bench.corpus import request_text
from franc_gitops import pins
from franc_gitops.settings import load_settings
from franc_gitops.wiring import Choices, open_auditor, open_pass
from tests.support.git import Clone, clone_repository
from tests.support.kafka_log import make_topics
from tests.support.project import Project, new_project
from tests.support.topics import delete_records, delete_topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from franc_gitops.audit.verify import Audit
    from franc_gitops.pipeline.turn import Pass
    from franc_gitops.settings import Settings
    from tests.support.broker import Broker

POP = """\
type: pop_deployment
change_number: {number}
pop_name: NYC-PoP-{name}
location: New York
design_pattern: Hub-Spoke
provider: Equinix
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return new_project(tmp_path / "work")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four requests, published, to be copied."""
    project = new_project(tmp_path_factory.mktemp("template") / "work")
    project.add(range(4))
    publish(project)
    return project.root


@pytest.fixture
def published(template: Path, tmp_path: Path) -> Project:
    """Four requests, published."""
    return Project(Clone(shutil.copytree(template, tmp_path / "work"), commits=1))


def publish(project: Project) -> None:
    """Publish in this process; nothing may be held."""
    with opened(project) as (_, turn):
        report = turn.run()
    assert report.failure is None
    assert not [found for found in report.plan.problems if found.is_error]


@contextmanager
def opened(project: Project, **variables: str) -> Iterator[tuple[Settings, Pass]]:
    environ = {**project.settings, **variables}
    settings = load_settings(project.root, environ=environ, is_tracked=lambda _: False)
    with open_pass(settings, Choices()) as turn:
        yield settings, turn


def audit(project: Project, **variables: str) -> Audit:
    """Audit a project in this process."""
    with opened(project, **variables) as (settings, turn):
        return open_auditor(settings, Choices(), turn).run()


def found(project: Project) -> list[tuple[str, str]]:
    """Audit, and give path and code of each problem."""
    return [(problem.path, problem.code) for problem in audit(project).problems]


def path_of(number: int) -> str:
    return f"requests/0000/{number:06d}.yaml"


def status_of(number: int) -> str:
    return f"status/0000/{number:06d}.yaml"


# --- what is as it should be ---------------------------------------------------------------------


def test_what_was_published_is_found_as_it_was(published: Project) -> None:
    done = audit(published)
    assert (done.problems, done.requests, done.events, done.status_files) == ((), 4, 12, 4)


def test_nothing_is_wrong_with_any_way_that_a_request_can_go(project: Project) -> None:
    """Items, revisions, cancellation, both, moving, reformatting beside a neighbour, author."""
    clone = project.clone
    project.settings["FRANC_USER_ID_FROM"] = "author"
    item = "item: {}\n"
    clone.commit(
        {
            "requests/a.yaml": POP.format(number="CHG-2024-000001", name=1) + item.format("a"),
            "requests/b.yaml": POP.format(number="CHG-2024-000001", name=2) + item.format("b"),
            "requests/c.yaml": POP.format(number="CHG-2024-000003", name=3) + "user_id: Zoë\n",
            "requests/d.yaml": request_text(5),
            "requests/e.yaml": "---\n".join((request_text(6), request_text(7))),
            "requests/f.yaml": request_text(8),
        }
    )
    publish(project)
    clone.commit(
        {
            "requests/a.yaml": POP.format(number="CHG-2024-000001", name=9)
            + "item: a\nrevision: 3\n",
            "requests/c.yaml": POP.format(number="CHG-2024-000003", name=3)
            + 'user_id: Zoë\ncancel: |-\n  not needed,\n  "really"\n',
            "requests/d.yaml": None,
            "requests/moved/d.yaml": request_text(5),
            "requests/e.yaml": "---\n".join(
                (f"# Beside a neighbour\n{request_text(6)}", request_text(7) + "cancel: no\n")
            ),
            "requests/f.yaml": None,
        }
    )
    publish(project)
    clone.commit(
        {
            "requests/c.yaml": POP.format(number="CHG-2024-000003", name=4)
            + "user_id: Zoë\nrevision: 2\n"
        }
    )
    publish(project)
    done = audit(project)
    assert done.problems == ()
    assert done.events == 7 * 3 + 3 + 1 + 1 + 3
    assert list(done.retired) == ["device_conn_CHG-2024-000008"]


def test_what_was_sent_again_or_adopted_is_as_it_should_be(published: Project) -> None:
    """The ledger names the new places; adopted requests have no events."""
    published.add(range(4, 5))
    assert published.run("adopt", "CHG-2024-000004").returncode == 0
    assert published.run("replay", "CHG-2024-000001", "--yes").returncode == 0
    done = audit(published)
    assert (done.problems, done.requests, done.events) == ((), 5, 12)
    with database(published) as log:
        log.execute("DELETE FROM events WHERE key = ? AND position <= 12", (b"CHG-2024-000001",))
    assert found(published) == []


def test_requests_without_git_are_audited_too(tmp_path: Path) -> None:
    project = new_project(tmp_path / "work")
    project.clone.write("requests/a.yaml", request_text(1))
    assert project.run("publish", "--worktree").returncode == 0
    done = project.run("verify", "--worktree")
    assert (done.returncode, done.stdout) == (0, "")
    assert "1 request, 3 events, 1 status file compared; 0 errors" in done.stderr


def test_what_waits_for_the_next_publish_is_no_finding_but_may_be_asked_for(
    published: Project,
) -> None:
    published.add(range(4, 6))
    done = published.run("verify")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.endswith("0 errors, 0 warnings, 2 to be published\n")
    assert published.run("verify", "--fail-on-changes").returncode == 3
    (published.root / status_of(1)).unlink()
    assert published.run("verify", "--fail-on-changes").returncode == 1


# --- requests and ledger -------------------------------------------------------------------------


def test_a_request_that_was_changed_after_publication_is_found(published: Project) -> None:
    published.clone.commit({path_of(1): request_text(1).replace("Equinix", "Other")})
    assert (path_of(1), "FRN401") in found(published)


def test_a_finished_request_whose_file_is_gone_is_retired_and_no_finding(
    published: Project,
) -> None:
    """An unfinished one would be orphaned, which a plan warns of."""
    published.clone.commit({path_of(1): None})
    publish(published)
    done = published.json("verify")
    assert done["retired"] == ["pop_CHG-2024-000001"]
    assert done["summary"]["retired"] == 1
    assert done["problems"] == []
    assert "retired  pop_CHG-2024-000001\n" in published.run("verify", "-v").stdout


def test_an_unfinished_request_whose_file_is_gone_is_orphaned(published: Project) -> None:
    change_ledger(published, "pop_CHG-2024-000001", {"phase": "Running"})
    published.clone.commit({path_of(1): None})
    publish(published)
    done = audit(published)
    assert [(each.code, each.path) for each in done.problems] == [("FRN410", path_of(1))]
    assert done.retired == ()


# --- status files --------------------------------------------------------------------------------


def test_a_status_file_that_was_edited_is_found_at_its_line(published: Project) -> None:
    file = published.root / status_of(2)
    file.write_bytes(file.read_bytes().replace(b"revision: 1", b"revision: 2"))
    (problem,) = audit(published).problems
    assert (problem.path, problem.code) == (status_of(2), "FRN620")
    assert problem.line == 1 + file.read_text().splitlines().index("    revision: 2")
    assert problem.message == "this line says `revision: 2`; it must say `revision: 1`"


def linked(file: Path, target: str) -> None:
    file.unlink()
    file.symlink_to(target)


def emptied(file: Path) -> None:
    file.unlink()
    file.mkdir()


EDITS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "emptied": (lambda file: file.write_bytes(b""), "FRN620"),
    "cut": (lambda file: file.write_bytes(file.read_bytes()[:-20]), "FRN620"),
    "longer": (lambda file: file.write_bytes(file.read_bytes() + b"# mine\n"), "FRN620"),
    "carriage returns": (
        lambda file: file.write_bytes(file.read_bytes().replace(b"\n", b"\r\r\n")),
        "FRN620",
    ),
    "not even text": (lambda file: file.write_bytes(bytes(range(256))), "FRN620"),
    "deleted": (lambda file: file.unlink(), "FRN621"),
    "a link to itself": (lambda file: linked(file, file.name), "FRN621"),
    "a link to another": (lambda file: linked(file, "000001.yaml"), "FRN621"),
    "a folder": (emptied, "FRN621"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_every_way_to_spoil_a_status_file_is_found_and_repaired(
    published: Project, edit: str
) -> None:
    before = published.status_files()
    spoil, code = EDITS[edit]
    spoil(published.root / status_of(2))
    assert found(published) == [(status_of(2), code)]
    if edit == "a folder":  # whoever made a folder has to take it away
        (published.root / status_of(2)).rmdir()
    done = published.run("verify", "--repair")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"repaired {status_of(2)}: {code if edit != 'a folder' else 'FRN621'}" in done.stdout
    assert published.status_files() == before
    assert found(published) == []


def test_a_folder_of_status_files_that_is_a_link_is_no_place_for_them(published: Project) -> None:
    """What it leads to may be right: it is not ours, and publish does not write there."""
    folder = published.root / "status/0000"
    folder.rename(published.root / "elsewhere")
    folder.symlink_to("../elsewhere")
    assert {code for _, code in found(published)} == {"FRN621"}


def test_line_endings_as_git_may_check_them_out_are_no_finding(published: Project) -> None:
    file = published.root / status_of(2)
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert found(published) == []


def test_an_edit_that_looks_untouched_is_found_and_repaired(published: Project) -> None:
    """Size, time and inode as before: the index of the write-back believes it, the audit not."""
    publish(published)  # the index does not believe in what is as young as itself
    file = published.root / status_of(2)
    before = file.stat()
    content = file.read_bytes()
    with file.open("r+b") as opened:
        opened.write(content.replace(b"phase: Completed", b"phase: completed"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    publish(published)
    assert file.read_bytes() != content, "the index was believed"
    assert found(published) == [(status_of(2), "FRN620")]
    assert published.run("verify", "--repair").returncode == 0
    assert file.read_bytes() == content


def test_a_status_file_without_a_request_is_a_stray_and_only_that_is_removed(
    published: Project,
) -> None:
    """Another environment's folder inside this one, and files that are not ours, stay."""
    content = (published.root / status_of(1)).read_bytes()
    stray = content.replace(b"0000/000001", b"0000/000099")
    files = {
        "status/0000/000099.yaml": stray,
        "status/prod/0000/000001.yaml": content,
        "status/notes.yaml": b"mine: yes\n",
    }
    for path, text in files.items():
        published.clone.write(path, text)
    assert found(published) == [("status/0000/000099.yaml", "FRN622")]
    done = published.json("verify", "--repair")
    assert [each["code"] for each in done["repaired"]] == ["FRN622"]
    assert done["summary"]["errors"] == 0
    assert [(published.root / path).exists() for path in files] == [False, True, True]


def test_an_empty_clone_gets_all_its_status_files_from_the_ledger(
    published: Project, tmp_path: Path
) -> None:
    """Here the embedded log is copied; Kafka's is there already."""
    before = published.status_files()
    published.clone.git("clone", "--quiet", ".", str(tmp_path / "fresh"))
    shutil.copytree(published.root / ".franc", tmp_path / "fresh/.franc")
    fresh = new_project(tmp_path / "fresh")
    done = fresh.run("verify")
    assert done.returncode == 1
    assert done.stdout.count("error FRN621") == 4
    before_events = fresh.run("events").stdout
    done = fresh.run("verify", "--repair")
    assert done.returncode == 0
    assert "4 repaired" in done.stderr
    assert fresh.status_files() == before
    assert fresh.run("events").stdout == before_events


def test_a_commit_is_audited_with_the_status_files_that_it_holds(
    published: Project, tmp_path: Path
) -> None:
    """By name, and in a bare repository, where there is nothing else to read."""
    whole = published.clone.commit()
    (published.root / status_of(1)).unlink()
    assert found(published) == [(status_of(1), "FRN621")]
    published.clone.commit({status_of(2): b"edited"})
    assert found_at(published, whole) == []
    assert found_at(published, "HEAD~0") == [(status_of(1), "FRN621"), (status_of(2), "FRN620")]
    bare = clone_repository(published.root, tmp_path / "bare.git", "--bare")
    shutil.copytree(published.root / ".franc", bare.root / ".franc")
    codes = [each["code"] for each in Project(bare).json("verify", exit_code=1)["problems"]]
    assert codes == ["FRN621", "FRN620"]
    assert published.run("verify", "--repair", "--rev", whole).returncode == 2


@pytest.mark.parametrize("mode", ["commit", "push"])
def test_a_repair_is_committed_or_pushed_where_status_files_are(
    published: Project, tmp_path: Path, mode: str
) -> None:
    """The pushed ones are read from the commit: nothing is written to the work tree."""
    published.clone.commit()
    origin = clone_repository(published.root, tmp_path / "origin.git", "--bare")
    published.clone.git("remote", "add", "origin", str(origin.root))
    published.clone.git("fetch", "--quiet", "origin")
    published.clone.git("branch", "--set-upstream-to=origin/main")
    content = (published.root / status_of(2)).read_bytes()
    published.clone.commit({status_of(2): content + b"# mine\n", status_of(1): None})
    published.clone.git("push", "--quiet", "origin", "main")
    published.settings["FRANC_WRITE_BACK"] = mode
    assert found(published) == [(status_of(1), "FRN621"), (status_of(2), "FRN620")]
    done = published.run("verify", "--repair")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 repaired; status files on" in done.stderr
    branch = "origin/main" if mode == "push" else "main"
    published.clone.git("fetch", "--quiet", "origin")
    assert published.clone.git("show", f"{branch}:{status_of(2)}").encode() + b"\n" == content
    if mode == "push":
        published.clone.git("merge", "--quiet", "--ff-only", "origin/main")
    assert found(published) == []


def found_at(project: Project, revision: str) -> list[tuple[str, str]]:
    done = project.run("verify", "--rev", revision, "-o", "json")
    return [(each["path"], each["code"]) for each in json.loads(done.stdout)["problems"]]


def test_what_cannot_be_repaired_is_left_and_told(published: Project) -> None:
    change_event(published, "pop_CHG-2024-000001", "value", lambda value: value + b" ")
    (published.root / status_of(2)).unlink()
    done = published.run("verify", "--repair")
    assert done.returncode == 1
    assert f"repaired {status_of(2)}" in done.stdout
    assert f"{path_of(1)}:1:1: error FRN522" in done.stdout


def test_a_repair_that_cannot_write_is_exit_6(published: Project) -> None:
    file = published.root / status_of(2)
    file.unlink()
    file.mkdir()
    (file / "mine").touch()
    done = published.run("verify", "--repair")
    assert done.returncode == 6
    assert "FRN601" in done.stderr


def test_without_write_back_no_status_file_is_missed(published: Project) -> None:
    shutil.rmtree(published.root / "status")
    off = {"FRANC_WRITE_BACK": "off"}
    assert audit(published, **off).problems == ()
    assert published.run("verify", "--repair", **off).returncode == 2


# --- the ledger itself, on a real Apache Kafka ---------------------------------------------------


@pytest.fixture
def on_kafka(tmp_path: Path, kafka: Broker, topics_prefix: str) -> Project:
    """Three requests, published to Kafka."""
    make_topics(kafka, topics_prefix)
    made = new_project(tmp_path / "work", kafka.settings(KAFKA_TOPIC_PREFIX=topics_prefix))
    made.add(range(3))
    publish(made)
    return made


def forget(project: Project, kafka: Broker, topics_prefix: str) -> None:
    """Lose every record of the ledger, in a way that the pin does not show."""
    delete_topic(kafka.bootstrap, f"{topics_prefix}.gitops.ledger")
    make_topics(kafka, topics_prefix)
    with opened(project) as (_, turn):
        pin = turn.publisher.log.identify().pin
    assert pin is not None
    (project.root / "status/.ledger.yaml").write_bytes(pins.encode([pin]))


def test_events_in_kafka_are_read_at_their_partition_and_offset(
    on_kafka: Project, kafka: Broker, topics_prefix: str
) -> None:
    done = audit(on_kafka)
    assert (done.problems, done.events) == ((), 9)
    assert done.log_name == f"kafka:{kafka.cluster_id}"
    topic = f"{topics_prefix}.task.status"
    with opened(on_kafka) as (_, turn):
        places = [(r.partition, r.offset) for r in turn.publisher.log.events() if r.topic == topic]
    for partition, offset in places[:2]:
        delete_records(kafka.bootstrap, topic, partition, before=offset + 1)
    (problem,) = audit(on_kafka).problems
    assert (problem.path, problem.code) == (topic, "FRN521")
    delete_topic(kafka.bootstrap, f"{topics_prefix}.pop.deployment")
    make_topics(kafka, topics_prefix)
    assert ("requests/0000/000001.yaml", "FRN520") in found(on_kafka)


def test_another_ledger_than_the_pinned_one_is_a_finding(on_kafka: Project) -> None:
    """Nothing else is compared then: everything would seem to be wrong."""
    file = on_kafka.root / "status/.ledger.yaml"
    file.write_text(file.read_text().replace("topic_id: ", "topic_id: x"))
    done = on_kafka.run("verify")
    assert done.returncode == 1
    assert "status/.ledger.yaml:1:1: error FRN506 the ledger is another one" in done.stdout
    assert "nothing else was compared" in done.stderr
    file.unlink()
    assert found(on_kafka) == [("status/.ledger.yaml", "FRN524")]
    assert on_kafka.run("verify", "--repair").returncode == 0
    assert found(on_kafka) == []


def test_a_ledger_that_lost_records_is_found_and_not_published_to(
    on_kafka: Project, kafka: Broker, topics_prefix: str
) -> None:
    """The status files know; consumers have the events already."""
    before = on_kafka.run("events").stdout
    forget(on_kafka, kafka, topics_prefix)
    assert found(on_kafka) == [(status_of(n), "FRN523") for n in range(3)]
    done = on_kafka.run("publish")
    assert done.returncode == 2
    assert "error FRN523: the ledger lost records: datacenter_CHG-2024-000000" in done.stderr
    assert on_kafka.run("events").stdout == before
    on_kafka.add(range(3, 4))
    assert on_kafka.run("publish").returncode == 2, "nor what is really new"
    assert on_kafka.run("publish", "--accept-ledger").returncode == 0
    assert len(on_kafka.run("events").stdout.splitlines()) == 9 + 4 * 3


def test_a_transaction_that_the_brokers_forgot_is_published_again(
    on_kafka: Project, kafka: Broker, topics_prefix: str
) -> None:
    """Where the status files name events that nobody can see, nobody has got them."""
    forget(on_kafka, kafka, topics_prefix)
    for suffix in ("datacenter.deployment", "pop.deployment", "device.connection"):
        delete_topic(kafka.bootstrap, f"{topics_prefix}.{suffix}")
    for suffix in ("task.status", "task.completion"):
        delete_topic(kafka.bootstrap, f"{topics_prefix}.{suffix}")
    make_topics(kafka, topics_prefix)
    leave_open(kafka, topics_prefix)
    publish(on_kafka)
    assert found(on_kafka) == []


def leave_open(kafka: Broker, topics_prefix: str) -> None:
    """Die in mid-transaction: until somebody fences the dead, nobody can read to the end."""
    name = f"{topics_prefix}.gitops.ledger"
    dead = Producer(
        {
            "bootstrap.servers": kafka.bootstrap,
            "transactional.id": f"{name}.publisher",
            "log_level": 0,
        }
    )
    dead.init_transactions(30)
    dead.begin_transaction()
    for partition in range(3):
        dead.produce(name, b"{}", b"~left", partition)
    assert dead.flush(30) == 0


# --- events --------------------------------------------------------------------------------------


@contextmanager
def database(project: Project) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(project.root / ".franc/events.sqlite")) as opened:
        yield opened
        opened.commit()


def change_event(
    project: Project, request_id: str, column: str, change: Callable[[Any], Any], number: int = 0
) -> None:
    """Change an event of a request where it lies: the one of that number, in sending order."""
    with database(project) as log:
        (record,) = log.execute("SELECT value FROM ledger WHERE request_id = ?", (request_id,))
        _, _, topic, _, offset, _ = json.loads(record[0])["events"][number]
        where = (topic, offset)
        (old,) = log.execute(
            f"SELECT {column} FROM events WHERE topic = ? AND log_offset = ?",  # noqa: S608
            where,
        ).fetchone()
        log.execute(
            f"UPDATE events SET {column} = ? WHERE topic = ? AND log_offset = ?",  # noqa: S608
            (change(old), *where),
        )


def change_ledger(project: Project, request_id: str, changes: dict[str, Any]) -> None:
    with database(project) as log:
        (record,) = log.execute(
            "SELECT value FROM ledger WHERE request_id = ?", (request_id,)
        ).fetchone()
        value = json.dumps({**json.loads(record), **changes}, separators=(",", ":")).encode()
        log.execute("UPDATE ledger SET value = ? WHERE request_id = ?", (value, request_id))


def without(name: str) -> Callable[[str], str]:
    return lambda headers: json.dumps([pair for pair in json.loads(headers) if pair[0] != name])


def with_header(name: str, value: str) -> Callable[[str], str]:
    def change(headers: str) -> str:
        return json.dumps([[n, value if n == name else v] for n, v in json.loads(headers)])

    return change


CHANGES: dict[str, tuple[int, str, Callable[[Any], Any], str]] = {
    "another place": (0, "value", lambda v: v.replace(b"New York", b"Newark  "), "its content"),
    "another user": (0, "value", lambda v: v.replace(b"planner1", b"planner2"), "its content"),
    "another user of the status": (
        1,
        "value",
        lambda v: v.replace(b"planner1", b"planner2"),
        "its user_id is not that of the other events",
    ),
    "no event": (0, "value", lambda _: b"hello", "no event in our form"),
    "empty": (0, "value", lambda _: b"", "no event in our form"),
    "a field more": (0, "value", lambda v: v[:-1] + b',"more":1}', "its content"),
    "reformatted": (0, "value", lambda v: v.replace(b'":', b'": '), "no event in our form"),
    "another id": (
        0,
        "value",
        lambda v: v.replace(b"pop_CHG-2024-000001_", b"pop_CHG-2024-000001-"),
        "no event in our form, or its headers contradict its body",
    ),
    "another key": (0, "key", lambda _: b"CHG-2024-000002", "its headers contradict"),
    "id header": (0, "headers", with_header("ce_id", "x"), "its headers contradict"),
    "type header": (0, "headers", with_header("ce_type", "x"), "its headers contradict"),
    "source header": (0, "headers", with_header("ce_source", "x"), "its headers contradict"),
    "no id header": (0, "headers", without("ce_id"), "its headers contradict"),
    "commit": (0, "headers", with_header("ce_commit", "0" * 40), "its commit is '0000"),
    "no commit": (0, "headers", without("ce_commit"), "its commit is '', not"),
    "path": (1, "headers", with_header("ce_subject", "requests/x.yaml"), "its path is"),
    "revision": (2, "headers", with_header("ce_revision", "2"), "its revision is '2', not '1'"),
    "status": (1, "value", lambda v: v.replace(b"100", b"050"), "its content"),
    "completion": (2, "value", lambda v: v.replace(b"completed", b"cancelled"), "its content"),
    "broken escapes": (
        0,
        "value",
        lambda v: v.replace(b'"source":"franc-portal"', b'"source":"\\x\\ud800"'),
        "its headers contradict",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_event_that_is_not_what_the_ledger_says_is_found(
    published: Project, change: str
) -> None:
    number, column, edit, reason = CHANGES[change]
    change_event(published, "pop_CHG-2024-000001", column, edit, number)
    (problem,) = audit(published).problems
    assert (problem.path, problem.code) == (path_of(1), "FRN522")
    assert problem.message.startswith("pop_CHG-2024-000001: another event is there")
    assert reason in problem.message


def test_no_byte_of_an_event_can_be_changed_unseen(published: Project) -> None:
    """Of the last publication, in every body, at places chosen by chance."""
    chance = random.Random(7)
    name = "pop_CHG-2024-000001"
    for number in range(3):
        for _ in range(12):
            kept: list[bytes] = []
            change_event(published, name, "value", partial(spoiled, chance, kept), number)
            assert found(published) == [(path_of(1), "FRN522")]
            change_event(published, name, "value", partial(restored, kept), number)
    assert found(published) == []


def spoiled(chance: random.Random, kept: list[bytes], value: bytes) -> bytes:
    """Change one byte, and keep what was there."""
    kept.append(value)
    at = chance.randrange(len(value))
    return value[:at] + bytes([value[at] ^ chance.randrange(1, 128)]) + value[at + 1 :]


def restored(kept: list[bytes], _spoiled: bytes) -> bytes:
    return kept[0]


def test_a_user_that_was_taken_from_the_commit_must_be_its_author(project: Project) -> None:
    """It is no part of what was asked for, so no digest holds it."""
    project.settings["FRANC_USER_ID_FROM"] = "author"
    project.clone.commit({"requests/a.yaml": POP.format(number="CHG-2024-000001", name=1)})
    publish(project)
    assert found(project) == []
    for number in range(3):
        change_event(
            project,
            "pop_CHG-2024-000001",
            "value",
            lambda value: value.replace(b"Ada Lovelace", b"Eve Lovelace"),
            number,
        )
    (problem,) = audit(project).problems
    assert (problem.path, problem.code) == ("requests/a.yaml", "FRN522")
    assert "user_id 'Eve Lovelace <ada@example.com>' is neither asked for" in problem.message


def test_events_in_each_others_place_are_found(published: Project) -> None:
    """As after restoring a topic in another order."""
    with database(published) as log:
        topic = "franc.task.completion"
        for old, new in ((0, -1), (1, 0), (-1, 1)):
            log.execute(
                "UPDATE events SET log_offset = ? WHERE topic = ? AND log_offset = ?",
                (new, topic, old),
            )
    codes = [code for _, code in found(published)]
    assert codes == ["FRN522", "FRN522"]


def test_an_event_that_is_gone_is_told_from_what_retention_removed(published: Project) -> None:
    with database(published) as log:
        log.execute("DELETE FROM events WHERE topic = 'franc.task.status' AND log_offset = 2")
        log.execute("DELETE FROM events WHERE topic = 'franc.task.completion' AND log_offset < 2")
    done = audit(published)
    removed, missing = sorted(done.problems, key=lambda problem: problem.code, reverse=True)
    assert (removed.path, removed.code) == ("franc.task.completion", "FRN521")
    assert removed.message.startswith("2 of the events that the ledger names")
    assert not removed.is_error
    assert done.removed == 2
    assert missing.code == "FRN520"
    assert "task_status_update status_CHG-2024-00000" in missing.message
    assert "at franc.task.status 0@2" in missing.message


def test_what_retention_removed_is_a_warning(published: Project) -> None:
    with database(published) as log:
        log.execute("DELETE FROM events WHERE topic = 'franc.task.completion' AND log_offset < 2")
    assert published.run("verify").returncode == 0
    assert published.run("verify", "--fail-on-warnings").returncode == 1


def test_of_earlier_revisions_identity_and_time_are_compared(project: Project) -> None:
    project.clone.commit({"requests/a.yaml": POP.format(number="CHG-2024-000001", name=1)})
    publish(project)
    text = POP.format(number="CHG-2024-000001", name=2)
    project.clone.commit({"requests/a.yaml": f"{text}revision: 2\n"})
    publish(project)
    name = "pop_CHG-2024-000001"
    change_event(project, name, "value", lambda v: v.replace(b"PoP-1", b"PoP-9"), 0)
    assert found(project) == []
    change_event(project, name, "headers", with_header("ce_time", "2020-01-01T00:00:00Z"), 0)
    assert found(project) == [("requests/a.yaml", "FRN522")]


def test_two_events_at_one_place_are_found(published: Project) -> None:
    with database(published) as log:
        rows = dict(log.execute("SELECT request_id, value FROM ledger").fetchall())
    events = json.loads(rows["pop_CHG-2024-000001"])["events"]
    change_ledger(
        published,
        "pop_CHG-2024-000001",
        {"events": [*events[:2], [*events[2][:4], 0, *events[2][5:]]]},
    )
    codes = {code for _, code in found(published)}
    assert "FRN522" in codes


def test_the_json_is_complete(published: Project) -> None:
    (published.root / status_of(1)).unlink()
    done = published.json("verify", exit_code=1)
    assert list(done) == ["commit", "log", "summary", "repaired", "retired", "problems"]
    assert done["commit"] == published.clone.head
    assert done["log"] == "embedded"
    assert done["summary"] == {
        "requests": 4,
        "events": 12,
        "status_files": 4,
        "errors": 1,
        "warnings": 0,
        "repaired": 0,
        "pending": 0,
        "retired": 0,
        "removed_events": 0,
    }
    assert done["problems"][0]["code"] == "FRN621"


@pytest.mark.parametrize(
    "output", ["text", "json", "jsonl", "junit", "sarif", "github", "gitlab", "markdown"]
)
def test_every_format_shows_findings(published: Project, output: str) -> None:
    (published.root / status_of(1)).unlink()
    done = published.run("verify", "-o", output)
    assert done.returncode == 1
    assert "FRN621" in done.stdout
    assert status_of(1) in done.stdout


def test_a_repository_without_requests_is_not_all_right(project: Project) -> None:
    project.clone.commit({"README.md": "empty"})
    assert project.run("verify").returncode == 2
    assert project.run("verify", "--allow-empty").returncode == 0
