"""Every format with any content, read back by a parser that is not ours."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from franc_gitops.errors import EventLogUnreachable
from franc_gitops.eventlogs.memory import MemoryEventLog
from franc_gitops.ledger import Ledger
from franc_gitops.model import Problem, Severity, Validated
from franc_gitops.pipeline.deliver import events_of
from franc_gitops.pipeline.plan import make_plan
from franc_gitops.pipeline.publish import Publisher
from franc_gitops.pipeline.report import Report
from franc_gitops.problems import CODES
from franc_gitops.reports import Done, Findings, Look, Planned, formats, renderer
from franc_gitops.reports.annotations import annotate, told
from franc_gitops.reports.markup import code, fenced, row
from franc_gitops.reports.sarif import semantic
from franc_gitops.reports.text import printable
from tests.support.hosts import obeyed, read_gitlab, read_junit, read_markdown, read_sarif
from tests.support.schedule import ScheduledClock, make_request, make_situation

if TYPE_CHECKING:
    from collections.abc import Sequence

    import lxml.html

HOSTILE = (
    *("|", "\\|", "`", "``` ", "~~~", "<script>", "</details>", "<!--", "-->", "]]>", "&amp;", "*"),
    *("::error::x", "##[add-mask]x", "%0A", "%", "\n", "\r\n", "\t", "\x00", "\x1b[2J", "\ufffe"),
    *("\u202e", "\u2028", "@team", "#12", "!7", "~label", "http://a.b/c", "www.a.b", "a@b.cd"),
    *("[x](y)", "![x](y)", "_a_", "a_b", "$x$", ":+1:", "\\", " ", "  ", "\u00e9", "\U0001f4e1"),
)
ODD = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=9), max_size=6).map("".join)
PATHS = ODD.filter(bool) | st.just("requests/\udcff.yaml")


def make_problem(code: str = "FRN204", path: str = "requests/a.yaml", **changes: object) -> Problem:
    fields = {"line": 8, "column": 3, "field": "speed", "message": "wrong", "hint": "right"}
    given = {**fields, **changes}
    return Problem(code, CODES[code].severity, path, **given)  # type: ignore[arg-type]


PROBLEMS = st.lists(
    st.builds(
        make_problem,
        st.sampled_from(["FRN111", "FRN204", "FRN250"]),
        PATHS,
        line=st.integers(1, 10**6),
        column=st.integers(1, 2000),
        field=ODD,
        message=ODD.filter(str.strip),
        hint=ODD,
    ),
    max_size=14,
)
a_few = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], database=None)


def show(output: str, problems: Sequence[Problem], files: int = 1, **look: object) -> str:
    """Show problems as `validate` does, in the bytes that leave the process."""
    found = Findings(Validated(problems=tuple(problems), files=files))
    pieces = renderer("findings", output)(found, Look(**look))  # type: ignore[arg-type]
    return "".join(pieces).encode(errors="backslashreplace").decode()


def cells(page: lxml.html.HtmlElement, table: int = -1) -> list[list[str]]:
    """Give the texts of a table's rows, as people read them."""
    body = page.findall(".//table")[table].findall("tbody/tr")
    for line_break in page.iter("br"):
        line_break.tail = f"\n{line_break.tail or ''}"
    return [[squeezed(cell.text_content()) for cell in line] for line in body]


def squeezed(text: str) -> str:
    return " ".join(text.replace("\u200b", "").split())


# --- any content ----------------------------------------------------------------------------


@a_few
@given(PROBLEMS)
def test_sarif_is_valid_whatever_the_problems_say(problems: list[Problem]) -> None:
    run = read_sarif(show("sarif", problems))
    shown = {}
    for result in run["results"]:
        place = result["locations"][0]["physicalLocation"]
        path = unquote_to_bytes(place["artifactLocation"]["uri"])
        shown[result["partialFingerprints"]["francProblem/v1"]] = path
        assert place["region"]["startLine"] >= 1
        assert result["message"]["text"]
    assert sorted(shown.values()) == sorted(
        p.path.encode(errors="surrogateescape") for p in problems
    )


@a_few
@given(PROBLEMS)
def test_gitlab_reads_every_entry_whatever_the_problems_say(problems: list[Problem]) -> None:
    entries = read_gitlab(show("gitlab", problems))
    assert sorted(e["location"]["path"] for e in entries) == sorted(p.path for p in problems)


