"""What both repositories promise: the same files, ids and problems, whatever lies there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

import pytest

from franc_gitops.blobs import git_blob_id
from franc_gitops.errors import RepositoryError
from franc_gitops.model import UNKNOWN_PROVENANCE, SourceFile
from franc_gitops.repositories.directory import DirectoryRepository
from franc_gitops.repositories.git import GitRepository
from franc_gitops.repositories.names import SIZE_LIMIT, is_safe
from franc_gitops.strict_yaml import Limits
from franc_gitops.strict_yaml.scalars import HIDDEN
from tests.support.git import new_repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from franc_gitops.repositories import RequestRepository
    from tests.support.git import Clone


class Opener(Protocol):
    """Makes what stands in the work tree readable as a repository."""

    def __call__(self, requests_dir: str = "requests", root: str = ".") -> RequestRepository:
        """Commit everything, where the repository reads commits, and open it at a folder in it."""
        ...


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return new_repository(tmp_path / "repository")


@pytest.fixture(params=["git", "directory"])
def open_repository(request: pytest.FixtureRequest, clone: Clone) -> Iterator[Opener]:
    opened = []

    def open_it(requests_dir: str = "requests", root: str = ".") -> RequestRepository:
        repository: RequestRepository
        if request.param == "git":
            clone.commit()
            repository = GitRepository(clone.root / root, requests_dir)
        else:
            repository = DirectoryRepository(clone.root / root, requests_dir)
        opened.append(repository)
        return repository

    yield open_it
    for repository in opened:
        repository.close()


def contents(repository: RequestRepository) -> dict[str, object]:
    snapshot = repository.snapshot()
    files = [SourceFile(*item) for item in snapshot.files.items()]
    return {file.path: content for file, content in repository.read(files)}


def problems(repository: RequestRepository) -> dict[str, str]:
    return {found.path: found.code for found in repository.snapshot().problems}


def test_request_files_are_listed_with_their_git_ids_and_nothing_else(
    clone: Clone, open_repository: Opener
) -> None:
    wanted = ["requests/2024/a.yaml", "requests/2024/deep/er/b.yml", "requests/c.yaml"]
    for path in (*wanted, "requests/README.md", "requests/D.YAML", "other/e.yaml", "f.yaml"):
        clone.write(path, f"content of {path}")
    snapshot = open_repository().snapshot()
    assert dict(snapshot.files) == {p: git_blob_id(f"content of {p}".encode()) for p in wanted}
    assert list(snapshot.files) == sorted(wanted)
    assert snapshot.problems == ()


def test_the_id_is_what_git_calls_the_content(clone: Clone) -> None:
    file = clone.write("requests/a.yaml", b"\x00any\xffbytes\n")
    assert git_blob_id(file.read_bytes()) == clone.git("hash-object", str(file))


def test_content_comes_byte_for_byte_and_in_the_order_asked(
    clone: Clone, open_repository: Opener
) -> None:
    data = {f"requests/{n}.yaml": os.urandom(n * 37) for n in range(300)}
    for path, content in data.items():
        clone.write(path, content)
    repository = open_repository()
    snapshot = repository.snapshot()
    asked = [SourceFile(path, snapshot.files[path]) for path in reversed(data)]
    answers = list(repository.read(asked))
    assert [file for file, _ in answers] == asked
    assert [content for _, content in answers] == [data[file.path] for file in asked]


def test_reading_can_be_given_up_and_begun_again(clone: Clone, open_repository: Opener) -> None:
    for n in range(200):
        clone.write(f"requests/{n}.yaml", f"{n}" * 1000)
    repository = open_repository()
    files = [SourceFile(*item) for item in repository.snapshot().files.items()]
    first, second = repository.read(files), repository.read(files)
    assert next(iter(first)) == next(iter(second))
    del first, second
    assert len(list(repository.read(files))) == 200
    assert list(repository.read([])) == []


def test_a_folder_called_like_a_file_is_a_folder(clone: Clone, open_repository: Opener) -> None:
    clone.write("requests/x.yaml/y.yaml", "inside")
    assert contents(open_repository()) == {"requests/x.yaml/y.yaml": b"inside"}


def test_hidden_files_and_folders_are_passed_over(clone: Clone, open_repository: Opener) -> None:
    for path in (".a.yaml", ".drafts/b.yaml", "sub/._c.yaml", "sub/.d/e.yaml", "seen.yaml"):
        clone.write(f"requests/{path}", path)
    clone.link("requests/.lock.yaml", "nobody@nowhere.1")
    repository = open_repository()
    assert contents(repository) == {"requests/seen.yaml": b"seen.yaml"}
    assert problems(repository) == {}


def test_a_hidden_requests_folder_is_read(clone: Clone, open_repository: Opener) -> None:
    clone.write(".change/requests/a.yaml", "a")
    assert contents(open_repository(".change/requests")) == {".change/requests/a.yaml": b"a"}


def test_links_are_followed_to_files_inside_the_repository(
    clone: Clone, open_repository: Opener
) -> None:
    clone.write("shared/template.txt", "shared")
    clone.write("requests/z.yaml", "z")
    clone.link("requests/2024/a.yaml", "../../shared/template.txt")
    clone.link("requests/b.yaml", "2024/a.yaml")
    clone.link("requests/notes.txt", "z.yaml")
    repository = open_repository()
    assert contents(repository) == {
        "requests/2024/a.yaml": b"shared",
        "requests/b.yaml": b"shared",
        "requests/z.yaml": b"z",
    }
    assert list(repository.snapshot().files) == sorted(repository.snapshot().files)
    assert problems(repository) == {}


def test_a_link_may_name_the_folder_that_it_is_in(clone: Clone, open_repository: Opener) -> None:
    clone.write("shared/template.txt", "shared")
    clone.link("here", "./.")
    clone.link("requests/2024/a.yaml", "./../../here/./shared/template.txt")
    clone.link("requests/b.yaml", "./2024/./a.yaml")
    clone.link("requests/folder", "./2024")
    clone.link("requests/gone.yaml", "./nothing")
    clone.link("requests/circle.yaml", "./circle.yaml")
    clone.link("requests/odd.yaml", "./x\nHEAD:requests/b.yaml")
    repository = open_repository()
    assert contents(repository) == {
        "requests/2024/a.yaml": b"shared",
        "requests/b.yaml": b"shared",
    }
    names = ("circle.yaml", "folder", "gone.yaml", "odd.yaml")
    assert problems(repository) == {f"requests/{name}": "FRN122" for name in names}


def test_a_link_may_leave_a_project_that_is_a_folder_of_the_repository(
    clone: Clone, open_repository: Opener, tmp_path: Path
) -> None:
    (tmp_path / "secret.yaml").write_text("secret")
    clone.write("shared/template.txt", "shared")
    clone.link("project/requests/a.yaml", "../../shared/template.txt")
    clone.link("project/requests/out.yaml", "../../../secret.yaml")
    clone.link("project/requests/settings.yaml", "../../.git/config")
    repository = open_repository(root="project")
    assert contents(repository) == {"requests/a.yaml": b"shared"}
    names = ("out.yaml", "settings.yaml")
    assert problems(repository) == {f"requests/{name}": "FRN122" for name in names}


def test_other_links_are_problems_of_their_own(
    clone: Clone, open_repository: Opener, tmp_path: Path
) -> None:
    (tmp_path / "secret.yaml").write_text("secret")
    clone.write("requests/sub/a.yaml", "a")
    clone.link("requests/absolute.yaml", "/etc/hostname")
    clone.link("requests/out.yaml", "../../secret.yaml")
    clone.link("requests/nowhere.yaml", "nothing")
    clone.link("requests/circle.yaml", "round.yaml")
    clone.link("requests/round.yaml", "circle.yaml")
    clone.link("requests/through.yaml", "sub/a.yaml/b")
    clone.link("requests/folder.yaml", "sub")
    clone.link("requests/folder", "sub")
    clone.link("requests/outside", "../..")
    clone.link("requests/broken-note", "nothing")
    repository = open_repository()
    assert contents(repository) == {"requests/sub/a.yaml": b"a"}
    names = (
        "absolute.yaml out.yaml nowhere.yaml circle.yaml round.yaml through.yaml folder.yaml "
        "folder outside"
    )
    assert problems(repository) == {f"requests/{name}": "FRN122" for name in names.split()}


def test_a_link_through_a_link_cannot_leave_the_repository(
    clone: Clone, open_repository: Opener, tmp_path: Path
) -> None:
    (tmp_path / "secret.yaml").write_text("secret")
    clone.link("up", "..")
    clone.link("requests/a.yaml", "../up/secret.yaml")
    repository = open_repository()
    assert contents(repository) == {}
    assert problems(repository) == {"requests/a.yaml": "FRN122"}


HOSTILE = {
    b"new\nline.yaml": r"new\nline.yaml",
    b"escape\x1b[31m.yaml": r"escape\x1b[31m.yaml",
    b"tab\t.yaml": r"tab\t.yaml",
    b"latin-\xe9.yaml": r"latin-\xe9.yaml",
    "evil\u202elmay.yaml".encode(): r"evil\u202elmay.yaml",
    "zero\u200bwidth.yaml".encode(): r"zero\u200bwidth.yaml",
    "line\u2028.yaml".encode(): r"line\u2028.yaml",
}


def test_hostile_names_are_problems_shown_safely(clone: Clone, open_repository: Opener) -> None:
    clone.write("requests/good.yaml", "good")
    for name in (*HOSTILE, b"not a request\n", b"bad\nfolder/README"):
        path = os.fsdecode(b"requests/" + name)
        clone.write(path, "hostile")
    clone.link("requests/link\n.yaml", "good.yaml")
    repository = open_repository()
    assert contents(repository) == {"requests/good.yaml": b"good"}
    expected = {f"requests/{shown}": "FRN123" for shown in HOSTILE.values()}
    assert problems(repository) == expected | {r"requests/link\n.yaml": "FRN123"}


def test_unusual_names_are_fine(clone: Clone, open_repository: Opener) -> None:
    names = ["ünï cödé.yaml", "変更.yml", "🚀.yaml", 'it\'s "quoted" & (odd).yaml', "*[a]?.yaml"]
    names += ["-rf.yaml", "back\\slash.yaml", ":(top)x.yaml", "#hash.yaml", " space .yaml"]
    for name in names:
        clone.write(f"requests/{name}", name)
    found = contents(open_repository())
    assert found == {f"requests/{name}": name.encode() for name in names}


def test_what_is_unsafe_in_a_value_is_unsafe_in_a_name() -> None:
    unsafe = [chr(point) for point in range(0x110000) if not is_safe(f"a{chr(point)}b")]
    forbidden = [chr(point) for point in range(0x110000) if HIDDEN.search(chr(point))]
    surrogates = [chr(point) for point in range(0xD800, 0xE000)]
    assert set(forbidden + surrogates) <= set(unsafe)
    assert len(set(unsafe) - set(forbidden) - set(surrogates)) < 10


def test_a_huge_file_is_cut_one_byte_after_the_limit(clone: Clone, open_repository: Opener) -> None:
    assert Limits().size == SIZE_LIMIT
    for name, size in (("fits", SIZE_LIMIT), ("over", SIZE_LIMIT + 1), ("huge", 9_999_999)):
        clone.write(f"requests/{name}.yaml", b"#" * size)
    clone.write("requests/small.yaml", "small")
    found = contents(open_repository())
    sizes = {path: len(content) for path, content in found.items() if isinstance(content, bytes)}
    assert sizes == {
        "requests/fits.yaml": SIZE_LIMIT,
        "requests/huge.yaml": SIZE_LIMIT + 1,
        "requests/over.yaml": SIZE_LIMIT + 1,
        "requests/small.yaml": 5,
    }


def test_no_requests_folder_is_an_empty_one(clone: Clone, open_repository: Opener) -> None:
    clone.write("README.md", "nothing to order yet")
    snapshot = open_repository().snapshot()
    assert (dict(snapshot.files), snapshot.problems) == ({}, ())


def test_a_requests_folder_that_is_no_folder_is_refused(
    clone: Clone, open_repository: Opener
) -> None:
    clone.write("elsewhere/a.yaml", "a")
    clone.link("requests", "elsewhere")
    with pytest.raises(RepositoryError, match="requests is a symbolic link"):
        open_repository().snapshot()
    (clone.root / "requests").unlink()
    clone.write("requests", "a file")
    with pytest.raises(RepositoryError, match="requests is a file"):
        open_repository().snapshot()


@pytest.mark.parametrize("folder", ["", ".", "..", "../other", "/etc", "a/../..", "a\nb"])
def test_the_requests_folder_lies_below_the_root(folder: str, tmp_path: Path) -> None:
    for kind in (GitRepository, DirectoryRepository):
        with pytest.raises(RepositoryError, match="not a folder below the repository"):
            kind(tmp_path, folder)


def test_the_requests_folder_may_be_written_carelessly(
    clone: Clone, open_repository: Opener
) -> None:
    clone.write("a/b/c.yaml", "c")
    assert contents(open_repository("./a//b/")) == {"a/b/c.yaml": b"c"}


def test_a_change_after_the_snapshot_is_never_read_as_the_old_file(
    clone: Clone, open_repository: Opener
) -> None:
    clone.write("requests/a.yaml", "before" * 4_000_000)
    clone.write("requests/b.yaml", "before")
    repository = open_repository()
    files = [SourceFile(*item) for item in repository.snapshot().files.items()]
    clone.write("requests/a.yaml", "after")
    clone.write("requests/b.yaml", "after")
    for _, content in repository.read(files):
        assert not isinstance(content, bytes) or content.startswith(b"before")


def test_every_file_has_a_provenance_and_no_other_has(
    clone: Clone, open_repository: Opener
) -> None:
    clone.write("requests/a.yaml", "a")
    repository = open_repository()
    found = repository.provenance(repository.snapshot(), ["requests/a.yaml", "requests/b.yaml"])
    assert found["requests/a.yaml"].time > UNKNOWN_PROVENANCE.time
    assert found["requests/b.yaml"] == UNKNOWN_PROVENANCE


def test_a_repository_can_be_used_after_it_was_closed(
    clone: Clone, open_repository: Opener
) -> None:
    clone.write("requests/a.yaml", "a")
    repository = open_repository()
    assert contents(repository) == {"requests/a.yaml": b"a"}
    repository.close()
    repository.close()
    assert contents(repository) == {"requests/a.yaml": b"a"}


def test_a_new_snapshot_sees_what_has_changed(clone: Clone, open_repository: Opener) -> None:
    clone.write("requests/a.yaml", "a")
    assert list(open_repository().snapshot().files) == ["requests/a.yaml"]
    clone.write("requests/a.yaml", None)
    clone.write("requests/b.yaml", "b")
    assert list(open_repository().snapshot().files) == ["requests/b.yaml"]
