"""What the status file of a request that waits for its time may say: the words of any time.

In: a status file, and what it must say now. A request that is Scheduled says why, in words that
depend on the clock and on the freezes of whoever wrote the file; all else follows from commit
and ledger.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from franc_gitops import strict_yaml
from franc_gitops.model import Phase
from franc_gitops.pipeline.actions import Kind
from franc_gitops.pipeline.windows import may_be_said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from franc_gitops.model import Request
    from franc_gitops.pipeline.actions import Plan

_REQUEST = b"  - request_id: "
_MESSAGE = b"    message: "


def waiting_requests(plan: Plan) -> Mapping[str, Mapping[str, Request]]:
    """Give the requests that a plan holds for their time, by path and request_id."""
    found: dict[str, dict[str, Request]] = defaultdict(dict)
    for action in plan.actions:
        if action.request and action.kind is Kind.HOLD and action.phase is Phase.SCHEDULED:
            found[action.path][action.request_id] = action.request
    return found


def was_right(found: bytes, expected: bytes, waiting: Mapping[str, Request]) -> bool:
    """Tell whether a file only says in other words why requests wait that do wait."""
    lines, wanted = found.split(b"\n"), expected.split(b"\n")
    if len(lines) != len(wanted):
        return False
    request: Request | None = None
    for line, wants in zip(lines, wanted, strict=True):
        if wants.startswith(_REQUEST):
            request = waiting.get(_value(_REQUEST, wants))
        if line != wants and not (
            request and wants.startswith(_MESSAGE) and _is_reason(line, request)
        ):
            return False
    return True


def _is_reason(line: bytes, request: Request) -> bool:
    """Tell whether a line is the message of a request that waits, in our own form."""
    text = _value(_MESSAGE, line)
    is_ours = line == _MESSAGE + strict_yaml.scalar(text).encode(errors="replace")
    return is_ours and text[:1].isupper() and may_be_said(request, text[:1].lower() + text[1:])


def _value(start: bytes, line: bytes) -> str:
    """Give the text that stands behind `start`; nothing where there is no such text."""
    try:
        value = strict_yaml.load(b"value: " + line.removeprefix(start))[0]["value"]
    except strict_yaml.Refused:
        return ""
    return value if isinstance(value, str) else ""
