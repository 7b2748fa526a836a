"""Where the history of a shallow clone ends: the commits whose parents it does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from franc_gitops.repositories.git.command import Git


def shallow_commits(git: Git) -> set[str]:
    """Give the commits whose parents a shallow clone does not have; none in a whole clone."""
    told = git.run("rev-parse", "--git-path", "shallow").decode(errors="surrogateescape")
    file = git.root / told.removesuffix("\n")
    return set(file.read_text().split()) if file.is_file() else set()
