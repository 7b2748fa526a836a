"""How `watch` speaks: a calm view on a terminal, a line of JSON for each thing elsewhere."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from franc_gitops.cli.logs import log_problems, log_requests, open_log
from franc_gitops.cli.news import News

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from structlog.typing import FilteringBoundLogger

    from franc_gitops.cli.invocation import Invocation
    from franc_gitops.daemon.model import Role
    from franc_gitops.daemon.narrator import Narrator
    from franc_gitops.errors import FrancError
    from franc_gitops.pipeline.report import Report


@contextmanager
def open_narrator(invocation: Invocation) -> Iterator[Narrator]:
    """Give what suits the place where standard error leads to."""
    if sys.stderr.isatty() and not invocation.verbose and not invocation.quiet:
        from franc_gitops.cli.live import LiveNarrator

        with LiveNarrator(colors=invocation.colors(sys.stderr)) as live:
            yield live
    else:
        yield LogNarrator(open_log(invocation), quiet=invocation.quiet)


class LogNarrator:
    """Writes logs: JSON, or for people who ask for more on a terminal; `quiet` leaves warnings."""

    def __init__(self, logger: FilteringBoundLogger, *, quiet: bool) -> None:
        """Take a logger that is configured."""
        self._logger = logger
        self._quiet = quiet
        self._news = News()

    def tell(self, event: str, /, **facts: object) -> None:
        """Log a fact."""
        if not self._quiet:
            self._logger.info(event, **facts)

    def warn(self, event: str, /, **facts: object) -> None:
        """Log a warning."""
        self._logger.warning(event, **facts)

    def turn_ended(
        self, report: Report, /, *, trigger: str, seconds: float, paths: Collection[str] | None
    ) -> None:
        """Log a line for each request and problem that is new, and one for the turn."""
        said = self._news.take(report, paths)
        log_problems(self._logger, said.problems)
        if self._quiet:
            return
        log_requests(self._logger, said.rows)
        self._logger.info(
            "turn",
            trigger=trigger,
            seconds=round(seconds, 4),
            whole=paths is None,
            commit=report.plan.commit,
            published=len(report.published),
            pending=len(report.unsent),
        )

    def failed(self, error: FrancError, /, *, stage: str, retry_in: float) -> None:
        """Log an error."""
        self._logger.error(
            error.message,
            stage=stage,
            code=error.code,
            hint=error.hint,
            retry_in=round(retry_in, 1),
            exc_info=error.__cause__,
        )

    def recovered(self, *, stage: str) -> None:
        """Log that what failed is well again."""
        self.tell("recovered", stage=stage)

    def role(self, role: Role, /) -> None:
        """Log the role."""
        self.tell("role", role=str(role))
