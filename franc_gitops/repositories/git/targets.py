"""Which remote and which of its branches are meant, where no setting says it.

Status files are pushed there, and `watch` follows it.

The remote is the one that the checked-out branch follows, else `origin`, else the only one.
The branch is the one that the checked-out branch follows, else the one of the same name. With
a detached HEAD, as CI systems leave it, it is the branch that the checked-out commit is on;
the remote's default branch if that commit is on several, or on none that is known here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.errors import SettingsError, WriteBackFailed
from franc_gitops.repositories.git.remote import HEADS

if TYPE_CHECKING:
    from franc_gitops.clock import Deadline
    from franc_gitops.repositories.git.command import Git
    from franc_gitops.repositories.git.remote import Remote

_UNDECIDED = "set branch (FRANC_BRANCH) to the branch that the requests are merged to"


class _Followed(NamedTuple):
    """What is checked out, and what it follows; empty where there is nothing."""

    branch: str = ""
    remote: str = ""
    upstream: str = ""


def choose_remote(git: Git, wanted: str, purpose: str = "write_back is push") -> str:
    """Give the remote's name; asks nobody. Raises SettingsError where there is no telling.

    `purpose` is why a remote is needed at all.
    """
    known = git.run("remote").decode(errors="surrogateescape").splitlines()
    if wanted in known:
        return wanted
    if wanted or not known:
        raise SettingsError(
            f"{purpose}, but {git.root} has no remote{f' {wanted!r}' if wanted else ''}",
            hint=f"set remote to one of {', '.join(known)}"
            if known
            else "git remote add origin URL; or set write_back to commit, or to files",
        )
    candidates = (_followed(git).remote, "origin", known[0] if len(known) == 1 else "")
    chosen = next((name for name in candidates if name in known), "")
    if not chosen:
        raise SettingsError(
            f"{purpose}, and {git.root} has several remotes: {', '.join(known)}",
            hint="set remote (FRANC_REMOTE) to one of them",
        )
    return chosen


def find_branch(git: Git, remote: Remote, deadline: Deadline) -> str:
    """Give the name of the branch; asks the remote only where HEAD is detached."""
    branch = branch_here(git, remote.name)
    if branch:
        return branch
    heads = remote.ask((), deadline.left)
    holding = _branches_at_head(git, remote, heads.tips)
    if len(holding) == 1:
        return holding[0]
    if heads.default in heads.tips and (not holding or heads.default in holding):
        return heads.default
    told = f"this commit is on {', '.join(holding)}" if holding else "it names no default branch"
    raise WriteBackFailed(
        f"it is open which branch of {remote.name} is meant: {told}",
        hint=_UNDECIDED,
        code="FRN604",
    )


def branch_here(git: Git, remote: str) -> str:
    """Give the branch of a remote that the checked-out one goes with; empty if none is."""
    here = _followed(git)
    return here.upstream if here.remote == remote and here.upstream else here.branch


def _followed(git: Git) -> _Followed:
    """Look at what is checked out."""
    head = git.attempt("symbolic-ref", "--quiet", "HEAD").output.decode(errors="surrogateescape")
    if not head.startswith(HEADS):
        return _Followed()
    name = head.strip()
    form = "--format=%(upstream:remotename)%00%(upstream:remoteref)"
    told = git.run("for-each-ref", form, name).decode(errors="surrogateescape").strip("\n")
    remote, _, upstream = told.partition("\0")
    return _Followed(name.removeprefix(HEADS), remote, upstream.removeprefix(HEADS))


def _branches_at_head(git: Git, remote: Remote, tips: dict[str, str]) -> list[str]:
    """Give the branches that stand at the checked-out commit, else those known to hold it."""
    head = git.run("rev-parse", "HEAD").decode().strip()
    standing = sorted(name for name, tip in tips.items() if tip == head)
    if standing:
        return standing
    folder = f"refs/remotes/{remote.name}/"
    output = git.run("for-each-ref", "--format=%(refname)", f"--contains={head}", folder)
    names = output.decode(errors="surrogateescape").splitlines()
    return sorted(name for ref in names if (name := ref.removeprefix(folder)) in tips)
