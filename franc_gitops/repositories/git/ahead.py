"""Whether `watch` goes by a newer commit in a clone than the one that is checked out there.

In: a clone, and the store that `mirror.py` keeps beside it. Neither the remote nor a daemon is
asked, and nothing is written: what was fetched last is what was published and told last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.errors import RepositoryError
from franc_gitops.repositories.git.ancestry import descends
from franc_gitops.repositories.git.command import Git, seeing
from franc_gitops.repositories.git.mirror import read_tips
from franc_gitops.repositories.git.targets import branch_here

if TYPE_CHECKING:
    from pathlib import Path


class Ahead(NamedTuple):
    """What people call the branch that is followed, and its commit."""

    name: str
    commit: str


def find_ahead(root: Path, store: Path, remote: str, branch: str) -> Ahead | None:
    """Give the followed commit of a remote's branch if HEAD is older; None where that is unknown.

    Without a branch it is the one that the checked-out branch follows, else the only one.
    """
    clone = Git(root, seeing(store / "objects"))
    try:
        branch = branch or branch_here(clone, remote)
        wanted = f"{remote}/{branch}"
        tips = {
            name: tip
            for name, tip in read_tips(store).items()
            if name == wanted or (not branch and name.startswith(wanted))
        }
        head = clone.attempt("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        if len(tips) != 1 or head.code:
            return None
        ((name, tip),) = tips.items()
        is_older = _is_older(clone, head.output.decode().strip(), tip, f"refs/remotes/{name}")
    except RepositoryError:  # a store that is damaged tells nothing; `watch` makes it anew
        return None
    return Ahead(name, tip) if is_older else None


def _is_older(clone: Git, head: str, tip: str, tracked: str) -> bool:
    """Tell whether the tip takes HEAD's place, as `watch` chooses between the two.

    What the clone had from the remote before a force-push is none of its own.
    """
    if descends(clone, head, tip):
        return False
    if descends(clone, tip, head):
        return True
    is_known = clone.attempt("rev-parse", "--verify", "--quiet", f"{tracked}^{{commit}}").code == 0
    return is_known and descends(clone, tracked, head)
