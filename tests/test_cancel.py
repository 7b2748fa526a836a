"""`cancel`: one line is put into the right place of the right file, and nothing else changes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from franc_gitops.cli.cancel import _replace
from franc_gitops.errors import UsageError
from franc_gitops.pipeline.cancellation import check_reason
from franc_gitops.repositories.given import find_request_files
from franc_gitops.repositories.replacing import replace_files
from franc_gitops.strict_yaml import CannotEdit, add_field, load
from tests.support.edited import CANCELLATION, OTHER, Outcome, World, text
from tests.support.inprocess import Done, run
from tests.support.volumes import Volume

CHANGE, OTHER_CHANGE = "CHG-2024-000001", "CHG-2024-000002"
REQUEST_ID = f"datacenter_{CHANGE}"

LAYOUTS = {
    "plain": "a: x\nn: CHG\nb: y\n",
    "comments": "# head\na: x\nn: CHG   # ours\n# tail\nb: y\n# end\n",
    "no line break at the end": "a: x\nn: CHG",
    "comment without line break at the end": "a: x\nn: CHG # ours",
    "one line": "n: CHG",
    "windows": "a: x\r\nn: CHG\r\nb: y\r\n",
    "windows without line break at the end": "a: x\r\nn: CHG",
    "indented": "  a: x\n  n: CHG\n  b: y\n",
    "markers": "---\na: x\nn: CHG\n...\n",
    "markers and comments": "# head\n--- # begin\nn: CHG\n... # end\n# after\n",
    "flow": "{a: x, n: CHG, b: y}\n",
    "flow at the end": "--- {a: x, n: CHG}\n...\n",
    "flow over lines": "{\n  a: x,   # first\n  n: CHG  # ours\n  , b: [1, 2]\n}\n",
    "json": '{"a": "x", "n": "CHG", "b": ["y"]}',
    "json over lines": '{\n  "a": "x",\n  "n": "CHG"\n}\n',
    "quoted": '"a": \'x\'\n"n": "CHG"\nb: y\n',
    "explicit keys": "? a\n: x\n? n\n: CHG\n? b\n: y\n",
    "anchors": "&k a: &v x\nn: &c CHG\nb: *v\n",
    "anchored document": "--- &d\na: x\nn: CHG\n",
    "aliased value": "a: &c CHG\nn: *c\nb: y\n",
    "aliased value between braces": "{a: &c CHG, n: *c}\n",
    "block scalar": "a: x\nn: >-\n  CHG\nb: y\n",
    "block scalar at the end": "a: x\nn: |-\n  CHG",
    "block scalar and blank lines": "n: |-\n  CHG\n\n\n# below\nb: y\n",
    "value below its key": "a: x\nn:\n  CHG\nb: y\n",
    "value over lines": "n: 'CHG\n  2'\nb: y\n",
    "nested": "l:\n  - {n: no, cancel: no}\n  - n: no\n    cancel: no\nn: CHG\nm: {n: [no]}\n",
    "beyond ASCII": "ä: é # ü\nn: CHG # ö\n",
    "empty": "a: x\ncancel:\nn: CHG\n",
    "empty with comment": "a: x\ncancel:   # not yet\nn: CHG\n",
    "null": "a: x\ncancel: ~\nn: CHG\n",
    "null between braces": "{cancel: null, n: CHG}\n",
    "nothing between braces": "{a: x, cancel: , n: CHG}\n",
    "empty at the end": "n: CHG\ncancel:",
}
LINE = "wrong site"
LINES = "wrong site:\n\n  - the one in Boston\n # is meant\nagain"


def removed(old: str, new: str) -> str:
    """Give what an edit in one place took out of a text."""
    before = alike(old, new)
    after = alike(old[before:][::-1], new[before:][::-1])
    return old[before : len(old) - after]


def alike(one: str, other: str) -> int:
    """Count the characters that two texts begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


