"""Whatever breaks around a publication: the exit code tells, the message names what to change.

Nothing is lost or sent twice, and the next pass finishes. The broker is real; what arrived is
told by Kafka's own console consumer, or by `events`, which reads as any consumer does.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import threading
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
)

from franc_gitops.eventlogs.kafka.names import Names
from franc_gitops.strict_yaml import load
from tests.support.broker import (
    alter_config,
    console_consume,
    delete_topic,
    free_port,
    start_broker,
)
from tests.support.certificates import CertificateAuthority
from tests.support.kafka_log import make_topics
from tests.support.project import COMMAND, Project, new_project
from tests.support.stepwise import Stepwise
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.support.broker import Broker

SOON = {"KAFKA_CONNECT_TIMEOUT": "2", "KAFKA_TRANSACTION_TIMEOUT": "6"}
"""For what must fail: what must go well gets the time that users give it."""
CAUSE_KNOWN = 15.0
"""Seconds in which a cause that the broker tells must be on the screen."""
VERBS = ("publish", "plan", "status", "events", "topics check", "doctor")
FEW = ("publish", "doctor")
POPS = range(1, 181, 6)
"""Thirty requests of one type: fewer topics, and so fewer console consumers."""


# --- the world --------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path, kafka: Broker, topics_prefix: str) -> Project:
    """An empty repository that publishes to topics of its own on a broker that stays whole."""
    return on_broker(tmp_path, kafka, topics_prefix)


@pytest.fixture(scope="module")
def other_broker() -> Iterator[Broker]:
    """Another cluster, and one that may be broken."""
    with start_broker() as broker:
        yield broker


@pytest.fixture
def fragile(other_broker: Broker) -> Iterator[Broker]:
    """A broker that a test may stop, kill and pause; it serves again afterwards."""
    yield other_broker
    heal(other_broker)


@pytest.fixture
def fragile_project(tmp_path: Path, fragile: Broker, topics_prefix: str) -> Project:
    """An empty repository that publishes to a broker that may be broken."""
    return on_broker(tmp_path, fragile, topics_prefix)


@pytest.fixture
def secure_project(tmp_path: Path, secure_kafka: Broker, topics_prefix: str) -> Project:
    """A repository with three requests that publishes with a password and nearly all ACLs."""
    make_topics(secure_kafka, topics_prefix)
    settings = secure_kafka.password_settings(user="worker")
    made = new_project(tmp_path / "work", {**settings, "KAFKA_TOPIC_PREFIX": topics_prefix})
    made.add(range(3))
    return made


def on_broker(tmp_path: Path, broker: Broker, prefix: str) -> Project:
    """Make a repository and its topics."""
    make_topics(broker, prefix)
    return new_project(tmp_path / "work", broker.settings(KAFKA_TOPIC_PREFIX=prefix))


def impatient(project: Project, **variables: str) -> Project:
    """Give the same repository with other settings, which soon gives up."""
    return Project(project.clone, {**project.settings, **SOON, **variables})


def heal(broker: Broker) -> None:
    """Let a broker serve, whatever was done to it, and return once it takes new topics."""
    try:
        broker.resume()
    except AssertionError:
        broker.restart()
    admin = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})

    def serves() -> bool:
        made = admin.create_topics([NewTopic(f"healed-{uuid.uuid4().hex}", 1)], request_timeout=2)
        return all(future.exception() is None for future in made.values())

    wait_for(serves, what="the broker to serve again", seconds=30, every=0.1)


# --- what is looked at ------------------------------------------------------------------------


def ended(
    process: subprocess.Popen[str], seconds: float = CAUSE_KNOWN
) -> subprocess.CompletedProcess[str]:
    """Wait for the end, which must come in time and without a traceback."""
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        process.kill()
    return sane(subprocess.CompletedProcess(process.args, process.returncode, out, err))


def sane(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    """Let only messages through: no traceback, nothing that the program takes for its own bug."""
    assert "Traceback" not in done.stderr, done.stderr
    assert "this is a bug" not in done.stderr, done.stderr
    return done


def refused(
    done: subprocess.CompletedProcess[str], code: int, *said: str
) -> subprocess.CompletedProcess[str]:
    """Hold exit code and message against what is expected."""
    sane(done)
    told = done.stderr + done.stdout
    assert done.returncode == code, told
    assert [text for text in said if text not in told] == [], told
    return done


def publish(project: Project, *arguments: str, **variables: str) -> dict[str, int]:
    """Publish, which must go well, and give the counts."""
    done = refused(project.run("publish", *arguments, "-o", "json", **variables), 0)
    summary: dict[str, int] = json.loads(done.stdout)["summary"]
    return summary


def events(project: Project, **variables: str) -> list[str]:
    """Give the ids of all events, in order, as `events` shows them."""
    done = project.run("events", "-o", "jsonl", **variables)
    assert done.returncode == 0, done.stderr
    return sorted(json.loads(line)["headers"]["ce_id"] for line in done.stdout.splitlines())


def planned(project: Project) -> list[str]:
    """Give the ids of all events that would be sent, in order."""
    actions = project.json("plan")["actions"]
    return sorted(event["headers"]["ce_id"] for action in actions for event in action["events"])


def consumed(broker: Broker, prefix: str) -> list[str]:
    """Give the ids that Kafka's console consumer sees, in order."""
    topics = [f"{prefix}.{name}" for name in ("pop.deployment", "task.status", "task.completion")]
    return sorted(
        record.header("ce_id") or "" for record in console_consume(broker.bootstrap, topics)
    )


