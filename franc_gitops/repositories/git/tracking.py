"""Does git track a file? Asked about `.env`, which is read only if git does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from franc_gitops.repositories.git.command import Git, GitMissing, NotARepository

if TYPE_CHECKING:
    from pathlib import Path


def is_tracked(file: Path) -> bool:
    """Tell whether a file is in git's index; outside a repository nothing is.

    Raises RepositoryError where git refuses to answer: then nobody knows.
    """
    try:
        return bool(Git(file.parent).run("ls-files", "--cached", "-z", "--", file.name))
    except (GitMissing, NotARepository):
        return False
