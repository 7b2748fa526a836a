"""Validation of one file and of many: the same answers however the work is shared."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from franc_gitops import kinds
from franc_gitops.errors import SettingsError
from franc_gitops.kinds.fields import accept_mapping, explain_mapping
from franc_gitops.model import Place, Problem, SourceFile, Validated
from franc_gitops.pipeline import validate, workers
from franc_gitops.pipeline.checks import Checks
from franc_gitops.pipeline.validate import FileValidator, find_repeated
from franc_gitops.problems import CODES, problem
from franc_gitops.settings.patterns import Pattern
from franc_gitops.strict_yaml import dump, examine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from franc_gitops.model import Request, Value

CHECKS = Checks()


def device(number: int = 1, /, **changes: object) -> str:
    """Write a valid device connection with some fields changed."""
    fields = {
        "type": "device_connection",
        "change_number": f"CHG-2024-{number:06}",
        "device_name": "NYC-Core-SW01",
        "device_type": "Switch",
        "location": "NYC Building A",
        "interfaces": [{"name": "Gi0/1", "speed": "1 Gbit", "role": "data"}],
    }
    return dump({**fields, **changes})


def check(text: str, checks: Checks = CHECKS) -> list[tuple[str, str, str]]:
    """Give (code, field, hint) of every problem."""
    problems = checks.check_file("x.yaml", text.encode()).problems
    return [(found.code, found.field, found.hint) for found in problems]


def request_of(text: str, path: str = "x.yaml") -> Request:
    (request,) = CHECKS.check_file(path, text.encode()).requests
    return request


# --- value rules -------------------------------------------------------------------------------


def test_speeds_and_roles_are_limited_by_default() -> None:
    interface = {"name": "a", "speed": "2 Gbit", "role": "backup"}
    found = check(device(interfaces=[interface]))
    assert [field for _, field, _ in found] == ["interfaces[0].speed", "interfaces[0].role"]


def test_a_list_narrows_a_field() -> None:
    checks = Checks({"location": ("NYC Building A", "NYC Building B")})
    assert check(device(), checks) == []
    assert check(device(location="NYC Bulding B"), checks) == [
        ("FRN204", "location", "did you mean NYC Building B?")
    ]


@pytest.mark.parametrize("name", ["pop", "datacenter", "device"])
def test_the_first_word_of_a_type_is_enough_to_guess_it(name: str) -> None:
    [likely] = [kind.type for kind in kinds.all_kinds() if kind.type.startswith(name)]
    assert ("FRN205", "type", f"did you mean {likely}?") in check(device(type=name))


def test_the_first_word_of_a_field_is_enough_to_guess_it() -> None:
    wrong = device(change="CHG-2024-000001")
    assert ("FRN202", "change", "did you mean change_number?") in check(wrong)


def test_a_list_widens_a_field() -> None:
    checks = Checks({"interfaces.speed": ("1 Gbit", "800 Gbit")})
    interfaces = [{"name": "a", "speed": "800 Gbit", "role": "data"}]
    assert check(device(interfaces=interfaces), checks) == []
    assert check(device(interfaces=interfaces)) != []


def test_a_pattern_must_match_the_whole_value() -> None:
    checks = Checks({"device_name": Pattern("[A-Z]{3}-[a-z]+")})
    assert check(device(device_name="NYC-core"), checks) == []
    assert check(device(device_name="NYC-core1"), checks)[0][:2] == ("FRN204", "device_name")


@pytest.mark.parametrize("rule", [Pattern("a|" * 20_000 + "b"), ("x" * 40_000,)])
def test_a_rule_is_never_repeated_at_length(rule: Pattern | tuple[str, ...]) -> None:
    """Each message of each request stands in a status file."""
    [found] = Checks({"location": rule}).check_file("a.yaml", device().encode()).problems
    assert found.code == "FRN204"
    assert len(found.message) < 500


def test_a_rule_for_one_type_comes_before_that_for_all() -> None:
    """A building is a location of a device, a metro area one of a data center."""
    checks = Checks({"location": ("NYC",), "device_connection.location": ("NYC Building A",)})
    assert check(device(location="NYC Building A"), checks) == []
    assert check(device(location="NYC"), checks) != []
    other = device(location="NYC").replace("device_connection", "pop_deployment")
    assert "location" not in [field for _, field, _ in check(other, checks)]
    with pytest.raises(SettingsError) as caught:
        Checks({"device_connection.provider": ("Equinix",)})
    assert "did you mean" in str(caught.value.hint)


def test_a_rule_about_no_field_is_refused_with_a_suggestion() -> None:
    with pytest.raises(SettingsError) as caught:
        Checks({"interfaces.sped": ("1 Gbit",)})
    assert caught.value.hint == "did you mean interfaces.speed?"


@pytest.mark.parametrize("name", ["change_number", "item", "revision", "type"])
def test_what_the_contract_fixes_cannot_be_configured(name: str) -> None:
    with pytest.raises(SettingsError):
        Checks({name: ("x",)})


# --- digest ------------------------------------------------------------------------------------

DIGEST = request_of(device()).digest


@pytest.mark.parametrize(
    "text",
    [
        "# a comment\n\n---\n" + device(),
        device().replace("NYC-Core-SW01", '"NYC-Core-SW01"'),
        device(revision=7, not_before="2024-07-09T00:00:00Z", vpc_groups=[], item=None),
        device(cancel="not needed"),
    ],
    ids=["comment", "quotes", "schedule", "cancelled"],
)
def test_the_digest_is_of_what_is_asked_for(text: str) -> None:
    assert request_of(text, "elsewhere.yaml").digest == DIGEST


@pytest.mark.parametrize(
    "change",
    [
        {"location": "BOS"},
        {"user_id": "jdoe"},
        {"item": "a"},
        {"change_number": "CHG-2024-000002"},
        {"interfaces": [{"name": "Gi0/1", "speed": "1 Gbit", "role": "data", "vpc_group": "a"}]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_digest_changes_with_what_is_asked_for(change: dict[str, object]) -> None:
    assert request_of(device(**change)).digest != DIGEST


# --- common fields -----------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["0", "01", "+1", "-1", "1.0", "1e3", "1000000", "\uff11", "1_0"])
def test_a_revision_is_a_plain_decimal_number(text: str) -> None:
    assert check(device(revision=text))[0][:2] == ("FRN207", "revision")


@pytest.mark.parametrize(
    "text",
    [
        *["2024-07-09", "2024-07-09T10:00:00", "2024-07-09 10:00:00Z", "2024-02-30T10:00:00Z"],
        *["2024-07-09T24:00:01Z", "20240709T100000Z", "0000-01-01T00:00:00Z", "now"],
        *["2024-07-09T10:00:00+25:00", "2024-W28-2T10:00:00Z", "\uff12024-07-09T10:00:00Z"],
    ],
)
def test_a_time_has_a_date_and_an_offset(text: str) -> None:
    assert check(device(not_before=text))[0][:2] == ("FRN209", "not_before")


@pytest.mark.parametrize("text", ["2024-07-09T10:00:00z", "2024-07-09t10:00:00.123456789-00:00"])
def test_a_time_may_be_anything_that_rfc_3339_allows(text: str) -> None:
    assert check(device(not_after=text)) == []


def test_a_window_needs_a_time_in_it() -> None:
    same = {"not_before": "2024-07-09T10:00:00Z", "not_after": "2024-07-09T12:00:00+02:00"}
    assert check(device(**same))[0][:2] == ("FRN210", "not_after")


# --- one rule, two ways ------------------------------------------------------------------------

NAMES = sorted({field.name for kind in kinds.all_kinds() for field in kind.fields} | {"type", "x"})
SCALARS = st.none() | st.sampled_from(
    ["", "a", "1 Gbit", "data", "2", "CHG-2024-000001", "2024-07-09T10:00:00Z", "x" * 201]
    + [kind.type for kind in kinds.all_kinds()]
)
ROWS = st.lists(
    st.dictionaries(st.sampled_from(["name", "speed", "role", "vpc_group", "x"]), SCALARS)
    | st.sampled_from([{"name": "a", "speed": "1 Gbit", "role": "data"}, "a"]),
    max_size=3,
)
DOCUMENTS = st.dictionaries(st.sampled_from(NAMES), SCALARS | ROWS | st.lists(SCALARS, max_size=2))


@given(DOCUMENTS, st.sampled_from(kinds.all_kinds()))
@settings(deadline=None, max_examples=200)
def test_what_is_not_accepted_is_explained(document: dict[str, Value], kind: kinds.Kind) -> None:
    """The fast check and the explanation agree on every document, also on nearly right ones."""
    right: dict[str, Value] = {
        field.name: [{"name": "a", "speed": "1 Gbit", "role": "data"}]
        if field.name == "interfaces"
        else "CHG-2024-000001"
        for field in kind.fields
        if field.required
    }
    for fields in (document, {**right, **document}, right):
        findings = list(explain_mapping(kind.fields, fields, (), "request"))
        assert accept_mapping(kind.fields)(fields) == (not findings)
        assert {finding.code for finding in findings} <= set(CODES)


@given(st.binary(max_size=30), st.integers(0, 400), st.integers(0, 40))
@settings(deadline=None, max_examples=500)
def test_whatever_stands_in_a_file_is_a_request_or_a_problem(
    junk: bytes, where: int, length: int
) -> None:
    valid = device(item="a", vpc_groups=[]).encode()
    data = valid[:where] + junk + valid[where + length :]
    requests, problems, _ = CHECKS.check_file("x.yaml", data)
    assert requests or any(found.is_error for found in problems)
    lines = data.count(b"\n") + 2
    assert all(1 <= found.line <= lines and found.column >= 1 for found in problems)


# --- places ------------------------------------------------------------------------------------

ROW = "name: Gi0/1\n    vpc_group: alone\n    speed: 1 Gbit\n    role: data"
LONELY = f"""type: device_connection
change_number: CHG-2024-000001
device_name: NYC-Core-SW01
device_type: Switch
location: NYC Building A
interfaces:
  - {ROW}
