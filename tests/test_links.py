"""Symbolic links in commits: what they lead to is looked at as closely as they themselves are."""

from __future__ import annotations

import random
from posixpath import relpath
from typing import TYPE_CHECKING

import pytest

from bench.corpus import request_text
from franc_gitops.repositories.git import GitRepository, history
from franc_gitops.repositories.git.command import Git
from franc_gitops.repositories.git.links import follow
from franc_gitops.repositories.links import LinkEnd
from tests.support.git import Clone, Planned, clone_repository, import_history, new_repository
from tests.support.project import Project, new_project
from tests.support.signing import Signer, make_ssh_signer, signs
from tests.support.watching import watching

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from franc_gitops.model import Provenance

LINK = "requests/link.yaml"
FILE = "data/file.txt"


def found(clone: Clone, path: str = LINK) -> Provenance:
    repository = GitRepository(clone.root)
    return repository.provenance(repository.snapshot(), [path])[path]


def way(clone: Clone, path: str = LINK) -> tuple[str, ...]:
    return GitRepository(clone.root).snapshot().links[path]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A repository with a link to a file outside of the requests folder."""
    made = new_repository(tmp_path / "work")
    made.link(LINK, f"../{FILE}")
    made.commit({FILE: request_text(1)})
    return made


# --- which commit it was --------------------------------------------------------------------


def a_link_to_a_link(clone: Clone) -> None:
    clone.write(FILE, None)
    clone.link(FILE, "deep/er/file")
    clone.write("data/deep/er/file", "1")


def a_folder_on_the_way_that_is_a_link(clone: Clone) -> None:
    clone.git("mv", "data", "then")
    clone.link("data", "then")


def a_link_that_enters_a_folder_and_leaves_it(clone: Clone) -> None:
    clone.write(LINK, None)
    clone.write("folder/sub/other", "1")
    clone.link(LINK, "../folder/sub/../../data/file.txt")


WAYS: dict[str, tuple[Callable[[Clone], object], tuple[str, ...]]] = {
    "file": (lambda _: None, (LINK, FILE)),
    "link": (a_link_to_a_link, (LINK, FILE, "data/deep/er/file")),
    "folder": (a_folder_on_the_way_that_is_a_link, (LINK, "data", "then/file.txt")),
    "there and back": (a_link_that_enters_a_folder_and_leaves_it, (LINK, "folder/sub", FILE)),
}


@pytest.mark.parametrize("name", WAYS)
def test_whatever_is_touched_on_the_way_of_a_link_touches_the_link(clone: Clone, name: str) -> None:
    make, expected = WAYS[name]
    make(clone)
    commits = {clone.commit()}
    clone.commit({"requests/other.yaml": "unrelated"})
    assert set(way(clone)) >= {LINK}
    for at, part in enumerate(way(clone)):
        if (clone.root / part).is_symlink():
            target = str((clone.root / part).readlink())
            clone.write(part, None)
            clone.link(part, target.replace("/", "//") if "/" in target else f"{target}//")
        else:
            clone.write(part if (clone.root / part).is_file() else f"{part}/new", f"{at}")
        commits.add(clone.commit())
        assert found(clone).commit == clone.head
        clone.commit({"data/unrelated": f"{at}"})
    assert found(clone).commit in commits
    if name != "folder":  # whose link cannot be written in another way
        assert way(clone)[: len(expected)] == expected


def test_what_every_part_of_a_way_was_last_touched_by_is_known(clone: Clone) -> None:
    first = clone.head
    assert found(clone).others == ()
    second = clone.commit({FILE: "2"})
    assert (found(clone).commit, found(clone).others) == (second, (first,))


def test_a_link_and_its_file_that_met_in_a_merge_were_touched_by_the_merge(clone: Clone) -> None:
    """Neither side has seen what the two are together."""
    clone.git("switch", "--quiet", "-c", "change")
    theirs = clone.commit({FILE: "theirs"})
    clone.git("switch", "--quiet", "main")
    clone.write(LINK, None)
    clone.link(LINK, f"..//{FILE}")
    ours = clone.commit()
    merge = clone.merge("change")
    assert found(clone).commit == merge
    assert set(found(clone).others) == {ours, theirs}


def test_a_file_that_became_a_link_was_deleted_and_brought_back(clone: Clone) -> None:
    clone.write(FILE, None)
    clone.link(FILE, "../other.txt")
    became = clone.commit({"other.txt": request_text(1)})
    assert found(clone).commit == became
    clone.write(FILE, None)
    clone.commit()
    assert LINK not in GitRepository(clone.root).snapshot().files
    back = clone.commit({FILE: request_text(1)})
    assert found(clone).commit == back


def test_a_name_that_reads_like_an_answer_of_git_is_no_answer(clone: Clone) -> None:
    clone.commit({"requests/a": "1"})
    git, names = Git(clone.root), [f"{clone.head}:requests/{end}" for end in ("a blob 1", "a")]
    assert follow(git, names) == [LinkEnd.NOWHERE, clone.git("rev-parse", names[1])]


def test_a_root_below_the_top_of_the_repository(tmp_path: Path) -> None:
    clone = new_repository(tmp_path)
    clone.link("sub/root/requests/a.yaml", "../../../data/x")
    clone.commit({"data/x": "1"})
    last = clone.commit({"data/x": "2"})
    clone.commit({"x": "3"})
    repository = GitRepository(tmp_path / "sub/root")
    given = repository.provenance(repository.snapshot(), ["requests/a.yaml"])
    assert given["requests/a.yaml"].commit == last


def test_a_way_that_is_too_long_or_cannot_be_shown_is_refused(clone: Clone) -> None:
    clone.link("requests/long.yaml", f"{'a/../' * 600}../{FILE}")
    clone.link("requests/odd.yaml", "../=\n/file")
    clone.commit({"=\n/file": "1", "requests/a/b.yaml": "1"})
    snapshot = GitRepository(clone.root).snapshot()
    refused = {each.path: each.code for each in snapshot.problems}
    assert refused == dict.fromkeys(("requests/long.yaml", "requests/odd.yaml"), "FRN122")
    assert sorted(snapshot.files) == ["requests/a/b.yaml", LINK]


PLACES = [
    b"requests/a.yaml",
    b"requests/f/b.yaml",
    b"data/c",
    b"data/f/d",
    b"data/f",
    b"data",
    b"e",
]


def random_links(seed: int, *, merges: bool) -> list[Planned]:
    """Commits in which files, links to files and links to folders take each other's places."""
    rng = random.Random(seed)
    commits: list[Planned] = []
    for at in range(40):
        pool = range(max(0, at - 4), at)
        wanted = rng.choice([1, 1, 2]) if merges else 1
        parents = rng.sample(pool, min(wanted, len(pool))) if merges else list(pool[-1:])
        files = dict(commits[rng.choice(parents)].files) if parents else {}
        for path in rng.sample(PLACES, 1 if at else 4):
            files = {
                each: file
                for each, file in files.items()
                if not each.startswith(path + b"/") and not path.startswith(each + b"/")
            }
            aim = rng.choice([*PLACES, b"data/c", b"data/c"])
            target = relpath(aim.decode(), path.decode().rpartition("/")[0] or ".")
            link = ("120000", rng.choice([target, f"f/../{target}"]).encode())
            is_link = path.endswith(b".yaml") or rng.random() < 0.4
            files[path] = link if is_link else ("644", b"%d" % rng.randrange(3))
        commits.append(Planned(files, parents, 1_750_000_000 + at))
    return commits


