"""`evidence`: all that is known of a change, whatever somebody wrote into it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import cmarkgfm
import lxml.html
import pytest
from cmarkgfm.cmark import Options
from hypothesis import given
from hypothesis import strategies as st

from bench.corpus import request_text
from franc_gitops.audit.evidence import Evidence, Exhibit, Publication, RequestEvidence
from franc_gitops.eventlogs import Record
from franc_gitops.ledger import SentEvent
from franc_gitops.model import Made, Signature, Trust
from franc_gitops.problems import problem
from franc_gitops.reports import Look, renderer
from tests.support.git import AUTHOR, Clone, clone_repository
from tests.support.project import Project, new_project
from tests.support.signing import make_ssh_signer, signs

if TYPE_CHECKING:
    from pathlib import Path

CHANGE = "CHG-2024-000001"
FILE = "requests/pop.yaml"
OURS = {
    *("body", "div", "h1", "h2", "h3", "p", "ul", "li", "code", "pre", "strong"),
    *("table", "thead", "tbody", "tr", "th", "td", "details", "summary", "html"),
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return new_project(tmp_path / "work")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A request that was published, changed and published again; to be copied."""
    project = new_project(tmp_path_factory.mktemp("template") / "work")
    project.clone.commit({FILE: request_text(1)}, "Order a PoP")
    assert project.run("publish").returncode == 0
    project.clone.git("config", "user.name", "Grace")
    changed = request_text(1).replace("Equinix", "Interxion")
    project.clone.commit({FILE: f"{changed}revision: 2\n"}, "Take another provider")
    assert project.run("publish").returncode == 0
    return project.root


@pytest.fixture
def published(template: Path, tmp_path: Path) -> Project:
    """A request that was published, changed and published again."""
    return Project(Clone(shutil.copytree(template, tmp_path / "work"), commits=2))


def bundle(project: Project, *options: str, change: str = CHANGE, code: int = 0) -> Any:
    """Give the one bundle as data."""
    (found,) = project.json("evidence", change, *options, exit_code=code)
    return found


def read_page(text: str) -> lxml.html.HtmlElement:
    """Render as git hosts do, raw HTML included; only our own markup may have come out."""
    html = cmarkgfm.github_flavored_markdown_to_html(text, options=Options.CMARK_OPT_UNSAFE)
    page = lxml.html.document_fromstring(f"<body><div>{html}</div></body>")
    assert {str(element.tag) for element in page.iter()} <= OURS, html
    return page


def test_each_publication_is_shown_with_the_request_as_it_was_asked_for(
    published: Project,
) -> None:
    found = bundle(published)
    assert (found["change_number"], found["log"]) == (CHANGE, "embedded")
    (request,) = found["requests"]
    assert request["request_id"] == f"pop_{CHANGE}"
    assert request["phase"] == "Completed"
    assert request["problems"] == []
    assert request["ledger_record"]["revision"] == 2
    first, second = request["publications"]
    assert [first["revision"], second["revision"]] == ["1", "2"]
    assert first["request"] == request_text(1)
    assert "provider: Interxion\n" in second["request"]
    assert [first["subject"], second["subject"]] == ["Order a PoP", "Take another provider"]
    log = published.clone.git("log", "--format=%H").split()
    assert [second["commit"], first["commit"]] == log
    assert first["author"] == first["committer"] == AUTHOR
    assert first["authored"] == "2025-06-15T15:06:40Z"
    assert (first["is_signed"], first["signature"]) == (False, None)


def test_each_event_is_shown_with_its_place_and_every_byte(published: Project) -> None:
    (request,) = bundle(published)["requests"]
    shown = [event for each in request["publications"] for event in each["events"]]
    assert [event["state"] for event in shown] == ["as published"] * 6
    lines = published.run("events", "-o", "jsonl").stdout.splitlines()
    names = ("topic", "partition", "offset", "key", "headers", "value")
    sent = [{name: json.loads(line)[name] for name in names} for line in lines]
    assert sorted(({name: e[name] for name in names} for e in shown), key=str) == sorted(
        sent, key=str
    )
    assert [(step["event_type"], step["status"]) for step in request["trail"]][:3] == [
        ("pop_deployment", "requested"),
        ("task_status_update", "completed, 100 %"),
        ("task_completion", "completed"),
    ]


def test_a_cancellation_has_the_commit_that_asked_for_it(published: Project) -> None:
    text = (published.root / FILE).read_text()
    commit = published.clone.commit({FILE: f"{text}cancel: no longer wanted\n"})
    assert published.run("publish").returncode == 0
    (request,) = bundle(published)["requests"]
    last = request["publications"][-1]
    assert (last["commit"], len(last["events"])) == (commit, 1)
    assert request["trail"][-1]["message"] == "Cancelled: no longer wanted"
    assert request["phase"] == "Cancelled"


