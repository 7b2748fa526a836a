"""Files of which nobody says whether they are being written must stand still, as we see it."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.corpus import request_text
from franc_gitops.daemon.agenda import Agenda
from franc_gitops.daemon.wakeups import Wake
from franc_gitops.repositories import followed as followed_module
from franc_gitops.repositories.followed import FollowedFolder
from tests.support.clock import SetClock
from tests.support.unprivileged import unprivileged
from tests.support.watching import Running, watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATH = "requests/a.yaml"
HALF = request_text(2)
REST = "  - {name: Te1/9, speed: 10 Gbit, role: data}\n"
NAME, OWN = "device_conn_CHG-2024-000002", "pop_CHG-2024-000001"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in which users without rights may work, and a draft that is not theirs."""
    root = Path(tempfile.mkdtemp())
    (root / "requests").mkdir()
    draft = root / "draft"
    draft.touch()
    draft.chmod(0o666)
    for place in (root, root / "requests"):
        place.chmod(0o777)
    yield root
    shutil.rmtree(root)


@pytest.fixture(autouse=True)
def _imported(tmp_path: Path) -> None:
    """Whoever has no rights may not be able to read the sources."""
    (tmp_path / "requests").mkdir()
    (tmp_path / PATH).write_text(HALF)
    with watching(tmp_path) as running:
        running.wait_for_published(1)


def settle_after(seconds: float) -> None:
    """Set for how long files must stand still: for ever, so that a busy machine is no quicker."""
    followed_module.SETTLE_SECONDS = seconds


def save_own(running: Running, folder: Path) -> None:
    """Save a file of our own; once it is published all events before it have been met."""
    (folder / "requests/own.yaml").write_text(request_text(1))
    running.wait_until(lambda: OWN in running.published, "the file that can be asked about")


def by_time(file: Path) -> None:
    """Set its times, as `touch` does."""
    os.utime(file)


def by_link(file: Path) -> None:
    """Give it a second name elsewhere."""
    file.parents[1].joinpath("second").hardlink_to(file)


def by_handle(file: Path) -> None:
    """Open it once more for writing, and close that."""
    file.open("a").close()


def by_rename(file: Path) -> None:
    """Move it to another place."""
    file.rename(file.with_name("b.yaml"))


@pytest.mark.parametrize("tell", [by_time, by_link, by_handle, by_rename])
def test_no_event_says_that_a_file_of_somebody_else_is_whole(
    folder: Path, tell: Callable[[Path], None]
) -> None:
    def follow() -> tuple[list[str], list[str], bool]:
        settle_after(math.inf)
        with watching(folder) as running:
            running.wait_for_start()
            file = (folder / "draft").rename(folder / PATH)
            with file.open("r+") as out:
                out.write(HALF)
                out.flush()
                tell(file)
                save_own(running, folder)
                early = running.published
                out.write(REST)
            settle_after(0.1)
            running.wait_for_published(2)
            bad = any(report.plan.problems for report in running.said.reports)
            return early, running.published, bad

    assert unprivileged(follow) == ([OWN], [OWN, NAME], False)


def test_a_file_that_must_stand_still_is_not_forgotten_for_another(folder: Path) -> None:
    def follow() -> list[str]:
        settle_after(math.inf)
        (folder / "draft").write_text(HALF)
        with watching(folder) as running:
            running.wait_for_start()
            (folder / "draft").rename(folder / PATH)
            save_own(running, folder)
            settle_after(0.1)
            running.wait_for_published(2)
            return running.published

    assert unprivileged(follow) == [OWN, NAME]


def test_a_single_turn_waits_for_a_file_of_somebody_else(folder: Path) -> None:
    def follow() -> list[str]:
        (folder / "draft").write_text(HALF)
        (folder / "draft").rename(folder / PATH)
        with watching(folder) as running:
            running.wait_for_start()
            return list(running.said.reports[0].published)

    assert unprivileged(follow) == [NAME]


@dataclass
class Meanwhile(SetClock):
    """A clock during whose sleep somebody does something."""

    act: Callable[[], object] = field(default=lambda: None)
    slept: float = 0.0

    def sleep(self, seconds: float) -> None:
        """Let time pass, and something happen."""
        self.act()
        self.slept += seconds
        super().sleep(seconds)