@pytest.mark.parametrize("reason", [LINE, LINES], ids=["line", "lines"])
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_field_is_put_in_and_nothing_else_changes(layout: str, reason: str) -> None:
    made = add_field(layout.encode(), 1, "cancel", reason, after="n").decode()
    assert load(made.encode()) == [load(layout.encode())[0] | {"cancel": reason}]
    assert removed(layout, made) in {"", "~", "null"}
    assert ("\r\n" in made) == ("\r\n" in layout)
    assert made.count("\n") - made.count("\r\n") == 0 or "\r\n" not in made
    assert made.endswith("\n") == layout.endswith("\n")


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        (
            LAYOUTS["comments"],
            "# head\na: x\nn: CHG   # ours\ncancel: wrong site\n# tail\nb: y\n# end\n",
        ),
        (LAYOUTS["no line break at the end"], "a: x\nn: CHG\ncancel: wrong site"),
        (LAYOUTS["windows"], "a: x\r\nn: CHG\r\ncancel: wrong site\r\nb: y\r\n"),
        (LAYOUTS["flow"], "{a: x, n: CHG, cancel: wrong site, b: y}\n"),
        (LAYOUTS["json"], '{"a": "x", "n": "CHG", "cancel": "wrong site", "b": ["y"]}'),
        (LAYOUTS["indented"], "  a: x\n  n: CHG\n  cancel: wrong site\n  b: y\n"),
        (LAYOUTS["empty with comment"], "a: x\ncancel: wrong site   # not yet\nn: CHG\n"),
    ],
)
def test_it_stands_where_a_human_would_put_it(layout: str, expected: str) -> None:
    assert add_field(layout.encode(), 1, "cancel", LINE, after="n").decode() == expected


def test_json_stays_json() -> None:
    for layout in (LAYOUTS["json"], LAYOUTS["json over lines"]):
        made = add_field(layout.encode(), 1, "cancel", LINES, after="n")
        assert json.loads(made) == json.loads(layout) | {"cancel": LINES}


def test_several_lines_are_written_as_such() -> None:
    made = add_field(b"n: CHG\r\nb: y\r\n", 1, "cancel", "one\n\n  two", after="n")
    assert made == b"n: CHG\r\ncancel: |-\r\n  one\r\n\r\n    two\r\nb: y\r\n"


def test_the_document_that_is_meant_is_edited() -> None:
    data = b"n: A\n---\n{n: B}\n---\n# third\nn: C\n"
    assert add_field(data, 2, "cancel", "x", after="n") == data.replace(b"B", b"B, cancel: x")
    assert add_field(data, 3, "cancel", "x", after="n") == data + b"cancel: x\n"


_REASONS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@given(_REASONS, st.sampled_from(sorted(LAYOUTS.values())))
@example(" - not a list", LAYOUTS["plain"])
@example("a\n  b\n\n c", LAYOUTS["windows"])
@example("a\n   \nb", LAYOUTS["plain"])
@example("--- x\n... y", LAYOUTS["plain"])
@example("%YAML", LAYOUTS["no line break at the end"])
@example("no", LAYOUTS["flow"])
@example("x: y # z, } ] \" '", LAYOUTS["flow"])
def test_any_reason_that_a_file_may_hold_is_written(reason: str, layout: str) -> None:
    """It is read back as it was given, or it is refused before anything is edited."""
    try:
        text = check_reason(reason)
    except UsageError:
        return
    made = add_field(layout.encode(), 1, "cancel", text, after="n")
    assert load(made)[0]["cancel"] == text


@pytest.mark.parametrize(
    "data",
    [
        b"n: [CHG\n",
        b"a: x\n",
        b"{cancel, n: CHG}\n",
        b"cancel: &a\nb: *a\nn: CHG\n",
        b"n: !!str x\n",
    ],
)
def test_what_cannot_safely_be_edited_is_left_alone(data: bytes) -> None:
    with pytest.raises(CannotEdit):
        add_field(data, 1, "cancel", LINE, after="n")


# --- the verb ------------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A repository with a published request, and one that is not published."""
    world = World(tmp_path)
    world.commit({"a.yaml": text()})
    world.publish()
    world.commit({"b.yaml": OTHER})
    return world


def cancel(world: World, *arguments: str, code: int = 0, reason: str = LINE) -> Done:
    """Cancel, and check the exit code."""
    done = run(world.clone.root, "cancel", *arguments, "--reason", reason)
    assert done.code == code, done.err
    return done


def content(world: World, path: str = "a.yaml") -> str:
    """Read a request file."""
    return (world.clone.root / "requests" / path).read_bytes().decode()


def with_cancel(written: str, reason: str = LINE) -> str:
    """Give a request of `text` with the line where the verb puts it."""
    return written.replace("dc_name", f"cancel: {reason}\ndc_name")


def test_a_published_request_is_cancelled_by_the_edit_and_a_commit(world: World) -> None:
    done = cancel(world, CHANGE)
    assert done.out == "requests/a.yaml\n"
    assert content(world) == with_cancel(text())
    assert content(world, "b.yaml") == OTHER
    assert f"{REQUEST_ID} (requests/a.yaml:3) is published: publish will send" in done.err
    assert "next: git commit" in done.err
    world.git("commit", "--quiet", "--all", "--message", "Cancel it")
    world.commit({"b.yaml": None})
    assert world.publish() == Outcome(CANCELLATION, "Cancelled")


