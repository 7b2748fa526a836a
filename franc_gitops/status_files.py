"""Status files: where each one stands, what it looks like, and how to know it again.

A status file is a projection of commit and ledger, rebuilt at any time by anybody, with the
same bytes. Nothing here reads or writes a file; `pipeline/writeback.py` does.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from franc_gitops.strict_yaml import scalar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from franc_gitops.model import Phase

HEADER = "# Written by franc-gitops. Do not edit: it is rebuilt from the ledger.\n"


def render(
    file: str,
    phase: Phase,
    requests: Sequence[Mapping[str, Any]],
    problems: Sequence[Mapping[str, Any]],
) -> bytes:
    """Give the content of a status file, always in the same order and form."""
    lines = [f"{HEADER}file: {scalar(file)}", f"phase: {phase.value}"]
    lines.append("requests:" if requests else "requests: []")
    for request in requests:
        lines += _request_lines(request)
    lines += _list_lines("", "problems", problems)
    lines.append("")
    # Half of a surrogate pair, which a worker's JSON may hold, cannot be written as UTF-8.
    return "\n".join(lines).encode(errors="replace")


def is_of(content: bytes, file: str) -> bool:
    """Tell the status file of a request file from anything else, another folder's included."""
    beginning = f"{HEADER}file: {scalar(file)}\n"
    return content.startswith(beginning.encode(errors="surrogateescape"))


_FINISHED = re.compile(
    rb"^  - request_id: (\S+)\n    type: .*\n    change_number: .*\n    revision: .*\n"
    rb"    phase: (?:Completed|Failed)\n(?:    (?!digest: ).*\n)*+    digest: (\S+)\n",
    re.MULTILINE,
)


def finished(content: bytes, file: str) -> frozenset[tuple[str, str]]:
    """Give request_id and digest of what a status file calls Completed or Failed."""
    found = _FINISHED.findall(content) if is_of(content, file) else ()
    return frozenset((request_id.decode(), digest.decode()) for request_id, digest in found)


def _request_lines(request: Mapping[str, Any]) -> Iterator[str]:
    indent = "  - "
    for name, value in request.items():
        if name == "events":
            yield from _list_lines(indent, name, value)
        else:
            yield f"{indent}{name}: {_flow(value) if type(value) is dict else scalar(value)}"
        indent = "    "


def _list_lines(indent: str, name: str, members: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not members:
        yield f"{indent}{name}: []"
        return
    yield f"{indent}{name}:"
    inner = f"{' ' * len(indent)}  - "
    for member in members:
        yield inner + _flow(member)


def _flow(value: object) -> str:
    """Write a value on one line; by exact type, because it is asked a million times."""
    kind = type(value)
    if kind is str:
        return _text(value)
    if kind is int:
        return str(value)
    if kind is dict:
        members = [f"{_text(name)}: {_flow(member)}" for name, member in value.items()]  # type: ignore[attr-defined]
        return f"{{{', '.join(members)}}}"
    if kind is list or kind is tuple:
        return f"[{', '.join(map(_flow, value))}]"  # type: ignore[call-overload]
    return scalar(value, block=False)


@lru_cache(maxsize=4096)
def _text(value: str) -> str:
    return scalar(value, block=False)
