"""A freeze that is declared, lifted or mistyped while `watch` runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.corpus import request_text
from tests.support.watching import watching

if TYPE_CHECKING:
    from pathlib import Path

FROZEN = "freeze:\n  - {from: 2020-01-01, until: 2120-01-01, time_zone: UTC, reason: audit}\n"


def save(folder: Path, number: int) -> None:
    (folder / f"requests/{number:06d}.yaml").write_text(request_text(number))


def test_a_freeze_holds_from_its_declaration_until_it_is_lifted(tmp_path: Path) -> None:
    (tmp_path / "requests").mkdir()
    save(tmp_path, 1)
    with watching(tmp_path) as running:
        running.wait_for_published(1)
        (tmp_path / "franc-gitops.yaml").write_text(FROZEN)
        save(tmp_path, 2)
        status = tmp_path / "status/000002.yaml"
        running.wait_until(status.exists, "its status")
        assert "phase: Scheduled" in status.read_text()
        (tmp_path / "franc-gitops.yaml").write_text("freeze: [nonsense]\n")
        running.wait_until(
            lambda: not running.daemon.board.readiness()[0], "the mistake to be told"
        )
        assert "freeze" in running.daemon.board.readiness()[1][0].message
        assert len(running.published) == 1
        (tmp_path / "franc-gitops.yaml").unlink()
        running.wait_for_published(2)
        running.wait_until(lambda: running.daemon.board.readiness()[0], "it to be ready again")
