"""Status files in the working tree: whole, only where something changed, and nobody else's."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from franc_gitops import pins
from franc_gitops.clock import SystemClock
from franc_gitops.errors import WriteBackFailed
from franc_gitops.model import Pin, Written
from franc_gitops.pipeline.project import Present, StatusFile
from franc_gitops.pipeline.writeback import FilesWriteBack
from franc_gitops.status_files import HEADER
from tests.support.unprivileged import unprivileged
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIN = Pin("MkU3OEVBNTcwNTJENDM2Qk", "franc.gitops.ledger", "topic-id", 32)


class Wanted(list[StatusFile]):
    """Status files that no record has a seal of."""

    def beyond(self, present: Present) -> Iterator[StatusFile]:
        del present
        return iter(self)


@dataclass
class Folder:
    """A project's folder, and what its status files must say: text by request path."""

    root: Path
    wanted: dict[str, str] = field(default_factory=dict)
    rendered: list[str] = field(default_factory=list)

    def write_back(self, *, with_pin: bool = False) -> Written:
        """Do one write-back, as a pass does."""
        keep, files = set(self.wanted), Wanted(self._status(path) for path in self.wanted)
        write_back = FilesWriteBack(self.root, "requests", "status", ".franc", SystemClock())
        return write_back(files, keep.__contains__, [PIN] if with_pin else [])

    def write_some(self, *names: str, gone: tuple[str, ...] = ()) -> Written:
        """Write a few status files and remove others, as a daemon's small turn does."""
        write_back = FilesWriteBack(self.root, "requests", "status", ".franc", SystemClock())
        files = [self._status(f"requests/{name}.yaml") for name in names]
        return write_back.some(files, [f"requests/{name}.yaml" for name in gone])

    def _status(self, path: str) -> StatusFile:
        text = self.wanted[path]

        def render() -> bytes:
            self.rendered.append(path)
            return content(text)

        return StatusFile(path, f"{hash(text) & 0xFFFFFFFF:024x}", render)

    def want(self, **texts: str) -> None:
        """Set what `status/<name>.yaml` must say."""
        self.wanted = {f"requests/{name}.yaml": text for name, text in texts.items()}

    def status(self, name: str) -> Path:
        """The path of a status file."""
        return self.root / f"status/{name}.yaml"

    def found(self) -> dict[str, bytes]:
        """All regular files below the status folder."""
        folder = self.root / "status"
        files = [file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]
        return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(files)}


def content(text: str) -> bytes:
    """A status file; the text is the path of its request file where that matters."""
    return f"{HEADER}file: {text}\n".encode()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def open_folder() -> Iterator[Folder]:
    """A folder in which users without rights may work."""
    root = Path(tempfile.mkdtemp())
    root.chmod(0o777)
    yield Folder(root)
    shutil.rmtree(root)


# --- what is written ------------------------------------------------------------------------


def test_status_files_stand_where_their_requests_do(folder: Folder) -> None:
    folder.wanted = {"requests/2024/deep/a.yaml": "a", "requests/b.yml": "b"}
    assert folder.write_back() == Written(written=2)
    assert folder.found() == {"2024/deep/a.yaml": content("a"), "b.yml": content("b")}


def test_what_is_right_is_neither_rendered_nor_written_again(folder: Folder) -> None:
    folder.want(a="a", b="b")
    folder.write_back()
    settle(folder)
    before = folder.status("a").stat()
    folder.rendered.clear()
    folder.want(a="a", b="changed")
    assert folder.write_back() == Written(written=1, unchanged=1)
    assert folder.rendered == ["requests/b.yaml"]
    assert folder.status("a").stat() == before
    assert folder.found()["b.yaml"] == content("changed")


def test_a_few_status_files_are_written_and_no_other_is_looked_at(folder: Folder) -> None:
    folder.want(a="requests/a.yaml", b="requests/b.yaml", c="requests/c.yaml")
    folder.write_back()
    folder.status("b").write_text("edited")
    folder.want(a="changed", b="requests/b.yaml", d="new")
    assert folder.write_some("a", "d", gone=("c", "never-there")) == Written(written=2, removed=1)
    assert folder.write_some("a", "d") == Written(unchanged=2)
    assert folder.found() == {
        "a.yaml": content("changed"),
        "b.yaml": b"edited",
        "d.yaml": content("new"),
    }
    assert folder.write_back() == Written(written=1, unchanged=2)