@a_few
@given(PROBLEMS)
def test_junit_is_valid_whatever_the_problems_say(problems: list[Problem]) -> None:
    suite = read_junit(show("junit", problems))
    failed = [case for case in suite if case.find("failure") is not None]
    assert len(failed) == sum(problem.is_error for problem in problems)
    shown = {str(failure.get("message")) for failure in suite.iter("failure")}
    assert shown == {printable(problem.message) for problem in problems if problem.is_error}


@a_few
@given(PROBLEMS)
def test_github_obeys_our_commands_and_none_of_the_content(problems: list[Problem]) -> None:
    commands = obeyed(show("github", problems))
    marked = [command for command in commands if command.name in {"error", "warning"}]
    worst = sorted(problems, key=lambda p: (not p.is_error, p.sort_key))[:10]
    assert [c.data for c in marked] == [told(problem) for problem in worst]
    assert [c.properties["file"] for c in marked] == [printable(p.path) for p in worst]
    rest = [c.name for c in commands if c not in marked]
    listed = ["group", "stop-commands", "endgroup"] if problems else []
    assert rest == ["notice"] * (len(problems) > 10) + listed


@a_few
@given(PROBLEMS)
def test_markdown_shows_the_content_as_text(problems: list[Problem]) -> None:
    page = read_markdown(show("markdown", problems))
    if problems:
        in_order = list(annotate(problems, ""))
        places = [f"{p.path}:{p.line}:{p.column}" for p, *_ in in_order]
        rows = cells(page)
        assert [row[1] for row in rows] == [squeezed(printable(place)) for place in places]
        told_without_ticks = [squeezed(one.text.replace("`", "")) for one in in_order]
        assert [squeezed(row[2].replace("`", "")) for row in rows] == told_without_ticks


@pytest.mark.parametrize(
    "content",
    ["a`b", "`", "``a", "a``b`c", "`a` `b`", "|", "a`|`b", "\\", "<b>", "&lt;", "@team", "a@b.cd"],
)
def test_code_is_shown_as_it_is(content: str) -> None:
    page = read_markdown(f"<!-- franc-gitops:x -->\n\n| a |\n|---|\n{row(code(content))}")
    [cell] = page.findall(".//td")
    assert [str(child.tag) for child in cell] == ["code"]
    assert cell.text_content().replace("\u200b", "") == content


@pytest.mark.parametrize("content", ["```", "x\n````\ny", "~~~\n```\n<b>", "</details>"])
def test_no_line_ends_a_block_early(content: str) -> None:
    page = read_markdown(f"<!-- franc-gitops:x -->\n\n{fenced(content)}\nafter\n")
    assert [block.text_content() for block in page.findall(".//pre")] == [f"{content}\n"]


@pytest.mark.parametrize("output", formats("findings"))
def test_a_message_of_a_megabyte_breaks_no_format(output: str) -> None:
    shown = show(output, [make_problem(message="x`|<" * 250_000)])
    if output not in {"text", "json", "jsonl", "github"}:
        assert len(shown) < 65_000
    if output == "github":
        assert all(len(command.data) < 65_000 for command in obeyed(shown))


# --- limits ---------------------------------------------------------------------------------


@a_few
@given(PROBLEMS.filter(bool), st.integers(0, 40), st.integers(1_500, 40_000))
def test_a_comment_keeps_within_its_room_and_loses_its_middle(
    problems: list[Problem], times: int, room: int
) -> None:
    many = [replace(p, line=at + 1) for at in range(times + 1) for p in problems]
    whole, cut = show("markdown", many, room=0), show("markdown", many, room=room)
    assert len(cut.encode()) <= room
    assert cut.startswith("<!-- franc-gitops:validate -->\n")
    rows = cells(read_markdown(cut))
    if len(whole.encode()) <= room:
        assert cut == whole
    else:
        [gap] = [at for at, row in enumerate(rows) if row[0] == ""]
        everything = cells(read_markdown(whole))
        assert rows[:gap] == everything[:gap]
        assert rows[gap + 1 :] == everything[len(everything) - len(rows) + gap + 1 :]
        assert rows[gap][2] == f"… {len(many) - len(rows) + 1} more …"
        assert "the whole of it: `franc-gitops validate`" in cut


def test_a_comment_that_just_fits_is_not_cut() -> None:
    many = [make_problem(line=line) for line in range(1, 41)]
    whole = show("markdown", many)
    assert show("markdown", many, room=len(whole.encode())) == whole
    assert "the whole of it" in show("markdown", many, room=len(whole.encode()) - 1)


