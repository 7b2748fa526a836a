"""Turns over what changed come to the same as passes over everything.

A random story of edits is told to two worlds: one makes a daemon's turns, the other a whole
pass after each edit. Ledger, events, status files and problems must be the same after each.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bench.corpus import request_text
from franc_gitops.model import Written
from tests.support.world import NOW, World

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from franc_gitops.pipeline.ports import Projection

EDITS = 50


class Story:
    """Random edits of a small folder: few names and numbers, so that they meet often."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.files: dict[str, str] = {}

    def edit(self) -> dict[str, str | None]:
        """Give the files of the next edit: path -> text, None to delete it."""
        kinds = [self.add, self.add, self.add, self.change, self.rename, self.copy, self.delete]
        kinds += [self.reformat, self.spoil, self.touch, self.raise_revision, self.cancel]
        found = self.chance.choice(kinds)()
        for path, text in found.items():
            self.files.pop(path, None)
            if text is not None:
                self.files[path] = text
        return found

    def path(self) -> str:
        folder = self.chance.choice(["", "a/", "b/c/"])
        return f"requests/{folder}{self.chance.randint(0, 7)}.yaml"

    def some(self) -> str | None:
        return self.chance.choice(sorted(self.files)) if self.files else None

    def document(self) -> str:
        number, item = self.chance.randint(1, 6), self.chance.choice(["", "", "x", "y"])
        name = self.chance.choice("PQ")
        text = (
            f"type: pop_deployment\nchange_number: CHG-2026-{number:06d}\n"
            f"pop_name: {name}-{number}\nlocation: Paris\ndesign_pattern: Hub\nprovider: Equinix\n"
        )
        text += f"item: {item}\n" if item else ""
        if self.chance.random() < 0.15:
            text += (
                f"not_before: {(NOW + timedelta(minutes=self.chance.randint(0, 60))).isoformat()}\n"
            )
        return text

    def add(self) -> dict[str, str | None]:
        count = self.chance.choice([1, 1, 1, 2, 3])
        return {self.path(): "---\n".join(self.document() for _ in range(count))}

    def change(self) -> dict[str, str | None]:
        path = self.some()
        return (
            {path: self.files[path].replace("Paris", self.chance.choice(["Rome", "Oslo"]))}
            if path
            else {}
        )

    def rename(self) -> dict[str, str | None]:
        path, to = self.some(), self.path()
        return {path: None, to: self.files[path]} if path and to != path else {}

    def copy(self) -> dict[str, str | None]:
        path = self.some()
        return {self.path(): self.files[path]} if path else {}

    def delete(self) -> dict[str, str | None]:
        path = self.some()
        return {path: None} if path else {}

    def reformat(self) -> dict[str, str | None]:
        path = self.some()
        return {path: f"# {self.chance.random()}\n{self.files[path]}"} if path else {}

    def spoil(self) -> dict[str, str | None]:
        path = self.some()
        return {path: self.files[path].replace("location", "locaton", 1)} if path else {}

    def touch(self) -> dict[str, str | None]:
        path = self.some()
        return {path: self.files[path]} if path else {}

    def raise_revision(self) -> dict[str, str | None]:
        path = self.some()
        if path is None:
            return {}
        line = f"revision: {self.chance.randint(1, 4)}\n"
        return {
            path: "".join(p for p in self.files[path].splitlines(True) if "revision" not in p)
            + line
        }

    def cancel(self) -> dict[str, str | None]:
        path = self.some()
        return {path: self.files[path] + "cancel: not wanted any more\n"} if path else {}


def tell(seed: int, folder: Path, edits: int = EDITS) -> World:
    """Tell a story to both worlds and compare them after each edit."""
    daemon, whole = (
        World(folder / "daemon", is_daemon=True),
        World(folder / "whole", is_daemon=False),
    )
    story = Story(seed)
    for world in (daemon, whole):
        world.look(frozenset())
    for second in range(edits):
        edit = story.edit()
        for world in (daemon, whole):
            for path, text in edit.items():
                world.write(path, text, second)
            world.look(frozenset(edit))
        assert daemon.state() == whole.state(), f"seed {seed}, edit {second}: {edit}"
    return daemon


@pytest.mark.parametrize("seed", range(6))
def test_turns_over_what_changed_come_to_the_same_as_whole_passes(
    seed: int, tmp_path: Path
) -> None:
    daemon = tell(seed, tmp_path)
    assert daemon.parts > daemon.wholes


class Recorder:
    """Commits nothing; notes of each projection whether it takes the ledger for the newest."""

    def __init__(self) -> None:
        self.exact: list[bool] = []

    def prepare(self, files: int) -> None:
        del files

    def __call__(self, wanted: Projection, keep: object, pins: object, note: str = "") -> Written:
        del keep, pins, note
        self.exact.append(wanted.is_exact)
        return Written()

    def part(self, wanted: Projection, gone: Sequence[str]) -> Written:
        del gone
        self.exact.append(wanted.is_exact)
        return Written()

    def close(self) -> None: ...

    def last_note(self) -> str:
        return ""

    def find_unmoved(self, pins: object) -> None:
        del pins


def test_only_what_was_just_published_is_written_back_without_reading_the_ledger_again(
    tmp_path: Path,
) -> None:
    """A small turn that published nothing may not know what others have published since."""
    world = World(tmp_path, is_daemon=True)
    recorder = world.turn.write_back = Recorder()
    world.look(frozenset())
    for name, text, is_exact in (("a", request_text(1), True), ("b", "nonsense: 1\n", False)):
        recorder.exact.clear()
        world.write(f"requests/{name}.yaml", text, 1)
        world.look(frozenset([f"requests/{name}.yaml"]))
        assert recorder.exact == [is_exact], name
    assert world.parts == 2
