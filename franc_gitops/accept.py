"""What `completion: accept` says: the publisher completes a request by publishing it.

The texts are honest: they claim that the request was validated and published, never that a
device was configured. They follow from the ledger record alone, so they are not stored in
it. They belong to ledger version 1: changing one changes status files of old requests.
"""

from __future__ import annotations

from json.encoder import encode_basestring as quote
from typing import Any

ADOPTED = "adopt"
"""The `completion` of a ledger record that `adopt` made: nobody completes such a request."""

STATUS_MESSAGE = "Validated and published; this status is set by the publisher"


def completion_message(commit: str) -> str:
    """Say what was done; `commit` is empty outside git."""
    place = f" at commit {commit[:12]}" if commit else ""
    return f"Request validated{place} and published; execution is not tracked"


def adoption_message(commit: str) -> str:
    """Say that a request counts as published though nobody sent it."""
    place = f" at commit {commit[:12]}" if commit else ""
    return f"Adopted{place}: counts as published, no event was sent"


def result_data(commit: str, path: str, revision: int) -> dict[str, Any]:
    """Give what the completion event reports as its result."""
    return {
        "validated": True,
        "published": True,
        "commit": commit or None,
        "path": path,
        "revision": revision,
    }


def result_json(commit: str, path: str, revision: int) -> str:
    """Give `result_data` as JSON, without the way through a mapping."""
    at = f'"{commit}"' if commit else "null"
    return (
        f'{{"validated":true,"published":true,"commit":{at}'
        f',"path":{quote(path)},"revision":{revision}}}'
    )


def cancellation_message(reason: str) -> str:
    """Say that a published request was taken back."""
    return f"Cancelled: {reason}"


def task(*, commit: str, path: str, revision: int, cancel: str | None) -> dict[str, Any]:
    """Give the `task` mapping of a status file, in its order."""
    cancelled = cancel is not None
    return {
        "status": "completed",
        "progress_percentage": 100,
        "status_message": STATUS_MESSAGE,
        "completion_status": "cancelled" if cancelled else "completed",
        "completion_message": cancellation_message(cancel)
        if cancel is not None
        else completion_message(commit),
        "result_data": None if cancelled else result_data(commit, path, revision),
        "error_details": None,
        "execution_duration": 0.0,
    }