def settle(broker: Broker, prefix: str) -> None:
    """Wait until the broker has written the markers of what is committed: it does so afterwards."""
    ledger = Names(prefix).ledger
    places = [TopicPartition(ledger, number) for number in range(32)]
    admin = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})

    def ends(level: IsolationLevel) -> list[int]:
        wanted = {place: OffsetSpec.latest() for place in places}
        asked = admin.list_offsets(wanted, isolation_level=level, request_timeout=5)
        return [future.result(timeout=10).offset for future in asked.values()]

    def is_settled() -> bool:
        committed = ends(IsolationLevel.READ_COMMITTED)
        return any(committed) and committed == ends(IsolationLevel.READ_UNCOMMITTED)

    wait_for(is_settled, what="the markers of the transaction", seconds=10)


def phases(project: Project) -> dict[str, int]:
    """Count the status files by their phase."""
    counts: dict[str, int] = {}
    for content in project.status_files().values():
        (status,) = load(content)
        phase = str(status["phase"])
        counts[phase] = counts.get(phase, 0) + 1
    return counts


@contextmanager
def untouched(project: Project) -> Iterator[None]:
    """Nothing below the status folder changes, not even a time."""
    before = _fingerprints(project)
    yield
    assert _fingerprints(project) == before


def _fingerprints(project: Project) -> dict[str, tuple[bytes, int, int]]:
    folder = project.root / "status"
    return {
        str(file): (file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_ino)
        for file in folder.rglob("*")
        if file.is_file()
    }


# --- no broker ----------------------------------------------------------------------------------


def run_all(
    project: Project, verbs: Sequence[str] = VERBS, **variables: str
) -> list[subprocess.CompletedProcess[str]]:
    """Run verbs that ask the event log, at once."""
    changed = impatient(project, **variables)
    return [ended(process) for process in [changed.start(*verb.split()) for verb in verbs]]


def test_without_a_broker_every_verb_names_the_address(project: Project) -> None:
    project.add(range(3))
    publish(project)
    project.add(range(3, 6))
    nowhere = f"127.0.0.1:{free_port()}"
    with untouched(project):
        for done in run_all(project, KAFKA_BOOTSTRAP_SERVERS=nowhere):
            refused(done, 4, "KAFKA_BOOTSTRAP_SERVERS", nowhere, "FRN501")
    assert publish(project)["published"] == 3
    assert len(events(project)) == 18