def test_what_a_small_turn_wrote_is_compared_by_the_next_large_one(folder: Folder) -> None:
    """The cache still says what the file held before."""
    folder.want(a="one")
    folder.write_back()
    settle(folder)
    folder.want(a="two")
    folder.write_some("a")
    folder.want(a="one")
    assert folder.write_back() == Written(written=1)
    assert folder.found() == {"a.yaml": content("one")}


def test_without_the_cache_files_are_read_but_not_written_again(folder: Folder) -> None:
    folder.want(a="a", b="b")
    folder.write_back()
    before = folder.status("a").stat()
    shutil.rmtree(folder.root / ".franc")
    assert folder.write_back() == Written(unchanged=2)
    assert folder.status("a").stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize(
    "damage", [b"", b"nonsense", b"franc-gitops status index 1\nx\n\xff\n", b"\0" * 1000]
)
def test_a_damaged_cache_costs_only_time(folder: Folder, damage: bytes) -> None:
    folder.want(a="a", b="b")
    folder.write_back()
    (folder.root / ".franc/status-index").write_bytes(damage)
    folder.want(a="a", b="changed")
    assert folder.write_back() == Written(written=1, unchanged=1)
    assert folder.found() == {"a.yaml": content("a"), "b.yaml": content("changed")}


def test_a_cache_that_cannot_be_kept_is_no_error(folder: Folder) -> None:
    (folder.root / ".franc").write_text("a file, not a folder")
    folder.want(a="a")
    assert folder.write_back() == Written(written=1)
    assert folder.write_back() == Written(unchanged=1)


def test_what_somebody_edited_or_deleted_is_made_right(folder: Folder) -> None:
    folder.want(a="a", b="b", c="c")
    folder.write_back()
    settle(folder)
    folder.status("a").write_bytes(content("x"))
    folder.status("b").unlink()
    assert folder.write_back() == Written(written=2, unchanged=1)
    assert folder.found() == {f"{name}.yaml": content(name) for name in "abc"}


def test_an_edit_of_the_same_size_and_moment_is_seen(folder: Folder) -> None:
    """The clock of a file system ticks a few hundred times a second; an edit may fall in one."""
    folder.want(a="a")
    folder.write_back()
    moment = folder.status("a").stat().st_mtime_ns
    folder.status("a").write_bytes(content("x"))
    for file in (folder.status("a"), folder.root / ".franc/status-index"):
        os.utime(file, ns=(moment, moment))
    assert folder.write_back() == Written(written=1)
    assert folder.found()["a.yaml"] == content("a")


def test_pins_are_written_once_and_kept(folder: Folder) -> None:
    folder.want(a="requests/a.yaml")
    folder.write_back(with_pin=True)
    file = folder.root / "status" / pins.FILE_NAME
    before = file.stat()
    assert PIN in pins.decode(file.read_bytes(), "pins")
    folder.want()
    assert folder.write_back(with_pin=True).removed == 1
    assert folder.write_back() == Written()
    assert file.stat().st_mtime_ns == before.st_mtime_ns


def test_the_state_folder_is_ignored_by_git(folder: Folder) -> None:
    folder.write_back()
    assert (folder.root / ".franc/.gitignore").read_text() == "*\n"


def test_names_as_long_as_a_file_system_allows(folder: Folder) -> None:
    folder.want(**{"n" * 250: "long", "ü" * 125: "long too"})
    assert folder.write_back() == Written(written=2)


# --- what is removed ------------------------------------------------------------------------


def test_status_files_without_a_request_go_with_their_empty_folders(folder: Folder) -> None:
    folder.wanted = {path: path for path in ("requests/2024/old/a.yaml", "requests/2024/b.yaml")}
    folder.write_back()
    folder.wanted = {"requests/2024/b.yaml": "requests/2024/b.yaml"}
    assert folder.write_back() == Written(unchanged=1, removed=1)
    assert folder.found() == {"2024/b.yaml": content("requests/2024/b.yaml")}
    assert not (folder.root / "status/2024/old").exists()
    folder.wanted = {}
    assert folder.write_back() == Written(removed=1)
    assert list((folder.root / "status").iterdir()) == []


def test_what_others_put_there_is_left_alone(folder: Folder) -> None:
    folder.want(a="requests/a.yaml")
    folder.write_back()
    others = {
        "README.md": b"hello",
        "notes.yaml": b"mine: true\n",
        "large.yaml": b"#" * 5_000_000,
        "empty.yaml": b"",
        "prod/a.yaml": content("requests/a.yaml"),  # of an environment whose folder is in ours
        "sub/.keep": b"",
        pins.FILE_NAME: b"pins",
    }
    for name, text in others.items():
        file = folder.root / "status" / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(text)
    os.mkfifo(folder.root / "status/fifo.yaml")
    (folder.root / "status/link.yaml").symlink_to("a.yaml")
    folder.want()
    assert folder.write_back() == Written(removed=1)
    assert folder.found() == others
    assert (folder.root / "status/link.yaml").is_symlink()
    assert (folder.root / "status/fifo.yaml").exists()


