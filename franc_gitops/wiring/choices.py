"""What a command line says about one pass, beyond the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from franc_gitops.pipeline.publish import no_progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from franc_gitops.pipeline.publish import Progress
    from franc_gitops.repositories.git.annex import Annex


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a command line says about one pass, beyond the settings."""

    revision: str = "HEAD"
    worktree: bool = False
    accept_ledger: bool = False
    expect: str | None = None
    strict: bool = False
    offline: bool = False
    write_back: bool = True
    ignore_freeze: bool = False
    override_freeze: bool = False
    local: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    """What is set in git's environment: with it, git sees what was fetched of a remote."""
    writing: Mapping[str, str] = field(default_factory=dict)
    """The same where status commits are made, if not in the clone itself."""
    annex: Annex | None = None
    """Where a commit is fetched to without its history."""
    progress: Progress = no_progress


AS_USUAL = Choices()
