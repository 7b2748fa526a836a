"""Whatever stands below `requests/`: a located problem with a stable code, and the rest goes on.

Never a traceback, never a hang, never unbounded memory: every command here runs with little
address space and little time. The content of files is in `CONTENTS`; names, links and special
files are made by the tests.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from bench.corpus import request_text
from tests.support.project import COMMAND, Project, new_project

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SECONDS = 30
ADDRESS_SPACE = 400 << 20
"""Bytes: Python with all that a verb imports takes half of it, and a bomb takes more than all."""

GOOD = range(10)
"""Requests that have nothing to do with the bad files beside them."""

REQUEST = """\
type: pop_deployment
change_number: CHG-2024-990001
pop_name: NYC-PoP-1
location: New York Metro
design_pattern: Hub-Spoke
provider: Equinix
"""


class Bad(NamedTuple):
    """A file's content, and the problem that must be found first."""

    content: bytes
    code: str
    line: int = 1
    column: int = 1


def with_line(text: str, after: str = "pop_name") -> bytes:
    """Put a line after one of the request's."""
    lines = REQUEST.splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if line.startswith(after))
    return "".join([*lines[: at + 1], text, "\n", *lines[at + 1 :]]).encode()


def with_value(field: str, value: str) -> bytes:
    """Give a field of the request another value."""
    lines = [
        f"{field}: {value}\n" if line.startswith(f"{field}:") else line
        for line in REQUEST.splitlines(keepends=True)
    ]
    return "".join(lines).encode()


def laughs() -> bytes:
    """Nine lines that stand for a thousand million values."""
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)]
    return "".join(lines).encode()


def interfaces(count: int) -> bytes:
    """Connect a device with so many interfaces."""
    head = (
        "type: device_connection\nchange_number: CHG-2024-990002\ndevice_name: NYC-Core-SW01\n"
        "device_type: Switch\nlocation: NYC Building A\ninterfaces:\n"
    )
    rows = "".join(f"  - {{name: Gi0/{n}, speed: 1 Gbit, role: data}}\n" for n in range(count))
    return (head + rows).encode()


