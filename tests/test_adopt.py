"""`adopt`: requests that were carried out before count as published, and nothing is sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema
import pytest
import yaml

from franc_gitops.ledger import decode
from franc_gitops.model import Phase
from franc_gitops.pipeline.adopt import Adopt
from franc_gitops.settings import Settings
from franc_gitops.status_schema import status_schema
from franc_gitops.wiring import Choices, open_pass
from tests.support.edited import CANCELLATION, OTHER, PUBLISHED, Outcome, World, text
from tests.support.inprocess import Done, run
from tests.support.project import Project
from tests.support.terminal import on_terminal

if TYPE_CHECKING:
    from pathlib import Path

    from franc_gitops.ledger import LedgerEntry

CHANGE, OTHER_CHANGE = "CHG-2024-000001", "CHG-2024-000002"
REQUEST_ID = f"datacenter_{CHANGE}"
LATER = "2999-01-01T00:00:00Z"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A repository with two requests that nobody has published."""
    world = World(tmp_path)
    world.commit({"a.yaml": text(), "b.yaml": OTHER})
    return world


def adopt(world: World, *arguments: str, code: int = 0) -> Done:
    """Adopt; that nothing is sent by it holds in every test."""
    before = len(world.events())
    done = run(world.clone.root, "adopt", *arguments)
    assert done.code == code, done.err
    assert len(world.events()) == before
    return done


def entry(world: World) -> LedgerEntry:
    """Give what the ledger knows of the first request."""
    with open_pass(Settings(root=world.clone.root), Choices()) as turn:
        return decode(turn.publisher.peek().raw(REQUEST_ID))


def test_an_adopted_request_is_never_sent(world: World) -> None:
    done = adopt(world, CHANGE)
    assert done.out.startswith(f"Completed {REQUEST_ID}  Adopted at commit ")
    assert "1 request adopted, nothing sent" in done.err
    assert entry(world).events == ()
    assert entry(world).phase is Phase.COMPLETED
    assert world.publish() == Outcome(PUBLISHED)  # of the other one alone
    assert all(OTHER_CHANGE.encode() == event.key for event in world.events())
    assert world.publish() == Outcome()


def test_the_status_file_claims_nothing_that_is_not_so(world: World) -> None:
    commit = world.clone.head
    adopt(world, CHANGE)
    status = yaml.safe_load((world.clone.root / "status/a.yaml").read_text())
    jsonschema.validate(status, status_schema())
    [row] = status["requests"]
    assert row["events"] == []
    assert row["task"] is None
    assert (
        row["message"] == f"Adopted at commit {commit[:12]}: counts as published, no event was sent"
    )
    assert not (world.clone.root / "status/b.yaml").exists()


def test_everything_that_would_be_sent_is_adopted(world: World) -> None:
    done = adopt(world, "--all", "-o", "json")
    assert [row["request_id"] for row in json.loads(done.out)] == [
        REQUEST_ID,
        f"datacenter_{OTHER_CHANGE}",
    ]
    assert world.publish() == Outcome()
    assert adopt(world, "--all").err.endswith("0 requests adopted, nothing sent\n")


def test_all_leaves_alone_what_is_not_due_cancelled_or_wrong(world: World) -> None:
    world.commit(
        {
            "later.yaml": text(item="later", dc_name="NYC-DC-3", not_before=LATER),
            "cancelled.yaml": text(item="cancelled", cancel="not wanted"),
            "wrong.yaml": text(item="wrong", location=None),
        }
    )
    done = adopt(world, "--all", code=1)
    assert "2 requests adopted" in done.err
    assert "left out: requests/wrong.yaml:1:1: FRN201" in done.err
    statuses = {path.name for path in (world.clone.root / "status").rglob("*.yaml")}
    assert statuses == {"a.yaml", "b.yaml", "later.yaml", "cancelled.yaml", "wrong.yaml"}
    world.path = "later.yaml"
    assert world.publish() == Outcome((), "Scheduled", 1, "FRN201 FRN350")


def test_what_is_scheduled_is_adopted_by_name(world: World) -> None:
    world.commit({"a.yaml": text(not_before=LATER)})
    adopt(world, REQUEST_ID)
    assert entry(world).phase is Phase.COMPLETED


def test_one_of_two_requests_in_a_file_is_adopted(world: World) -> None:
    world.commit({"a.yaml": f"{text()}---\n{OTHER}", "b.yaml": None})
    adopt(world, CHANGE)
    assert not (world.clone.root / "status/a.yaml").exists()
    assert world.publish() == Outcome(PUBLISHED)
    status = yaml.safe_load((world.clone.root / "status/a.yaml").read_text())
    assert [len(row["events"]) for row in status["requests"]] == [0, 3]


# --- afterwards --------------------------------------------------------------------------------


