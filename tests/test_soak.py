"""The soak in short, so that each change meets some of its faults; `make soak` is the long form."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.soak.changes import Asked
from tests.soak.daemons import Life, Sample
from tests.soak.run import Soak, Wishes
from tests.soak.verdict import judge_events, judge_memory
from tests.support.console import ConsumedRecord

if TYPE_CHECKING:
    from pathlib import Path


def test_twenty_seconds_of_faults(tmp_path: Path) -> None:
    """Each event once, status files as they must be, nothing hung; the seed is in the output."""
    seed = random.SystemRandom().randrange(10**6)
    print(f"python -m tests.soak --minutes 0.3 --seed {seed}")
    assert Soak(Wishes(20, seed, pauses=(0.3, 1.5), scale=0.3), tmp_path).run() == []


@pytest.mark.proof
@pytest.mark.parametrize("is_cluster", [False, True], ids=["broker", "cluster"])
def test_ten_minutes_of_faults(tmp_path: Path, is_cluster: bool) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"python -m tests.soak --minutes 10 --seed {seed}")
    assert Soak(Wishes(600, seed, is_cluster), tmp_path).run() == []


def published(asked: Asked, revision: int, offset: int = 0) -> list[ConsumedRecord]:
    """What a consumer sees of one publication."""
    bodies = (
        (asked.kind, f'"pop_name":"{asked.name(revision)}"'),
        ("task_status_update", '"status":"completed"'),
        ("task_completion", '"completion_status":"completed"'),
    )
    return [
        ConsumedRecord(
            topic=event_type,
            partition=0,
            offset=offset,
            timestamp=0,
            headers=(("ce_id", b"%d %d" % (revision, n)), ("ce_revision", b"%d" % revision)),
            key=b"",
            value=(
                f'{{"event_type":"{event_type}","change_number":"{asked.change_number}",{body}}}'
            ).encode(),
        )
        for n, (event_type, body) in enumerate(bodies)
    ]


def test_the_verdict_finds_what_is_lost_doubled_torn_and_out_of_order() -> None:
    asked = Asked(7, "pop_deployment", "requests/7.yaml", revision=2)
    first, second = published(asked, 1), published(asked, 2, offset=1)
    assert not list(judge_events([*first, *second], [asked]))
    assert not list(judge_events(second, [asked])), "steps may be skipped"
    for wrong, said in (
        (first, "revision 2 was not published"),
        ([*first, *second, *second], "have the id"),
        ([*first, *second[:2]], "has the events"),
        ([*published(asked, 1, offset=1), *published(asked, 2)], "in the order"),
        ([*second, *published(asked, 3, offset=2)], "never written"),
    ):
        assert said in " ".join(judge_events(wrong, [asked])), said
    assert "nobody asked" in " ".join(judge_events(first, []))
    asked.is_cancelled = True
    assert "0 cancellations instead of 1" in " ".join(judge_events(second, [asked]))


def test_the_verdict_finds_memory_that_grows() -> None:
    flat = Life("flat", [Sample(n, 50 + n % 3) for n in range(300)])
    short = Life("short", [Sample(n, 50 + n) for n in range(60)])
    leaking = Life("leaking", [Sample(n, 50 + n / 20) for n in range(300)])
    assert [text.split()[0] for text in judge_memory([flat, short, leaking])] == ["leaking"]
