"""Where a change began: the merge base of two revisions, fetched where it is missing.

A CI system usually clones one commit, without its parents and without other branches. What is
missing is fetched in a few bounded steps: a branch of the remote, or a commit, that is asked
for by name; then older commits, until the merge base is there and every commit since. No
branch, tag or file of the clone is changed by that. Where it fails, the error says which
setting of the CI system to change.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.errors import RepositoryError
from franc_gitops.repositories.git.ancestry import shallow_commits
from franc_gitops.repositories.git.command import (
    NO_HOOKS,
    Git,
    GitMissing,
    GitTooSlow,
    NotARepository,
    explain,
)
from franc_gitops.repositories.names import shown

if TYPE_CHECKING:
    from pathlib import Path

FIRST_DEPTH = 50
"""Commits of a branch that is not there yet, if the clone is shallow."""

DEEPENINGS = (50, 500, 5000)
"""So many older commits are fetched, one step after the other, until the base is found."""

FETCH_SECONDS = 300.0
"""For one step; a remote that does not answer is given up earlier."""

_FETCH = (
    "fetch", "--quiet", "--no-tags", "--no-prune", "--no-write-fetch-head",
    "--refmap=", "--no-recurse-submodules", "--no-auto-maintenance",
)  # fmt: skip
_OBJECT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MORE_HISTORY = (
    "clone more history: `fetch-depth: 0` of actions/checkout, `GIT_DEPTH: 0` in GitLab CI, "
    "`git fetch --unshallow` by hand"
)


class MergeBase(NamedTuple):
    """The commit where a change began; `is_whole` tells whether all commits since are at hand."""

    commit: str
    is_whole: bool = True


def find_base(root: Path, revision: str, planned: str) -> MergeBase:
    """Give the merge base of two revisions; of several, the one that git names first.

    Raises RepositoryError saying what to fetch or which setting to change.
    """
    return _Search(Git(root), revision, planned).run()


class _Search:
    """The search for one merge base; `revision` is what a human asked for."""

    def __init__(self, git: Git, revision: str, planned: str) -> None:
        self._git = git
        self._revision = revision
        self._planned = planned
        self._remote = _choose_remote(git, revision)

    def run(self) -> MergeBase:
        """Find the base, fetching what is missing as long as that helps."""
        ends = self._find_revision(), self._find_planned()
        base, missing = self._look(*ends)
        refusal = ""
        for depth in DEEPENINGS:
            if not missing or refusal:
                break
            refusal = self._fetch(f"--deepen={depth}", *missing)
            base, missing = self._look(*ends)
        if base:
            return MergeBase(base, is_whole=not missing)
        raise self._explain_missing(shallow=bool(missing), refusal=refusal)

    def _look(self, there: str, here: str) -> tuple[str, list[str]]:
        """Give the base, if it is there, and the commits at which the history since is cut off."""
        base = _ask(self._git, "merge-base", there, here)
        return base, self._cut_between(there, here, base)

    def _cut_between(self, there: str, here: str, base: str) -> list[str]:
        """Give the commits since the base whose parents a shallow clone lacks."""
        if base == here:
            return []
        cut = shallow_commits(self._git)
        if not cut:
            return []
        since = (f"^{base}",) if base else ()
        roots = _ask(self._git, "rev-list", "--max-parents=0", there, here, *since)
        return sorted(cut.intersection(roots.split()))

    # --- the two ends -------------------------------------------------------------------------

    def _find_planned(self) -> str:
        commit = _resolve(self._git, self._planned)
        if not commit:
            raise RepositoryError(
                f"{shown(self._planned)!r} is not a commit in {self._git.root}",
                hint="commit something first, or check the name given to --rev",
            )
        return commit

    def _find_revision(self) -> str:
        """Resolve the base; fetch it if it is a branch of the remote, or the id of a commit."""
        if not self._revision or self._revision.startswith("-"):
            raise RepositoryError(
                f"{shown(self._revision)!r} is not a revision",
                hint="--base takes the branch that the change is to be merged into",
            )
        commit = _resolve(self._git, self._revision)
        if commit:
            return commit
        branch = self._branch()
        if branch:
            return self._fetch_branch(branch)
        if self._remote and _OBJECT_ID.fullmatch(self._revision):
            refusal = self._fetch(*self._first_depth(), self._revision)
            if refusal:
                raise self._explain_unknown(refusal)
        return _resolve(self._git, self._revision) or self._give_up()

    def _branch(self) -> str:
        """Give the remote's branch that is asked for; empty if it is not named as one."""
        name = self._revision.removeprefix("refs/remotes/")
        prefix = f"{self._remote}/"
        return name.removeprefix(prefix) if self._remote and name.startswith(prefix) else ""

    def _fetch_branch(self, branch: str) -> str:
        """Bring the branch's commits, but make no branch of them here."""
        refusal, listed = self._reach("ls-remote", "--", self._remote, f"refs/heads/{branch}")
        if refusal or not listed:
            reason = refusal or f"{self._remote} has no branch {shown(branch)}"
            raise self._explain_unknown(reason)
        commit = listed.split()[0].decode()
        if not _resolve(self._git, commit):
            refusal = self._fetch(*self._first_depth(), f"refs/heads/{branch}")
            if refusal:
                raise self._explain_unknown(refusal)
        return _resolve(self._git, commit) or self._give_up()

    # --- fetching -----------------------------------------------------------------------------

    def _first_depth(self) -> tuple[str, ...]:
        """A whole clone stays whole; a shallow one is not filled with all of another history."""
        return (f"--depth={FIRST_DEPTH}",) if shallow_commits(self._git) else ()

    def _fetch(self, *wanted: str) -> str:
        """Fetch from the remote; give why it failed, if it did."""
        if not self._remote:
            return "there is no remote to fetch from"
        options = [word for word in wanted if word.startswith("--")]
        names = [word for word in wanted if not word.startswith("--")]
        return self._reach(*_FETCH, *options, "--", self._remote, *names)[0]

    def _reach(self, *command: str) -> tuple[str, bytes]:
        """Ask the remote something: why that failed, if it did, and the answer."""
        try:
            outcome = self._git.attempt(*NO_HOOKS, *command, seconds=FETCH_SECONDS)
        except GitTooSlow:
            return f"{self._remote} did not answer in {FETCH_SECONDS:.0f} s", b""
        if not outcome.code:
            return "", outcome.output
        return explain(outcome.messages, self._git.root, command).message, b""

    # --- what to say --------------------------------------------------------------------------

    def _give_up(self) -> str:
        raise self._explain_unknown("")

    def _explain_unknown(self, refusal: str) -> RepositoryError:
        name = shown(self._revision)
        reason = f": {refusal}" if refusal else ""
        return RepositoryError(
            f"the base {name!r} is not a commit in {self._git.root}{reason}",
            hint=self._suggest(name),
        )

    def _suggest(self, name: str) -> str:
        """Say what to ask for or to fetch instead."""
        refs = _ask(self._git, "for-each-ref", "--format=%(refname:short)", "refs/remotes").split()
        known = [ref for ref in refs if ref.endswith(f"/{self._revision}")]
        if known:
            return f"--base {shown(known[0])} names the branch of the remote"
        if _OBJECT_ID.fullmatch(self._revision):
            return _MORE_HISTORY
        if self._remote and not self._branch():
            return (
                f"--base {self._remote}/{name} if it is a branch of {self._remote}; "
                f"`git fetch {self._remote} tag {name}` if it is a tag"
            )
        is_cut = shallow_commits(self._git)
        return f"check the name; else {_MORE_HISTORY}" if is_cut else "check the name"

    def _explain_missing(self, *, shallow: bool, refusal: str) -> RepositoryError:
        ends = f"{shown(self._planned)} and {shown(self._revision)}"
        if not shallow:
            return RepositoryError(
                f"{ends} have no commit in common, so there is nothing to compare with",
                hint="--base takes the branch that the change is to be merged into",
            )
        reason = f"; fetching it failed: {refusal}" if refusal else ", not even further back"
        return RepositoryError(
            f"the clone is too shallow to hold a commit that {ends} have in common{reason}",
            hint=_MORE_HISTORY,
        )


def _resolve(git: Git, revision: str) -> str:
    """Give the id of a commit that is at hand; empty if there is none of that name."""
    return _ask(git, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").strip()


def _ask(git: Git, *question: str) -> str:
    """Give git's answer; empty where it has none."""
    try:
        return git.run(*question).decode(errors="surrogateescape").strip()
    except (GitMissing, NotARepository):
        raise
    except RepositoryError:
        return ""


def _choose_remote(git: Git, revision: str) -> str:
    """Choose the remote that the revision names, else `origin`, else the only one."""
    names = _ask(git, "remote").split()
    for name in names:
        if revision.removeprefix("refs/remotes/").startswith(f"{name}/"):
            return name
    return "origin" if "origin" in names else names[0] if len(names) == 1 else ""