def test_the_worst_of_too_many_results_are_kept_in_sarif() -> None:
    warnings = [make_problem("FRN250", line=line) for line in range(1, 25_001)]
    errors = [make_problem(path="requests/z.yaml", line=line) for line in range(1, 11)]
    pieces = renderer("findings", "sarif")(
        Findings(Validated(problems=(*warnings, *errors))), Look()
    )
    [run] = json.loads("".join(pieces))["runs"]
    assert len(run["results"]) == 25_000
    assert [result["level"] for result in run["results"][:11]] == ["error"] * 10 + ["warning"]
    [note] = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"].startswith("10 more problems are left out")


def test_a_problem_keeps_its_fingerprint_when_it_moves_and_twins_differ() -> None:
    twins = [make_problem(line=3), make_problem(line=9, message="wrong at b.yaml:4")]
    moved = [make_problem(line=13), make_problem(line=19, message="wrong at b.yaml:14")]
    before = [one.fingerprint for one in annotate(twins, "")]
    assert before == [one.fingerprint for one in annotate(moved, "")]
    assert len(set(before)) == 2
    for change in ({"path": "b.yaml"}, {"field": "role"}, {"code": "FRN203"}):
        [other] = annotate([make_problem(**change)], "")
        assert other.fingerprint not in before


def test_paths_are_told_from_the_top_of_the_clone() -> None:
    problem = make_problem(path="../shared/ä b.yaml")
    [result] = read_sarif(show("sarif", [problem], below="net/franc"))["results"]
    place = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "net/shared/%C3%A4%20b.yaml", "uriBaseId": "%SRCROOT%"}
    [entry] = read_gitlab(show("gitlab", [problem], below="net/franc"))
    assert entry["location"]["path"] == "net/shared/ä b.yaml"
    command, *_ = obeyed(show("github", [problem], below="net/franc"))
    assert command.properties["file"] == "net/shared/ä b.yaml"


@pytest.mark.parametrize(
    ("version", "shown"),
    [("0.1.0", "0.1.0"), ("v1.2", "1.2.0"), ("1.0rc1", "1.0.0-rc1"), ("2.dev3", "2.0.0-dev3")],
)
def test_the_version_in_sarif_is_a_semantic_one(version: str, shown: str) -> None:
    assert semantic(version) == shown


# --- nothing to look at ---------------------------------------------------------------------


def test_that_nothing_was_checked_is_said_in_every_format_for_people_and_ci() -> None:
    told = "no request file: nothing was checked"
    [command] = obeyed(show("github", [], files=0))
    assert (command.name, command.data) == ("notice", told)
    assert told in read_markdown(show("markdown", [], files=0)).text_content()
    assert "✅" not in show("markdown", [], files=0)
    [case] = read_junit(show("junit", [], files=0))
    assert [skipped.get("message") for skipped in case] == [told]


def test_all_well_is_said_too() -> None:
    assert obeyed(show("github", [], files=3)) == []
    assert "✅ franc-gitops validate: no problem" in show("markdown", [], files=3)
    assert read_gitlab(show("gitlab", [], files=3)) == []
    assert read_sarif(show("sarif", [], files=3))["results"] == []


# --- plans ----------------------------------------------------------------------------------

ODD_TEXT = "`|<b>@team #1 ```` ~~~ &lt; \\\\| a_b_ http://x.y"


def planned(count: int = 3, *problems: Problem) -> Planned:
    """Plan requests whose fields hold what Markdown would take for markup."""
    own = json.dumps({"dc_name": ODD_TEXT, "location": "ü", "design_pattern": "P"})[1:-1]
    requests = tuple(
        make_request(n, own_fields=own, path=f"requests/{n}|`.yaml") for n in range(1, count + 1)
    )
    situation = make_situation(requests)
    validated = replace(situation.validated, problems=problems)
    situation = replace(situation, validated=validated)
    ledger = Ledger()
    return Planned(
        make_plan(situation, ledger, ledger.compare(situation.snapshot.files)), ledger, "embedded"
    )


def test_a_plan_in_markdown_holds_every_body_and_header_as_it_is_sent() -> None:
    subject = planned()
    page = read_markdown("".join(renderer("plan", "markdown")(subject, Look())))
    events = [e for a in subject.plan.sends for e in events_of(a, subject.plan.situation)]
    bodies = [str(block.text_content()) for block in page.findall(".//pre[@lang='json']")]
    assert bodies == [f"{event.value.decode()}\n" for event in events]
    headers = [str(block.text_content()) for block in page.findall(".//details//details//pre")]
    assert headers == [
        "".join(f"{name}: {value.decode()}\n" for name, value in event.headers) for event in events
    ]
    assert [row[1] for row in cells(page)] == [a.request_id for a in subject.plan.sends]
    assert subject.plan.digest in page.text_content()