def test_a_higher_revision_is_published(world: World) -> None:
    adopt(world, "--all")
    world.commit({"a.yaml": text(location="Boston")})
    assert world.publish() == Outcome((), "Rejected", 1, "FRN401")
    world.commit({"a.yaml": text(location="Boston", revision="2")})
    assert world.publish() == Outcome(PUBLISHED)
    assert entry(world).completion == "accept"
    status = yaml.safe_load((world.clone.root / "status/a.yaml").read_text())
    assert status["requests"][0]["task"]["completion_status"] == "completed"


def test_a_cancellation_is_sent_and_names_no_cause(world: World) -> None:
    """The event that it takes back was sent by somebody else, under an id that we do not know."""
    adopt(world, "--all")
    world.commit({"a.yaml": text(cancel="no longer needed")})
    assert world.publish() == Outcome(CANCELLATION, "Cancelled")
    headers = dict(world.events()[0].headers)
    assert "ce_causationid" not in headers
    assert json.loads(world.events()[0].value)["original_request_id"] == REQUEST_ID
    assert run(world.clone.root, "replay", CHANGE).code == 0
    first, second = world.events()
    assert first[3:] == second[3:]


def test_renaming_and_deleting_are_as_for_published_requests(world: World) -> None:
    adopt(world, "--all")
    world.path = "c.yaml"
    world.commit({"a.yaml": None, "c.yaml": f"# moved\n{text()}"})
    assert world.publish() == Outcome()
    world.commit({"c.yaml": None})
    assert world.publish() == Outcome((), "")


def test_nothing_is_replayed_that_was_never_sent(world: World) -> None:
    adopt(world, "--all")
    done = run(world.clone.root, "replay", CHANGE)
    assert done.code == 2
    assert f"{REQUEST_ID}: nothing was ever sent for it" in done.err


def test_a_tracked_request_does_not_wait_for_anybody_once_it_is_adopted(tmp_path: Path) -> None:
    world = World(tmp_path, completion="track")
    world.commit({"a.yaml": text()})
    with open_pass(Settings(root=world.clone.root, completion="track"), Choices()) as turn:
        turn.purpose = Adopt()
        turn.run()
    assert world.publish() == Outcome()


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (None, "is known already, Completed"),
        (text(cancel="x"), "cancelled before it was published"),
        (text(location=""), "some files hold no valid request: franc-gitops validate"),
    ],
)
def test_what_cannot_be_adopted_is_refused_with_the_reason(
    world: World, edit: str | None, told: str
) -> None:
    if edit is None:
        world.publish()
    else:
        world.commit({"a.yaml": edit})
    done = adopt(world, OTHER_CHANGE if edit is None else CHANGE, code=2)
    assert told in done.err, done.err


def test_a_request_in_a_wrong_file_is_refused(world: World) -> None:
    world.commit({"a.yaml": f"{text()}---\n{text(item='x', location=None)}"})
    done = adopt(world, CHANGE, code=2)
    assert "FRN421: CHG-2024-000001: held: its file has an error" in done.err


def test_one_refusal_is_enough_to_adopt_nothing(world: World) -> None:
    adopt(world, CHANGE, "CHG-2024-000009", code=2)
    assert world.publish().events == (*PUBLISHED, *PUBLISHED)


def test_a_misspelt_name_is_answered_with_the_likeliest(world: World) -> None:
    assert "did you mean CHG-2024-000002?" in adopt(world, "CHG-2024-00002", code=2).err


@pytest.mark.parametrize("arguments", [[], ["--all", CHANGE]])
def test_it_must_be_said_which(world: World, arguments: list[str]) -> None:
    adopt(world, *arguments, code=2)


def test_a_dry_run_records_nothing(world: World) -> None:
    done = adopt(world, "--all", "--dry-run")
    assert done.out.splitlines() == [
        f"{REQUEST_ID}  requests/a.yaml",
        f"datacenter_{OTHER_CHANGE}  requests/b.yaml",
    ]
    rows = json.loads(adopt(world, CHANGE, "--dry-run", "-o", "json").out)
    assert [(row["request_id"], row["events"]) for row in rows] == [(REQUEST_ID, [])]
    assert world.publish().events == (*PUBLISHED, *PUBLISHED)


def test_other_files_do_not_matter_for_one_that_is_named(world: World) -> None:
    world.commit({"wrong.yaml": text(item="x", location=None)})
    assert "left out" not in adopt(world, CHANGE).err


def test_of_many_errors_only_the_first_are_named(world: World) -> None:
    world.commit({f"{n}.yaml": text(item=f"n{n}", location=None) for n in range(14)})
    done = adopt(world, "--all", code=1)
    assert done.err.count("left out: requests/") == 10
    assert "left out: 4 more" in done.err


@pytest.mark.parametrize(
    ("options", "answer", "code"), [([], "n\n", 2), ([], "y\n", 0), (["--yes"], "", 0)]
)
def test_a_human_is_asked_first(world: World, options: list[str], answer: str, code: int) -> None:
    found, shown = on_terminal(Project(world.clone), "adopt", "--all", *options, answer=answer)
    assert found == code, shown
    asked = "Mark 2 requests as published without sending anything?" in shown
    assert asked == (not options)
    assert len(world.plan().sends) == (2 if code else 0)
