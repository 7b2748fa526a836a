"""Reading a plain folder: what may lie in one, and the paths that users name."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from franc_gitops.errors import RepositoryError
from franc_gitops.model import UNKNOWN_PROVENANCE, Problem, SourceFile
from franc_gitops.repositories import directory
from franc_gitops.repositories.directory import DirectoryRepository, find_files
from franc_gitops.repositories.files import read_regular
from franc_gitops.repositories.names import SIZE_LIMIT
from tests.support.unprivileged import unprivileged

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with one request."""
    write(tmp_path / "requests/a.yaml", "a")
    return tmp_path


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder with one request that every user of the machine may enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    write(folder / "requests/a.yaml", "a")
    yield folder
    shutil.rmtree(folder)


def write(file: Path, content: str | bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def listed(root: Path) -> tuple[list[str], dict[str, str]]:
    snapshot = DirectoryRepository(root).snapshot()
    return list(snapshot.files), {found.path: found.code for found in snapshot.problems}


# --- what may lie in a folder ---------------------------------------------------------------


def test_fifos_sockets_and_what_leads_to_devices_are_never_opened(root: Path) -> None:
    os.mkfifo(root / "requests/fifo.yaml")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "requests/socket.yml"))
        os.mkfifo(root / "requests/fifo")
        (root / "requests/linked.yaml").symlink_to("fifo")
        (root / "requests/zero.yaml").symlink_to("/dev/zero")
        assert listed(root) == (
            ["requests/a.yaml"],
            {
                "requests/fifo.yaml": "FRN121",
                "requests/socket.yml": "FRN121",
                "requests/linked.yaml": "FRN122",
                "requests/zero.yaml": "FRN122",
            },
        )


def test_a_device_is_never_opened() -> None:
    found = find_files(["/dev/zero", "/dev/null"], Path("/"))
    assert [problem.code for problem in found.problems] == ["FRN121", "FRN121"]
    assert found.files == {}


def test_a_file_that_became_something_else_is_not_read(root: Path) -> None:
    (root / "link").symlink_to(root / "requests/a.yaml")
    os.mkfifo(root / "fifo")
    for name, code in (("link", "FRN120"), ("fifo", "FRN121"), ("requests", "FRN121")):
        problem = read_regular(str(root / name), name)
        assert isinstance(problem, Problem)
        assert (problem.code, problem.path) == (code, name)


def test_a_file_that_grows_while_it_is_read_is_cut_at_the_limit(root: Path) -> None:
    endless = write(root / "requests/a.yaml", b"x" * 10)
    content = read_regular(str(endless), "a")
    assert content == b"x" * 10
    assert read_regular("/proc/self/status", "status"), "its size is said to be 0"
    os.truncate(endless, 1 << 40)
    content = read_regular(str(endless), "a")
    assert isinstance(content, bytes)
    assert len(content) == SIZE_LIMIT + 1


def test_what_cannot_be_read_is_named_and_the_rest_is_read(open_folder: Path) -> None:
    write(open_folder / "requests/closed.yaml", "closed").chmod(0)
    write(open_folder / "requests/folder/b.yaml", "b")
    (open_folder / "requests/folder").chmod(0)
    write(open_folder / "requests/zzz.yaml", "z")
    files, problems = unprivileged(lambda: listed(open_folder))
    (open_folder / "requests/folder").chmod(0o755)
    assert files == ["requests/a.yaml", "requests/zzz.yaml"]
    assert problems == {"requests/closed.yaml": "FRN120", "requests/folder": "FRN120"}


def test_a_requests_folder_that_cannot_be_read_is_an_error(open_folder: Path) -> None:
    (open_folder / "requests").chmod(0)

    def attempt() -> str:
        with pytest.raises(RepositoryError) as caught:
            DirectoryRepository(open_folder).snapshot()
        return caught.value.message

    message = unprivileged(attempt)
    (open_folder / "requests").chmod(0o755)
    assert "Permission denied" in message


def test_a_root_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="there is no folder"):
        DirectoryRepository(tmp_path / "nowhere").snapshot()


def test_a_root_behind_a_link_is_fine(root: Path, tmp_path: Path) -> None:
    """As git-sync and mounted configuration do it."""
    (root / "requests/link.yaml").symlink_to("a.yaml")
    (tmp_path / "current").symlink_to(root)
    assert listed(tmp_path / "current") == (["requests/a.yaml", "requests/link.yaml"], {})


def test_a_mounted_configuration_is_read_once(tmp_path: Path) -> None:
    """Kubernetes mounts files as links through a hidden link to a hidden folder."""
    write(tmp_path / "requests/..2026_01/a.yaml", "a")
    (tmp_path / "requests/..data").symlink_to("..2026_01")
    (tmp_path / "requests/a.yaml").symlink_to("..data/a.yaml")
    assert listed(tmp_path) == (["requests/a.yaml"], {})


