"""Rules across requests: what two open ones touch, and change numbers used again (FRN302, 350)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, cast

import pytest

from bench.corpus import request_text
from franc_gitops import kinds, status_files
from franc_gitops.clock import SystemClock
from franc_gitops.eventlogs.memory import MemoryCluster, MemoryEventLog
from franc_gitops.events import Envelope
from franc_gitops.kinds.claims import claims_of, compile_claims
from franc_gitops.ledger import Ledger, LedgerEntry
from franc_gitops.model import Phase, Request, SourceFile
from franc_gitops.pipeline.checks import Checks
from franc_gitops.pipeline.conflicts import conflicts_among
from franc_gitops.pipeline.guard import Guard
from franc_gitops.pipeline.open_requests import Claims
from franc_gitops.pipeline.plan import make_plan
from franc_gitops.pipeline.publish import Publisher
from franc_gitops.pipeline.signatures import Distrust
from franc_gitops.pipeline.turn import Pass
from franc_gitops.pipeline.validate import FileValidator
from franc_gitops.problems import problem
from franc_gitops.repositories.directory import DirectoryRepository
from franc_gitops.repositories.git import GitRepository
from tests.support.git import Clone, clone_repository, new_repository
from tests.support.project import new_project
from tests.support.schedule import make_request, make_situation
from tests.test_examples import ACROSS, compare_with_golden

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from franc_gitops.kinds import Kind
    from franc_gitops.kinds.fields import Fields
    from franc_gitops.model import Problem, Value
    from franc_gitops.pipeline.actions import Plan
    from franc_gitops.repositories import RequestRepository

CASES = sorted(folder for folder in ACROSS.iterdir() if folder.is_dir())
TRACK = Envelope(completion="track")


def pop(number: int, name: str = "NYC-PoP-01", more: str = "") -> str:
    return (
        f"type: pop_deployment\nchange_number: CHG-2026-{number:06d}\n{more}pop_name: {name}\n"
        "location: New York Metro\ndesign_pattern: Hub-Spoke\nprovider: Equinix\n"
    )


def device(number: int, *interfaces: str, more: str = "") -> str:
    rows = "".join(f"  - {{name: {name}, speed: 1 Gbit, role: data}}\n" for name in interfaces)
    return (
        f"type: device_connection\nchange_number: CHG-2026-{number:06d}\n{more}device_name: SW01\n"
        f"device_type: Switch\nlocation: NYC Building A\ninterfaces:\n{rows}"
    )


@dataclass
class Repository:
    """A real git repository whose commits are planned and published to one memory log."""

    clone: Clone
    envelope: Envelope = TRACK
    cluster: MemoryCluster = field(default_factory=MemoryCluster)
    read: list[str] = field(default_factory=list)
    plain: bool = False

    def commit(self, files: Mapping[str, str | None]) -> None:
        self.clone.commit({f"requests/{name}.yaml": text for name, text in files.items()})

    def plan(self) -> Plan:
        with self._open() as repository:
            return self._pass(repository).plan()

    def publish(self, files: Mapping[str, str | None] | None = None) -> Plan:
        """Commit files, publish them, and give the plan that did it."""
        if files is not None:
            self.commit(files)
        with self._open() as repository:
            return self._pass(repository).run().plan

    def finish(self, name: str, phase: Phase = Phase.COMPLETED) -> None:
        """Let a worker finish a request."""
        publisher = Publisher(MemoryEventLog(self.cluster), SystemClock())
        entry = publisher.peek().get(name)
        assert entry is not None
        record = (entry.change_number, name, replace(entry, phase=phase).encode())
        publisher.log.fence().commit([], lambda _: [record])

    def _open(self) -> _Open:
        folder = self.clone.root
        return _Open(DirectoryRepository(folder) if self.plain else GitRepository(folder))

    def _pass(self, repository: RequestRepository) -> Pass:
        def read(files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes | Problem]]:
            for file in files:
                self.read.append(file.path)
                yield from repository_read([file])

        repository_read = repository.read
        repository.read = read  # type: ignore[method-assign]
        clock = SystemClock()
        publisher = Publisher(MemoryEventLog(self.cluster), clock)
        validator = FileValidator(repository.read)
        return Pass(repository, publisher, validator, self.envelope, clock, Guard())


@dataclass
class _Open:
    repository: RequestRepository

    def __enter__(self) -> RequestRepository:
        return self.repository

    def __exit__(self, *error: object) -> None:
        self.repository.close()


@pytest.fixture
def team(tmp_path: Path) -> Repository:
    return Repository(new_repository(tmp_path))


def found(plan: Plan) -> list[tuple[str, str, int]]:
    """Give code, file and line of each problem."""
    return [(p.code, Path(p.path).stem, p.line) for p in plan.problems]


def sent(plan: Plan) -> list[str]:
    return [f"{action.kind} {action.request_id}" for action in plan.sends]


# --- without a ledger ---------------------------------------------------------------------------


def across(folder: Path) -> list[dict[str, str | int]]:
    """Hold the files of a folder against each other, as `validate` does."""
    contents = {file.name: file.read_bytes() for file in sorted(folder.glob("*.yaml"))}

    def read(files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes | Problem]]:
        return ((file, contents[file.path]) for file in files)

    validated = FileValidator(read)([SourceFile(name, "") for name in contents])
    assert not validated.problems
    problems = conflicts_among(validated.requests, lambda _: False, Claims(read).locate)
    return [one.as_dict() for one in sorted(problems, key=lambda one: one.sort_key)]


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_files_have_the_conflicts_beside_them(folder: Path) -> None:
    compare_with_golden(folder / "problems.json", across(folder))


def test_validate_tells_both_files_with_the_line_of_the_other(tmp_path: Path) -> None:
    project = new_project(tmp_path / "work")
    project.clone.write("requests/a.yaml", device(1, "Gi0/1", "Gi0/2"))
    project.clone.write("requests/b.yaml", device(2, "Gi0/2", "Gi0/3"))
    told = project.json("validate", exit_code=1)["problems"]
    assert [(p["code"], p["path"], p["line"], p["field"]) for p in told] == [
        ("FRN302", "requests/a.yaml", 8, "interfaces[1].name"),
        ("FRN302", "requests/b.yaml", 7, "interfaces[0].name"),
    ]
    assert "(requests/b.yaml:7)" in told[0]["message"]
    assert "(requests/a.yaml:8)" in told[1]["message"]
    assert project.json("validate", "requests/a.yaml")["problems"] == []


def test_validate_knows_from_the_status_files_what_is_finished(tmp_path: Path) -> None:
    """An interface is changed again and again in the life of a device."""
    project = new_project(tmp_path / "work")
    project.clone.commit({"requests/a.yaml": pop(1)})
    assert project.run("publish").returncode == 0
    project.clone.write("requests/b.yaml", pop(2))
    assert project.run("validate").returncode == 0
    (project.root / "requests/a.yaml").write_text(pop(1, more="revision: 2\nuser_id: ada\n"))
    assert project.run("validate").returncode == 1


def test_without_status_files_validate_leaves_the_rule_to_the_ledger(tmp_path: Path) -> None:
    project = new_project(tmp_path / "work")
    project.clone.commit({"requests/a.yaml": pop(1), "requests/b.yaml": pop(2)})
    assert project.run("validate", "--set", "write_back=off").returncode == 0
    assert project.json("plan", "--set", "write_back=off", exit_code=1)["summary"]["hold"] == 2


def test_a_status_file_that_was_made_up_costs_no_time() -> None:
    """Whoever opens a pull request can write one; reading it must not hang."""
    head = f"{status_files.HEADER}file: a.yaml\n"
    row = "  - request_id: x\n    type: t\n    change_number: c\n    revision: 1\n"
    text = head + row + "    phase: Completed\n" * 40_000
    begin = process_time()
    assert status_files.finished(text.encode(), "a.yaml") == frozenset()
    assert process_time() - begin < 2


def test_ten_thousand_files_that_touch_the_same_are_told_in_little_time() -> None:
    requests = [make_request(n, claims=("dc_name NYC-01",)) for n in range(10_000)]
    begin = process_time()
    problems = list(conflicts_among(requests, lambda _: False))
    assert process_time() - begin < 5
    assert len(problems) == 10_000
    assert problems[0].message.endswith("and 9996 more")


# --- what a type claims -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", kinds.all_kinds(), ids=lambda kind: kind.type)
def test_what_a_type_claims_are_fields_of_its_own(kind: Kind) -> None:
    names = [name.split(".") for names in kind.claims for name in names]
    assert kind.claims
    for name, *member in names:
        own = next(field for field in kind.own if field.name == name)
        assert all(one in [m.name for m in getattr(own, "members", ())] for one in member)


@pytest.mark.parametrize("kind", kinds.all_kinds(), ids=lambda kind: kind.type)
def test_the_claims_of_a_request_are_those_that_are_looked_for_in_its_file(kind: Kind) -> None:
    example = cast("Fields", kind.example)
    slow = [claim.text for claim in claims_of(kind, example)]
    assert slow
    assert list(compile_claims(kind)(example)) == slow


def test_a_further_type_claims_what_it_says_and_nothing_else_changes() -> None:
    """Fields of its own and members of rows, one claim or several, left out where absent."""
    kind = replace(
        kinds.by_type("device_connection"),
        type="circuit",
        claims=(("site", "circuits.id"), ("rack",), ("nowhere",)),
    )
    fields: dict[str, Value] = {
        "site": "NYC",
        "rack": "R1",
        "circuits": [{"id": "c1"}, {"id": "c2"}, {}],
    }
    wanted = ("site NYC\ncircuits.id c1", "site NYC\ncircuits.id c2", "rack R1")
    assert compile_claims(kind)(fields) == wanted
    slow = list(claims_of(kind, fields))
    assert tuple(claim.text for claim in slow) == wanted
    assert slow[1].path == ("circuits", 1, "id")


@pytest.mark.parametrize("interfaces", [None, "Gi0/1", [], ["Gi0/1"], [{"name": ["x"]}], [{}]])
def test_what_is_not_as_it_should_be_claims_nothing(interfaces: Value) -> None:
    kind = kinds.by_type("device_connection")
    assert list(claims_of(kind, {"device_name": "SW01", "interfaces": interfaces})) == []
    assert list(claims_of(kind, {"device_name": {}, "interfaces": interfaces})) == []


# --- with a ledger ------------------------------------------------------------------------------


def test_two_unpublished_requests_hold_each_other(team: Repository) -> None:
    plan = team.publish({"a": pop(1), "b": pop(2), "c": pop(3, "other")})
    assert found(plan) == [("FRN302", "a", 3), ("FRN302", "b", 3)]
    assert sent(plan) == ["publish pop_CHG-2026-000003"]


def test_with_accept_a_published_request_is_finished_and_claims_nothing(team: Repository) -> None:
    team.envelope = Envelope(completion="accept")
    team.publish({"a": pop(1)})
    plan = team.publish({"b": pop(2)})
    assert found(plan) == []
    assert sent(plan) == ["publish pop_CHG-2026-000002"]


def test_a_new_request_gives_way_to_a_published_one_until_that_is_finished(
    team: Repository,
) -> None:
    team.publish({"a": "\n\n" + pop(1)})
    plan = team.publish({"b": pop(2)})
    assert found(plan) == [("FRN302", "b", 3)]
    told = plan.problems[0].message
    assert "pop_CHG-2026-000001 (requests/a.yaml:5, published and not finished)" in told
    team.finish("pop_CHG-2026-000001", Phase.RUNNING)
    assert sent(team.publish()) == []
    team.finish("pop_CHG-2026-000001", Phase.FAILED)
    assert sent(team.publish()) == ["publish pop_CHG-2026-000002"]


def test_a_published_request_claims_what_was_published_wherever_its_file_is(
    team: Repository,
) -> None:
    """Its content is read from the blob: the file may be moved, changed or gone."""
    team.publish({"a": pop(1)})
    team.commit({"a": None, "elsewhere": pop(1), "b": pop(2)})
    assert "requests/elsewhere.yaml:3" in team.plan().problems[0].message
    team.commit({"elsewhere": pop(1, "changed")})
    assert found(team.plan()) == [("FRN302", "b", 3), ("FRN401", "elsewhere", 1)]
    team.commit({"elsewhere": None})
    assert ("FRN302", "b", 3) in found(team.plan())


def test_a_published_request_that_was_only_reformatted_claims_the_same(team: Repository) -> None:
    team.publish({"a": pop(1)})
    plan = team.publish({"a": f"# reviewed\n{pop(1)}", "b": pop(2)})
    assert found(plan) == [("FRN302", "b", 3)]
    assert "requests/a.yaml:4" in plan.problems[0].message


def test_a_higher_revision_keeps_what_it_had_and_must_win_what_is_new(team: Repository) -> None:
    team.publish({"a": device(1, "Gi0/1")})
    higher = device(1, "Gi0/1", "Gi0/2", more="revision: 2\n")
    team.commit({"a": higher, "b": device(2, "Gi0/1")})
    plan = team.plan()
    assert found(plan) == [("FRN302", "b", 7)]
    assert sent(plan) == ["publish device_conn_CHG-2026-000001"]
    team.commit({"b": device(2, "Gi0/2")})
    plan = team.plan()
    assert found(plan) == [("FRN302", "a", 9), ("FRN302", "b", 7)]
    assert sent(plan) == []


def test_what_a_higher_revision_gives_up_is_free_in_the_same_commit(team: Repository) -> None:
    team.publish({"a": device(1, "Gi0/1")})
    team.commit({"a": device(1, "Gi0/2", more="revision: 2\n"), "b": device(2, "Gi0/1")})
    assert len(sent(team.plan())) == 2


def test_a_higher_revision_that_is_held_gives_nothing_up(team: Repository) -> None:
    """Held by a conflict of its own, it still has what is published of it."""
    team.publish({"a": device(1, "Gi0/1")})
    team.commit(
        {
            "a": device(1, "Gi0/2", more="revision: 2\n"),
            "b": device(2, "Gi0/1"),
            "c": device(3, "Gi0/2"),
        }
    )
    plan = team.plan()
    assert [(code, file) for code, file, _ in found(plan)] == [
        ("FRN302", "a"),
        ("FRN302", "b"),
        ("FRN302", "c"),
    ]
    assert sent(plan) == []


def test_a_cancellation_makes_room_in_the_same_commit_unless_it_is_held(team: Repository) -> None:
    team.publish({"a": pop(1)})
    team.commit({"a": pop(1, more="cancel: wrong site\n"), "b": pop(2)})
    assert sent(team.plan()) == ["cancel pop_CHG-2026-000001", "publish pop_CHG-2026-000002"]
    broken = f"{pop(1, more='cancel: wrong site' + chr(10))}---\ntype: nonsense\n"
    team.commit({"a": broken})
    assert ("FRN302", "b", 3) in found(team.plan())


def test_an_unpublished_cancelled_request_claims_nothing(team: Repository) -> None:
    plan = team.publish({"a": pop(1, more="cancel: not needed\n"), "b": pop(2)})
    assert found(plan) == []


def test_what_is_mistaken_for_a_published_request_is_in_nobodys_way(team: Repository) -> None:
    """Held by itself, it holds no other."""
    team.envelope = Envelope(completion="accept")
    team.publish({"a": pop(1, "one")})
    plan = team.publish({"copy": pop(1, "two"), "b": pop(2, "two")})
    assert found(plan) == [("FRN301", "copy", 1)]
    assert sent(plan) == ["publish pop_CHG-2026-000002"]


def test_what_nobody_trusted_has_signed_is_in_nobodys_way() -> None:
    requests = tuple(make_request(n, claims=("dc_name NYC-01",)) for n in (1, 2))
    path = requests[0].path
    distrust = Distrust({path: problem("FRN430", path, "not signed")})
    situation = make_situation(requests, distrust=distrust)
    ledger = Ledger()
    plan = make_plan(situation, ledger, ledger.compare(situation.snapshot.files))
    assert [p.code for p in plan.problems] == ["FRN430"]
    assert [action.request_id for action in plan.sends] == [requests[1].request_id]


def test_offline_the_status_files_tell_what_is_finished(tmp_path: Path) -> None:
    project = new_project(tmp_path / "work")
    project.clone.commit({"requests/a.yaml": pop(1)})
    assert project.run("publish").returncode == 0
    project.clone.commit({"requests/b.yaml": pop(2)})
    assert project.run("plan", "--offline").returncode == 0
    project.clone.commit({"requests/c.yaml": pop(3)})
    told = project.run("plan", "--offline")
    assert told.returncode == 1
    assert told.stdout.count(" error FRN302 ") == 2
    assert project.run("plan", "--offline", "--set", "write_back=off").returncode == 0


def test_what_is_adopted_was_carried_out_and_is_in_nobodys_way(tmp_path: Path) -> None:
    """Years of requests touch the same things; nothing is sent, so no freeze holds it."""
    freeze = "[{reason: x, from: 2020-01-01T00:00:00Z, until: 2999-01-01T00:00:00Z}]"
    project = new_project(tmp_path / "work", {"FRANC_FREEZE": freeze})
    project.clone.commit({"requests/a.yaml": pop(1), "requests/b.yaml": pop(2)})
    done = project.run("adopt", "--all", "--yes")
    assert done.returncode == 0, done.stderr
    assert "2 requests adopted, nothing sent" in done.stderr
    assert project.run("plan").stdout == ""


def test_a_scheduled_request_claims_and_a_wrongly_edited_one_does_not(team: Repository) -> None:
    late = pop(1, more="not_before: 2999-01-01T00:00:00Z\n")
    assert len(found(team.publish({"a": late, "b": pop(2)}))) == 2
    team.envelope = Envelope(completion="accept")
    team.publish({"a": None, "b": None, "c": pop(3, "one")})
    plan = team.publish({"c": pop(3, "two"), "d": pop(4, "two")})
    assert found(plan) == [("FRN401", "c", 1)]
    assert sent(plan) == ["publish pop_CHG-2026-000004"]


def test_only_files_that_hold_open_requests_are_read(team: Repository) -> None:
    """Finished ones stay unread, however many there are."""
    team.publish({f"old{n}": request_text(n) for n in range(20)})
    for name in list(Publisher(MemoryEventLog(team.cluster), SystemClock()).peek()):
        if "000007" not in name:
            team.finish(name)
    team.read.clear()
    team.publish({"new": pop(1)})
    assert sorted(team.read) == ["requests/new.yaml", "requests/old7.yaml"]


def test_without_anything_new_nothing_is_read(team: Repository) -> None:
    team.publish({"a": pop(1)})
    team.read.clear()
    team.publish()
    assert team.read == []


def test_in_a_plain_folder_open_requests_claim_too(team: Repository) -> None:
    team.plain = True
    team.publish({"a": pop(1)})
    assert found(team.publish({"b": pop(2)})) == [("FRN302", "b", 3)]


def test_a_task_that_speaks_of_phases_is_no_finished_request() -> None:
    """The record's own phase counts, not what a worker put into its result."""
    entry = LedgerEntry(
        "pop_CHG-2026-000001", "pop_deployment", "CHG-2026-000001", None, 1, "sha256:0",
        "requests/a.yaml", "0" * 40, 1, 1, "", Phase.RUNNING, "track", "2026-01-01T00:00:00Z",
        task={"result_data": {"phase": "Completed"}},
    )  # fmt: skip
    ledger = Ledger()
    ledger.fold([(entry.request_id, entry.encode())])
    assert ledger.unfinished() == [entry]
    assert ledger.unfinished() == [entry]
    ledger.fold([(entry.request_id, replace(entry, phase=Phase.CANCELLED).encode())])
    assert ledger.unfinished() == []


