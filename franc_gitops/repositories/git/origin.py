"""Where a clone comes from, for links on pages; never an error, there may be no such place."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.errors import RepositoryError
from franc_gitops.repositories.git.command import Git

if TYPE_CHECKING:
    from pathlib import Path


class Origin(NamedTuple):
    """The address of the remote `origin`, empty if there is none, and the folder's place.

    The address may hold a password. `prefix` is where the folder is in the repository, with a
    slash at its end.
    """

    url: str = ""
    prefix: str = ""


def find_origin(root: Path) -> Origin:
    """Ask git; a folder that is in no repository has no origin."""
    git = Git(root)
    try:
        prefix = git.run("rev-parse", "--show-prefix").decode(errors="replace").rstrip("\n")
        url = git.run("config", "--get", "remote.origin.url").decode(errors="replace").strip()
    except RepositoryError:
        return Origin()
    return Origin(url, prefix)