def test_an_address_that_is_nobodys_is_named(project: Project) -> None:
    project.add(range(3))
    for done in run_all(project, FEW, KAFKA_BOOTSTRAP_SERVERS="kafka.invalid:9092"):
        refused(done, 4, "KAFKA_BOOTSTRAP_SERVERS", "kafka.invalid:9092")
    assert not (project.root / "status").exists()


def test_a_server_that_never_answers_is_given_up(project: Project) -> None:
    project.add(range(3))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        done = ended(impatient(project, KAFKA_BOOTSTRAP_SERVERS=address).start("publish"))
    refused(done, 4, "KAFKA_BOOTSTRAP_SERVERS", address, "stays pending")


def test_two_merges_while_the_broker_is_down_arrive_in_their_order(
    fragile_project: Project, fragile: Broker, topics_prefix: str
) -> None:
    project = fragile_project
    fragile.stop()
    project.add(range(61, 121, 6), "The first merge")
    refused(impatient(project).run("publish"), 4, "stays pending", "KAFKA_BOOTSTRAP_SERVERS")
    project.add(range(1, 61, 6), "The second merge, with names that sort before")
    heal(fragile)
    assert publish(project)["published"] == 20
    topic = f"{topics_prefix}.pop.deployment"
    arrived: dict[int, list[int]] = {}
    for record in console_consume(fragile.bootstrap, [topic]):
        place = int((record.header("ce_subject") or "")[-11:-5])
        arrived.setdefault(record.partition, []).append(place)
    assert sum(len(places) for places in arrived.values()) == 20
    for places in arrived.values():
        assert [place > 60 for place in places] == sorted(
            (place > 60 for place in places), reverse=True
        )


# --- a broker that goes away in the middle ------------------------------------------------------


def break_it(broker: Broker, how: str) -> None:
    """Stop, kill or pause it."""
    {"stop": broker.stop, "kill": broker.kill, "pause": broker.pause}[how]()


@pytest.mark.parametrize("how", ["stop", "kill", "pause"])
def test_a_broker_that_goes_away_between_transactions_costs_nothing(
    fragile_project: Project, fragile: Broker, topics_prefix: str, how: str
) -> None:
    project = fragile_project
    project.add(POPS)
    ids = planned(project)
    publication = Stepwise(impatient(project), size=10)
    publication.wait_for_transaction()
    publication.go_on()
    publication.wait_for_transaction()
    settle(fragile, topics_prefix)
    break_it(fragile, how)
    refused(
        publication.end(),
        5,
        "FRN502",
        "10 requests are published",
        "KAFKA_BOOTSTRAP_SERVERS",
        "20 still pending",
    )
    assert phases(project) == {"Completed": 10}
    heal(fragile)
    assert publish(project) == {
        "published": 20,
        "skipped": 10,
        "held": 0,
        "cancelled": 0,
        "failed": 0,
    }
    assert events(project) == ids
    assert phases(project) == {"Completed": 30}


def test_a_broker_that_goes_away_before_the_first_transaction_is_exit_4(
    fragile_project: Project, fragile: Broker, topics_prefix: str
) -> None:
    project = fragile_project
    project.add(POPS)
    ids = planned(project)
    publication = Stepwise(impatient(project), size=10)
    publication.wait_for_transaction()
    fragile.kill()
    refused(publication.end(), 4, "KAFKA_BOOTSTRAP_SERVERS", "30 still pending")
    heal(fragile)
    assert publish(project)["published"] == 30
    assert consumed(fragile, topics_prefix) == ids


def test_a_broker_that_only_pauses_is_waited_for(fragile_project: Project, fragile: Broker) -> None:
    project = fragile_project
    project.add(POPS)
    publication = Stepwise(project, size=10)
    publication.wait_for_transaction()
    publication.go_on()
    publication.wait_for_transaction()
    fragile.pause()
    publication.go_on()
    resuming = threading.Timer(1, fragile.resume)
    resuming.start()
    done = publication.end()
    resuming.join()
    assert refused(done, 0).returncode == 0
    ids = events(project)
    assert len(ids) == len(set(ids)) == 90


# --- another ledger -----------------------------------------------------------------------------