def test_only_what_changed_in_a_large_ledger_is_looked_at_again() -> None:
    """A daemon asks every time that something new is there."""
    many = [(f"pop_CHG-2026-{n:06d}", f"{n}") for n in range(20_000)]
    ledger = Ledger()
    ledger.fold((name, f'{{"phase":"Completed","n":{n}}}'.encode()) for name, n in many)
    assert ledger.unfinished() == []
    begin = process_time()
    for _ in range(100):
        assert ledger.unfinished() == []
    assert process_time() - begin < 0.2


# --- change numbers used again ------------------------------------------------------------------


@pytest.fixture
def accepting(team: Repository) -> Repository:
    team.envelope = Envelope(completion="accept")
    return team


def item(name: str) -> str:
    return pop(1, name, more=f"item: {name}\n")


def test_a_completed_change_number_that_is_used_again_is_warned_of(accepting: Repository) -> None:
    accepting.publish({"a": item("one")})
    plan = accepting.publish({"b": item("two")})
    assert found(plan) == [("FRN350", "b", 1)]
    assert not plan.problems[0].is_error
    assert "pop_CHG-2026-000001_one (requests/a.yaml)" in plan.problems[0].message
    assert sent(plan) == ["publish pop_CHG-2026-000001_two"]
    assert found(accepting.plan()) == []


