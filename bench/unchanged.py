"""A pass that finds nothing to do, against what it cannot do without."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from bench.process import FRANC, run
from bench.table import Ratio, Row, take_turns
from franc_gitops.clock import SystemClock
from franc_gitops.eventlogs.kafka import KafkaEventLog
from franc_gitops.eventlogs.sqlite import SqliteEventLog
from franc_gitops.ledger import Ledger
from tests.support.kafka_log import connection_to

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.setting import Publication, Setting
    from franc_gitops.eventlogs import EventLog

STATUS = "git status"
STARTING = "franc-gitops --version"


def unchanged(setting: Setting) -> Row:
    """`publish` where every request is published and every status file is right."""
    files = setting.size(100_000)
    row = Row(
        "nothing",
        f"whole process, `publish` where all {files:,} committed requests are published and their "
        "status files written; git status in the same repository, whose status folder is not "
        "committed; reading the ledger once: peek and fold in a process that runs already",
    )
    repository = setting.repository(files)
    contenders: dict[str, Callable[[], float]] = {
        STATUS: lambda: run(["git", "status", "--short"], repository).seconds,
        STARTING: lambda: run([FRANC, "--version"], repository).seconds,
    }
    for where, publication in {"Kafka": setting.kafka(), "embedded": setting.embedded()}.items():
        run(publication.command, repository, publication.environment)
        contenders[f"publish, {where}"] = _publish(publication, repository)
        contenders[f"ledger, {where}"] = read_ledger(setting, publication, repository)
    # The first pass that finds nothing to do also fills the cache of what status files hold.
    take_turns(row, setting.rounds(7), contenders, warm_up=True)
    for where in ("Kafka", "embedded"):
        without = sum(map(row.median, (f"ledger, {where}", STARTING)))
        rest = row.median(f"publish, {where}") - without
        meaning = f"{where}: publish without ledger and start-up, times git status"
        row.ratios.append(Ratio(rest / row.median(STATUS), meaning, "at most 2.5, aim 1.5"))
    return row


def _publish(publication: Publication, repository: Path) -> Callable[[], float]:
    return lambda: run(publication.command, repository, publication.environment).seconds


def read_ledger(
    setting: Setting, publication: Publication, repository: Path
) -> Callable[[], float]:
    """Give what reads and folds the ledger once, in a process that runs already."""

    def read() -> float:
        log = _open(setting, publication, repository)
        log.identify()
        ledger = Ledger()
        began = monotonic()
        reader = log.reader()
        for records in reader.read(None):
            ledger.fold(records)
        seconds = monotonic() - began
        reader.close()
        log.close()
        assert len(ledger), "the ledger is empty"
        return seconds

    return read


def _open(setting: Setting, publication: Publication, repository: Path) -> EventLog:
    if publication.prefix:
        return KafkaEventLog(connection_to(setting.broker), publication.prefix)
    return SqliteEventLog(repository / publication.state_dir, SystemClock().sleep)
