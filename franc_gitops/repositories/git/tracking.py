"""Does git track a file, and with what content? Asked about `.env` and about the pins."""

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


def read_committed(git: Git, path: str, revision: str = "HEAD") -> bytes | None:
    """Give a file of a commit by its path below git's folder; None if it has none.

    Raises RepositoryError where git refuses to answer.
    """
    try:
        prefix = git.run("rev-parse", "--show-prefix").removesuffix(b"\n").decode()
    except (GitMissing, NotARepository):
        return None
    found = git.attempt("cat-file", "blob", f"{revision}:{prefix}{path}")
    return found.output if found.code == 0 else None
