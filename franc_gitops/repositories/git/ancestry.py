"""Which commit descends from which, and where the history of a shallow clone ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from franc_gitops.repositories.git.command import explain

if TYPE_CHECKING:
    from franc_gitops.repositories.git.command import Git


def descends(git: Git, commit: str, ancestor: str) -> bool:
    """Tell whether a commit is another one or has it in its history.

    Raises RepositoryError where one of them is not at hand.
    """
    command = ("merge-base", "--is-ancestor", ancestor, commit)
    outcome = git.attempt(*command)
    if outcome.code not in {0, 1}:
        raise explain(outcome.messages, git.root, command)
    return outcome.code == 0


def shallow_commits(git: Git) -> set[str]:
    """Give the commits whose parents a shallow clone does not have; none in a whole clone."""
    told = git.shallow_file or git.run("rev-parse", "--git-path", "shallow").decode(
        errors="surrogateescape"
    )
    file = git.root / told.removesuffix("\n")
    return set(file.read_text().split()) if file.is_file() else set()
