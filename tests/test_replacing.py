"""Files are replaced whole, by one process or by two, and what becomes of each is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from franc_gitops.pipeline import replacing
from franc_gitops.pipeline.replacing import Replacement, Replacer, Signature, signature


@pytest.fixture
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine with an idle processor, whatever this one has and is doing."""
    monkeypatch.setattr("franc_gitops.pipeline.workers.spare_processors", lambda: 1)


def replacements(folder: Path, count: int) -> list[Replacement]:
    return [
        Replacement(str(folder / f"{n}.yaml"), b"file %d" % n, f"{n}.yaml", f"tag{n}")
        for n in range(count)
    ]


def replace_all(replacer: Replacer, wanted: list[Replacement]) -> dict[str, Signature | OSError]:
    outcomes = [outcome for one in wanted for outcome in replacer.add(one)]
    outcomes += replacer.finish()
    return {done.path: found for done, found in outcomes}


def test_many_files_are_written_by_two_processes(two_processors: None, tmp_path: Path) -> None:
    replacer, wanted = Replacer(), replacements(tmp_path, 1_000)
    replacer.prepare(1_000)
    found = replace_all(replacer, wanted)
    assert found == {one.path: signature(Path(one.file).stat()) for one in wanted}
    assert all(Path(one.file).read_bytes() == one.content for one in wanted)
    assert len(list(tmp_path.iterdir())) == 1_000, "no temporary file is left"


def test_what_a_lost_worker_had_not_told_is_written_again(
    two_processors: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent, replace_file = os.getpid(), replacing.replace_file

    def die_in_the_worker(file: str, content: bytes) -> Signature:
        if os.getpid() != parent and file.endswith("/90.yaml"):
            os._exit(1)
        return replace_file(file, content)

    monkeypatch.setattr(replacing, "replace_file", die_in_the_worker)
    replacer, wanted = Replacer(), replacements(tmp_path, 1_000)
    replacer.prepare(1_000)
    found = replace_all(replacer, wanted)
    assert len(found) == 1_000
    assert all(Path(one.file).read_bytes() == one.content for one in wanted)


def test_a_file_that_a_worker_cannot_write_is_told(two_processors: None, tmp_path: Path) -> None:
    replacer, wanted = Replacer(), replacements(tmp_path, 700)
    Path(wanted[500].file).mkdir()
    (Path(wanted[500].file) / "in the way").touch()
    replacer.prepare(700)
    found = replace_all(replacer, wanted)
    assert isinstance(found.pop("500.yaml"), OSError)
    assert len(found) == 699
    assert all(isinstance(one, Signature) for one in found.values())