CONTENTS = {
    "duplicate-key": Bad(with_line("pop_name: NYC-PoP-2"), "FRN107", 4, 1),
    "tag": Bad(with_value("pop_name", "!!str NYC"), "FRN108", 3, 11),
    "python-tag": Bad(with_value("pop_name", "!!python/object:os.system x"), "FRN108", 3, 11),
    "merge-key": Bad(with_line("<<: {location: BOS}"), "FRN109", 4, 1),
    "laughs": Bad(laughs(), "FRN106", 5),
    "deep-lists": Bad(b"[" * 200_000, "FRN105", 1, 17),
    "deep-mappings": Bad(b"{a: " * 200_000, "FRN105"),
    "deep-blocks": Bad(
        b"".join(b" " * n + b"a:\n" for n in range(1200)) + b" " * 1200 + b"b", "FRN105", 17, 17
    ),
    "many-lists": Bad(b"- " * 200_000 + b"x", "FRN105"),
    "fifty-megabytes": Bad(b"# " + b"x" * (50 << 20), "FRN104"),
    "nul": Bad(with_value("pop_name", "NYC\0PoP"), "FRN103", 3, 14),
    "nul-only": Bad(b"\0" * 4096, "FRN101"),
    "escape": Bad(with_value("pop_name", "NYC\x1b[2J"), "FRN103", 3, 14),
    "byte-order-mark": Bad(b"\xef\xbb\xbf" + REQUEST.encode(), "FRN102"),
    "utf-16": Bad(REQUEST.encode("utf-16"), "FRN101"),
    "utf-16-without-mark": Bad(REQUEST.encode("utf-16-le"), "FRN101"),
    "latin-1": Bad(with_value("location", "Zürich").decode().encode("latin-1"), "FRN101", 4, 12),
    "half-a-character": Bad(with_value("location", "Zürich")[:60] + b"\xc3", "FRN101", 3),
    "surrogate": Bad(REQUEST.encode() + b"# \xed\xa0\x80\n", "FRN101", 7, 3),
    "bidirectional": Bad(with_value("pop_name", "NYC\u202ePoP"), "FRN113", 3),
    "zero-width": Bad(with_value("pop_name", "NYC\u200bPoP"), "FRN113", 3),
    "line-separator": Bad(with_value("pop_name", '"NYC\\u2028PoP"'), "FRN113", 3),
    "escaped-nul": Bad(with_value("pop_name", '"NYC\\0PoP"'), "FRN113", 3),
    "empty": Bad(b"", "FRN115"),
    "only-comments": Bad(b"# nothing\n\n# here\n", "FRN115"),
    "only-markers": Bad(b"---\n---\n...\n", "FRN110", 2),
    "a-list": Bad(b"- type: pop_deployment\n", "FRN110"),
    "a-word": Bad(b"hello\n", "FRN110"),
    "not-yaml": Bad(b"type: pop_deployment\n\tlocation: x: y\n", "FRN111", 2),
    "open-quote": Bad(b'type: "pop_deployment\nlocation: x\n', "FRN111", 3),
    "directive": Bad(b"%YAML 1.1\n---\n" + REQUEST.encode(), "FRN116"),
    "alias-to-nowhere": Bad(with_line("user_id: *nobody"), "FRN117", 4, 10),
    "key-is-a-list": Bad(b"[type]: pop_deployment\n", "FRN112"),
    "a-program": Bad(b"\x7fELF" + bytes(range(256)) * 100, "FRN101", 2),
    "too-many-interfaces": Bad(interfaces(15_000), "FRN106", 14_290),
    "unknown-field": Bad(with_line("locaton: BOS"), "FRN202", 4, 1),
    "missing-field": Bad(REQUEST.replace("location: New York Metro\n", "").encode(), "FRN201"),
    "no-change-number": Bad(with_value("change_number", "CHG-24-1"), "FRN206", 2, 16),
}


# --- running the program --------------------------------------------------------------------------


