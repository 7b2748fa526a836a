"""Commits + trusted keys → which files must not be published, because nobody trusted signed them.

In: the commits that last touched the files to be published, and who can verify signatures.
Out: a `Distrust`. Only what would send something is held for it: what is published already is
not taken back, and reformatting it needs no signature.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from franc_gitops.model import Phase, Signatures, Trust
from franc_gitops.problems import problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from franc_gitops.model import Problem, Provenance, Signature
    from franc_gitops.pipeline.actions import Action


class SignatureCheck(Protocol):
    """Verifies signatures with the keys that are trusted where a commit is published."""

    def __call__(self, published: str, commits: Collection[str], /) -> Signatures:
        """Tell who signed each commit; raises RepositoryError where the keys cannot be had."""
        ...

    def look(self, published: str, /) -> None:
        """Raise RepositoryError where a commit that is published has no file of trusted keys."""
        ...


@dataclass(frozen=True, slots=True)
class Distrust:
    """What keeps files from being published, by path; `warnings` are about the trusted keys."""

    problems: Mapping[str, Problem] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()

    def about(self, actions: Iterable[Action]) -> Iterator[Problem]:
        """Give the problems of files that would send something, now or once it is time."""
        due = {a.path for a in actions if a.sends or a.phase is Phase.SCHEDULED}
        yield from (self.problems[path] for path in sorted(due & self.problems.keys()))
        if due:
            yield from self.warnings


def find_distrust(
    published: str, provenance: Mapping[str, Provenance], check: SignatureCheck
) -> Distrust:
    """Verify the commits that last touched the files, each once.

    A link takes all: who signs a link has not signed for what others write where it leads.
    """
    commits = {
        commit for each in provenance.values() for commit in (each.commit, *each.others) if commit
    }
    by_commit, warnings = check(published, commits) if commits else Signatures({})
    problems: dict[str, Problem] = {}
    for path, each in provenance.items():
        what = "this link or what it leads to" if each.others else "this file"
        found = (
            _problem(path, commit, by_commit.get(commit), what)
            for commit in (each.commit, *each.others)
        )
        if first := next(filter(None, found), None):
            problems[path] = first
    return Distrust(problems, warnings)


def _problem(path: str, commit: str, signature: Signature | None, what: str) -> Problem | None:
    if signature is None:
        reason = "signed commits are required, and this file is not read from a commit"
        return problem("FRN430", path, reason, hint="publish from git, without --worktree")
    if signature.trust is Trust.TRUSTED:
        return None
    short = commit[:12]
    if signature.trust is Trust.UNSIGNED:
        return problem(
            "FRN430",
            path,
            f"commit {short}, which last touched {what}, is not signed",
            hint="sign it (git commit -S), or let somebody who signs touch what it changed",
        )
    if signature.trust is Trust.UNKNOWN:
        return problem(
            "FRN431",
            path,
            f"which commit last touched {what} is not known: the clone ends at {short}",
            hint="fetch the whole history (fetch-depth: 0, git fetch --unshallow)",
        )
    key = f" with key {signature.key}" if signature.key else ""
    return problem(
        "FRN431",
        path,
        f"commit {short}, which last touched {what}, is signed{key}: {_WHY[signature.trust]}",
        hint="let somebody whose key is trusted sign; see require_signed_commits",
    )


_WHY = {
    Trust.STRANGER: "not one of the trusted keys",
    Trust.EXPIRED: "the key or the signature has expired",
    Trust.REVOKED: "the key was revoked",
    Trust.BAD: "the signature is wrong",
}
