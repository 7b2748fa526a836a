"""`explain`, `new`, `schema` and `config show`: what the program says about itself."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest
import yaml

from bench.corpus import request_text
from franc_gitops import kinds
from franc_gitops.explain import find, pages
from franc_gitops.problems import CODES
from franc_gitops.reports import formats
from franc_gitops.settings.effective import MASK
from franc_gitops.settings.kafka import variables
from franc_gitops.settings.model import KEYS
from tests.support.project import Project, new_project

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMAS = Path(__file__).resolve().parents[1] / "schemas"
SECRET = "hunter2-hunter2"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return new_project(tmp_path / "work")


# --- explain --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word",
    [
        *CODES,
        *KEYS,
        *variables(),
        *(field.name for kind in kinds.all_kinds() for field in kind.fields),
        *(kind.type for kind in kinds.all_kinds()),
        "speed",
        "exit-codes",
    ],
)
def test_there_is_a_page_about_everything_that_has_a_name(word: str) -> None:
    assert all(page.title and (page.text or page.example) for page in find(word))
    assert find(word.upper()) == find(word.lower()) != []


def test_no_page_is_there_twice() -> None:
    seen = [page for page in pages() if page.word.startswith(("FRN", "KAFKA"))]
    assert len({page.word for page in seen}) == len(seen)


def test_a_page_is_printed_for_any_case(project: Project) -> None:
    done = project.run("explain", "frn204")
    assert done.returncode == 0
    assert done.stdout.startswith("FRN204: value not allowed\n\n")


def test_a_field_is_explained_with_the_rules_of_the_repository(project: Project) -> None:
    rules = "location: [Basel]\n  pop_deployment.location: {pattern: 'PoP .*'}\n"
    more = "  interfaces.speed: [9 Gbit]\n"
    project.clone.write("franc-gitops.yaml", f"rules:\n  {rules}{more}")
    told = " ".join(project.run("explain", "location").stdout.split())
    assert told.count("Allowed by `rules` (franc-gitops.yaml): Basel.") == 2
    assert told.count(" location: Basel") == 2
    assert "it must match as a whole: PoP .*" in told
    assert "9 Gbit" in project.run("explain", "speed").stdout
    assert "Basel" not in project.run("explain", "provider").stdout


def test_settings_that_are_wrong_can_still_be_asked_about(project: Project) -> None:
    project.clone.write("franc-gitops.yaml", "rules: {location: {pattern: '('}}\n")
    done = project.run("explain", "location")
    assert done.returncode == 0
    assert "warning: `rules` are not shown: franc-gitops.yaml:1:29: rules:" in done.stderr
    assert "Building or site" in done.stdout


def test_a_misspelt_word_is_answered_with_the_likeliest_one(project: Project) -> None:
    done = project.run("explain", "write_bak")
    assert done.returncode == 2
    assert done.stderr.endswith("hint: did you mean write_back?\n")


def test_without_a_word_everything_is_listed(project: Project) -> None:
    listed = project.run("explain").stdout
    assert all(f"{code} " in listed for code in CODES)


# --- new ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [kind.type for kind in kinds.all_kinds()])
def test_a_new_request_is_valid(project: Project, kind: str) -> None:
    made = project.run("new", kind)
    assert made.returncode == 0
    checked = project.run("validate", "-", "--fail-on-warnings", stdin=made.stdout)
    assert checked.returncode == 0, checked.stdout


def test_a_new_request_is_put_in_its_place_and_never_over_another(project: Project) -> None:
    arguments = ("new", "pop_deployment", "--change", "CHG-2026-000042", "--item", "a", "--write")
    made = project.run(*arguments)
    assert made.stdout == "requests/2026/CHG-2026-000042-a.yaml\n"
    assert project.run("validate").returncode == 0
    again = project.run(*arguments)
    assert again.returncode == 2
    assert "is there already" in again.stderr


def test_a_new_request_names_its_schema_if_the_repository_has_it(project: Project) -> None:
    assert project.run("schema", "--write", "schemas").returncode == 0
    path = project.run("new", "pop_deployment", "--write").stdout.strip()
    first, *_ = (project.root / path).read_text().splitlines()
    assert first == "# yaml-language-server: $schema=../../schemas/pop_deployment.schema.json"
    assert project.run("validate").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["pop_deploymnt"], "did you mean pop_deployment?"),
        (["pop_deployment", "--change", "CHG-1"], "--change: "),
        (["pop_deployment", "--item", "No Slug"], "--item: "),
    ],
)
def test_a_wrong_wish_is_exit_2(project: Project, arguments: Sequence[str], told: str) -> None:
    done = project.run("new", *arguments)
    assert done.returncode == 2
    assert told in done.stderr


# --- schema ---------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["request", "device_connection", "event", "status", "config"])
def test_a_schema_is_printed(project: Project, what: str) -> None:
    done = project.run("schema", what)
    assert done.returncode == 0
    jsonschema.Draft7Validator.check_schema(json.loads(done.stdout))


def test_a_status_file_is_as_its_schema_says(project: Project) -> None:
    wrong = request_text(3).replace("location", "locaton")
    lonely = request_text(2).replace("vPC-3", "vPC-1", 1)
    cancelled = f"{request_text(5)}cancel: no longer wanted\n"
    project.clone.commit(
        {
            f"requests/{n}.yaml": text
            for n, text in enumerate((request_text(0), wrong, lonely, cancelled))
        }
    )
    project.run("publish")
    schema = jsonschema.Draft7Validator(json.loads(project.run("schema", "status").stdout))
    read = [yaml.safe_load(content) for content in project.status_files().values()]
    assert [entry["phase"] for entry in read] == ["Completed", "Rejected", "Completed", "Cancelled"]
    for entry in read:
        schema.validate(entry)


def test_the_committed_schemas_are_those_that_would_be_written(project: Project) -> None:
    """Run `make schemas` where this fails."""
    assert project.run("schema", "--write", "made").returncode == 0
    made = {file.name: file.read_text() for file in (project.root / "made").iterdir()}
    assert made == {file.name: file.read_text() for file in SCHEMAS.iterdir()}


def test_value_rules_of_the_settings_are_part_of_the_schema(project: Project) -> None:
    project.clone.write("franc-gitops.yaml", "rules:\n  provider: [Interxion]\n")
    assert "Interxion" in project.run("schema", "pop_deployment").stdout


def test_an_unknown_schema_is_exit_2(project: Project) -> None:
    done = project.run("schema", "evnt")
    assert done.returncode == 2
    assert "did you mean event?" in done.stderr


# --- config show ----------------------------------------------------------------------------


def test_each_setting_is_shown_with_its_origin_and_no_secret(project: Project) -> None:
    project.clone.write("franc-gitops.yaml", "source: file\nrules: {location: [NYC]}\n")
    (project.root / ".env").write_text("KAFKA_SASL_USERNAME=dot\n")
    rows = project.json(
        "config",
        "show",
        "--set",
        "user_id_from=author",
        KAFKA_SASL_PASSWORD=SECRET,
        FRANC_HTTP_TOKEN=SECRET * 2,
    )
    shown = {row["name"]: (row["value"], row["origin"]) for row in rows}
    assert shown["source"] == ("file", "franc-gitops.yaml")
    assert shown["rules"] == ({"location": ["NYC"]}, "franc-gitops.yaml")
    assert shown["status_dir"] == ("status", "default")
    assert shown["user_id_from"] == ("author", "flag --set user_id_from")
    assert shown["KAFKA_SASL_USERNAME"] == ("dot", ".env KAFKA_SASL_USERNAME")
    assert shown["FRANC_HTTP_TOKEN"] == (MASK, "environment FRANC_HTTP_TOKEN")
    assert shown["KAFKA_SASL_PASSWORD"] == (MASK, "environment KAFKA_SASL_PASSWORD")
    assert set(shown) == {"root", *KEYS, "FRANC_HOOK_SECRET", "FRANC_HTTP_TOKEN", *variables()}


def test_the_text_shows_no_secret_either(project: Project) -> None:
    done = project.run("config", "show", "--debug", KAFKA_SASL_PASSWORD=SECRET)
    assert SECRET not in done.stdout + done.stderr
    assert re.search(r"KAFKA_SASL_PASSWORD +\*+ +\(environment KAFKA_SASL_PASSWORD\)", done.stdout)


def test_a_mistake_in_the_settings_is_told_with_its_line(project: Project) -> None:
    project.clone.write("franc-gitops.yaml", "# ours\nsorce: x\n")
    done = project.run("config", "show")
    assert done.returncode == 2
    assert "franc-gitops.yaml:2:1: unknown setting 'sorce'; did you mean source?" in done.stderr


def test_doctor_finds_a_rule_about_no_field(project: Project) -> None:
    project.clone.write("franc-gitops.yaml", "rules: {locaton: [NYC]}\n")
    done = project.run("doctor")
    assert done.returncode == 2
    assert done.stdout.startswith("failed   settings: ")
    assert "locaton" in done.stdout


def test_doctor_says_with_q_only_what_fails(project: Project) -> None:
    project.add(range(1))
    fine = project.run("doctor", "-q")
    assert (fine.returncode, fine.stdout, fine.stderr) == (0, "", "")
    (project.root / "status").write_text("in the way")
    wrong = project.run("doctor", "-q")
    assert wrong.returncode == 2
    assert [line.split()[0] for line in wrong.stdout.splitlines()] == ["failed", "hint:"]
    assert len(project.json("doctor", "-q", exit_code=2)) > 1


def test_a_damaged_embedded_log_is_told_with_what_its_loss_would_mean(project: Project) -> None:
    project.add(range(1))
    assert project.run("publish").returncode == 0
    log = project.root / ".franc/events.sqlite"
    log.write_bytes(b"x" * 100 + log.read_bytes()[100:])
    done = project.run("plan")
    assert done.returncode == 2
    assert "it is the ledger, and without it all requests are published again" in done.stderr


def test_watch_lists_every_exit_code_that_it_has(project: Project) -> None:
    page = project.run("watch", "--help").stdout
    codes = dict(re.findall(r"^ +(\d+) +(.*)$", page, re.MULTILINE))
    assert list(codes) == ["0", "1", "2", "4", "5", "6", "7", "130", "143"]
    once = [code for code, words in codes.items() if words.startswith("with --once: ")]
    assert once == ["1", "4", "5", "6", "7"]


# --- formats --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "subject"),
    [
        ("validate", "findings"),
        ("plan", "plan"),
        ("publish", "report"),
        ("cancel", "edits"),
        ("replay", "requests"),
        ("adopt", "requests"),
        ("status", "requests"),
        ("events", "events"),
        ("doctor", "checks"),
        ("topics check", "topics"),
        ("config show", "settings"),
    ],
)
def test_the_help_page_names_the_formats_that_there_are(
    project: Project, verb: str, subject: str
) -> None:
    page = project.run(*verb.split(), "--help").stdout
    named = re.search(r"--output ([a-z|]+)", page)
    assert named
    assert sorted(named[1].split("|")) == formats(subject)
