"""What is said where `watch` goes by a newer commit of the remote than the clone's HEAD."""

from __future__ import annotations

from typing import TYPE_CHECKING

from franc_gitops.errors import UsageError
from franc_gitops.wiring import find_ahead

if TYPE_CHECKING:
    from franc_gitops.cli.invocation import Invocation
    from franc_gitops.settings import Settings
    from franc_gitops.wiring import Choices

_HINT = "git pull"


def warn_if_behind(settings: Settings, choices: Choices, invocation: Invocation) -> None:
    """Warn that the status files there may be of another commit than what is looked at."""
    told = _describe(settings, choices)
    if told:
        invocation.warn(f"{told}; this is about HEAD: {_HINT}")


def refuse_if_behind(settings: Settings, choices: Choices) -> None:
    """Refuse to write status files of HEAD over newer ones; raises UsageError."""
    told = _describe(settings, choices)
    if told:
        message = f"{told}, and so would be the status files that --repair writes"
        raise UsageError(message, hint=_HINT)


def _describe(settings: Settings, choices: Choices) -> str:
    ahead = find_ahead(settings, choices)
    return (
        f"watch follows {ahead.name} here, at {ahead.commit[:12]}; HEAD is older" if ahead else ""
    )
