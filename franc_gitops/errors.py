"""The exception tree: a world that fails, with its exit code and whether a retry may help.

Wrong input is never here: it is a `Problem`. The command line catches these once, at the
door, prints message and hint, and exits with `exit_code` (the table is in README.md).
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from franc_gitops.model import Written


class Exit(IntEnum):
    """The exit codes; README.md and `explain exit-codes` tell about each."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    CHANGES = 3
    UNREACHABLE = 4
    PARTIAL = 5
    WRITE_BACK = 6
    FENCED = 7
    INTERRUPTED = 130


class FrancError(Exception):
    """Something outside the requests is wrong; `hint` says what to change."""

    exit_code: ClassVar[Exit] = Exit.USAGE
    retryable: ClassVar[bool] = False
    code: str = ""

    def __init__(self, message: str, *, hint: str = "", code: str = "") -> None:
        """Take the message for people, the way out, and the stable problem code."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or type(self).code


class UsageError(FrancError):
    """The command line asks for something that cannot be."""


class SettingsError(FrancError):
    """A setting is unknown, malformed or contradicts another."""


class CannotReplay(FrancError):
    """The same bytes cannot be sent again; nothing was sent."""

    code = "FRN420"


class CannotAdopt(FrancError):
    """A request is known already, or is not one that could be published; nothing was recorded."""

    code = "FRN421"


class StateFolderRefused(FrancError):
    """Git tracks something in the state folder; nothing of it is believed."""

    code = "FRN513"


class RepositoryError(FrancError):
    """The repository cannot be read: no such revision, not a repository, git failed."""


class PlanRefused(FrancError):
    """The plan is not the one that was agreed to (`publish --expect`)."""

    code = "FRN440"


class EventLogRefused(FrancError):
    """The event log said no and will say no again: password, ACL, missing topic, guard."""

    code = "FRN503"


class GuardRefused(EventLogRefused):
    """The ledger is not the pinned one: another cluster, re-created, other partitions."""

    code = "FRN506"


class EventLogUnreachable(FrancError):
    """The event log cannot be reached or does not answer; a retry may help."""

    exit_code = Exit.UNREACHABLE
    retryable = True
    code = "FRN501"


class EventLogReplaced(EventLogUnreachable):
    """The event log is another one than before; what was read of it counts no more."""


class PartlyPublished(FrancError):
    """Some transactions are committed, then the event log went away."""

    exit_code = Exit.PARTIAL
    retryable = True
    code = "FRN502"


class WriteBackFailed(FrancError):
    """The events are out and in the ledger, but a status file is not where it belongs."""

    exit_code = Exit.WRITE_BACK
    retryable = True
    code = "FRN601"

    def __init__(
        self, message: str, *, hint: str = "", code: str = "", written: Written | None = None
    ) -> None:
        """Take message, way out, code and, where some of it was done, what was written."""
        super().__init__(message, hint=hint, code=code)
        self.written = written


class FencedTooLong(FrancError):
    """Another publisher kept taking over until the deadline."""

    exit_code = Exit.FENCED
    retryable = True
    code = "FRN507"


class Stopped(FrancError):
    """A publisher was asked to stop between two transactions; the rest stays pending."""

    exit_code = Exit.INTERRUPTED
    retryable = True


class TurnFailed(FrancError):
    """A turn of the daemon failed for a cause that no stage expects: the system, or ourselves."""

    retryable = True


def bug(error: BaseException) -> str:
    """Say of an exception that nobody expects that the program is wrong, not its user."""
    return f"this is a bug, please report it: {type(error).__name__}: {error}"


def forget_frames(error: BaseException | None) -> None:
    """Take the frames off an error that was told, and off all that it follows from.

    What raises through C may keep a reference to whichever error is being handled: each error
    that the Kafka client raises (2.16) does so for ever. Left with its frames, such an error
    keeps what the frames knew, down to the client with its threads and connections.
    """
    waiting, seen = [error], set[int]()
    while waiting:
        found = waiting.pop()
        if found is not None and id(found) not in seen:
            seen.add(id(found))
            found.__traceback__ = None
            waiting += [found.__cause__, found.__context__]


class OutcomeUnknown(Exception):
    """A transaction may or may not be committed: only the ledger can tell; never shown to users.

    Fencing is one of the ways to get here: a fenced publisher may have committed.
    """

    def __init__(self, message: str, *, fenced: bool = False) -> None:
        """Take the reason and whether another publisher took over."""
        super().__init__(message)
        self.fenced = fenced


class BranchMoved(Exception):
    """A branch is not where it was looked at any more, or it is locked: look again."""


class BranchRefused(Exception):
    """Whoever keeps a branch does not let us add to it; the text is their reason."""
