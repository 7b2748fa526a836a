"""How much memory a pass over a hundred thousand requests needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.process import run
from bench.table import Row

if TYPE_CHECKING:
    from pathlib import Path

    from bench.setting import Publication, Setting


def memory(setting: Setting) -> Row:
    """Peak memory of a first publication and of a pass that finds nothing to do."""
    files = setting.size(100_000)
    row = Row(
        "memory",
        f"`publish`, {files:,} requests of one commit, first publication and nothing to do: "
        "`largest` is the peak RSS of the largest process of the command, as the kernel accounts "
        "it; `all` the peak of all its processes together (workers, git), shared pages counted "
        "once, looked at every 20 ms",
        unit="MB",
    )
    repository = setting.repository(files)
    rounds = setting.rounds(1)
    for where, make in {"Kafka": setting.kafka, "embedded": setting.embedded}.items():
        for _ in range(rounds):
            publication = make()
            _measure(row, f"{where}, first", publication, repository)
            _measure(row, f"{where}, nothing to do", publication, repository)
    row.remarks.append("wanted with 100,000 requests: below 200 MB, aim 120 MB")
    return row


def _measure(row: Row, name: str, publication: Publication, repository: Path) -> None:
    command, environment, *_ = publication
    row.tell(name)
    ran = run(command, repository, environment, sample_memory=True)
    row.add(f"{name}, largest", ran.largest)
    row.add(f"{name}, all", ran.together)
