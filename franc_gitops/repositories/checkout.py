"""What is known of files of a work tree without opening them; `repositories/git/` looks."""

from __future__ import annotations

from typing import NamedTuple


class Checkout(NamedTuple):
    """The files of a folder, by path below it.

    `blobs` are files that are as they were checked out, with their blob ids. `others` are all
    that may be there besides: touched, staged in conflict, unknown to git, or gone.
    """

    blobs: dict[str, str]
    others: list[str]
