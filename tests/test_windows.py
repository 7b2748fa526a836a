"""When requests go out: their own windows, the freeze calendar, and the way around it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.corpus import request_text
from franc_gitops.errors import SettingsError
from franc_gitops.freeze import Calendar
from franc_gitops.ledger import Ledger
from franc_gitops.model import Phase, Request
from franc_gitops.pipeline.plan import make_plan
from franc_gitops.pipeline.windows import next_due, wait_for_window
from franc_gitops.settings import FILE_NAME, Settings, load_settings
from franc_gitops.settings.schema import configuration_schema
from franc_gitops.settings.sources import operator
from franc_gitops.wiring import Choices, open_auditor, open_pass
from tests.support.clock import SetClock
from tests.support.project import Project, new_project
from tests.support.schedule import NOW, make_request, make_situation
from tests.test_plan import EDITED, ONE, World, outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from franc_gitops.model import Value
    from franc_gitops.pipeline.actions import Plan
    from franc_gitops.pipeline.turn import Pass

WEEKEND: dict[str, Value] = {
    "reason": "weekend",
    "from": "Fri 18:00",
    "until": "Mon 06:00",
    "time_zone": "Europe/Berlin",
}
FOR_EVER = "[{reason: migration, from: 2020-01-01T00:00:00Z, until: 2999-01-01T00:00:00Z}]"


def read(*entries: dict[str, Value] | object) -> Calendar:
    """Read a calendar as it stands in the settings."""
    from franc_gitops.settings.freezes import FREEZES

    found: Calendar = FREEZES.read(list(entries))  # type: ignore[arg-type]
    return found


def freeze(begin: str, end: str, **more: Value) -> dict[str, Value]:
    return {"reason": "maintenance", "from": begin, "until": end, **more}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def end_of(calendar: Calendar, text: str, kind: str = "pop_deployment") -> str | None:
    """Tell until when a moment is frozen, in UTC."""
    frozen = calendar.frozen(kind, moment(text))
    return frozen.until.astimezone(UTC).isoformat() if frozen and frozen.until else None


# --- the calendar -------------------------------------------------------------------------------


def test_a_freeze_holds_from_its_beginning_to_before_its_end() -> None:
    calendar = read(freeze("2026-12-20T18:00:00+01:00", "2026-12-21T06:00:00Z"))
    assert end_of(calendar, "2026-12-20T16:59:59.999999+00:00") is None
    assert end_of(calendar, "2026-12-20T17:00:00+00:00") == "2026-12-21T06:00:00+00:00"
    assert end_of(calendar, "2026-12-21T05:59:59.999999+00:00")
    assert end_of(calendar, "2026-12-21T06:00:00+00:00") is None


def test_a_freeze_of_days_includes_the_last_one() -> None:
    calendar = read(freeze("2026-12-24", "2026-12-26", time_zone="Europe/Berlin"))
    assert end_of(calendar, "2026-12-23T22:59:59+00:00") is None
    assert end_of(calendar, "2026-12-23T23:00:00+00:00") == "2026-12-26T23:00:00+00:00"
    assert end_of(read(freeze("2026-12-24", "2026-12-24", time_zone="UTC")), "2026-12-24T12:00Z")


def test_a_weekly_freeze_holds_every_week_by_the_clocks_of_its_zone() -> None:
    calendar = read(WEEKEND)
    for week in range(60):  # 18:00 in Berlin, whatever that is in UTC
        friday = moment("2026-01-02T18:00:00+01:00").replace(tzinfo=None) + timedelta(weeks=week)
        begin, end = local(friday), local(friday + timedelta(days=2, hours=12))
        assert calendar.frozen("x", begin - timedelta(microseconds=1)) is None
        for inside in (begin, begin + timedelta(days=1), end - timedelta(microseconds=1)):
            frozen = calendar.frozen("x", inside)
            assert frozen is not None
            assert frozen.until is not None
            assert frozen.until.astimezone(UTC) == end
        assert calendar.frozen("x", end) is None


def local(clock: datetime) -> datetime:
    """Give the moment in UTC at which the clocks in Berlin show something."""
    from zoneinfo import ZoneInfo

    return clock.replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)


def test_a_weekly_freeze_may_last_nearly_a_week_or_a_few_hours() -> None:
    nearly = read(freeze("Wed 12:00", "Wed 10:00", time_zone="UTC"))  # 2026-07-01 is a Wednesday
    assert end_of(nearly, "2026-07-01T11:00:00+00:00") is None
    assert end_of(nearly, "2026-07-01T09:00:00+00:00") == "2026-07-01T10:00:00+00:00"
    assert end_of(nearly, "2026-07-01T12:00:00+00:00") == "2026-07-08T10:00:00+00:00"
    hours = read(freeze("Wed 10:00", "Wed 12:00", time_zone="UTC"))
    assert end_of(hours, "2026-07-01T11:00:00+00:00") == "2026-07-01T12:00:00+00:00"
    assert end_of(hours, "2026-07-02T11:00:00+00:00") is None


def test_a_time_that_clocks_show_twice_or_skip_makes_the_freeze_longer() -> None:
    until = read(freeze("Sat 20:00", "Sun 02:30", time_zone="Europe/Berlin"))
    assert end_of(until, "2026-10-25T00:45:00+00:00") == "2026-10-25T01:30:00+00:00"
    assert end_of(until, "2026-03-29T00:45:00+00:00") == "2026-03-29T01:30:00+00:00"
    begin = read(freeze("Sun 02:30", "Sun 12:00", time_zone="Europe/Berlin"))
    assert end_of(begin, "2026-10-25T00:30:00+00:00") == "2026-10-25T11:00:00+00:00"
    assert end_of(begin, "2026-03-29T00:30:00+00:00") == "2026-03-29T10:00:00+00:00"


def test_of_freezes_at_a_time_the_one_that_lasts_is_the_reason() -> None:
    short = {**freeze("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"), "reason": "short"}
    long = {**freeze("2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z"), "reason": "long"}
    frozen = read(short, long).frozen("x", moment("2026-01-01T12:00:00+00:00"))
    assert frozen == ("long", moment("2026-01-03T00:00:00+00:00"))


def test_freezes_meet_in_the_hour_that_clocks_show_twice() -> None:
    """The second begins at 2:40 for the first time, before the first ends at 2:30 again."""
    calendar = read(
        freeze("Sat 20:00", "Sun 02:30", time_zone="Europe/Berlin"),
        freeze("Sun 02:40", "Sun 12:00", time_zone="Europe/Berlin"),
    )
    assert end_of(calendar, "2026-10-25T00:00:00+00:00") == "2026-10-25T11:00:00+00:00"


def test_a_freeze_can_be_of_some_types_only() -> None:
    calendar = read(freeze("2026-01-01", "2026-01-01", time_zone="UTC", types=["pop_deployment"]))
    assert end_of(calendar, "2026-01-01T12:00:00+00:00")
    assert end_of(calendar, "2026-01-01T12:00:00+00:00", "device_connection") is None


def test_freezes_that_follow_upon_each_other_end_with_the_last_one() -> None:
    """2026-12-24 is a Thursday, so a weekend lies between the two."""
    calendar = read(
        freeze("2026-12-28", "2026-12-28", time_zone="Europe/Berlin"),
        WEEKEND,
        freeze("2026-12-24T00:00:00Z", "2026-12-25T18:00:00Z"),
    )
    frozen = calendar.frozen("x", moment("2026-12-24T12:00:00+00:00"))
    assert frozen is not None
    assert frozen.reason == "maintenance"
    assert frozen.until == moment("2026-12-29T00:00:00+01:00")


def test_freezes_without_a_gap_are_without_end() -> None:
    first = freeze("Mon 00:00", "Thu 00:00", time_zone="UTC")
    second = freeze("Thu 00:00", "Mon 00:00", time_zone="UTC")
    frozen = read(first, second).frozen("x", NOW)
    assert frozen is not None
    assert frozen.until is None


@given(
    at=st.datetimes(min_value=datetime(2, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - given
    days=st.tuples(st.sampled_from(["Mon", "Wed", "Sun"]), st.sampled_from(["Tue", "Sat", "Sun"])),
    zone=st.sampled_from(["Pacific/Kiritimati", "Etc/GMT+12", "Europe/Berlin"]),
)
def test_any_moment_of_the_calendar_can_be_asked_for(
    at: datetime, days: tuple[str, str], zone: str
) -> None:
    begin, end = days
    weekly = {"reason": "w", "from": f"{begin} 01:30", "until": f"{end} 23:59", "time_zone": zone}
    calendar = read(weekly, freeze("9999-12-01T00:00:00Z", "9999-12-31T23:59:59Z"))
    frozen = calendar.frozen("pop_deployment", at)
    assert frozen is None or frozen.until is None or frozen.until > at


def test_a_calendar_does_not_grow_with_the_moments_it_is_asked_for() -> None:
    """A daemon asks it every turn, for years."""
    calendar = read(WEEKEND)
    known = calendar._known  # noqa: SLF001 - memory is not to be seen from outside
    for second in range(3000):
        calendar.frozen("pop_deployment", NOW + timedelta(seconds=second))
    assert len(known) <= 1000


@pytest.mark.parametrize("name", ["not_before", "not_after"])
@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_no_calendar_has_holds_its_file_alone(
    project: Project, name: str, text: str
) -> None:
    """Other files go on, whatever the calendar of freezes says."""
    project.clone.commit({"requests/wrong.yaml": f"{request_text(5)}{name}: {text}\n"})
    done = project.run("publish")
    assert done.returncode == 1
    assert "error FRN209" in done.stdout
    assert "1 held, 2 scheduled" in done.stderr


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from(["Fri 18:00", "Sun 02:30", "Mon 00:00"]),
    st.sampled_from(["Fri 17:59", "Sun 02:45", "Mon 06:00", "Thu 23:59"]),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
)
def test_what_is_frozen_is_free_at_the_end_and_not_before(
    when: datetime, begin: str, end: str, zone: str
) -> None:
    calendar = read(freeze(begin, end, time_zone=zone))
    frozen = calendar.frozen("x", when)
    if frozen is not None and frozen.until is not None:
        assert when < frozen.until.astimezone(UTC) <= when + timedelta(days=8)
        assert calendar.frozen("x", frozen.until.astimezone(UTC)) is None
        before = calendar.frozen("x", frozen.until.astimezone(UTC) - timedelta(microseconds=1))
        assert before == frozen


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("2026-12-24", "it has reason, from and until"),
        ({"reason": "x", "from": "2026-12-24"}, "it has reason, from and until"),
        ({**WEEKEND, "zone": "UTC"}, "may have time_zone and types"),
        ({**WEEKEND, "reason": ""}, "reason is a text"),
        ({**WEEKEND, "reason": "x" * 201}, "at most 200"),
        ({**WEEKEND, "reason": ["x"]}, "reason is a text"),
        (freeze("2026-12-24", "2026-12-26"), "need a time_zone"),
        (freeze("Fri 18:00", "Mon 06:00"), "need a time_zone"),
        ({**WEEKEND, "time_zone": "Europe/Berlln"}, "not a time zone that this machine knows"),
        ({**WEEKEND, "time_zone": "../../etc/passwd"}, "not a time zone"),
        ({**WEEKEND, "time_zone": "Europe"}, "not a time zone"),
        ({**WEEKEND, "time_zone": ["UTC"]}, "need a time_zone"),
        (freeze("2026-12-24T00:00:00", "2026-12-26T00:00:00"), "times with an offset"),
        (freeze("2026-12-24T00:00:00Z", "2026-12-26"), "both"),
        (freeze("Fri 18:00", "2026-12-26", time_zone="UTC"), "both"),
        (freeze("fri 18:00", "mon 06:00", time_zone="UTC"), "both"),
        (freeze("Fri 24:00", "Mon 06:00", time_zone="UTC"), "both"),
        (freeze("2026-12-24T00:00:00Z", "2026-12-26T00:00:00Z", time_zone="UTC"), "no time_zone"),
        (freeze("2026-12-26", "2026-12-24", time_zone="UTC"), "not later"),
        (freeze("2026-12-26T00:00:00Z", "2026-12-26T00:00:00Z"), "not later"),
        (freeze("2026-02-30", "2026-12-24", time_zone="UTC"), "2026-02-30 is not in the calendar"),
        (freeze("2026-02-28", "9999-12-31", time_zone="UTC"), "not in the calendar"),
        (freeze("0001-01-01", "0001-01-05", time_zone="Asia/Tokyo"), "out of the calendar"),
        (freeze("2026-12-24T00:00:00Z", "9999-12-31T23:59:59-12:00"), "both"),
        (freeze("Fri 18:00", "Fri 18:00", time_zone="UTC"), "never end"),
        ({**WEEKEND, "types": ["pop"]}, "types is a list out of"),
        ({**WEEKEND, "types": []}, "types is a list out of"),
        ({**WEEKEND, "types": "pop_deployment"}, "types is a list out of"),
        ({**WEEKEND, "from": ["Fri 18:00"]}, "both"),
    ],
)
def test_a_freeze_that_is_not_clear_is_refused(entry: dict[str, Value] | str, told: str) -> None:
    from franc_gitops.settings.forms import Unfit

    with pytest.raises(Unfit, match="freeze 2: ") as caught:
        read(WEEKEND, entry)
    assert told in str(caught.value)


def settings(root: Path, text: str = "", **environ: str) -> Settings:
    (root / ".git").mkdir(exist_ok=True)
    (root / FILE_NAME).write_text(text)
    return load_settings(root, environ=environ, is_tracked=lambda _: False, with_kafka=False)


def test_the_calendar_stands_in_the_file_or_in_a_variable(tmp_path: Path) -> None:
    text = (
        "freeze:\n  - {reason: end of year, from: 2026-12-21, until: 2027-01-03, time_zone: UTC}\n"
    )
    found = settings(tmp_path, text)
    assert [entry.reason for entry in found.freeze.entries] == ["end of year"]
    assert found.origins["freeze"] == FILE_NAME
    assert settings(tmp_path, text, FRANC_FREEZE=FOR_EVER).freeze.entries[0].reason == "migration"
    assert not settings(tmp_path, text, FRANC_FREEZE="[]").freeze
    assert not settings(tmp_path).freeze


def test_a_fault_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"franc-gitops.yaml:2:10: freeze: freeze 1: it has"):
        settings(tmp_path, "source: x\nfreeze: [{reason: x}]\n")
    with pytest.raises(SettingsError, match="environment FRANC_FREEZE: freeze: it is a list"):
        settings(tmp_path, FRANC_FREEZE="{}")


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("2026-12-24", "2026-13-24", "8:11"),
        ("2026-12-26", "2026-13-26", "9:12"),
        ("2026-12-26", "2026-12-20", "9:12"),
        ("UTC", "UTS", "10:16"),
        ("    time_zone: UTC\n", "", "7:5"),
        ("time_zone: UTC", "zone: UTC", "10:5"),
        ("    from: 2026-12-24\n", "", "7:5"),
        ("from: 2026-12-24", "from: 2026-12-24T18:00:00Z", "9:12"),
        ("reason: holidays", "reason: ''", "7:13"),
        ("device_connection]", "pop]", "11:29"),
        ("[pop_deployment, device_connection]", "pop_deployment", "11:12"),
    ],
)
def test_what_is_wrong_in_a_freeze_is_told_with_its_own_line_and_column(
    tmp_path: Path, old: str, new: str, place: str
) -> None:
    text = (
        "freeze:\n"
        "  # every year\n"
        "  - reason: weekend\n    from: Fri 18:00\n    until: Mon 06:00\n    time_zone: UTC\n"
        "  - reason: holidays\n    from: 2026-12-24\n    until: 2026-12-26\n"
        "    time_zone: UTC\n    types: [pop_deployment, device_connection]\n"
    )
    settings(tmp_path, text)
    head, tail = text[: text.rindex("  - ")], text[text.rindex("  - ") :]
    assert old in tail
    with pytest.raises(SettingsError, match=f"^{FILE_NAME}:{place}: freeze: freeze 2: "):
        settings(tmp_path, head + tail.replace(old, new))


def test_the_schema_of_the_settings_knows_what_a_freeze_is() -> None:
    validator = jsonschema.Draft7Validator(configuration_schema())
    assert validator.is_valid({"freeze": [WEEKEND, freeze("2026-12-24T00:00:00Z", "x")]})
    assert not validator.is_valid({"freeze": [{"reason": "x", "from": "y"}]})
    assert not validator.is_valid({"freeze": [{**WEEKEND, "zone": "UTC"}]})
    assert not validator.is_valid({"freeze": WEEKEND})


# --- requests -----------------------------------------------------------------------------------


def in_hours(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


def frozen_for(hours: float, begin: float = -1, **more: Any) -> Calendar:
    return read(freeze(in_hours(begin).isoformat(), in_hours(hours).isoformat(), **more))


def wait(calendar: Calendar, **changes: Any) -> tuple[str, datetime | None] | None:
    found = wait_for_window(replace(ONE, **changes), NOW, calendar)
    return found and (found.reason, found.until)


def test_a_request_waits_for_its_window_and_for_the_end_of_a_freeze() -> None:
    none, frozen = Calendar(), frozen_for(2)
    assert wait(none) is None
    assert wait(none, not_before=in_hours(1)) == (
        f"scheduled: not before {in_hours(1).isoformat()}",
        in_hours(1),
    )
    assert wait(frozen) == (f"frozen until {in_hours(2).isoformat()}: maintenance", in_hours(2))
    early = f"scheduled: not before {in_hours(1).isoformat()}"
    both = f"{early}, then frozen until {in_hours(2).isoformat()}: maintenance"
    assert wait(frozen, not_before=in_hours(1)) == (both, in_hours(2))
    assert wait(frozen, not_before=in_hours(3)) == wait(none, not_before=in_hours(3))
    assert wait(frozen_for(2, begin=1)) is None


def test_a_request_whose_window_closes_during_a_freeze_is_never_due() -> None:
    reason, until = wait(frozen_for(2), not_after=in_hours(1)) or ("", None)
    assert reason.endswith(f"its window closes before, at {in_hours(1).isoformat()}")
    assert until is None
    reason, until = wait(Calendar(), not_after=in_hours(-1)) or ("", None)
    assert "set a new `not_after`" in reason
    assert until is None


def test_a_freeze_without_end_says_so() -> None:
    days = read(
        freeze("Mon 00:00", "Thu 00:00", time_zone="UTC"),
        freeze("Thu 00:00", "Mon 00:00", time_zone="UTC"),
    )
    assert wait(days) == ("frozen without end: maintenance", None)


@pytest.fixture
def world() -> World:
    return World()


def test_a_frozen_request_is_scheduled_and_goes_out_afterwards(world: World) -> None:
    frozen = frozen_for(2)
    plan = world.publish(ONE, freeze=frozen)
    assert outcome(plan) == [("hold", "Scheduled")]
    assert plan.problems == ()
    assert plan.actions[0].reason.endswith(": maintenance")
    assert outcome(world.publish(ONE, freeze=frozen, now=in_hours(2))) == [("publish", "Completed")]


def test_a_freeze_holds_higher_revisions_and_lets_cancellations_through(world: World) -> None:
    frozen = frozen_for(2)
    world.publish(ONE)
    higher = replace(ONE, revision=2, digest="sha256:other")
    assert outcome(world.plan(higher, blobs=EDITED, freeze=frozen)) == [("hold", "Scheduled")]
    cancelled = replace(ONE, cancel="wrong site")
    assert outcome(world.plan(cancelled, blobs=EDITED, freeze=frozen)) == [("cancel", "Cancelled")]


def test_a_freeze_of_another_type_holds_nothing(world: World) -> None:
    plan = world.plan(ONE, freeze=frozen_for(2, types=["pop_deployment"]))
    assert outcome(plan) == [("publish", "Completed")]


def plan_of(requests: Sequence[Request], **changes: Any) -> Plan:
    situation = make_situation(tuple(requests), **changes)
    ledger = Ledger()
    return make_plan(situation, ledger, ledger.compare(situation.snapshot.files))


def test_the_next_due_time_is_that_of_the_first_request_to_become_free() -> None:
    late = replace(make_request(1), not_before=in_hours(5))
    later = replace(make_request(2), not_before=in_hours(7))
    never = replace(make_request(3), not_after=in_hours(-1))
    ready = make_request(4)
    assert next_due(plan_of([later, late, never, ready])) == in_hours(5)
    assert next_due(plan_of([later, late, never, ready], freeze=frozen_for(2))) == in_hours(2)
    assert next_due(plan_of([later, late, never], freeze=frozen_for(6))) == in_hours(6)
    assert next_due(plan_of([never, ready])) is None


def test_a_pass_at_the_due_time_finds_the_request_free() -> None:
    requests = [replace(make_request(1), not_before=in_hours(5))]
    calendar = frozen_for(6, begin=4)
    due = next_due(plan_of(requests, freeze=calendar))
    assert due == in_hours(6)
    assert plan_of(requests, freeze=calendar, now=due).sends
    assert not plan_of(requests, freeze=calendar, now=due - timedelta(microseconds=1)).sends


# --- on the command line ------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = new_project(tmp_path / "work", {"FRANC_FREEZE": FOR_EVER})
    made.clone.commit({"requests/a.yaml": request_text(1), "requests/b.yaml": request_text(2)})
    return made


def test_a_freeze_is_seen_in_the_plan_the_status_file_and_the_output(project: Project) -> None:
    why = "frozen until 2999-01-01T00:00:00+00:00: migration"
    done = project.run("plan")
    assert (done.returncode, done.stdout.count(why)) == (0, 2)
    assert done.stderr.rstrip().endswith("2 scheduled, next due 2999-01-01T00:00:00+00:00")
    plan = project.json("plan")
    assert [action["reason"] for action in plan["actions"]] == [why, why]
    assert plan["summary"]["hold"] == 2
    report = project.json("publish")
    assert {(row["phase"], row["message"]) for row in report["requests"]} == {
        (Phase.SCHEDULED.value, why[0].upper() + why[1:])
    }
    content = project.status_files()["a.yaml"].decode()
    assert "phase: Scheduled" in content
    assert f'message: "F{why[1:]}"' in content
    assert project.run("events").stdout == ""


def test_an_emergency_goes_through_a_freeze_and_is_told(project: Project) -> None:
    told = (
        "warning: --ignore-freeze: pop_CHG-2024-000001, device_conn_CHG-2024-000002, though frozen"
    )
    planned = project.run("plan", "--ignore-freeze", "--fail-on-changes")
    assert planned.returncode == 3
    assert told in planned.stderr
    done = project.run("publish", "--ignore-freeze")
    assert done.returncode == 0
    assert f"{told} until 2999-01-01T00:00:00+00:00: migration" in done.stderr
    assert "2 published" in done.stderr
    assert "freeze" not in project.run("publish", "--ignore-freeze").stderr


def test_who_overrode_which_freeze_stays_known(project: Project) -> None:
    """In the ledger and the status file; also when the file is reformatted or moved."""
    by = (
        "pop_CHG-2024-000001 is sent by ada, though frozen until 2999-01-01T00:00:00+00:00: "
        "migration"
    )

    def told() -> list[str]:
        files = project.status_files().values()
        return [line.strip() for text in files for line in text.decode().splitlines() if by in line]

    project.json("plan", "--ignore-freeze", GITHUB_ACTOR="ada")
    project.run("publish", "--ignore-freeze", GITHUB_ACTOR="ada")
    assert len(told()) == 1
    assert "code: FRN407" in told()[0]
    text = request_text(1)
    for name, content in (("a", f"# reformatted\n{text}"), ("moved", f"# moved\n{text}")):
        project.clone.git("rm", "--quiet", "requests/a.yaml")
        project.clone.commit({f"requests/{name}.yaml": content})
        assert project.run("publish").returncode == 0
        assert len(told()) == 1, name
    project.clone.commit({"requests/other.yaml": request_text(9)})
    project.run("publish", "--ignore-freeze", GITHUB_ACTOR="bob")
    assert len(told()) == 1, "the reformatted file is known again by now"
    assert project.run("verify").returncode == 0


MORNING = "not_before: 2026-03-02T09:00:00+01:00\nnot_after: 2026-03-02T12:00:00+01:00\n"
MOMENTS = {"early": "2026-03-01T12:00:00Z", "in it": "2026-03-02T09:30:00Z", "late": "2026-03-03"}
SCHEDULED = '"Scheduled: not before 2026-03-02T09:00:00+01:00"'
CALENDARS = {
    "none": "[]",
    "long": FOR_EVER,
    "into it": "[{reason: 'a: b', from: 2026-03-01, until: 2026-03-02, time_zone: UTC}]",
}


@contextmanager
def at_a_time(project: Project, moment: str, calendar: str) -> Iterator[tuple[Settings, Pass]]:
    """Open a pass at some time, with some freezes."""
    environ = {"FRANC_FREEZE": CALENDARS[calendar]}
    settings = load_settings(project.root, environ=environ, is_tracked=lambda _: False)
    with open_pass(settings, Choices()) as turn:
        turn.clock = SetClock(datetime.fromisoformat(MOMENTS[moment]).replace(tzinfo=UTC))
        yield settings, turn


def plain_text(number: int) -> str:
    return (
        f"type: pop_deployment\nchange_number: CHG-2026-{number:06d}\npop_name: NYC-PoP-{number}\n"
        "location: New York\ndesign_pattern: Hub-Spoke\nprovider: Equinix\n"
    )


def audited(project: Project, moment: str, calendar: str) -> list[tuple[str, str]]:
    with at_a_time(project, moment, calendar) as (settings, turn):
        audit = open_auditor(settings, Choices(), turn).run()
        return [(found.code, found.path) for found in audit.problems]


TIMES = [
    (moment, calendar)
    for moment in MOMENTS
    for calendar in CALENDARS
    if moment != "in it" or calendar in {"long", "into it"}  # else it is published
]


@pytest.mark.parametrize(("moment", "calendar"), TIMES)
def test_an_audit_at_another_time_finds_nothing_wrong_with_what_waits(
    tmp_path: Path, moment: str, calendar: str
) -> None:
    """Neither with a request that nobody knows nor with a held revision of a published one."""
    project = new_project(tmp_path / "work")
    again = plain_text(1) + "revision: 2\n"
    project.clone.commit({"requests/a.yaml": plain_text(1), "requests/c.yaml": plain_text(3)})
    with at_a_time(project, "early", "none") as (_, turn):
        assert turn.run().published
    project.clone.commit(
        {
            "requests/a.yaml": again + MORNING,
            "requests/b.yaml": "---\n".join((plain_text(2) + MORNING, plain_text(4))),
            "requests/c.yaml": plain_text(3) + MORNING,
        }
    )
    with at_a_time(project, moment, calendar) as (_, turn):
        turn.run()
    assert b"phase: Scheduled" in project.status_files()["a.yaml"]
    for time in TIMES:
        assert audited(project, *time) == [], time


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Scheduled: not before 2026-03-02T09:00:00+01:00", "Scheduled: not before next year"),
        ("Scheduled: not before 2026-03-02T09:00:00+01:00", "scheduled: not before 2026"),
        ("Scheduled: not before 2026-03-02T09", "scheduled: not before 2026-03-02T09"),
        (SCHEDULED, SCHEDULED.replace('"', "'")),
        ("    task: null", f"    message: {SCHEDULED}"),
        (SCHEDULED, "[]"),
        (SCHEDULED, "'"),
        ("Scheduled: not before 2026-03-02T09:00:00+01:00", "Frozen until Friday: x"),
        ("Scheduled: not before 2026-03-02T09:00:00+01:00", "Cancelled before it was published"),
        ("revision: 1", "revision: 2"),
        ("phase: Scheduled", "phase: Completed"),
        ("task: null", "task: null\n# mine"),
        ("problems: []\n", "problems: []\n\n"),
    ],
)
def test_what_was_never_said_of_a_request_that_waits_is_found(
    tmp_path: Path, old: str, new: str
) -> None:
    project = new_project(tmp_path / "work")
    project.clone.commit({"requests/a.yaml": plain_text(1) + MORNING})
    with at_a_time(project, "early", "none") as (_, turn):
        turn.run()
    file = project.root / "status/a.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    for moment, calendar in (("early", "none"), ("late", "none"), ("early", "long")):
        assert audited(project, moment, calendar) == [("FRN620", "status/a.yaml")], moment


def test_only_a_request_that_waits_may_say_why_it_waits(tmp_path: Path) -> None:
    """Not one beside it in the file, nor one that is held for something else."""
    project = new_project(tmp_path / "work")
    both = "---\n".join((plain_text(1) + MORNING, plain_text(2)))
    project.clone.commit({"requests/a.yaml": both, "requests/c.yaml": plain_text(3)})
    with at_a_time(project, "early", "none") as (_, turn):
        turn.run()
    project.clone.commit({"requests/c.yaml": plain_text(3).replace("Equinix", "Interxion")})
    with at_a_time(project, "early", "none") as (_, turn):
        turn.run()
    held = ("FRN401", "requests/c.yaml")
    assert audited(project, "early", "none") == [held]
    for name, phase in (("a", "Completed"), ("c", "Rejected")):
        file = project.root / f"status/{name}.yaml"
        head, tail = file.read_text().split(f"    phase: {phase}\n    message: ")
        rest = tail[tail.index("\n") :]
        file.write_text(f'{head}    phase: {phase}\n    message: "Frozen without end: x"{rest}')
    told = {("FRN620", "status/a.yaml"), ("FRN620", "status/c.yaml")}
    assert {*audited(project, "early", "none")} == {held, *told}


def test_an_audit_after_an_emergency_finds_nothing_wrong(project: Project) -> None:
    later = "not_before: 2998-01-01T00:00:00Z\n"
    project.clone.commit({"requests/b.yaml": plain_text(2) + later})
    assert project.run("publish", "--ignore-freeze").returncode == 0
    done = project.run("verify")
    assert done.returncode == 0, done.stdout


def test_who_runs_it_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTOR", "ada\n::error::x" + "y" * 200)
    assert operator() == ("ada::error::x" + "y" * 200)[:100]


def test_a_pass_that_meets_no_freeze_leaves_no_trace_of_one(tmp_path: Path) -> None:
    project = new_project(tmp_path / "work")
    project.clone.commit({"requests/a.yaml": request_text(1)})
    project.run("publish", "--ignore-freeze")
    assert b"FRN407" not in project.status_files()["a.yaml"]


def test_the_settings_that_count_show_the_calendar(project: Project) -> None:
    rows = project.json("config", "show")
    found = next(row for row in rows if row["name"] == "freeze")
    assert found["origin"] == "environment FRANC_FREEZE"
    assert found["value"][0]["reason"] == "migration"
    assert json.dumps(found["value"]) in project.run("config", "show").stdout


def test_what_waits_is_told_from_what_is_wrong(project: Project) -> None:
    project.clone.commit({"requests/c.yaml": request_text(3).replace("location", "locaton")})
    assert ", 1 held, 2 scheduled, next due " in project.run("publish").stderr