def test_the_same_bundle_is_made_again_anywhere(published: Project, tmp_path: Path) -> None:
    """In a clone with the same event log; and while other changes go on."""
    formats = [("-o", "json"), ("-o", "markdown")]
    before = [published.run("evidence", CHANGE, *each).stdout for each in formats]
    there = clone_repository(published.root, tmp_path / "there")
    shutil.copytree(published.root / ".franc", there.root / ".franc")
    published.add(range(2, 4))
    assert published.run("publish").returncode == 0
    for place in (published, Project(there)):
        assert [place.run("evidence", CHANGE, *each).stdout for each in formats] == before


def test_all_requests_of_a_change_are_in_its_bundle(project: Project) -> None:
    """Also one that is not published, and why."""
    text = request_text(1)
    later = text.replace("not_before: 2024", "not_before: 2999").replace("PoP-0", "PoP-1")
    files = {"requests/a.yaml": f"{text}item: a\n", "requests/b.yaml": f"{later}item: b\n"}
    project.clone.commit(files)
    project.run("publish")
    first, second = bundle(project)["requests"]
    assert (first["phase"], second["phase"]) == ("Completed", "Scheduled")
    assert second["ledger_record"] is None
    (asked,) = second["publications"]
    assert (asked["commit"], asked["events"]) == (project.clone.head, [])
    assert asked["request"] == files["requests/b.yaml"]


def test_what_is_not_as_it_should_be_is_told_and_exit_1(published: Project) -> None:
    with closing(sqlite3.connect(published.root / ".franc/events.sqlite")) as log:
        log.execute("DELETE FROM events WHERE topic = 'franc.task.status' AND log_offset = 0")
        log.execute(
            "UPDATE events SET value = ? WHERE topic = 'franc.pop.deployment' AND log_offset = 1",
            (b"]]>```<script>",),
        )
        log.commit()
    (request,) = bundle(published, code=1)["requests"]
    first, second = request["publications"]
    assert [event["state"] for event in first["events"]] == [
        *("as published", "removed by retention", "as published")
    ]
    assert second["events"][0]["state"] == "another event"
    assert [each["code"] for each in request["problems"]] == ["FRN522", "FRN521"]
    page = read_page(published.run("evidence", CHANGE).stdout)
    assert "another event" in page.text_content()


def test_signatures_are_verified_where_keys_are_trusted(project: Project, tmp_path: Path) -> None:
    ada = make_ssh_signer(tmp_path / "keys", "ada")
    project.clone.commit({"keys": ada.public})
    with signs(project.clone, ada):
        project.clone.commit({FILE: request_text(1)})
    assert project.run("publish").returncode == 0
    (asked,) = bundle(project)["requests"][0]["publications"]
    assert (asked["is_signed"], asked["signature"]) == (True, None)
    page = project.run("evidence", CHANGE).stdout
    assert "- signature: not verified, because no trusted keys are named\n" in page
    project.settings["FRANC_REQUIRE_SIGNED_COMMITS"] = "keys"
    (asked,) = bundle(project)["requests"][0]["publications"]
    assert asked["signature"]["trust"] == "trusted"
    assert asked["signature"]["signer"] == "ada@example.com"
    assert (
        "- signature: **trusted**, `ada@example.com`, key `SHA256:"
        in project.run("evidence", CHANGE).stdout
    )


def test_what_a_shallow_clone_lacks_is_said(published: Project, tmp_path: Path) -> None:
    shallow = clone_repository(published.root, tmp_path / "shallow", "--depth=1")
    shutil.copytree(published.root / ".franc", shallow.root / ".franc")
    first, second = bundle(Project(shallow))["requests"][0]["publications"]
    assert (first["request"], first["author"]) == (None, None)
    assert second["request"] is not None
    page = Project(shallow).run("evidence", CHANGE).stdout
    assert "The request as it was asked for: git does not have it here." in page


def test_a_request_of_a_plain_folder_has_no_commit(tmp_path: Path) -> None:
    project = Project(Clone(tmp_path))
    project.clone.write(FILE, request_text(1))
    (tmp_path / "franc-gitops.yaml").touch()
    assert project.run("publish").returncode == 0
    (asked,) = bundle(project)["requests"][0]["publications"]
    assert (asked["commit"], asked["author"], asked["request"]) == (None, None, None)
    assert "- commit: not from a commit" in project.run("evidence", CHANGE).stdout


def test_a_retired_request_is_known_as_long_as_the_ledger_knows_it(published: Project) -> None:
    published.clone.commit({FILE: None, "requests/other.yaml": request_text(2)})
    assert published.run("publish").returncode == 0
    first, second = bundle(published)["requests"][0]["publications"]
    assert first["request"] == request_text(1)
    assert second["path"] == FILE


