"""A CI job: `publish` of one new file in a fresh clone of many published requests."""

from __future__ import annotations

import shutil
import subprocess
from itertools import count
from typing import TYPE_CHECKING

from bench.corpus import commit, write_corpus
from bench.process import run
from bench.table import Ratio, Row, take_turns
from bench.unchanged import STATUS, read_ledger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.setting import Publication, Setting

_NEW = count(800_000)
_CACHES = ("status-index", "status-blobs")


def fresh(setting: Setting) -> Row:
    """`publish` of one new file where nothing but the ledger is known of the others."""
    files = setting.size(100_000)
    row = Row(
        "fresh",
        f"whole process, `publish` of one new file where {files:,} requests are published and "
        "their status files committed, by a clone without any cache; pushing to a bare repository "
        "on the same disk; git status in the same repository; reading the ledger once",
    )
    repository = setting.repository(files)
    contenders: dict[str, Callable[[], float]] = {
        STATUS: lambda: run(["git", "status", "--short"], repository).seconds
    }
    for where, publication in {"Kafka": setting.kafka(), "embedded": setting.embedded()}.items():
        run(publication.command, repository, publication.environment)
        commit(repository, "Publish")
        contenders[f"files, {where}"] = _job(publication, repository)
        contenders[f"ledger, {where}"] = read_ledger(setting, publication, repository)
    bare = setting.fresh_folder()
    subprocess.run(["git", "clone", "-q", "--bare", repository, bare], check=True)
    subprocess.run(["git", "-C", repository, "remote", "add", "origin", bare], check=True)
    contenders["push, embedded"] = _job(publication, repository, "write_back=push")
    take_turns(row, setting.rounds(5), contenders, warm_up=True)
    for mode, where in (("files", "Kafka"), ("files", "embedded"), ("push", "embedded")):
        seconds = row.median(f"{mode}, {where}") - row.median(f"ledger, {where}")
        row.ratios.append(
            Ratio(seconds, f"seconds: {mode}, {where}, without the ledger", "under 1.5")
        )
    return row


def _job(publication: Publication, repository: Path, *settings: str) -> Callable[[], float]:
    """Order one more request, forget what an earlier job noted, and publish."""
    flags = [word for setting in settings for word in ("--set", setting)]
    *command, verb = publication.command

    def publish() -> float:
        write_corpus(repository, 1, next(_NEW))
        commit(repository, "Order one more")
        if settings:
            subprocess.run(["git", "-C", repository, "push", "-q", "origin", "main"], check=True)
        state = repository / publication.state_dir
        if publication.prefix:
            shutil.rmtree(state, ignore_errors=True)
        for name in _CACHES:
            (state / name).unlink(missing_ok=True)
        seconds = run([*command, *flags, verb], repository, publication.environment).seconds
        if settings:
            subprocess.run(["git", "-C", repository, "pull", "-q", "origin", "main"], check=True)
        return seconds

    return publish
