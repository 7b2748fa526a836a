"""A valid request of a type, to begin with: what `new` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from franc_gitops.kinds.common import COMMON
from franc_gitops.strict_yaml import dump

if TYPE_CHECKING:
    from franc_gitops.kinds import Kind

EXAMPLE_CHANGE = "CHG-2024-001234"


def scaffold(
    kind: Kind, change_number: str = EXAMPLE_CHANGE, item: str | None = None, schema: str = ""
) -> str:
    """Write a request; `schema` is the path of its JSON Schema, seen from the file, for editors."""
    modeline = f"# yaml-language-server: $schema={schema}\n" if schema else ""
    optional = ", ".join(field.name for field in COMMON if not field.required)
    about = f"# {kind.meaning} About its fields: franc-gitops explain FIELD\n"
    also = f"# It may also have: {optional}.\n"
    fields = {"type": kind.type, "change_number": change_number}
    if item:
        fields["item"] = item
    return modeline + about + also + dump({**fields, **kind.example})


def place_of(requests_dir: str, kind: Kind, change_number: str, item: str | None) -> str:
    """Give the path below the root where such a request belongs: a folder for each year."""
    name = "-".join(filter(None, (change_number, item, None if item else kind.type)))
    year = change_number.split("-")[1]
    return f"{requests_dir}/{year}/{name}.yaml"