def test_another_cluster_is_refused_until_a_human_accepts_it(
    project: Project, fragile: Broker, topics_prefix: str
) -> None:
    project.add(range(3))
    publish(project)
    ids = events(project)
    make_topics(fragile, topics_prefix)
    elsewhere = fragile.settings(KAFKA_TOPIC_PREFIX=topics_prefix)
    with untouched(project):
        for verb in ("publish", "plan", "status"):
            done = project.run(verb, **elsewhere)
            refused(
                done, 2, "FRN506", fragile.cluster_id, "--accept-ledger", "KAFKA_BOOTSTRAP_SERVERS"
            )
    assert events(project, **elsewhere) == []
    assert publish(project, "--accept-ledger", **elsewhere)["published"] == 3
    assert events(project, **elsewhere) == ids
    assert publish(project) == {
        "published": 0,
        "skipped": 3,
        "held": 0,
        "cancelled": 0,
        "failed": 0,
    }
    assert events(project) == ids


def test_the_expected_cluster_is_held_against_the_real_one(project: Project, kafka: Broker) -> None:
    project.add(range(3))
    done = project.run("publish", KAFKA_EXPECTED_CLUSTER_ID="MkU3OEVBNTcwNTJENDM2Qk")
    refused(done, 2, "FRN506", kafka.cluster_id, "KAFKA_EXPECTED_CLUSTER_ID")
    assert not (project.root / "status").exists()


def test_a_ledger_created_again_is_refused_until_a_human_accepts_it(
    project: Project, kafka: Broker, topics_prefix: str
) -> None:
    project.add(range(3))
    publish(project)
    delete_topic(kafka.bootstrap, Names(topics_prefix).ledger)
    with untouched(project):
        refused(project.run("publish"), 2, "FRN505", "franc-gitops topics create")
    make_topics(kafka, topics_prefix)
    project.add(range(3, 5))
    with untouched(project):
        refused(project.run("publish"), 2, "FRN506", "deleted and created again", "--accept-ledger")
    assert len(events(project)) == 9
    assert publish(project, "--accept-ledger")["published"] == 5
    assert publish(project)["published"] == 0
    assert len(set(events(project))) == 15


def test_a_ledger_with_more_partitions_is_refused(
    project: Project, kafka: Broker, topics_prefix: str
) -> None:
    project.add(range(3))
    publish(project)
    ledger = Names(topics_prefix).ledger
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
    for future in admin.create_partitions([NewPartitions(ledger, 40)]).values():
        future.result(timeout=10)
    with untouched(project):
        refused(project.run("publish"), 2, "FRN506", ledger, "40 partitions instead of 32")
    refused(project.run("topics", "check"), 0, ledger, "partitions is 40, should be 32")
    refused(project.run("doctor"), 2, "FRN506", ledger)


def test_a_ledger_that_is_not_compacted_is_refused(
    project: Project, kafka: Broker, topics_prefix: str
) -> None:
    project.add(range(3))
    ledger = Names(topics_prefix).ledger
    alter_config(kafka.bootstrap, ledger, {"cleanup.policy": "delete"})
    refused(project.run("publish"), 2, "FRN510", ledger, "cleanup.policy=compact")
    refused(project.run("topics", "check"), 1, ledger, "cleanup.policy")
    assert events(project) == []
    alter_config(kafka.bootstrap, ledger, {"cleanup.policy": "compact"})
    assert publish(project)["published"] == 3


def test_a_missing_topic_is_named_and_never_created_by_publish(
    project: Project, kafka: Broker, topics_prefix: str
) -> None:
    project.add(range(3))
    topic = f"{topics_prefix}.pop.deployment"
    delete_topic(kafka.bootstrap, topic)
    for _ in range(2):
        refused(project.run("publish"), 2, "FRN505", topic, "franc-gitops topics create")
    refused(project.run("topics", "check"), 1, topic)
    refused(project.run("doctor"), 2, topic, "franc-gitops topics create")
    assert not (project.root / "status").exists()
    refused(project.run("topics", "create"), 0, topic)
    assert publish(project)["published"] == 3
    assert len(events(project)) == 9


