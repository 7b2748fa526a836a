"""How `watch` speaks: a calm view on a terminal, a line of JSON for each thing elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from franc_gitops.cli.logs import log_requests, open_log
from franc_gitops.pipeline.rows import rows_of_report

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from franc_gitops.cli.invocation import Invocation
    from franc_gitops.daemon.model import Role
    from franc_gitops.daemon.narrator import Narrator
    from franc_gitops.errors import FrancError
    from franc_gitops.pipeline.report import Report


def open_narrator(invocation: Invocation) -> Narrator:
    """Give what suits the place where standard error leads to."""
    return LogNarrator(open_log(invocation))


class LogNarrator:
    """Writes logs."""

    def __init__(self, logger: FilteringBoundLogger) -> None:
        """Take a logger that is configured."""
        self._logger = logger

    def tell(self, event: str, /, **facts: object) -> None:
        """Log a fact."""
        self._logger.info(event, **facts)

    def warn(self, event: str, /, **facts: object) -> None:
        """Log a warning."""
        self._logger.warning(event, **facts)

    def turn_ended(self, report: Report, /, *, trigger: str, seconds: float, whole: bool) -> None:
        """Log a line for each request, and one for the turn."""
        log_requests(self._logger, rows_of_report(report))
        self._logger.info(
            "turn",
            trigger=trigger,
            seconds=round(seconds, 4),
            whole=whole,
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
        self._logger.info("recovered", stage=stage)

    def role(self, role: Role, /) -> None:
        """Log the role."""
        self._logger.info("role", role=str(role))