def test_what_was_committed_together_is_no_second_use(accepting: Repository) -> None:
    """Held at first, one of them goes out later: the same change."""
    late = "not_before: 2999-01-01T00:00:00Z\n"
    plan = accepting.publish({"a": item("one"), "b": item("two"), "c": pop(1, "three", more=late)})
    assert len(sent(plan)) == 2
    assert found(accepting.plan()) == []


def test_what_was_committed_before_the_completed_one_is_no_second_use(
    accepting: Repository,
) -> None:
    late = "not_before: 2999-01-01T00:00:00Z\n"
    accepting.publish({"b": pop(1, "three", more=late)})
    accepting.publish({"a": item("one")})
    assert found(accepting.plan()) == []


def test_in_a_shallow_clone_a_second_use_is_told_only_where_its_commit_is_at_hand(
    accepting: Repository, tmp_path: Path
) -> None:
    """The oldest commit that it has seems to have touched every file, and to be newer."""
    late = "not_before: 2999-01-01T00:00:00Z\n"
    accepting.publish({"b": pop(1, "three", more=late)})
    accepting.publish({"a": item("one")})
    accepting.commit({"other": pop(2, "other")})

    def told(depth: int) -> list[tuple[str, str, int]]:
        folder = tmp_path / f"{accepting.clone.commits}-{depth}"
        clone = clone_repository(accepting.clone.root, folder, f"--depth={depth}")
        return found(replace(accepting, clone=clone).plan())

    assert told(1) == []
    assert told(2) == []
    accepting.commit({"c": item("two")})
    assert told(1) == []
    assert told(2) == [("FRN350", "c", 1)]