# --- who we are ---------------------------------------------------------------------------------

WRONG_PASSWORD = "not-the-word-of-this-broker"


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_a_wrong_password_is_told_soon_and_never_shown(
    secure_project: Project, secure_kafka: Broker, mechanism: str
) -> None:
    settings = secure_kafka.password_settings("worker", WRONG_PASSWORD, mechanism)
    for done in run_all(secure_project, FEW, **settings, KAFKA_CONNECT_TIMEOUT="12"):
        refused(done, 2, "FRN504", "KAFKA_SASL_PASSWORD", "KAFKA_SASL_USERNAME")
        assert WRONG_PASSWORD not in done.stdout + done.stderr
    assert not (secure_project.root / "status").exists()


def test_even_the_trace_of_an_error_keeps_the_password(
    secure_project: Project, secure_kafka: Broker
) -> None:
    secure_project.settings.update(secure_kafka.password_settings("worker", WRONG_PASSWORD))
    process = secure_project.start("publish", "--debug")
    out, err = process.communicate(timeout=CAUSE_KNOWN)
    assert process.returncode == 2
    assert "Traceback" in err
    assert WRONG_PASSWORD not in out + err


def allow(broker: Broker, prefix: str, *, keep: str = "") -> None:
    """Grant `worker` what publishing needs, but for one resource; return once that counts."""
    names = Names(prefix)
    ledger = (AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE_CONFIGS)
    wanted = [
        *((ResourceType.TOPIC, topic, AclOperation.WRITE) for topic in names.events),
        *((ResourceType.TOPIC, names.ledger, operation) for operation in ledger),
        (ResourceType.TRANSACTIONAL_ID, names.publisher, AclOperation.WRITE),
    ]
    grants = {_acl(*each) for each in wanted if each[1] != keep}
    admin = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})
    for future in admin.create_acls(list(grants)).values():
        future.result(timeout=10)
    wait_for(
        lambda: grants <= set(admin.describe_acls(_OF_WORKER).result(timeout=10)),
        what="the grants to count",
        seconds=10,
    )


def _acl(kind: ResourceType, name: str, operation: AclOperation) -> AclBinding:
    pattern, permission = ResourcePatternType.LITERAL, AclPermissionType.ALLOW
    return AclBinding(kind, name, pattern, "User:worker", "*", operation, permission)


_OF_WORKER = AclBindingFilter(
    ResourceType.ANY,
    None,  # type: ignore[arg-type]  # None is "any", as its documentation says
    ResourcePatternType.ANY,
    "User:worker",
    None,  # type: ignore[arg-type]
    AclOperation.ANY,
    AclPermissionType.ANY,
)


@pytest.mark.parametrize("resource", ["pop.deployment", "gitops.ledger", "gitops.ledger.publisher"])
def test_a_missing_acl_is_named_with_the_command_that_adds_it(
    secure_project: Project, secure_kafka: Broker, topics_prefix: str, resource: str
) -> None:
    kept = f"{topics_prefix}.{resource}"
    allow(secure_kafka, topics_prefix, keep=kept)
    done = ended(secure_project.start("publish"), CAUSE_KNOWN)
    refused(done, 2, "FRN509", f" {kept}", "kafka-acls --add --allow-principal User:worker")
    allow(secure_kafka, topics_prefix)
    assert publish(secure_project)["published"] == 3
    everything = secure_kafka.settings(KAFKA_SECURITY_PROTOCOL="PLAINTEXT")
    assert len(events(secure_project, **everything)) == 9


def test_a_foreign_authority_is_named(secure_project: Project, tmp_path: Path) -> None:
    foreign = CertificateAuthority(tmp_path / "foreign").ca_file
    secure_project.settings["KAFKA_SSL_CAFILE"] = str(foreign)
    done = ended(secure_project.start("publish"), CAUSE_KNOWN)
    refused(done, 2, "FRN508", "KAFKA_SSL_CAFILE")
    assert not (secure_project.root / "status").exists()