def test_of_an_unpublished_request_it_says_that_nothing_will_be_sent(world: World) -> None:
    done = cancel(world, OTHER_CHANGE)
    assert content(world, "b.yaml") == with_cancel(OTHER)
    assert "no status file says that it is published; if it is not, nothing is sent" in done.err


def test_a_cancelled_request_is_left_as_it_is(world: World) -> None:
    cancel(world, CHANGE, reason="the first reason")
    done = cancel(world, CHANGE, reason="another reason")
    assert done.out == ""
    assert "is cancelled already: the first reason" in done.err
    assert "nothing to do" in done.err
    assert "another" not in content(world)


def test_several_requests_are_cancelled_at_once(world: World) -> None:
    done = cancel(world, CHANGE, f"datacenter_{OTHER_CHANGE}")
    assert done.out == "requests/a.yaml\nrequests/b.yaml\n"
    assert "2 requests in 2 files" in done.err


ITEMS = "---\n".join(text(item=item) for item in ("one", "two", "three"))


def test_all_requests_of_a_change_are_cancelled(world: World) -> None:
    world.commit({"a.yaml": ITEMS})
    cancel(world, CHANGE)
    assert content(world) == with_cancel(ITEMS)


@pytest.mark.parametrize(
    "chosen",
    [
        [CHANGE, "--item", "two"],
        [f"{REQUEST_ID}_two"],
        ["--type", "datacenter_deployment", CHANGE, "--item", "two"],
    ],
)
def test_one_of_several_is_chosen(world: World, chosen: list[str]) -> None:
    world.commit({"a.yaml": ITEMS})
    cancel(world, *chosen)
    read = load(content(world).encode())
    assert [document.get("cancel") for document in read] == [None, LINE, None]


def test_a_choice_that_fits_nothing_names_what_there_is(world: World) -> None:
    done = cancel(world, CHANGE, "--item", "four", code=2)
    assert f"hint: there is {REQUEST_ID}\n" in done.err
    assert content(world) == text()


def test_a_dry_run_shows_the_edit_and_writes_nothing(world: World) -> None:
    done = cancel(world, CHANGE, "--dry-run")
    assert "+++ b/requests/a.yaml\n" in done.out
    assert [line for line in done.out.splitlines() if line.startswith(("+", "-"))][2:] == [
        f"+cancel: {LINE}"
    ]
    assert content(world) == text()
    assert "would edit 1 file" in done.err


def test_the_diff_of_a_dry_run_can_be_applied(world: World) -> None:
    world.commit({"a.yaml": text().rstrip("\n"), "b.yaml": OTHER.replace("\n", "\r\n")})
    done = run(world.clone.root, "cancel", CHANGE, OTHER_CHANGE, "--reason", LINE, "--dry-run")
    world.clone.git("apply", stdin=done.out.encode())
    assert content(world) == with_cancel(text()).rstrip("\n")
    assert content(world, "b.yaml") == with_cancel(OTHER).replace("\n", "\r\n")


def test_scripts_are_told_what_was_edited(world: World) -> None:
    done = cancel(world, CHANGE, OTHER_CHANGE, "-o", "json")
    assert json.loads(done.out) == [
        {
            "request_id": REQUEST_ID,
            "path": "requests/a.yaml",
            "line": 3,
            "reason": LINE,
            "edited": True,
            "published": True,
        },
        {
            "request_id": f"datacenter_{OTHER_CHANGE}",
            "path": "requests/b.yaml",
            "line": 3,
            "reason": LINE,
            "edited": True,
            "published": None,
        },
    ]


def test_permissions_stay_and_links_are_followed(world: World) -> None:
    folder = world.clone.root / "requests"
    (folder / "a.yaml").rename(world.clone.root / "shared.txt")
    (folder / "a.yaml").symlink_to("../shared.txt")
    (folder / "b.yaml").chmod(0o640)
    cancel(world, CHANGE, OTHER_CHANGE)
    assert (folder / "a.yaml").is_symlink()
    assert (world.clone.root / "shared.txt").read_text() == with_cancel(text())
    assert (folder / "b.yaml").stat().st_mode & 0o777 == 0o640
    assert sorted(file.name for file in folder.iterdir()) == ["a.yaml", "b.yaml"]


