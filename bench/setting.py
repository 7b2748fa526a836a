"""What the measurements share: sizes, rounds, a folder for what they write, one real broker."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from bench.consumer import wait_until_readable
from bench.corpus import commit, write_corpus
from bench.process import FRANC
from franc_gitops.eventlogs.kafka.names import Names
from tests.support.broker import start_broker
from tests.support.kafka_log import fresh_prefix, make_topics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.broker import Broker

PARTITIONS = 6
"""Of each event topic, as `topics create` makes them."""


class Publication(NamedTuple):
    """A publish command, its environment and state folder; `prefix` is that of its topics."""

    command: list[str]
    environment: dict[str, str]
    state_dir: str
    prefix: str = ""


class Setting:
    """One run of the benchmarks; folders and broker are made when they are asked for."""

    def __init__(self, scale: float, rounds: int | None) -> None:
        """Take how much smaller than stated everything is, and how many rounds to run."""
        self._scale = scale
        self._rounds = rounds
        self._stack = ExitStack()
        self._numbers: Iterator[int] = count()
        self._broker: Broker | None = None
        # Not removed between rows: after a mass deletion files are made slowly for seconds.
        self._folder = Path(tempfile.mkdtemp(prefix="franc-bench-"))
        self._stack.callback(shutil.rmtree, self._folder, ignore_errors=True)

    def size(self, full: int) -> int:
        """The number of files of a row, scaled down."""
        return max(10, round(full * self._scale))

    def rounds(self, usual: int) -> int:
        """How often each contender of a row runs."""
        return self._rounds or usual

    def fresh_folder(self) -> Path:
        """An empty folder that nothing else uses."""
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        return folder

    def repository(self, requests: int) -> Path:
        """A fresh repository with so many committed request files."""
        folder = self.fresh_folder()
        write_corpus(folder, requests)
        commit(folder)
        return folder

    @property
    def broker(self) -> Broker:
        """The broker of this run; started with the first question."""
        if self._broker is None:
            broker = start_broker(options=["-XX:TieredStopAtLevel=4"], heap="1g")
            self._broker = self._stack.enter_context(broker)
        return self._broker

    def embedded(self) -> Publication:
        """A first publication: fresh embedded log, fresh folder for the status files."""
        return self._publish({})

    def kafka(self) -> Publication:
        """A first publication: fresh topics, fresh folder for the status files."""
        prefix = self.fresh_topics()
        return self._publish(self.broker.settings(KAFKA_TOPIC_PREFIX=prefix), prefix)

    def fresh_topics(self) -> str:
        """The prefix of event topics and ledger that nobody has written to."""
        prefix = fresh_prefix()
        make_topics(self.broker, prefix, partitions=PARTITIONS)
        wait_until_readable(self.broker.bootstrap, Names(prefix).all)
        return prefix

    def _publish(self, environment: dict[str, str], prefix: str = "") -> Publication:
        number = next(self._numbers)
        state = f".franc-{number}"
        folders = ["--set", f"status_dir=status-{number}", "--set", f"state_dir={state}"]
        return Publication([FRANC, *folders, "publish"], environment, state, prefix)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
