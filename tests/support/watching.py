"""A daemon in this process, on a thread of its own, and what it said."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from franc_gitops.daemon.opening import Daemon, open_daemon
from franc_gitops.settings import load_settings
from franc_gitops.wiring import Choices
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from franc_gitops.daemon.model import Role
    from franc_gitops.errors import FrancError
    from franc_gitops.pipeline.report import Report

SECONDS = 60.0
"""What a test waits for at the most: the machine may be busy with others."""


@dataclass
class Said:
    """A narrator that keeps what it is told."""

    facts: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    turns: list[tuple[str, bool]] = field(default_factory=list)
    failures: list[tuple[FrancError, str, float]] = field(default_factory=list)
    recoveries: list[str] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)

    def tell(self, event: str, /, **facts: object) -> None:
        """Keep a fact."""
        self.facts.append((event, facts))

    def warn(self, event: str, /, **facts: object) -> None:
        """Keep a warning."""
        self.warnings.append(event)
        self.facts.append((event, facts))

    def turn_ended(
        self, report: Report, /, *, trigger: str, seconds: float, paths: Collection[str] | None
    ) -> None:
        """Keep a turn."""
        del seconds
        self.reports.append(report)
        self.turns.append((trigger, paths is None))

    def failed(self, error: FrancError, /, *, stage: str, retry_in: float) -> None:
        """Keep a failure."""
        self.failures.append((error, stage, retry_in))

    def recovered(self, *, stage: str) -> None:
        """Keep what is well again."""
        self.recoveries.append(stage)

    def role(self, role: Role, /) -> None:
        """Keep a role."""
        self.roles.append(str(role))


@dataclass
class Running:
    """A daemon that runs; `error` is what ended it early."""

    daemon: Daemon
    said: Said
    thread: threading.Thread
    errors: list[BaseException]

    @property
    def published(self) -> list[str]:
        """The request_ids that it has published, in order."""
        return [name for report in self.said.reports for name in report.published]

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        """Return once the condition holds; what ended the daemon is raised."""

        def look() -> object:
            if self.errors:
                raise self.errors[0]
            return condition()

        try:
            wait_for(look, what=what, seconds=SECONDS)
        except TimeoutError as late:
            raise TimeoutError(f"{late}; {self._story()}") from None

    def _story(self) -> str:
        said, register = self.said, self.daemon.board.register
        failures = [(error.message, stage, seconds) for error, stage, seconds in said.failures]
        return (
            f"roles {said.roles}, pending {register.pending()}, turns {said.turns[-10:]}, "
            f"failures {failures[-5:]}, facts {said.facts[-5:]}"
        )

    def wait_for_start(self) -> None:
        """Return once its first turn has ended."""
        self.wait_until(lambda: self.said.turns, "the first turn")

    def look_at_everything(self) -> None:
        """Wake it as SIGHUP does, and return once it has looked."""
        turns = len(self.said.turns)
        self.daemon.wakeups.wake("signal")
        self.wait_until(lambda: len(self.said.turns) > turns, "a turn")

    def look_at_everything_in_vain(self) -> None:
        """Wake it as SIGHUP does, and return once it has failed."""
        failures = len(self.said.failures)
        self.daemon.wakeups.wake("signal")
        self.wait_until(lambda: len(self.said.failures) > failures, "a failure")

    def wait_for_published(self, count: int) -> None:
        """Return once it has published so many requests."""
        self.wait_until(lambda: len(self.published) >= count, f"{count} publications")

    def stop(self) -> None:
        """Ask it to end, as SIGTERM does, and wait for that."""
        self.daemon.stop.request()
        self.thread.join(SECONDS)
        assert not self.thread.is_alive(), "the daemon does not end"


@contextmanager
def watching(
    root: Path,
    environ: Mapping[str, str] | None = None,
    *,
    choices: Choices | None = None,
    **flags: str,
) -> Iterator[Running]:
    """Run a daemon for a folder; `flags` are settings."""
    read = partial(load_settings, root, flags, is_tracked=lambda _: False, environ=environ or {})
    said, errors = Said(), list[BaseException]()
    with open_daemon(read(), choices or Choices(), said, reread=read) as daemon:

        def run() -> None:
            try:
                daemon.loop.run()
            except BaseException as error:  # noqa: BLE001  - the test's thread raises it
                errors.append(error)

        running = Running(daemon, said, threading.Thread(target=run), errors)
        running.thread.start()
        try:
            yield running
        finally:
            running.stop()