def test_a_full_disk_is_named_and_nothing_is_left_beside_the_files(tmp_path: Path) -> None:
    volume = Volume(tmp_path / "requests", "64k")
    if not volume.is_there:
        pytest.skip("nothing can be mounted here")
    try:
        names = ["a.yaml", "b.yaml"]
        old = {str(volume.folder / name): f"# {name}\n".encode() * 2000 for name in names}
        for file, content in old.items():
            Path(file).write_bytes(content)
        new = {file: content + b"# more\n" for file, content in old.items()}
        with pytest.raises(OSError, match="No space left on device: ") as found:
            replace_files(old, new)
        assert found.value.filename == str(volume.folder / "b.yaml")
        assert sorted(file.name for file in volume.folder.iterdir()) == names
        assert all(Path(file).read_bytes() == content for file, content in old.items())
    finally:
        volume.close()


def test_what_a_killed_run_left_behind_is_in_nobodys_way(world: World) -> None:
    """A container gives each run the same process id."""
    folder = world.clone.root / "requests"
    for name in ("a.yaml", "b.yaml"):
        (folder / f".{name}.franc-tmp-{os.getpid()}").write_text("half a fi")
    cancel(world, CHANGE)
    assert content(world) == with_cancel(text())


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("CHG-2024-000012", "did you mean CHG-2024-00000"),
        ("nonsense", "franc-gitops status"),
        ("not text \udcff", "franc-gitops status"),
    ],
)
def test_what_is_not_there_is_refused_with_what_may_be_meant(
    world: World, wanted: str, told: str
) -> None:
    done = cancel(world, CHANGE, wanted, code=2)
    assert f"there is no request {wanted}" in done.err
    assert told in done.err
    assert content(world) == text()


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("", "cancel is empty"),
        (" \n ", "cancel is empty"),
        ("a\x07b", "a character that a request file must not hold"),
        ("a\u200bb", "a character that a request file must not hold"),
        ("x" * 4001, "4,001 characters"),
    ],
)
def test_a_reason_that_no_file_may_hold_is_refused(world: World, reason: str, told: str) -> None:
    assert told in cancel(world, CHANGE, code=2, reason=reason).err
    assert content(world) == text()


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (f"{text()}---\n{text(item='x', location=None)}", "FRN201"),
        (f"{text()}location: again\n", "FRN107"),
        (f"{{cancel, {', '.join(text().splitlines())}}}\n", "FRN422"),
    ],
)
def test_a_file_that_would_be_held_anyway_is_not_edited(
    world: World, wrong: str, code: str
) -> None:
    """Neither is any other: half a cancellation is none."""
    world.clone.write("requests/b.yaml", wrong.replace(CHANGE, OTHER_CHANGE))
    done = cancel(world, CHANGE, OTHER_CHANGE, code=1)
    assert f"error {code}" in done.out
    assert "nothing was edited" in done.err
    assert content(world) == text()


def test_a_wrong_file_that_is_not_meant_does_not_matter(world: World) -> None:
    world.clone.write("requests/b.yaml", "n: [")
    cancel(world, CHANGE)
    assert content(world) == with_cancel(text())


def test_a_wrong_file_that_mentions_the_change_matters_only_if_nothing_else_is_found(
    world: World,
) -> None:
    world.clone.write("requests/b.yaml", f"# see {CHANGE} and {OTHER_CHANGE}\nn: [")
    cancel(world, CHANGE)
    assert content(world) == with_cancel(text())
    done = cancel(world, OTHER_CHANGE, code=1)
    assert done.out.startswith("requests/b.yaml:")
    assert "error FRN111" in done.out


def test_a_request_in_two_places_is_refused_with_both(world: World) -> None:
    world.clone.write("requests/c.yaml", text(location="Boston"))
    done = cancel(world, CHANGE, code=1)
    assert "requests/a.yaml:3, requests/c.yaml:3" in done.out
    assert content(world) == text()


def test_a_file_that_somebody_changes_meanwhile_is_not_overwritten(world: World) -> None:
    root = world.clone.root
    found = find_request_files(root, [str(root / "requests")], ())
    old = {"requests/a.yaml": text().encode(), "requests/b.yaml": OTHER.encode()}
    world.clone.write("requests/b.yaml", "somebody: else\n")
    with pytest.raises(UsageError, match="was changed meanwhile"):
        _replace(found, old, dict.fromkeys(old, b"new"))
    assert content(world) == text()
    assert content(world, "b.yaml") == "somebody: else\n"
    assert sorted(file.name for file in (root / "requests").iterdir()) == ["a.yaml", "b.yaml"]


def test_a_repository_without_requests_is_refused(tmp_path: Path) -> None:
    (tmp_path / "franc-gitops.yaml").write_text("")
    done = run(tmp_path, "cancel", CHANGE, "--reason", "x")
    assert done.code == 2
    assert "there is no request file below" in done.err
