"""How commits stand to another: newer, older, on another line, or not at hand.

A job may run late, after that of a newer commit. What the newer one published must then be
recognised as such, from the commit that the ledger names.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from franc_gitops.model import Lineage

if TYPE_CHECKING:
    from collections.abc import Collection

    from franc_gitops.repositories.git.command import Git


_REFS = ("--branches", "--remotes", "--tags")


def find_lineage(git: Git, start: str, commits: Collection[str]) -> Lineage:
    """Compare commits with `start`, in a few calls however many there are; raises RepositoryError.

    A descendant counts as newer only if a branch or tag leads to it: after a force-push the
    commits that were pushed away are often still in the clone.
    """
    known = present(git, commits)
    after = _descendants(git, start, known)
    abandoned = _on_no_branch(git, after)
    missing = frozenset(commits) - known
    time = _time(git, start) if missing else Lineage().time
    return Lineage(after - abandoned, abandoned, missing, time)


def present(git: Git, commits: Collection[str]) -> frozenset[str]:
    """Give those of some ids that are commits at hand."""
    if not commits:
        return frozenset()
    asked = "".join(f"{commit}^{{commit}}\n" for commit in sorted(commits))
    answers = git.run("cat-file", "--batch-check=%(objectname)", stdin=asked.encode()).decode()
    return frozenset(commits).intersection(answers.split())


def _descendants(git: Git, start: str, commits: frozenset[str]) -> frozenset[str]:
    if not commits:
        return frozenset()
    asked = "".join(f"{commit}\n" for commit in sorted(commits)) + f"^{start}\n"
    listed = git.run("rev-list", "--ancestry-path", "--stdin", stdin=asked.encode())
    return commits.intersection(listed.decode().split())


def _on_no_branch(git: Git, commits: frozenset[str]) -> frozenset[str]:
    if not commits:
        return frozenset()
    listed = git.run("rev-list", *sorted(commits), "--not", *_REFS)
    return commits.intersection(listed.decode().split())


def _time(git: Git, commit: str) -> datetime:
    """Give the committer time; an impossible one counts as 1970."""
    seconds = git.run("rev-list", "--no-walk", "--format=%ct", commit).split()[-1]
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return Lineage().time