def test_speaking_plainly_to_a_tls_listener_names_the_protocol(
    secure_project: Project, secure_kafka: Broker
) -> None:
    done = ended(impatient(secure_project, KAFKA_SECURITY_PROTOCOL="PLAINTEXT").start("publish"))
    refused(done, 4, "KAFKA_SECURITY_PROTOCOL", secure_kafka.address("SASL_SSL"))


# --- this machine -------------------------------------------------------------------------------


def test_without_the_kafka_client_only_kafka_is_missing(project: Project, tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    absent.mkdir()
    (absent / "confluent_kafka.py").write_text("raise ImportError('no such client here')\n")
    path = os.pathsep.join(filter(None, (str(absent), os.environ.get("PYTHONPATH", ""))))
    project.add(range(3))
    for done in run_all(project, PYTHONPATH=path):
        refused(done, 2, "KAFKA_ENABLED", "pip install confluent-kafka")
    assert not (project.root / "status").exists()
    assert publish(project, KAFKA_ENABLED="false", PYTHONPATH=path)["published"] == 3
    assert len(events(project, KAFKA_ENABLED="false", PYTHONPATH=path)) == 9


def test_embedded_and_kafka_can_be_changed_at_will(project: Project) -> None:
    project.add(range(3))
    assert publish(project, KAFKA_ENABLED="false")["published"] == 3
    embedded = project.status_files()
    assert publish(project)["published"] == 3
    kafka_files = project.status_files()
    assert kafka_files != embedded
    assert publish(project, KAFKA_ENABLED="false")["published"] == 0
    assert project.status_files() == embedded
    assert publish(project)["published"] == 0
    assert project.status_files() == kafka_files
    assert events(project) == events(project, KAFKA_ENABLED="false")


def test_the_state_folder_is_not_the_truth_of_kafka(project: Project) -> None:
    project.add(range(3))
    publish(project)
    ids = events(project)
    with untouched(project):
        shutil.rmtree(project.root / ".franc")
        assert publish(project)["published"] == 0
    assert events(project) == ids


def test_the_embedded_log_begins_again_with_the_same_ids(project: Project) -> None:
    project.settings["KAFKA_ENABLED"] = "false"
    project.add(range(3))
    publish(project)
    ids, files = events(project), project.status_files()
    shutil.rmtree(project.root / ".franc")
    assert publish(project)["published"] == 3
    assert (events(project), project.status_files()) == (ids, files)


def test_the_status_folder_is_rebuilt_byte_for_byte(project: Project) -> None:
    project.add(range(20))
    publish(project)
    before = _contents(project)
    shutil.rmtree(project.root / "status")
    assert publish(project)["published"] == 0
    assert _contents(project) == before
    (project.root / "status/0000/000003.yaml").write_bytes(b"phase: Failed\n")
    assert publish(project)["published"] == 0
    assert _contents(project) == before


def _contents(project: Project) -> dict[str, bytes]:
    return {path: content for path, (content, _, _) in _fingerprints(project).items()}


def limited(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run without the right to write where permissions forbid it, which root has."""
    drop = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
    return subprocess.run(
        [*drop, *COMMAND, *arguments],
        cwd=project.root,
        env=project.variables(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_status_folder_that_may_not_be_written_is_exit_6(project: Project) -> None:
    project.add(range(3))
    folder = project.root / "status"
    folder.mkdir(mode=0o500)
    refused(
        limited(project, "publish"),
        6,
        "FRN601",
        "Permission denied",
        "nothing is lost",
        "3 published",
    )
    assert list(folder.iterdir()) == []
    folder.chmod(0o755)
    assert publish(project)["published"] == 0
    assert phases(project) == {"Completed": 3}
    assert len(events(project)) == 9


def test_a_folder_in_the_place_of_a_status_file_keeps_no_other_back(project: Project) -> None:
    project.add(range(3))
    obstacle = project.root / "status/0000/000001.yaml"
    obstacle.mkdir(parents=True)
    (obstacle / "note").write_text("mine")
    done = refused(project.run("publish"), 6, "FRN601", "0000/000001.yaml")
    assert "1 status file" in done.stderr
    assert phases_of_files(project) == {"0000/000000.yaml", "0000/000002.yaml"}
    assert (obstacle / "note").read_text() == "mine"
    shutil.rmtree(obstacle)
    assert publish(project)["published"] == 0
    assert phases(project) == {"Completed": 3}


def phases_of_files(project: Project) -> set[str]:
    """Give the paths of the status files that are files."""
    folder = project.root / "status"
    return {
        file.relative_to(folder).as_posix()
        for file in folder.rglob("*.yaml")
        if file.is_file() and file.name != ".ledger.yaml"
    }


def with_full_disk(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run where no file can become larger than a few bytes, as on a disk without space."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=project.root,
        env=project.variables(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
    )


def test_a_full_disk_leaves_no_half_status_file(project: Project) -> None:
    project.add(range(3))
    refused(with_full_disk(project, "publish"), 6, "FRN601", "0000/000001.yaml", "nothing is lost")
    assert _fingerprints(project) == {}
    assert publish(project)["published"] == 0
    assert phases(project) == {"Completed": 3}
    before = _contents(project)
    project.add(range(3, 5))
    refused(with_full_disk(project, "publish"), 6, "FRN601")
    assert _contents(project) == before
    assert publish(project)["published"] == 0
    assert len(events(project)) == 15


def test_a_full_disk_stops_the_embedded_log_whole(project: Project) -> None:
    project.settings["KAFKA_ENABLED"] = "false"
    project.add(range(3))
    refused(with_full_disk(project, "publish"), 2, "FRN503", "check permissions and space")
    assert publish(project)["published"] == 3
    assert len(events(project)) == 9


# --- interrupted --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)
def test_interrupted_between_transactions_the_next_pass_sends_the_rest(
    project: Project, number: int, code: int
) -> None:
    project.add(POPS)
    ids = planned(project)
    publication = Stepwise(project, size=10)
    publication.wait_for_transaction()
    publication.go_on()
    publication.wait_for_transaction()
    publication.process.send_signal(number)
    refused(publication.end(10), code)
    assert publish(project) == {
        "published": 20,
        "skipped": 10,
        "held": 0,
        "cancelled": 0,
        "failed": 0,
    }
    assert events(project) == ids
    assert phases(project) == {"Completed": 30}


def test_interrupted_while_the_broker_is_silent_it_ends_soon(
    fragile_project: Project, fragile: Broker
) -> None:
    project = fragile_project
    project.add(POPS)
    publication = Stepwise(project, size=10)
    publication.wait_for_transaction()
    publication.go_on()
    publication.wait_for_transaction()
    fragile.pause()
    publication.go_on()
    publication.process.send_signal(signal.SIGINT)
    refused(publication.end(8), 130)
    heal(fragile)
    assert publish(project)["published"] == 20
    ids = events(project)
    assert len(ids) == len(set(ids)) == 90


@pytest.mark.parametrize("arguments", [("publish", "-v"), ("publish", "-o", "json")])
def test_a_reader_that_goes_away_does_not_stop_the_publication(
    project: Project, arguments: Sequence[str]
) -> None:
    project.add(range(300))
    process = project.start(*arguments)
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in err) == (141, False), err
    assert publish(project)["published"] == 0
    assert phases(project) == {"Completed": 300}


def test_events_into_head_end_quietly(project: Project) -> None:
    project.settings["KAFKA_ENABLED"] = "false"
    project.add(range(600))
    publish(project)
    process = project.start("events", "-o", "jsonl")
    assert process.stdout is not None
    json.loads(process.stdout.readline())
    process.stdout.close()
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (141, "")


def test_closed_standard_streams_change_nothing(project: Project) -> None:
    project.settings["KAFKA_ENABLED"] = "false"
    project.add(range(3))
    command = 'exec "$@" <&- >&- 2>&-'
    done = subprocess.run(
        ["sh", "-c", command, "sh", *COMMAND, "publish"],
        cwd=project.root,
        env=project.variables(),
        check=False,
    )
    assert done.returncode == 0
    assert phases(project) == {"Completed": 3}
    assert publish(project)["published"] == 0