def ends(clone: Clone, commits: list[str], path: str) -> list[str]:
    asked = "".join(f"{commit}:{path}\n" for commit in commits).encode()
    told = clone.git("cat-file", "--batch-check", "--follow-symlinks", stdin=asked).splitlines()
    return [line.split(" ")[0] for line in told if " blob " in line or " missing" in line]


WAYS_DOWN = ((2000, 100), (3, 100), (3, 0))
"""Which way down the history is taken depends on its length and on the links; here on us."""


@pytest.mark.parametrize("merges", [False, True], ids=["line", "merges"])
@pytest.mark.parametrize("seed", range(6))
def test_random_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, *, merges: bool
) -> None:
    """The commit is git's own answer for the way, and since then the link gave the same."""
    clone = new_repository(tmp_path)
    import_history(clone, random_links(seed, merges=merges))
    checked = 0
    for commit in clone.git("rev-list", "main").split():
        if checked > 15:
            break
        repository = GitRepository(tmp_path, revision=commit)
        snapshot = repository.snapshot()
        links = [path for path in snapshot.files if path in snapshot.links]
        checked += len(links)
        answers = []
        for newest, many in WAYS_DOWN:
            monkeypatch.setattr(history, "_NEWEST", newest)
            monkeypatch.setattr(history, "_MANY", many)
            answers.append(repository.provenance(snapshot, links))
        assert answers == answers[:1] * len(WAYS_DOWN)
        for path, given in answers[0].items():
            parts = snapshot.links[path]
            asked = ("log", "-1", "--format=%H", commit, "--")
            assert given.commit == clone.git(*asked, *parts)
            assert set(given.others) == {clone.git(*asked, part) for part in parts} - {given.commit}
            assert clone.git("rev-parse", f"{commit}:{parts[-1]}") == snapshot.files[path]
            if not merges:
                since = [*clone.git("rev-list", commit, f"^{given.commit}").split(), given.commit]
                assert ends(clone, since, path) == [snapshot.files[path]] * len(since)
        repository.close()
    assert checked


# --- signatures -----------------------------------------------------------------------------

KEYS = "trusted-keys"


