"""A ledger that is not the pinned one is refused until a human accepts it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from franc_gitops import pins
from franc_gitops.errors import EventLogRefused, GuardRefused, SettingsError
from franc_gitops.model import LogIdentity, Pin
from franc_gitops.pipeline.guard import Guard
from franc_gitops.settings import Settings
from franc_gitops.wiring import pins_file, read_pins

if TYPE_CHECKING:
    from pathlib import Path

PIN = Pin("MkU3OEVBNTcwNTJENDM2Qk", "franc.gitops.ledger", "topic-id-1", 32)
OTHER = replace(PIN, cluster_id="AnotherCluster")


def identity(pin: Pin | None = PIN, *, compacted: bool = True) -> LogIdentity:
    """Make the identity of a log."""
    return LogIdentity("kafka:x" if pin else "embedded", pin, compacted)


def test_the_first_kafka_ledger_is_accepted_and_pinned() -> None:
    """Without any pin there is nothing to compare with."""
    assert Guard().check(identity()) == (PIN,)


def test_the_pinned_ledger_is_accepted() -> None:
    """Also as one of several."""
    assert Guard((OTHER, PIN)).check(identity()) == (OTHER, PIN)


def test_the_embedded_log_is_not_pinned() -> None:
    """Going to the embedded log and back refuses nothing and forgets no pin."""
    assert Guard((PIN,)).check(identity(None)) == (PIN,)


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (OTHER, "cluster AnotherCluster"),
        (replace(PIN, topic_id="topic-id-2"), "created again"),
        (replace(PIN, partitions=64), "64 partitions instead of 32"),
        (replace(PIN, topic="test.gitops.ledger"), "test.gitops.ledger"),
    ],
)
def test_another_ledger_is_refused_until_accepted(found: Pin, word: str) -> None:
    """The message names the difference; --accept-ledger replaces the cluster's pin."""
    with pytest.raises(GuardRefused, match=word) as refused:
        Guard((PIN,)).check(identity(found))
    assert "--accept-ledger" in refused.value.hint
    kept = Guard((PIN,), accept=True).check(identity(found))
    assert found in kept
    assert len({pin.cluster_id for pin in kept}) == len(kept)


def test_a_ledger_without_compaction_is_refused_even_if_accepted() -> None:
    """The broker would delete old entries, and old requests would be sent again."""
    with pytest.raises(EventLogRefused, match="not compacted"):
        Guard((PIN,), accept=True).check(identity(compacted=False))


def test_the_pins_file_reads_back() -> None:
    """What the write-back writes is what the next pass reads."""
    assert pins.decode(pins.encode((PIN, OTHER)), "status/.ledger.yaml") == (PIN, OTHER)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"ledgers: x",
        b"other: []",
        b"ledgers: [{cluster_id: x}]",
        b"ledgers: [a",
        b"\xff",
        b"ledgers: []",
        b"ledgers: {}",
        pins.encode((PIN, replace(PIN, topic_id="topic-id-2"))),
        b"[]",
    ],
)
def test_a_damaged_pins_file_is_an_error(content: bytes) -> None:
    """Taking it for an empty one would accept any ledger."""
    with pytest.raises(SettingsError, match=r"status/\.ledger\.yaml"):
        pins.decode(content, "status/.ledger.yaml")


@pytest.mark.parametrize("target", ["elsewhere.yaml", "/dev/zero", "/nowhere"])
def test_a_pins_file_that_is_a_link_is_not_followed(tmp_path: Path, target: str) -> None:
    """A pull request could point it at other pins, or at a device without an end."""
    (tmp_path / "elsewhere.yaml").write_bytes(pins.encode((PIN,)))
    (tmp_path / "status").mkdir()
    settings = Settings(root=tmp_path)
    assert read_pins(settings) == ()
    pins_file(settings).symlink_to(target if target.startswith("/") else tmp_path / target)
    with pytest.raises(SettingsError, match=r"status/\.ledger\.yaml"):
        read_pins(settings)