def test_a_change_may_grow_in_its_own_file(accepting: Repository) -> None:
    accepting.publish({"a": item("one")})
    plan = accepting.publish({"a": f"{item('one')}---\n{item('two')}"})
    assert found(plan) == []
    assert sent(plan) == ["publish pop_CHG-2026-000001_two"]


def test_a_request_put_in_the_place_of_a_completed_one_is_warned_of(accepting: Repository) -> None:
    accepting.publish({"a": item("one")})
    assert found(accepting.publish({"a": item("two")})) == [("FRN350", "a", 1)]


def test_revisions_and_cancellations_are_no_second_use(accepting: Repository) -> None:
    accepting.publish({"a": pop(1, "one"), "b": pop(2, "two")})
    plan = accepting.publish(
        {"a": pop(1, "other", more="revision: 2\n"), "b": pop(2, "two", more="cancel: no\n")}
    )
    assert found(plan) == []
    assert len(sent(plan)) == 2


def test_what_comes_with_a_higher_revision_is_no_second_use(accepting: Repository) -> None:
    """The change is worked on again; what waits of it goes out later."""
    late = "not_before: 2999-01-01T00:00:00Z\nitem: two\n"
    accepting.publish({"a": item("one")})
    raised = pop(1, "other", more="item: one\nrevision: 2\n")
    assert found(accepting.publish({"a": raised, "b": pop(1, "late", more=late)})) == []
    assert found(accepting.plan()) == []