# --- links ----------------------------------------------------------------------------------


def test_a_link_in_a_status_files_place_is_replaced_not_followed(
    folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    target = tmp_path_factory.mktemp("outside") / "precious"
    target.write_text("precious")
    (folder.root / "status").mkdir()
    folder.status("a").symlink_to(target)
    os.mkfifo(folder.status("b"))
    folder.want(a="a", b="b")
    assert folder.write_back() == Written(written=2)
    assert folder.found() == {"a.yaml": content("a"), "b.yaml": content("b")}
    assert target.read_text() == "precious"


@pytest.mark.parametrize(
    "replace_by", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("b.yaml")]
)
def test_the_cache_is_not_believed_of_what_is_no_file_any_more(
    folder: Folder, replace_by: Callable[[Path], None]
) -> None:
    folder.want(a="a", b="b")
    folder.write_back()
    settle(folder)
    folder.status("a").unlink()
    replace_by(folder.status("a"))
    if folder.status("a").is_dir() and not folder.status("a").is_symlink():
        assert "a.yaml: Is a directory" in failure_of(folder.write_back)
    else:
        assert folder.write_back() == Written(written=1, unchanged=1)
        assert folder.found()["a.yaml"] == content("a")


def test_the_cache_is_not_believed_of_what_lies_behind_a_link_now(
    folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder.wanted = {"requests/2024/a.yaml": "a"}
    folder.write_back()
    settle(folder)
    elsewhere = tmp_path_factory.mktemp("outside") / "2024"
    (folder.root / "status/2024").rename(elsewhere)
    (folder.root / "status/2024").symlink_to(elsewhere)
    assert "is a link or a file, not a folder" in failure_of(folder.write_back)


@pytest.mark.parametrize("linked", ["status", "status/2024", "status/2024/deep"])
def test_a_folder_that_is_a_link_is_neither_written_to_nor_cleaned(
    folder: Folder, linked: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    precious = {name: outside / f"{name}.yaml" for name in ("a", "stray")}
    for file in precious.values():
        file.write_bytes(content("of another clone"))
    (folder.root / linked).parent.mkdir(parents=True, exist_ok=True)
    (folder.root / linked).symlink_to(outside)
    folder.wanted = {"requests/2024/deep/a.yaml": "a", "requests/fine.yaml": "fine"}
    with pytest.raises(WriteBackFailed, match="is a link or a file, not a folder"):
        folder.write_back()
    assert sorted(outside.iterdir()) == sorted(precious.values())
    assert {file.read_bytes() for file in precious.values()} == {content("of another clone")}
    if linked != "status":
        assert folder.status("fine").read_bytes() == content("fine")


# --- what goes wrong ------------------------------------------------------------------------


def failure_of(attempt: Callable[[], object]) -> str:
    with pytest.raises(WriteBackFailed) as caught:
        attempt()
    assert caught.value.exit_code == 6
    return caught.value.message


def test_what_cannot_be_written_is_named_and_all_else_is_written(folder: Folder) -> None:
    (folder.root / "status/a.yaml").mkdir(parents=True)
    (folder.root / "status/file").write_text("a file where a folder must be")
    folder.wanted = {f"requests/{name}.yaml": name for name in ("a", "b", "file/c")}
    message = failure_of(folder.write_back)
    assert message.startswith("2 status files below")
    assert "a.yaml: Is a directory" in message
    assert "file/c.yaml:" in message
    assert folder.status("b").read_bytes() == content("b")
    (folder.root / "status/a.yaml").rmdir()
    (folder.root / "status/file").unlink()
    assert folder.write_back() == Written(written=2, unchanged=1)


def test_many_failures_are_counted_and_some_are_named(folder: Folder) -> None:
    (folder.root / "status").write_text("a file")
    folder.want(**{f"n{at}": "x" for at in range(500)})
    message = failure_of(folder.write_back)
    assert "n1.yaml" in message
    assert len(message) < 3000
    assert message.endswith("more")


def test_a_folder_that_may_not_be_written_to(open_folder: Folder) -> None:
    open_folder.wanted = {"requests/closed/a.yaml": "a", "requests/open/b.yaml": "b"}
    unprivileged(open_folder.write_back)
    (open_folder.root / "status/closed").chmod(0o555)
    open_folder.wanted = {"requests/closed/a.yaml": "new", "requests/open/b.yaml": "new"}
    message = unprivileged(lambda: failure_of(open_folder.write_back))
    assert "closed/a.yaml: Permission denied" in message
    found = open_folder.found()
    assert found == {"closed/a.yaml": content("a"), "open/b.yaml": content("new")}


def test_a_folder_that_may_be_listed_but_not_entered(open_folder: Folder) -> None:
    open_folder.wanted = {"requests/closed/a.yaml": "a", "requests/open/b.yaml": "b"}
    unprivileged(open_folder.write_back)
    (open_folder.root / "status/closed").chmod(0o444)
    message = unprivileged(lambda: failure_of(open_folder.write_back))
    assert "closed/a.yaml: Permission denied" in message


def test_a_status_file_that_may_not_be_read_is_replaced(open_folder: Folder) -> None:
    open_folder.want(a="a")
    unprivileged(open_folder.write_back)
    open_folder.status("a").chmod(0)
    open_folder.want(a="new")
    assert unprivileged(open_folder.write_back) == Written(written=1)


def test_a_full_disk_leaves_no_half_files(folder: Folder) -> None:
    """A limit on the size of files stands in for the disk: the write fails in the middle."""
    folder.want(small="small", large="x" * 100_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        message = failure_of(folder.write_back)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert message.startswith("1 status files below")
    assert folder.found() == {"small.yaml": content("small")}
    assert folder.write_back() == Written(written=1, unchanged=1)


# --- kills and rivals -----------------------------------------------------------------------

VICTIM = """
import sys
from pathlib import Path
from tests.test_writeback import Folder
folder = Folder(Path(sys.argv[1]))
folder.wanted = {f"requests/{n % 7}/{n}.yaml": sys.argv[2] * 3000 for n in range(3000)}
print("ready", flush=True)
folder.write_back()
"""


@pytest.mark.parametrize("after", [0, 700, 2500])
def test_a_kill_leaves_whole_files_and_the_next_pass_heals(folder: Folder, after: int) -> None:
    folder.wanted = {f"requests/{n % 7}/{n}.yaml": "o" * 3000 for n in range(3000)}
    folder.write_back()
    with subprocess.Popen(
        [sys.executable, "-c", VICTIM, folder.root, "n"], stdout=subprocess.PIPE, text=True
    ) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == "ready\n"
        marker = folder.status(f"{after % 7}/{after}")
        new = content("n" * 3000)
        wait_for(lambda: marker.read_bytes() == new, what="new files", seconds=60, every=0.001)
        victim.kill()
    found = folder.found()
    leftovers = {name for name in found if "/.franc-tmp-" in name}
    assert len(leftovers) <= 1
    whole = {text for name, text in found.items() if name not in leftovers}
    assert whole <= {content("o" * 3000), new}
    for name in leftovers:
        os.utime(folder.root / "status" / name, (0, 0))  # an hour passes
    folder.wanted = dict.fromkeys(folder.wanted, "n" * 3000)
    written = folder.write_back()
    assert written.written + written.unchanged == 3000
    assert set(folder.found().values()) == {new}
    assert len(folder.found()) == 3000


def test_what_a_rival_is_writing_is_not_taken_away(folder: Folder) -> None:
    folder.want(a="a")
    folder.write_back()
    young = folder.root / "status/.franc-tmp-1-rival"
    young.write_text("being written")
    folder.write_back()
    assert young.exists()


def test_readers_see_whole_files_while_rivals_write(folder: Folder) -> None:
    texts = [letter * 200_000 for letter in "ab"]
    rivals = [Folder(folder.root, {"requests/a.yaml": text}) for text in texts]
    rivals[0].write_back()
    done = threading.Event()
    seen: set[bytes] = set()

    def look() -> None:
        while not done.is_set():
            seen.add(folder.status("a").read_bytes())

    def write(rival: Folder) -> None:
        for _ in range(40):
            rival.write_back()

    reader = threading.Thread(target=look)
    writers = [threading.Thread(target=write, args=(rival,)) for rival in rivals]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert seen <= {content(text) for text in texts}
    assert set(folder.found()) == {"a.yaml"}


def settle(folder: Folder) -> None:
    """Let the moment pass in which files count as just written, and note them as settled."""
    past = time.time_ns() - 10**9
    for name in folder.found():
        os.utime(folder.root / "status" / name, ns=(past, past))
    folder.write_back()
