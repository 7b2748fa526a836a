"""What a remote means that does not do as it is told: a race, a refusal, or a failing world.

Told apart by git's own words (`push --porcelain`, messages in English) and by those of the
large hosts. What is not known counts as a refusal where the remote itself said no, else as a
failure: neither loses anything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.errors import RepositoryError, WriteBackFailed

if TYPE_CHECKING:
    from franc_gitops.repositories.git.command import Outcome

_RACES = (
    "fetch first",
    "non-fast-forward",
    "stale info",
    "remote ref updated since checkout",
    "failed to update ref",
    "incorrect old value",
    "cannot lock ref",
    "failed to lock",
    "reference already exists",
    "shallow.lock",
    "shallow file has changed",
)
_LONGEST = 600
_SECRET = re.compile(r"(?<=://)[^/@\s]+@")


class _Cause(NamedTuple):
    """What is wrong, and the ways out: for who pushes, and for who only reads."""

    code: str
    signs: tuple[str, ...]
    meaning: str
    hint: str
    reading: str


_CAUSES = (
    _Cause(
        "FRN604",
        ("did not end in time",),
        "did not answer in time",
        "check the remote and its hooks, or raise push_timeout",
        "check the network and the remote",
    ),
    _Cause(
        "FRN603",
        (
            "Authentication failed",
            "could not read Username",
            "could not read Password",
            "Permission denied",
            "Host key verification failed",
            "returned error: 401",
            "returned error: 403",
            "Write access to repository not granted",
            "not allowed to push",
            "access denied",
            "Access denied",
        ),
        "does not let us in",
        "give the job the right to push (GitHub: permissions: contents: write; GitLab: allow job "
        "tokens to push, or a project access token), by a credential helper or an ssh key",
        "give it the right to read, by a credential helper or an ssh key",
    ),
    _Cause(
        "FRN603",
        ("Repository not found", "not found", "does not appear to be a git repository"),
        "has no such repository, or does not show it to us",
        "check the URL (git remote -v) and that the job's token may read and write it",
        "check the URL (git remote -v) and that it may be read with the credentials of this clone",
    ),
    _Cause(
        "FRN606",
        ("No space left on device", "Disk quota exceeded", "unpacker error", "unable to write"),
        "or this machine cannot store the commit",
        "make room and run publish again",
        "make room",
    ),
    _Cause(
        "FRN604",
        ("",),
        "cannot be reached",
        "the next publish tries again",
        "check the network and git remote -v",
    ),
)


class Rejection(NamedTuple):
    """Why a push was rejected: git's summary, and what the remote's hooks had to say."""

    summary: str
    said: str

    @property
    def is_race(self) -> bool:
        """Whether somebody else was there at the same time."""
        return is_race(self.summary)

    @property
    def is_failure(self) -> bool:
        """Whether the remote did not get as far as to say yes or no."""
        return "unpacker error" in self.summary or self.summary.startswith("[remote failure]")

    def __str__(self) -> str:
        return _short([self.summary, self.said] if self.said else [self.summary])


def rejection(outcome: Outcome) -> Rejection | None:
    """Read why a push was rejected; None if it did not come to that."""
    lines = outcome.output.decode(errors="replace").splitlines()
    rejected = next((line for line in lines if line.startswith("!")), None)
    if rejected is None:
        return None
    marked = [line for line in outcome.messages.splitlines() if line.startswith("remote:")]
    said = [line.removeprefix("remote:").strip() for line in marked]
    return Rejection(rejected.rpartition("\t")[2], "; ".join(filter(None, said)))


def is_race(text: str) -> bool:
    """Tell whether somebody else was there at the same time: then it is worth another look."""
    return any(sign in text for sign in _RACES)


def explain_remote(remote: str, messages: str) -> WriteBackFailed:
    """Turn what git said to a push into an error with the way out."""
    cause, told = _understand(remote, messages)
    return WriteBackFailed(
        f"the status files are not pushed: {told}", hint=cause.hint, code=cause.code
    )


def explain_reading(remote: str, messages: str) -> RepositoryError:
    """Turn what git said to a fetch into an error with the way out."""
    cause, told = _understand(remote, messages)
    return RepositoryError(told, hint=cause.reading)


def _understand(remote: str, messages: str) -> tuple[_Cause, str]:
    cause = next(c for c in _CAUSES if any(sign in messages for sign in c.signs))
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    return cause, f"the remote {remote} {cause.meaning}: {_short(lines) or 'it gave no reason'}"


def _short(lines: list[str]) -> str:
    """Join lines, cut them, and leave out what may be a password in an address."""
    text = _SECRET.sub("…@", "; ".join(lines))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