def test_a_change_that_was_only_cancelled_or_is_under_way_is_not_completed(
    team: Repository,
) -> None:
    team.publish({"a": item("one"), "b": item("two")})
    team.finish("pop_CHG-2026-000001_one")
    team.commit({"c": item("three")})
    assert found(team.plan()) == []
    team.finish("pop_CHG-2026-000001_two")
    assert found(team.plan()) == [("FRN350", "c", 1)]
    for name in ("one", "two"):
        team.finish(f"pop_CHG-2026-000001_{name}", Phase.CANCELLED)
    assert found(team.plan()) == []


def test_outside_git_nobody_knows_what_was_ordered_together(accepting: Repository) -> None:
    accepting.plain = True
    accepting.publish({"a": item("one")})
    assert found(accepting.publish({"b": item("two")})) == []


def test_claims_travel_with_a_request() -> None:
    request: Request = Checks().check_file("a.yaml", device(1, "Gi0/1").encode()).requests[0]
    assert request.claims == ("device_name SW01\ninterfaces.name Gi0/1",)


def test_goldens_are_read_by_people() -> None:
    """A golden that says nothing would prove nothing."""
    told = {folder.name: json.loads((folder / "problems.json").read_text()) for folder in CASES}
    assert told["same_change_number_is_fine"] == told["cancelled_gives_way"] == []
    assert all(told[name] for name in ("same_interface", "same_dc_and_pop", "within_one_file"))
