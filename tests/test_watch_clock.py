"""The wall clock is set while `watch` runs: nothing twice, nothing late, nothing in a hurry."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from bench.corpus import request_text
from franc_gitops.clock import SystemClock
from tests.support.project import Project, new_project
from tests.support.watching import Running, watching

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOUR = timedelta(hours=1)


@dataclass
class Wall:
    """The wall clock of this process, as far as the product asks for it; others go on."""

    ahead: timedelta = timedelta(0)

    def now(self) -> datetime:
        """Give its time."""
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    made = Wall()
    monkeypatch.setattr(SystemClock, "now", lambda _: made.now())
    return made


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = new_project(tmp_path / "work")
    made.clone.commit({"requests/README.md": "Requests."})
    return made


@contextmanager
def at_work(project: Project) -> Iterator[Running]:
    with watching(project.root) as running:
        running.wait_for_start()
        yield running


def scheduled(number: int, opens: datetime) -> dict[str, str]:
    """A request that is to be published then, and no earlier."""
    text = f"{request_text(number)}not_before: {opens.isoformat()}\n"
    return {f"requests/{number}.yaml": text}


def events(project: Project) -> list[str]:
    return project.run("events", "-o", "jsonl").stdout.splitlines()


def test_a_request_is_published_when_its_time_comes_without_another_wake_up(
    project: Project,
) -> None:
    opens = datetime.now(UTC) + timedelta(seconds=3)
    project.clone.commit(scheduled(3, opens))
    with at_work(project) as running:
        assert not running.published
        running.wait_for_published(1)
        assert datetime.now(UTC) >= opens
        assert [trigger for trigger, _ in running.said.turns] == ["start", "due"]
    assert len(events(project)) == 3


def test_a_clock_that_is_set_forward_makes_a_request_due_within_seconds(
    project: Project, wall: Wall
) -> None:
    """A sleep until its time would not notice, so the loop never sleeps for long."""
    project.clone.commit(scheduled(3, datetime.now(UTC) + HOUR))
    with at_work(project) as running:
        wall.ahead = 2 * HOUR
        began = time.monotonic()
        running.wait_for_published(1)
        assert time.monotonic() - began < 10


def test_a_clock_that_is_set_back_takes_nothing_back_and_delays_nothing_else(
    project: Project, wall: Wall
) -> None:
    opens = datetime.now(UTC) + HOUR
    project.clone.commit(scheduled(3, opens))
    wall.ahead = 2 * HOUR
    with at_work(project) as running:
        running.wait_for_published(1)
        wall.ahead = -2 * HOUR
        running.look_at_everything()
        project.add(range(1))
        running.wait_for_published(2)
        assert running.published[0] != running.published[1]
    done = project.run("verify")
    assert done.returncode == 0, done.stderr
    assert len(events(project)) == 6


@pytest.mark.parametrize("jump", [24 * HOUR, -24 * HOUR], ids=["forward", "back"])
def test_a_jump_makes_no_turns_and_events_keep_the_time_of_their_commit(
    project: Project, wall: Wall, jump: timedelta
) -> None:
    """Timers are of the monotonic clock: they neither stall nor spin."""
    with at_work(project) as running:
        project.add(range(1))
        running.wait_for_published(1)
        turns = len(running.said.turns)
        wall.ahead = jump
        project.add(range(1, 2))
        running.wait_for_published(2)
        assert running.daemon.board.liveness()
        assert running.daemon.board.readiness()[0]
        assert len(running.said.turns) <= turns + 2
    committed = project.clone.git("log", "--format=%cI", "--", "requests/0000").splitlines()
    dates = {
        datetime.fromisoformat(each).astimezone(UTC).strftime("%Y-%m-%dT%H:%M")
        for each in committed
    }
    told = {line.partition('"timestamp\\":\\"')[2][:16] for line in events(project)}
    assert told == dates