def test_a_request_id_stands_for_its_change(published: Project) -> None:
    """As `status` lists it, whether it is published or waits."""
    number = "CHG-2024-000007"
    later = (
        f"type: pop_deployment\nchange_number: {number}\npop_name: NYC-PoP-7\nlocation: New York\n"
        "design_pattern: Hub-Spoke\nprovider: Equinix\nnot_before: 2999-01-01T00:00:00Z\n"
    )
    published.clone.commit({"requests/later.yaml": later})
    rows = published.json("status")
    names = {row["change_number"]: row["request_id"] for row in rows}
    assert set(names) == {CHANGE, number}
    for change, name in names.items():
        assert bundle(published, change=name) == bundle(published, change=change)
    done = published.json("evidence", names[CHANGE], CHANGE, names[number], number)
    assert [found["change_number"] for found in done] == [CHANGE, number]


def test_what_nobody_knows_is_exit_2(published: Project) -> None:
    done = published.run("evidence", CHANGE, "CHG-2024-999999")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nothing is known of CHG-2024-999999" in done.stderr
    done = published.run("evidence", f"pop_{CHANGE}_other")
    assert (done.returncode, done.stdout) == (2, "")
    assert published.run("evidence").returncode == 2
    assert published.run("evidence", CHANGE, "-o", "junit").returncode == 2


def test_bundles_go_into_a_folder_one_file_each(published: Project) -> None:
    published.add(range(2, 3))
    assert published.run("publish").returncode == 0
    changes = (CHANGE, "CHG-2024-000002")
    done = published.run("evidence", *changes, CHANGE, "--output-dir", "audit/2024")
    assert done.stdout.splitlines() == [f"audit/2024/{change}.md" for change in changes]
    file = published.root / "audit/2024" / f"{CHANGE}.md"
    assert file.read_text() == published.run("evidence", CHANGE).stdout
    done = published.run("evidence", CHANGE, "-o", "json", "--output-dir", "audit/2024")
    assert json.loads(file.with_suffix(".json").read_text()) == [bundle(published)]
    done = published.run("evidence", CHANGE, "--output-dir", "requests/pop.yaml")
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


# --- whatever somebody wrote ---------------------------------------------------------------------

HOSTILE = (
    *("`", "```", "````\n", "|", "\n", "\r\n", "<script>", "</details>", "-->", "<!--", "&lt;"),
    *("[x](javascript:alert(1))", "![x](y)", "# ", "\n# ", "* ", "@octocat", "#1", "~~~", "$x$"),
    *("\x1b[31m", "\u202e", "\u200b", "\ud800", "\\", "_a_", "**b**", "https://x.example", "]]>"),
)
ODD = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=9), max_size=6).map("".join)


@st.composite
def bundles(draw: st.DrawFn) -> Evidence:
    """Bundles full of texts that want to be something else."""
    texts = draw(st.lists(ODD, min_size=3, max_size=3))
    odd = [texts[at % 3] for at in range(draw(st.integers(0, 2)), 99)]
    sent = SentEvent(odd[0], odd[1], odd[2], 0, 1, odd[3])
    body = odd[4].encode(errors="replace")
    record = Record(odd[2], 0, 1, body, ((odd[5], body),), body)
    made = Made(odd[6], odd[7], odd[8], odd[7], odd[9], draw(st.booleans()))
    publication = Publication(
        revision=odd[10],
        commit=odd[11],
        path=odd[12],
        timestamp=odd[3],
        exhibits=(Exhibit(sent, "as published", record),),
        text=odd[13],
        made=made,
        signature=Signature(Trust.TRUSTED, odd[14], odd[15]),
    )
    row = dict.fromkeys(("request_id", "type", "revision", "phase", "message", "digest"), odd[14])
    found = problem("FRN522", odd[12], odd[9])
    trail = ((odd[3], odd[0], odd[1], odd[9]),)
    request = RequestEvidence(row, odd[12], {"x": odd[0]}, (publication,), trail, (found,))
    return Evidence(odd[11], odd[12], (request,))


@given(bundles())
def test_nothing_in_a_bundle_becomes_markup(found: Evidence) -> None:
    text = "".join(renderer("evidence", "markdown")([found], Look()))
    page = read_page(text.encode(errors="backslashreplace").decode())
    assert [str(h.tag) for h in page.iter("h1", "h2", "h3")] == ["h1", "h2", "h3", "h3", "h3"]
    assert not page.xpath("//*[@href or @src or @onclick]")


@given(bundles())
def test_a_bundle_is_json_whatever_is_in_it(found: Evidence) -> None:
    (data,) = json.loads("".join(renderer("evidence", "json")([found], Look())))
    (publication,) = found.requests[0].publications
    assert data["requests"][0]["publications"][0]["request"] == publication.text