@pytest.fixture
def ada(tmp_path: Path) -> Signer:
    """Somebody whose key is trusted."""
    return make_ssh_signer(tmp_path / "keys", "ada")


@pytest.fixture
def project(clone: Clone, ada: Signer) -> Project:
    """What Ada has signed is published: a link, by a folder that is a link, to a file."""
    clone.write(LINK, None)
    clone.link(LINK, "../current/file.txt")
    clone.link("current", "data")
    clone.commit({KEYS: ada.public, FILE: None})
    project = Project(clone, {"FRANC_REQUIRE_SIGNED_COMMITS": KEYS})
    with signs(clone, ada):
        clone.write(LINK, None)
        clone.link(LINK, "..//current/file.txt")
        (clone.root / "current").unlink()
        clone.link("current", "data/")
        clone.commit({FILE: request_text(1)})
    assert "Completed" in project.run("publish").stdout
    return project


def raised(location: str = "Elsewhere") -> str:
    return f"# {location}\n{request_text(1)}revision: 2\n"


def evil_content(clone: Clone) -> None:
    clone.write(FILE, raised())


def evil_folder(clone: Clone) -> None:
    (clone.root / "current").unlink()
    clone.link("current", "evil")
    clone.write("evil/file.txt", raised())


def evil_link(clone: Clone) -> None:
    clone.write(FILE, None)
    clone.link(FILE, "../evil.txt")
    clone.write("evil.txt", raised())


@pytest.mark.parametrize("spoil", [evil_content, evil_folder, evil_link])
@pytest.mark.parametrize("depth", [(), ("--depth=1",)], ids=["whole", "shallow"])
def test_what_nobody_signed_is_not_published_through_a_link_that_somebody_signed(
    project: Project,
    ada: Signer,
    tmp_path: Path,
    spoil: Callable[[Clone], None],
    depth: tuple[str, ...],
) -> None:
    """Also where the link itself is signed again afterwards, or something else on the way."""
    (project.root / ".git/info/exclude").write_text(".franc/\nstatus/\n")
    spoil(project.clone)
    evil = project.clone.commit()
    for retouch in (False, True):
        if retouch:
            project.clone.write(LINK, None)
            project.clone.link(LINK, "../current//file.txt")
            with signs(project.clone, ada):
                project.clone.commit()
        job = project
        if depth:
            copy = clone_repository(project.root, tmp_path / f"{retouch}", *depth)
            job = Project(copy, {"FRANC_REQUIRE_SIGNED_COMMITS": f"HEAD:{KEYS}"})
        done = job.run("publish")
        assert done.returncode == 1, done.stderr
        assert f"{LINK}:1:1: error FRN43" in done.stdout
        assert "Completed" not in done.stdout
        assert depth or evil[:12] in done.stdout


def test_once_all_of_its_way_is_signed_a_link_is_published(project: Project, ada: Signer) -> None:
    evil_content(project.clone)
    project.clone.commit()
    assert project.run("publish").returncode == 1
    with signs(project.clone, ada):
        project.clone.commit({FILE: raised("New York")})
    assert project.run("publish").returncode == 0


# --- what is told about it ------------------------------------------------------------------


@pytest.mark.parametrize("target", [f"../{FILE}", f"./.././{FILE}"])
def test_evidence_shows_what_the_link_led_to_when_it_was_published(
    clone: Clone, target: str
) -> None:
    clone.write(LINK, None)
    clone.link(LINK, target)
    clone.commit({"other": "1"})
    project = Project(clone)
    assert project.run("publish").returncode == 0
    changed = clone.commit({FILE: raised()})
    assert project.run("publish").returncode == 0
    (bundle,) = project.json("evidence", "CHG-2024-000001")
    first, second = bundle["requests"][0]["publications"]
    assert (first["request"], second["request"]) == (request_text(1), raised())
    assert second["commit"] == changed


@pytest.mark.parametrize("root", [".", "sub"])
def test_watch_sees_a_commit_that_changes_only_what_a_link_leads_to(
    tmp_path: Path, root: str
) -> None:
    top = new_project(tmp_path / "work").clone
    top.link(f"{root}/requests/link.yaml", "../../data/x" if root != "." else "../data/x")
    top.link(f"{root}/requests/broken.yaml", "../../later/y" if root != "." else "../later/y")
    top.commit(
        {
            "data/x": request_text(0),
            f"{root}/requests/plain.yaml": request_text(3),
            f"{root}/franc-gitops.yaml": "source: here\n",
        }
    )
    with watching(top.root / root) as running:
        running.wait_for_published(2)
        top.commit({"data/x": f"{request_text(0)}revision: 2\n"})
        running.wait_for_published(3)
        top.commit({"later/y": request_text(1)})
        running.wait_for_published(4)
        top.commit({f"{root}/requests/{n}.yaml": request_text(n) for n in (4, 5)})
        running.wait_for_published(6)
    assert not running.said.turns[-1][1]