@pytest.mark.parametrize("room", [1_500, 4_000, 30_000, 65_000])
def test_a_plan_of_a_thousand_requests_fits_into_a_comment(room: int) -> None:
    subject = planned(1000)
    shown = "".join(renderer("plan", "markdown")(subject, Look(room=room)))
    assert room // 2 < len(shown.encode()) <= room
    text = read_markdown(shown).text_content()
    assert "1000 to publish" in text
    assert "the whole of it: franc-gitops plan -o json" in text
    if room > 4_000:
        for end in (0, -1):
            assert f"{subject.plan.sends[end].request_id}: 3 events" in text


def test_a_plan_for_ci_shows_problems_and_requests() -> None:
    held = make_problem(path="requests/2|`.yaml")
    subject = planned(3, held)
    suite = read_junit("".join(renderer("plan", "junit")(subject, Look())))
    outcomes = {case.get("name"): [str(child.tag) for child in case] for case in suite}
    assert outcomes == {
        "FRN204 speed": ["failure"],
        "datacenter_CHG-2024-000001": ["system-out"],
        "datacenter_CHG-2024-000002": ["skipped"],
        "datacenter_CHG-2024-000003": ["system-out"],
    }
    assert len(read_gitlab("".join(renderer("plan", "gitlab")(subject, Look())))) == 1
    assert len(read_sarif("".join(renderer("plan", "sarif")(subject, Look())))["results"]) == 1
    log = "".join(renderer("plan", "github")(subject, Look()))
    assert [c.name for c in obeyed(log)] == ["error", "group", "stop-commands", "endgroup"]
    assert "publish   datacenter_CHG-2024-000001" in log
    lines = "".join(renderer("plan", "jsonl")(subject, Look())).splitlines()
    whole = json.loads("".join(renderer("plan", "json")(subject, Look())))
    assert [json.loads(line) for line in lines] == whole["actions"]


# --- passes ---------------------------------------------------------------------------------


def done(*, failed: bool = False) -> Done:
    """Publish the requests of a plan in memory, or fail to."""
    subject = planned()
    publisher = Publisher(MemoryEventLog(), ScheduledClock(random.Random(1), lambda _: None))
    if failed:
        failure = EventLogUnreachable("no `broker` @here", hint="start | it")
        return Done(Report(subject.plan, Ledger(), "embedded", {}, failure=failure))
    last = publisher.publish(subject.plan, lambda _: subject.plan)
    return Done(Report(last, publisher.ledger, "kafka:x", publisher.published))


def test_what_was_published_is_shown_with_its_events() -> None:
    page = read_markdown("".join(renderer("report", "markdown")(done(), Look())))
    assert "✅ franc-gitops publish: 3 published, 0 unchanged" in page.text_content()
    assert [row[0] for row in cells(page)] == ["Completed"] * 3
    assert page.text_content().count("→ franc.task.completion partition") == 3
    suite = read_junit("".join(renderer("report", "junit")(done(), Look())))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "0", "0")
    lines = "".join(renderer("report", "jsonl")(done(), Look())).splitlines()
    assert [json.loads(line)["phase"] for line in lines] == ["Completed"] * 3


def test_what_could_not_be_published_is_an_error_in_every_format() -> None:
    report = done(failed=True)
    page = read_markdown("".join(renderer("report", "markdown")(report, Look())))
    assert (
        "❌ franc-gitops publish: 0 published, 0 unchanged, 3 still pending" in page.text_content()
    )
    assert "error FRN501 no broker @\u200bhere" in page.text_content().replace("`", "")
    suite = read_junit("".join(renderer("report", "junit")(report, Look())))
    assert (suite.get("tests"), suite.get("errors")) == ("4", "4")
    run = read_sarif("".join(renderer("report", "sarif")(report, Look())))
    assert run["invocations"][0]["executionSuccessful"] is False
    [note] = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"].startswith("FRN501 ")


def test_severities_are_those_of_the_hosts() -> None:
    problems = [make_problem("FRN250"), make_problem("FRN204")]
    assert {p.severity for p in problems} == {Severity.ERROR, Severity.WARNING}
    assert [e["severity"] for e in read_gitlab(show("gitlab", problems))] == ["critical", "minor"]
    assert [c.name for c in obeyed(show("github", problems))][:2] == ["error", "warning"]
