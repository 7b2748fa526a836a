"""Claims: what an open request has for itself, in the words of the fields that its type names.

Two requests that make the same claim touch the same thing: an interface of a device, a data
center, a PoP. Names are compared as they are written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from franc_gitops.kinds.fields import Fields, Path
    from franc_gitops.kinds.kind import Kind
    from franc_gitops.model import Value


class Claim(NamedTuple):
    """One thing that is claimed, a line for each field, and where in the document it is named."""

    text: str
    path: Path


def compile_claims(kind: Kind) -> Callable[[Fields], tuple[str, ...]]:
    """Give a function that tells what a valid request claims; it is asked for every request."""
    makers = [_compile(names) for names in kind.claims]
    if len(makers) == 1:
        return makers[0]
    return lambda fields: tuple(text for make in makers for text in make(fields))


def _compile(names: Sequence[str]) -> Callable[[Fields], tuple[str, ...]]:
    own, rows, member = _split(names)

    def make(fields: Fields) -> tuple[str, ...]:
        said = ""
        for name in own:
            value = fields.get(name)
            if not value:
                return ()
            said += f"{name} {value}\n"
        if not rows:
            return (said[:-1],)
        said += f"{rows}.{member} "
        found = cast("list[dict[str, str | None]]", fields.get(rows) or ())
        return tuple([said + text for row in found if (text := row.get(member))])

    return make


def claims_of(kind: Kind, fields: Fields) -> Iterator[Claim]:
    """Give the claims of a document with their places, passing over what is not as it should be."""
    for names in kind.claims:
        own, rows, member = _split(names)
        values = [fields.get(name) for name in own]
        if not all(value and isinstance(value, str) for value in values):
            continue
        said = "\n".join(f"{name} {value}" for name, value in zip(own, values, strict=True))
        if rows:
            yield from _claims_of_rows(said, fields.get(rows), rows, member)
        else:
            yield Claim(said, (own[-1],))


def _claims_of_rows(said: str, found: Value, rows: str, member: str) -> Iterator[Claim]:
    for index, row in enumerate(found if isinstance(found, list) else ()):
        value = row.get(member) if isinstance(row, dict) else None
        if value and isinstance(value, str):
            yield Claim(f"{said}\n{rows}.{member} {value}", (rows, index, member))


def shown(text: str) -> str:
    """Give a claim as it is shown to people, on one line."""
    return text.replace("\n", ", ")


def _split(names: Sequence[str]) -> tuple[list[str], str, str]:
    """Give the fields of the request itself, and the rows and their member, if one is named."""
    own = [name for name in names if "." not in name]
    rows, _, member = next((name for name in names if "." in name), "").partition(".")
    return own, rows, member