def bounded(
    project: Project, *arguments: str, before: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run with little memory and little time; whatever comes out is text without surprises."""
    done = subprocess.run(
        [*before, *COMMAND, *arguments],
        cwd=project.root,
        env=project.variables(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=SECONDS,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE)),
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in err, err
    assert "this is a bug" not in err, err
    assert all(char.isprintable() or char == "\n" for char in out + err)
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def found(project: Project, *arguments: str, before: Sequence[str] = ()) -> dict[str, list[Any]]:
    """Validate, and give the problems by path."""
    done = bounded(project, "validate", "-o", "json", *arguments, before=before)
    assert done.returncode in {0, 1}, done.stderr
    problems: dict[str, list[Any]] = {}
    for problem in json.loads(done.stdout)["problems"]:
        problems.setdefault(problem["path"], []).append(problem)
    return problems


def codes(problems: dict[str, list[Any]]) -> dict[str, str]:
    """Give the first code of each path, without the folder of the requests."""
    return {path.removeprefix("requests/"): each[0]["code"] for path, each in problems.items()}


def good_and(tmp_path: Path) -> Project:
    """Make a repository of good requests, for others to be put beside them."""
    project = new_project(tmp_path / "work")
    project.add(GOOD)
    return project


def published(project: Project, *arguments: str) -> dict[str, str]:
    """Publish, and give the phase of every request by path."""
    done = bounded(project, "publish", "-o", "json", *arguments)
    assert done.returncode in {0, 1}, done.stderr
    return {row["path"]: row["phase"] for row in json.loads(done.stdout)["requests"]}


def values(project: Project) -> list[str]:
    """Give the exact bodies of all events."""
    done = bounded(project, "events", "-o", "jsonl")
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["value"] for line in done.stdout.splitlines()]


# --- what stands in a file ------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What came of one repository that holds all of `CONTENTS`."""

    problems: dict[str, list[Any]]
    text: str
    phases: dict[str, str]
    told: str
    events: list[str]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Validate all contents at once, and publish what is good."""
    project = good_and(tmp_path_factory.mktemp("contents"))
    files = {
        f"requests/bad/{name}.yaml": bad.content.replace(b"990001", b"%06d" % number)
        for number, (name, bad) in enumerate(CONTENTS.items(), 500)
    }
    project.clone.commit(files)
    done = bounded(project, "publish", "-o", "json")
    assert done.returncode == 1
    rows = json.loads(done.stdout)["requests"]
    return Outcome(
        found(project),
        bounded(project, "validate").stdout,
        {row["path"]: row["phase"] for row in rows if row["path"]},
        done.stderr,
        values(project),
    )


def is_across_files(problem: dict[str, Any]) -> bool:
    """Whether it is about several files: many of the bad ones name the same PoP."""
    return str(problem["code"]).startswith("FRN3")


@pytest.mark.parametrize("name", CONTENTS)
def test_bad_content_is_a_located_problem(outcome: Outcome, name: str) -> None:
    bad, path = CONTENTS[name], f"requests/bad/{name}.yaml"
    first = next(found for found in outcome.problems[path] if not is_across_files(found))
    assert (first["code"], first["line"]) == (bad.code, bad.line), first
    if bad.column > 1:
        assert first["column"] == bad.column, first
    assert f"{path}:{first['line']}:{first['column']}: error {bad.code}" in outcome.text


def test_good_files_beside_bad_ones_are_published(outcome: Outcome) -> None:
    assert set(outcome.problems) == {f"requests/bad/{name}.yaml" for name in CONTENTS}
    good = {path for path, phase in outcome.phases.items() if phase == "Completed"}
    assert good == {f"requests/0000/{n:06d}.yaml" for n in GOOD}
    assert len(outcome.events) == 3 * len(GOOD)


def test_one_poisoned_file_among_a_hundred_is_held_and_named(tmp_path: Path) -> None:
    project = new_project(tmp_path / "work")
    project.add(range(100))
    poison = "requests/0000/000050.yaml"
    project.clone.commit({poison: request_text(50).replace("Gi0/2", "Gi0/1")})
    done = bounded(project, "publish")
    assert done.returncode == 1
    assert f"{poison}:9:12: error FRN211" in done.stdout + done.stderr
    assert "99 published" in done.stderr
    assert "1 held" in done.stderr
    assert len(values(project)) == 297
    project.clone.commit({poison: request_text(50)})
    assert published(project)[poison] == "Completed"
    assert len(values(project)) == 300


def test_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    project = new_project(tmp_path / "work")
    project.clone.commit({"requests/crlf.yaml": REQUEST.replace("\n", "\r\n")})
    assert found(project) == {}
    assert published(project) == {"requests/crlf.yaml": "Completed"}
    assert "\\r" not in "".join(values(project))


def test_forty_documents_in_a_file_are_forty_requests(tmp_path: Path) -> None:
    project = new_project(tmp_path / "work")
    project.clone.commit({"requests/all.yaml": "---\n".join(request_text(n) for n in range(40))})
    assert found(project) == {}
    done = bounded(project, "publish")
    assert (done.returncode, "40 published" in done.stderr) == (0, True)
    assert len(values(project)) == 120


def test_ten_thousand_interfaces_are_one_request(tmp_path: Path) -> None:
    project = good_and(tmp_path)
    project.clone.commit({"requests/large.yaml": interfaces(10_000)})
    assert found(project) == {}
    assert published(project)["requests/large.yaml"] == "Completed"
    (body,) = (value for value in values(project) if "Gi0/9999" in value)
    assert len(json.loads(body)["interfaces"]) == 10_000


TEXTS = (
    "NO",
    "010",
    "1:30",
    "11:22:33:44:55:06",
    "1_000",
    "1.10",
    "2024-07-09",
    "1e3",
    "0x1F",
    "=",
)


@pytest.mark.parametrize("text", TEXTS)
def test_values_keep_their_text_into_the_bytes_of_the_event(
    kept_texts: dict[str, str], text: str
) -> None:
    body = kept_texts[text]
    assert json.loads(body)["location"] == text
    assert body.count(f'"{text}"') == 3


@pytest.fixture(scope="module")
def kept_texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Publish a request with each text as three of its values; give the bodies by text."""
    project = new_project(tmp_path_factory.mktemp("texts") / "work")
    files = {
        f"requests/{number}.yaml": REQUEST.replace("990001", f"{number:06d}")
        .replace("NYC-PoP-1", text)
        .replace("New York Metro", text)
        .replace("Equinix", text)
        for number, text in enumerate(TEXTS)
    }
    project.clone.commit(files)
    assert found(project) == {}
    published(project)
    bodies = (value for value in values(project) if '"pop_name"' in value)
    return {json.loads(body)["pop_name"]: body for body in bodies}


# --- what stands in the place of a file -----------------------------------------------------------


def make_socket(path: Path) -> None:
    """Bind a socket there; its name may not be long, so it is made elsewhere."""
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(path.parent)
        try:
            server.bind(path.name)
        finally:
            os.chdir(here)


SPECIAL: dict[str, tuple[Callable[[Path], None], str]] = {
    "fifo.yaml": (os.mkfifo, "FRN121"),
    "socket.yaml": (make_socket, "FRN121"),
    "device.yaml": (lambda path: path.symlink_to("/dev/zero"), "FRN122"),
    "loop.yaml": (lambda path: path.symlink_to("loop.yaml"), "FRN122"),
    "escape.yaml": (lambda path: path.symlink_to("/etc/passwd"), "FRN122"),
    "climb.yaml": (lambda path: path.symlink_to("../../../../../../etc/passwd"), "FRN122"),
    "nowhere.yaml": (lambda path: path.symlink_to("gone.yaml"), "FRN122"),
    "above.yaml": (lambda path: path.symlink_to(".."), "FRN122"),
    "unreadable.yaml": (lambda path: path.touch(mode=0), "FRN120"),
}


def not_as_root() -> tuple[str, ...]:
    """Give what takes from root the right to read what it may not."""
    drop = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    return drop if os.geteuid() == 0 else ()


def test_what_is_no_file_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    project = good_and(tmp_path)
    for name, (make, _) in SPECIAL.items():
        make(project.root / "requests" / name)
    inner = project.clone.write("requests/folder.yaml/inner.yaml", REQUEST)
    assert stat.S_ISREG(inner.stat().st_mode)
    expected = {name: code for name, (_, code) in SPECIAL.items()}
    assert codes(found(project, before=not_as_root())) == expected
    done = bounded(project, "publish", "--worktree", before=not_as_root())
    assert done.returncode == 1
    assert "11 published" in done.stderr
    assert all(f"requests/{name}" in done.stdout + done.stderr for name in SPECIAL)


@pytest.mark.parametrize("path", ["/dev/zero", "requests/fifo.yaml"])
def test_a_special_file_that_is_named_is_not_read(tmp_path: Path, path: str) -> None:
    project = good_and(tmp_path)
    os.mkfifo(project.root / "requests/fifo.yaml")
    ((problem,),) = found(project, path).values()
    assert problem["code"] in {"FRN121", "FRN122"}


def test_committed_links_out_and_in_circles_are_not_followed(tmp_path: Path) -> None:
    project = good_and(tmp_path)
    for name in ("loop.yaml", "escape.yaml", "climb.yaml", "nowhere.yaml", "above.yaml"):
        SPECIAL[name][0](project.root / "requests" / name)
    project.clone.write("elsewhere/request.yaml", REQUEST)
    project.clone.link("requests/inside.yaml", "../elsewhere/request.yaml")
    project.clone.commit()
    done = bounded(project, "publish")
    assert done.returncode == 1
    told = done.stdout + done.stderr
    assert told.count("FRN122") == 5
    assert "root:" not in told
    assert "11 published" in done.stderr
    (body,) = (value for value in values(project) if "NYC-PoP-1" in value)
    assert json.loads(body)["change_number"] == "CHG-2024-990001"


# --- names ----------------------------------------------------------------------------------------

REFUSED = {
    b"new\nline.yaml": "new\\nline.yaml",
    b"carriage\rreturn.yaml": "carriage\\rreturn.yaml",
    b"colour\x1b[31m.yaml": "colour\\x1b[31m.yaml",
    b"delete\x7f.yaml": "delete\\x7f.yaml",
    b"latin-\xfc.yaml": "latin-\\xfc.yaml",
    "backwards\u202elmay.yaml".encode(): "backwards\\u202elmay.yaml",
    "zero\u200bwidth.yaml".encode(): "zero\\u200bwidth.yaml",
}
TAKEN = (
    "--help.yaml",
    "-rf.yaml",
    '"quoted".yaml',
    "it's.yaml",
    "back\\slash.yaml",
    "}, {path: x.yaml",
    "$(touch owned).yaml",
    "a:12:3: error FRN999.yaml",
    "::error::.yaml",
    " space .yaml",
    "📡 Zürich 東京.yaml",
    "%s%n.yaml",
    "*.yaml",
    f"{'long' * 62}12.yaml",
    f"{'東' * 83}a.yaml",
    "con.yaml",
    ".yaml.yaml",
)


def named(name: bytes | str, number: int) -> tuple[bytes, bytes]:
    """Give a file's name, and for each another request for another PoP."""
    raw = name if isinstance(name, bytes) else name.encode()
    return raw, REQUEST.replace("990001", f"{number:06d}").replace(
        "PoP-1", f"PoP-{number}"
    ).encode()


def test_names_that_cannot_be_shown_are_refused(tmp_path: Path) -> None:
    project = good_and(tmp_path)
    folder = os.fsencode(project.root / "requests")
    for number, name in enumerate(REFUSED, 500):
        raw, content = named(name, number)
        Path(os.fsdecode(folder + b"/" + raw)).write_bytes(content)
    expected = dict.fromkeys(REFUSED.values(), "FRN123")
    assert codes(found(project)) == expected
    project.clone.commit()
    done = bounded(project, "publish")
    assert done.returncode == 1
    assert f"{len(GOOD)} published" in done.stderr
    for shown in REFUSED.values():
        assert f"requests/{shown}:1:1: error FRN123" in done.stdout + done.stderr


def test_odd_names_are_taken_as_they_are(tmp_path: Path) -> None:
    project = good_and(tmp_path)
    project.clone.commit(
        {f"requests/{name}": named(name, number)[1] for number, name in enumerate(TAKEN, 500)}
    )
    expected = {f"requests/{name}" for name in TAKEN if not name.startswith(".")}
    assert found(project) == {}
    phases = published(project)
    assert {path for path in phases if "/0000/" not in path} == expected
    assert set(phases.values()) == {"Completed"}
    paths = {path for path in project.status_files() if "0000/" not in path}
    assert paths == {path.removeprefix("requests/") for path in expected}
    assert not list(project.root.rglob("owned"))
    again = bounded(project, "publish")
    assert (again.returncode, "0 published" in again.stderr) == (0, True)


def test_a_name_like_an_option_can_be_validated(tmp_path: Path) -> None:
    project = good_and(tmp_path)
    project.clone.write("--help.yaml", "hello\n")
    assert codes(found(project, "--", "--help.yaml")) == {"--help.yaml": "FRN110"}


def test_folders_as_deep_as_the_system_allows_are_read(tmp_path: Path) -> None:
    project = good_and(tmp_path)
    deep = "/".join(["d" * 200] * 15)
    project.clone.commit({f"requests/{deep}/request.yaml": REQUEST})
    assert found(project) == {}
    assert published(project)[f"requests/{deep}/request.yaml"] == "Completed"
    shutil.rmtree(project.root / "requests")