def test_folders_too_deep_for_any_path_are_a_problem(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root / "requests")
    name = "d" * 200
    for _ in range(25):
        os.mkdir(name)  # noqa: PTH102 - one step at a time: the whole path is too long
        os.chdir(name)
        Path("b.yaml").touch()
    monkeypatch.chdir(root)
    files, problems = listed(root)
    subprocess.run(["rm", "-rf", root / "requests" / name], check=True)
    assert len(files) > 15
    assert set(problems.values()) == {"FRN120"}


# --- snapshots ------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [16 << 20, 0])
def test_a_file_changed_after_the_snapshot(
    root: Path, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "_KEPT_BYTES", kept)
    for name in ("gone", "replaced", "same"):
        write(root / f"requests/{name}.yaml", name)
    repository = DirectoryRepository(root)
    files = [SourceFile(*item) for item in repository.snapshot().files.items()]
    write(root / "requests/replaced.yaml", "other content")
    write(root / "requests/same.yaml", "same")
    (root / "requests/gone.yaml").unlink()
    first = {file.path: content for file, content in repository.read(files)}
    again = {file.path: content for file, content in repository.read(files)}
    for found in (first, again) if not kept else (again,):
        for path in ("requests/gone.yaml", "requests/replaced.yaml"):
            problem = found[path]
            assert isinstance(problem, Problem)
            assert problem.code == "FRN120"
    for found in (first, again):
        assert found["requests/a.yaml"] == b"a"
        assert found["requests/same.yaml"] == b"same"


def test_provenance_is_the_time_of_modification(root: Path) -> None:
    nanoseconds = 1_750_000_000_123_456_789
    os.utime(root / "requests/a.yaml", ns=(0, nanoseconds))
    write(root / "requests/b.yaml", "b")
    repository = DirectoryRepository(root)
    snapshot = repository.snapshot()
    (root / "requests/b.yaml").unlink()
    found = repository.provenance(snapshot, snapshot.files)
    assert found["requests/a.yaml"].time == datetime(2025, 6, 15, 15, 6, 40, 123456, tzinfo=UTC)
    assert found["requests/a.yaml"].commit == ""
    assert found["requests/b.yaml"] == UNKNOWN_PROVENANCE, "it is gone"


# --- paths that users name ------------------------------------------------------------------


@pytest.fixture
def project(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a few things in it; the current folder is its root."""
    for path in ("requests/2024/b.yml", "status/a.yaml", ".github/ci.yaml", "notes.txt"):
        write(root / path, path)
    monkeypatch.chdir(root)
    return root


def test_folders_give_their_request_files_and_files_are_taken_as_they_are(project: Path) -> None:
    found = find_files(["requests", "notes.txt", "requests/a.yaml"], project)
    assert found.files == {
        path: str(project / path)
        for path in ("requests/2024/b.yml", "requests/a.yaml", "notes.txt")
    }
    assert (found.problems, found.unmatched) == ([], [])


def test_the_whole_project_is_searched_without_what_is_skipped(project: Path) -> None:
    found = find_files(["."], project, skip=[project / "status"])
    assert list(found.files) == ["requests/2024/b.yml", "requests/a.yaml"]
    found = find_files([".github", "status/a.yaml"], project, skip=[project / "status"])
    assert list(found.files) == [".github/ci.yaml", "status/a.yaml"]


def test_paths_are_shown_from_the_root_wherever_one_stands(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.chdir(project / "requests/2024")
    outside = write(tmp_path_factory.mktemp("outside") / "x.yaml", "x")
    found = find_files(["b.yml", "../a.yaml", str(outside), str(project)], project)
    assert list(found.files) == [
        "requests/2024/b.yml",
        "requests/a.yaml",
        str(outside),
        "status/a.yaml",
    ]


def test_paths_that_lead_to_nothing_are_told(project: Path) -> None:
    (project / "empty").mkdir()
    (project / "dangling").symlink_to("nothing")
    paths = ["requests", "no.yaml", "empty", "requests/a.yaml/b", "bad\0name", "", "dangling"]
    found = find_files(paths, project)
    assert found.unmatched == ["no.yaml", "empty", "requests/a.yaml/b", "bad\0name", "dangling"]


def test_links_that_are_named_obey_the_same_rules(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    secret = write(tmp_path_factory.mktemp("outside") / "secret.yaml", "x")
    (project / "inside").symlink_to("requests/a.yaml")
    (project / "outside.yaml").symlink_to(secret)
    (project / "folder").symlink_to("requests")
    found = find_files(["inside", "outside.yaml", "folder"], project)
    assert list(found.files) == ["inside", "folder/2024/b.yml", "folder/a.yaml"]
    assert [(problem.path, problem.code) for problem in found.problems] == [
        ("outside.yaml", "FRN122")
    ]


def test_a_fifo_that_is_named_is_not_opened(project: Path) -> None:
    os.mkfifo(project / "pipe")
    found = find_files(["pipe", "bad\nname"], project)
    assert [(problem.path, problem.code) for problem in found.problems] == [("pipe", "FRN121")]
    write(project / "bad\nname", "x")
    found = find_files(["bad\nname"], project)
    assert [(problem.path, problem.code) for problem in found.problems] == [
        (r"bad\nname", "FRN123")
    ]