"""
WAYS_TO_WRITE = [
    ("alone", "alone"),
    ("alone", '"alone"'),
    ("alone", "&x alone"),
    ("alone", '"al\\x6fne" # once: alone'),
    ("alone", "\n      alone"),
    ("alone", "all\n      alone # once: all alone"),
    ("group: alone", "group:   alone"),
    ("NYC-Core-SW01", "alone"),
    ("NYC-Core-SW01", "not-alone"),
    ("interfaces", "user_id: &x alone\ninterfaces"),
    ("Switch", "Schaltgerät"),
    (ROW, "{name: Gerät, vpc_group: alone, speed: 1 Gbit, role: data}"),
]


@pytest.mark.parametrize(("old", "new"), WAYS_TO_WRITE)
def test_a_glance_finds_the_same_place_as_a_second_reading(old: str, new: str) -> None:
    data = LONELY.replace(old, new, 1).encode()
    warning = CHECKS.check_file("x.yaml", data).problems[-1]
    (document,) = examine(data).documents
    assert warning.code == "FRN250"
    assert (warning.line, warning.column) == document.value_place(("interfaces", 0, "vpc_group"))


# --- the set -----------------------------------------------------------------------------------


def test_one_identity_in_two_places_is_reported_at_both() -> None:
    requests = [
        *CHECKS.check_file("a.yaml", device().encode()).requests,
        *CHECKS.check_file("b.yaml", f"# x\n{device()}---\n{device(2)}".encode()).requests,
    ]
    first, second = find_repeated(requests)
    assert (first.code, first.path, first.line) == ("FRN301", "a.yaml", 1)
    assert (second.path, second.line, second.field) == ("b.yaml", 2, "change_number")
    assert "b.yaml:2" in first.message
    assert "a.yaml:1" in second.message


def test_an_item_tells_requests_apart() -> None:
    requests = [request_of(device(item=item)) for item in (None, "a", "b")]
    assert list(find_repeated(requests)) == []


# --- many files --------------------------------------------------------------------------------

UNREADABLE = problem("FRN120", "requests/0003.yaml", "permission denied")


def make_files(count: int) -> dict[str, bytes]:
    """Make files of which some are wrong, some warn, some hold two requests."""
    lonely = [{"name": "a", "speed": "1 Gbit", "role": "data", "vpc_group": "g"}]
    texts = {}
    for number in range(count):
        texts[f"requests/{number:04}.yaml"] = {
            0: device(number, not_after="2024-07-09T10:00:00+02:00", cancel="a\nb"),
            1: device(number, speed="x") + "location: y\n",
            2: device(number, interfaces=lonely),
            3: device(number, item="a") + "---\n" + device(number, item="b"),
        }.get(number % 7, device(number)).encode()
    return texts


def reader(files: dict[str, bytes]) -> validate.Reader:
    def read(wanted: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes | Problem]]:
        for file in wanted:
            is_refused = file.path == UNREADABLE.path
            yield file, UNREADABLE if is_refused else files[file.path]

    return read


def run(count: int, processes: int | None = None) -> Validated:
    files = make_files(count)
    names = [SourceFile(path, "") for path in files]
    return FileValidator(reader(files), CHECKS, workers=processes)(names)


@pytest.fixture
def two_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use two workers for any number of files, whatever the machine and the test runner."""
    monkeypatch.setattr(validate, "WORTH_A_WORKER", 0)
    monkeypatch.setattr(workers, "spare_processors", lambda: 2)


