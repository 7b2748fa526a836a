"""How the loop speaks to people: a port, so that the command line decides how it looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection

    from franc_gitops.daemon.model import Role
    from franc_gitops.errors import FrancError
    from franc_gitops.pipeline.report import Report


class Narrator(Protocol):
    """Hears what happens, on any thread; must not raise."""

    def tell(self, event: str, /, **facts: object) -> None:
        """Say something worth knowing: how files are watched, that it is being shut down."""
        ...

    def warn(self, event: str, /, **facts: object) -> None:
        """Say something that somebody should look at."""
        ...

    def turn_ended(
        self, report: Report, /, *, trigger: str, seconds: float, paths: Collection[str] | None
    ) -> None:
        """Say what a turn did: a line for each request that changed; `paths` None: it saw all."""
        ...

    def failed(self, error: FrancError, /, *, stage: str, retry_in: float) -> None:
        """Say what keeps the loop from its work, and when it tries again."""
        ...

    def recovered(self, *, stage: str) -> None:
        """Say that what failed is well again."""
        ...

    def role(self, role: Role, /) -> None:
        """Say what the daemon is now among those that share its ledger."""
        ...
