"""A remote as a store of branches: ask where they stand, fetch a commit, push one.

Every question has a time limit and is asked without a terminal: credentials come from git's
own helpers and from ssh's agent. A push is a compare-and-swap: it names the commit that the
branch must stand at, and the new commit is a child of that one, so nothing is ever forced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, NoReturn

from franc_gitops.errors import BranchMoved, BranchRefused
from franc_gitops.repositories.git.command import NO_HOOKS, GitTooSlow
from franc_gitops.repositories.git.refusals import explain_remote, is_race, rejection

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from franc_gitops.errors import FrancError
    from franc_gitops.repositories.git.command import Git, Outcome

HEADS = "refs/heads/"
LEAST = 10.0
"""Seconds for a question, also when time is over: how a push ended must be known."""

_UNTRACKED = "franc-gitops-push"
_OF_TRACKING = {"fetch", "mirror", "partialclonefilter", "promisor", "push", "skipfetchall"}


class Heads(NamedTuple):
    """Branches of a remote and where they stand; `default` is the one that its HEAD names."""

    tips: dict[str, str]
    default: str


class Remote:
    """A remote of a clone, by its name."""

    def __init__(
        self, git: Git, name: str, explain: Callable[[str, str], FrancError] = explain_remote
    ) -> None:
        """Take the clone's git and the remote's name; nothing is run yet.

        `explain` makes an error of the remote's name and what git said.
        """
        self._git = git
        self.name = name
        self._explain = explain

    def ask(self, branches: Sequence[str], seconds: float) -> Heads:
        """Give where branches stand, all of them if none is named."""
        names = [HEADS + branch for branch in branches] or [f"{HEADS}*"]
        command = ("ls-remote", "--symref", "--", self.name, "HEAD", *names)
        lines = self._try(command, seconds).output.decode(errors="surrogateescape").splitlines()
        rows = [line.split("\t", 1) for line in lines]
        default = next(
            (id_ for id_, name in rows if id_.startswith("ref: ") and name == "HEAD"), ""
        )
        tips = {name.removeprefix(HEADS): id_ for id_, name in rows if name.startswith(HEADS)}
        return Heads(tips, default.removeprefix("ref: ").removeprefix(HEADS))

    def fetch(
        self, branch: str, seconds: float, *, known: Collection[str] = (), shallow: bool = False
    ) -> None:
        """Bring the newest commit of a branch; no reference is written.

        What the remote need not send is what has led to `known` commits, by default to the
        references. `shallow` brings no history, and so makes the repository a shallow one.
        """
        depth = ["--depth=1"] if shallow else []
        tips = [f"--negotiation-tip={commit}" for commit in known]
        self._try(
            (
                *NO_HOOKS, "fetch", "--quiet", "--no-tags", "--no-prune", "--refmap=",
                "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance",
                *depth, *tips, "--", self.name, HEADS + branch,
            ),
            seconds,
        )  # fmt: skip

    def try_push(self, commit: str, branch: str, seconds: float) -> None:
        """Ask to be let in to push what is there already; no rule or hook is asked for its say."""
        self._try(self._pushing("--dry-run", commit, branch), seconds)

    def push(self, commit: str, branch: str, expected: str, seconds: float) -> None:
        """Make a branch stand at a commit if it stands at `expected`; empty: if there is none.

        Raises BranchMoved, BranchRefused, or WriteBackFailed: then nobody knows.
        """
        lease = f"--force-with-lease={HEADS}{branch}:{expected}"
        outcome = self._attempt(self._pushing(lease, commit, branch), seconds)
        if outcome.code:
            self._judge(outcome, branch)

    def _pushing(self, option: str, commit: str, branch: str) -> tuple[str, ...]:
        settings = self._untracked()
        return (
            *NO_HOOKS, *settings, "push", "--porcelain",
            "--no-verify", "--no-follow-tags", "--no-recurse-submodules", "--no-signed",
            option, "--", _UNTRACKED if settings else self.name, f"{commit}:{HEADS}{branch}",
        )  # fmt: skip

    def _untracked(self) -> list[str]:
        """Give the settings of another name for the remote, under which no branch tracks it.

        Git moves `refs/remotes/…` after each push to a remote that it fetches from.
        """
        start = f"remote.{self.name}."
        told = self._git.attempt("config", "-z", "--get-regexp", r"^remote\.").output
        found: list[str] = []
        for entry in told.decode(errors="surrogateescape").split("\0"):
            name, is_given, value = entry.partition("\n")
            key = name.removeprefix(start)
            if name.startswith(start) and "." not in key and key not in _OF_TRACKING:
                found += ["-c", f"remote.{_UNTRACKED}.{key}{'=' * bool(is_given)}{value}"]
        return found

    def _judge(self, outcome: Outcome, branch: str) -> None:
        """Raise what a push that failed stands for."""
        rejected = rejection(outcome)
        if rejected is None or rejected.is_failure:
            self._fail(f"{rejected or ''}\n{outcome.messages}")
        elif rejected.is_race:
            raise BranchMoved(f"{self.name}/{branch}: {rejected}")
        else:
            raise BranchRefused(str(rejected))

    def _fail(self, messages: str) -> NoReturn:
        if is_race(messages):
            raise BranchMoved(messages)
        raise self._explain(self.name, messages)

    def _try(self, command: tuple[str, ...], seconds: float) -> Outcome:
        outcome = self._attempt(command, max(seconds, LEAST))
        if outcome.code:
            self._fail(outcome.messages)
        return outcome

    def _attempt(self, command: tuple[str, ...], seconds: float) -> Outcome:
        try:
            return self._git.attempt(*command, seconds=seconds)
        except GitTooSlow as error:
            raise self._explain(self.name, str(error)) from error
