"""The branches that status commits are added to: the checked-out one, or one of a remote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from franc_gitops.errors import BranchMoved, WriteBackFailed
from franc_gitops.repositories.git.command import NO_HOOKS
from franc_gitops.repositories.git.commits import FILE_MODE
from franc_gitops.repositories.git.remote import LEAST

if TYPE_CHECKING:
    from collections.abc import Callable

    from franc_gitops.clock import Deadline
    from franc_gitops.repositories.commits import NewCommit
    from franc_gitops.repositories.git.command import Git
    from franc_gitops.repositories.git.commits import GitCommits
    from franc_gitops.repositories.git.remote import Remote

_LEAST_PUSH = 1.0
"""Seconds for a push that begins when time is nearly over."""

_BUSY = ("cannot lock ref", ".lock': File exists")


class RemoteBranch:
    """A branch of a remote; what the clone has checked out, if anything, stays as it is."""

    def __init__(
        self,
        git: Git,
        commits: GitCommits,
        remote: Remote,
        find: Callable[[Deadline], str],
        annex: Remote | None = None,
    ) -> None:
        """Take what finds the branch's name: it may change while a daemon runs.

        In a shallow clone, `annex` is the same remote seen from where a commit may be fetched
        without its history, which may lead around the clone's border and all the way down.
        """
        self._git = git
        self._commits = commits
        self._remote = remote
        self._find = find
        self._annex = annex
        self._branch = self._seen = ""

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self._remote.name}/{self._branch}" if self._branch else self._remote.name

    def tip(self, deadline: Deadline) -> str:
        """Give its newest commit, which is then at hand; empty if there is no such branch."""
        self._branch = self._find(deadline)
        tip = self._ask(deadline)
        if tip and not self._is_at_hand(tip, deadline):
            self._fetch(deadline, shallow=self._annex is not None)
            if not self._is_at_hand(tip, deadline):
                raise BranchMoved(f"{self.name} moved on while it was fetched")
        self._seen = tip
        return tip

    def try_out(self, deadline: Deadline) -> None:
        """Ask the remote to be let in to push."""
        tip = self._ask(deadline)
        if tip:
            self._remote.try_push(tip, self._branch, deadline.left)

    def add(self, commit: NewCommit, commit_id: str, expected: str, deadline: Deadline) -> None:
        """Push a commit and ask the remote whether it has it: only then it is pushed."""
        del commit
        trouble: WriteBackFailed | None = None
        try:
            self._remote.push(commit_id, self._branch, expected, max(deadline.left, _LEAST_PUSH))
        except WriteBackFailed as error:  # it may have arrived nevertheless
            trouble = error
        tip = self._ask(deadline)
        if tip != commit_id and not self._has(tip, commit_id, deadline):
            lost = f"{self.name} does not have {commit_id} although it took it"
            raise trouble or BranchMoved(lost)

    def _ask(self, deadline: Deadline) -> str:
        return self._remote.ask([self._branch], deadline.left).tips.get(self._branch, "")

    def _has(self, tip: str, commit_id: str, deadline: Deadline) -> bool:
        """Tell whether others have only added to our commit since it was pushed."""
        if not tip:
            return False
        self._seen = commit_id
        self._fetch(deadline, shallow=False)
        return self._commits.contains(tip, commit_id)

    def _fetch(self, deadline: Deadline, *, shallow: bool) -> None:
        """Have the branch's commit at hand; what the clone sees may have no reference here."""
        known = self._seen or (self._head() if self._annex else "")
        remote = self._annex or self._remote
        remote.fetch(self._branch, deadline.left, known=[known] if known else [], shallow=shallow)

    def _head(self) -> str:
        found = self._git.attempt("rev-parse", "--quiet", "--verify", "HEAD^{commit}")
        return found.output.decode().strip()

    def _is_at_hand(self, commit: str, deadline: Deadline) -> bool:
        seconds = max(deadline.left, LEAST)  # a partial clone asks its remote
        return self._git.attempt("cat-file", "-e", f"{commit}^{{tree}}", seconds=seconds).code == 0


class CheckedOutBranch:
    """What is checked out here: a branch, or a detached HEAD, which moves on as with `git commit`.

    Of the index only the entries of the status files change.
    """

    def __init__(self, git: Git, commits: GitCommits) -> None:
        """Take the clone's git."""
        self._git = git
        self._commits = commits

    @property
    def name(self) -> str:
        """What people call it."""
        found = self._git.attempt("symbolic-ref", "--quiet", "--short", "HEAD")
        return found.output.decode(errors="replace").strip() or "the detached HEAD"

    def tip(self, deadline: Deadline) -> str:
        """Give the checked-out commit; empty if there is none yet."""
        del deadline
        found = self._git.attempt("rev-parse", "--quiet", "--verify", "HEAD^{commit}")
        return found.output.decode().strip()

    def try_out(self, deadline: Deadline) -> None:
        """Know nothing that could be tried: what is checked out is ours."""
        del deadline

    def add(self, commit: NewCommit, commit_id: str, expected: str, deadline: Deadline) -> None:
        """Let index and branch move on to the commit; the index first, as it is easier to heal."""
        del deadline
        self._stage(commit)
        subject = commit.message.partition("\n")[0]
        self._change("update-ref", "-m", f"commit: {subject}", "HEAD", commit_id, expected)

    def _stage(self, commit: NewCommit) -> None:
        prefix, nothing = self._commits.prefix, "0" * len(commit.based_on)
        lines = "".join(
            f"{FILE_MODE if blob else '0'} {blob or nothing}\t{prefix}{path}\0"
            for path, blob in commit.changes.items()
        )
        self._change(
            "update-index",
            "--add",
            "-z",
            "--index-info",
            stdin=lines.encode(errors="surrogateescape"),
        )

    def _change(self, *command: str, stdin: bytes = b"") -> None:
        done = self._git.attempt(*NO_HOOKS, *command, stdin=stdin)
        if done.code == 0:
            return
        if any(sign in done.messages for sign in _BUSY):
            raise BranchMoved(done.messages.strip())
        raise WriteBackFailed(
            f"the status files are written, but not committed: {done.messages.strip()}",
            hint="heal the cause and run publish again",
            code="FRN606",
        )
