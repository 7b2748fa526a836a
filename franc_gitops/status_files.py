"""Status files: where each one stands, what it looks like, and how to know it again.

A status file is a projection of commit and ledger, rebuilt at any time by anybody, with the
same bytes. Nothing here reads or writes a file; `pipeline/writeback.py` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from franc_gitops.strict_yaml import scalar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from franc_gitops.model import Phase

HEADER = "# Written by franc-gitops. Do not edit: it is rebuilt from the ledger.\n"
_HEADER_BYTES = HEADER.encode()


def render(
    file: str,
    phase: Phase,
    requests: Sequence[Mapping[str, Any]],
    problems: Sequence[Mapping[str, Any]],
) -> bytes:
    """Give the content of a status file, in the order and form of contract 5."""
    lines = [f"{HEADER}file: {scalar(file)}", f"phase: {phase.value}"]
    lines.append("requests:" if requests else "requests: []")
    for request in requests:
        lines += _request_lines(request)
    lines += _list_lines("", "problems", problems)
    lines.append("")
    return "\n".join(lines).encode()


def is_ours(content: bytes) -> bool:
    """Tell a status file from anything else that somebody put below the status folder."""
    return content.startswith(_HEADER_BYTES)


def _request_lines(request: Mapping[str, Any]) -> Iterable[str]:
    indent = "  - "
    for name, value in request.items():
        if name == "events":
            yield from _list_lines(indent, name, value)
        else:
            yield f"{indent}{name}: {_flow(value) if isinstance(value, Mapping) else scalar(value)}"
        indent = "    "


def _list_lines(indent: str, name: str, members: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    if not members:
        yield f"{indent}{name}: []"
        return
    yield f"{indent}{name}:"
    for member in members:
        yield f"{' ' * len(indent)}  - {_flow(member)}"


def _flow(value: object) -> str:
    """Write a value on one line."""
    if isinstance(value, Mapping):
        members = ", ".join([f"{name}: {_flow(member)}" for name, member in value.items()])
        return f"{{{members}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_flow, value))}]"
    return scalar(value, block=False)