def is_read(followed: FollowedFolder) -> bool:
    part = followed.part("", [PATH])
    assert part
    assert (PATH in part.files) != (PATH in part.busy)
    return PATH in part.files


@pytest.fixture
def nobody_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel cannot be asked, as of another user's file."""
    monkeypatch.setattr("franc_gitops.repositories.followed.is_being_written", lambda _: None)


@pytest.mark.usefixtures("nobody_tells")
def test_the_first_look_waits_once_and_reads_what_has_stood_still(folder: Path) -> None:
    """An old time says nothing: the server's clock may be behind, or somebody has set it."""
    for name in ("still", "moving"):
        (folder / f"requests/{name}.yaml").write_text(HALF)
        os.utime(folder / f"requests/{name}.yaml", (0, 0))

    def write() -> None:
        (folder / "requests/moving.yaml").write_text(HALF + REST)
        os.utime(folder / "requests/moving.yaml", (0, 0))

    clock = Meanwhile(act=write)
    followed = FollowedFolder(folder, "requests", clock)
    found = followed.snapshot()
    assert set(found.files) == {"requests/still.yaml"}
    assert found.busy == {"requests/moving.yaml"}
    clock.go_on(1.0)
    assert not followed.snapshot().busy
    assert clock.slept == 1.0


@pytest.mark.usefixtures("nobody_tells")
def test_an_old_time_does_not_say_that_a_file_is_whole(folder: Path) -> None:
    clock = SetClock()
    followed = FollowedFolder(folder, "requests", clock)
    assert not followed.snapshot().files
    (folder / PATH).write_text(HALF)
    os.utime(folder / PATH, (0, 0))
    assert followed.snapshot().busy == {PATH}
    clock.go_on(1.0)
    assert is_read(followed)
    (folder / PATH).write_text(HALF + REST)
    os.utime(folder / PATH, (0, 0))
    assert followed.snapshot().busy == {PATH}


def test_where_others_write_unseen_the_kernel_is_not_asked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows nothing of them, and on NFS or SMB refuses a lease although nobody writes."""
    monkeypatch.setattr("franc_gitops.repositories.followed.silent_file_system", lambda _: "nfs4")
    clock = SetClock()
    followed = FollowedFolder(folder, "requests", clock)
    followed.snapshot()
    with (folder / PATH).open("w") as out:
        out.write(HALF)
        out.flush()
        assert not is_read(followed)
        clock.go_on(1.0)
        assert is_read(followed)
    os.utime(folder / PATH)
    assert followed.snapshot().busy == {PATH}


def test_files_that_are_busy_are_looked_at_again_however_much_else_happens() -> None:
    clock = SetClock()
    agenda = Agenda(clock, 300.0)
    agenda.take()
    agenda.postpone(frozenset([PATH]))
    taken = list[Wake]()
    for _ in range(2):
        clock.go_on(0.3)
        agenda.add(Wake(frozenset(["save"]), frozenset(["requests/b.yaml"])))
        assert agenda.is_due()
        taken.append(agenda.take())
        agenda.postpone(frozenset([PATH]))
    assert [PATH in (wake.paths or ()) for wake in taken] == [False, True]


@pytest.mark.parametrize("event", [False, True])
def test_what_the_timer_alone_found_busy_is_not_called_a_save(*, event: bool) -> None:
    """So that polling starts where no event told of it."""
    clock = SetClock()
    agenda = Agenda(clock, 300.0)
    agenda.take()
    agenda.postpone(frozenset())
    clock.go_on(300.0)
    assert agenda.is_due()
    assert agenda.take() == Wake.everything("timer")
    agenda.postpone(frozenset([PATH]))
    agenda.succeeded(whole=True)
    if event:
        agenda.add(Wake(frozenset(["save"]), frozenset([PATH])))
        agenda.take()
        agenda.postpone(frozenset([PATH]))
    clock.go_on(0.5)
    assert agenda.is_due()
    assert agenda.take() == Wake(frozenset(["save" if event else "timer"]), frozenset([PATH]))