def test_workers_find_what_one_process_finds(two_workers: None) -> None:
    shared, alone = run(1000), run(1000, 0)
    assert shared == alone
    assert (shared.files, shared.errors, len(shared.requests)) == (1000, 287, 998)
    assert isinstance(shared.requests[0].place, Place)


def test_results_are_in_the_order_of_files_and_lines(two_workers: None) -> None:
    found = run(300)
    assert list(found.problems) == sorted(found.problems, key=lambda p: p.sort_key)
    places = [(request.path, request.document) for request in found.requests]
    assert places == sorted(places)


def test_progress_counts_every_file() -> None:
    files = make_files(200)
    told: list[int] = []
    FileValidator(reader(files), CHECKS, told.append)([SourceFile(path, "") for path in files])
    assert sum(told) == 200


def test_the_work_of_a_lost_worker_is_done_again(
    two_workers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run(500, 0)
    here = os.getpid()
    check_file = Checks.check_file

    def die_elsewhere(self: Checks, path: str, data: bytes) -> object:
        if os.getpid() != here and path > "requests/0250.yaml":
            os._exit(9)
        return check_file(self, path, data)

    monkeypatch.setattr(Checks, "check_file", die_elsewhere)
    assert run(500) == expected


def test_an_error_in_a_worker_is_raised_in_the_parent(
    two_workers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Checks, path: str, data: bytes) -> object:
        raise ZeroDivisionError(path)

    monkeypatch.setattr(Checks, "check_file", fail)
    with pytest.raises(ZeroDivisionError):
        run(100)


def children() -> set[str]:
    """The processes that this one has started, a test broker maybe, and that still are there."""
    me = os.getpid()
    return set(Path(f"/proc/{me}/task/{me}/children").read_text().split())


def test_no_worker_outlives_the_validation(two_workers: None) -> None:
    before = children()
    run(200)
    assert children() == before


def test_workers_can_be_started_before_there_is_a_thread(two_workers: None) -> None:
    files = make_files(300)
    validator = FileValidator(reader(files), CHECKS)
    validator.prepare(300)
    thread, stop = start_thread()
    try:
        found = validator([SourceFile(path, "") for path in files])
    finally:
        stop.set()
        thread.join()
    assert found == run(300, 0)


def test_workers_that_were_started_in_vain_end(two_workers: None) -> None:
    before = children()
    validator = FileValidator(reader({}), CHECKS)
    validator.prepare(300)
    assert len(children() - before) > 0
    validator.close()
    assert children() == before


def start_thread() -> tuple[threading.Thread, threading.Event]:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    return thread, stop


def test_a_process_with_threads_does_not_fork() -> None:
    thread, stop = start_thread()
    try:
        assert workers.spare_processors() == 0
    finally:
        stop.set()
        thread.join()


def test_no_file_is_no_problem() -> None:
    assert run(0) == Validated()
