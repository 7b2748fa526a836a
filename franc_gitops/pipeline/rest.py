"""Rest: everything is published and written, and nothing has moved since a pass has seen that.

In: a glance at the repository and where the ledger ends. Out: a note, which the write-back
keeps beside what it knows of the status files. When the next pass would make the same note,
and the status files are as they were left, then it would come to the same end: nothing to
read, to compare or to write. Losing the note costs time, never correctness.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from franc_gitops import __version__

if TYPE_CHECKING:
    from franc_gitops.model import Glance, LogIdentity
    from franc_gitops.pipeline.actions import Plan


def note(glance: Glance, identity: LogIdentity, mark: str) -> str:
    """Name the request files, the ledger's end and the version that looks at them."""
    return f"{_of_requests(glance)} {identity.name} {mark}"


def noting(note: str, requests: int) -> str:
    """Add to a note how many requests are at rest; nothing is noted without one."""
    return f"{note} {requests}" if note else ""


def requests_noted(noted: str, note: str) -> int | None:
    """Give how many requests are at rest; None if something has moved since that was noted."""
    about, _, requests = noted.rpartition(" ")
    return int(requests) if about == note and requests.isdecimal() else None


def is_about(noted: str, glance: Glance) -> bool:
    """Tell whether a note was made for the same request files."""
    return noted.startswith(f"{_of_requests(glance)} ")


def is_at_rest(plan: Plan, glance: Glance) -> bool:
    """Tell whether a plan has nothing to send, to hold, to report or to read again."""
    snapshot = plan.situation.snapshot
    moving = plan.actions or plan.problems or plan.comparison.copies or snapshot.has_links
    return not moving and bool(snapshot.files) and snapshot.commit == glance.commit


def _of_requests(glance: Glance) -> str:
    return f"{__version__} {glance.state}"
