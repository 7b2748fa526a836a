"""What commits held and who made them, for the few that somebody asks about."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from franc_gitops.model import Made
from franc_gitops.repositories.git.blobs import BlobReader
from franc_gitops.repositories.git.command import Git
from franc_gitops.repositories.git.links import follow
from franc_gitops.repositories.names import SIZE_LIMIT, is_safe

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?").fullmatch
_PERSON = re.compile(r"(.*) (-?\d+) [+-]\d{4}").fullmatch


class Past:
    """Commits and files of the repository around `root`, as far as they are at hand."""

    def __init__(self, root: Path) -> None:
        """Take the folder that paths are relative to; nothing is run yet."""
        self._git = Git(root)

    def commits(self, ids: Collection[str]) -> dict[str, Made]:
        """Give who made each commit; those that are not at hand are left out."""
        wanted = sorted(filter(_COMMIT, ids))
        contents = self._read(wanted)
        return {
            commit: _made(content)
            for commit, content in zip(wanted, contents, strict=True)
            if content is not None
        }

    def files(self, places: Collection[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
        """Give what commits hold at a path each, or where a link leads; else it is left out."""
        wanted = sorted(place for place in places if _COMMIT(place[0]) and is_safe(place[1]))
        prefix = self._git.run("rev-parse", "--show-prefix").decode().removesuffix("\n")
        ends = follow(self._git, [f"{commit}:{prefix}{path}" for commit, path in wanted])
        blobs = {
            place: end for place, end in zip(wanted, ends, strict=True) if isinstance(end, str)
        }
        found = zip(blobs, self._read(list(blobs.values())), strict=True)
        return {place: content for place, content in found if content is not None}

    def _read(self, ids: Sequence[str]) -> list[bytes | None]:
        reader = BlobReader(self._git, SIZE_LIMIT)
        try:
            return list(reader.read(ids))
        finally:
            reader.close()


def _made(raw: bytes) -> Made:
    """Read a commit object."""
    head, _, message = raw.decode(errors="replace").partition("\n\n")
    fields = dict(line.split(" ", 1) for line in head.split("\n") if line[:1] not in {"", " "})
    author, written = _person(fields.get("author", ""))
    committer, committed = _person(fields.get("committer", ""))
    is_signed = any(name.startswith("gpgsig") for name in fields)
    return Made(author, written, committer, committed, message.split("\n", 1)[0], is_signed)


def _person(text: str) -> tuple[str, str]:
    """Give who it was, and when in UTC; an impossible time counts as none."""
    found = _PERSON(text)
    if found is None:
        return text, ""
    try:
        return found[1], f"{datetime.fromtimestamp(int(found[2]), UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return found[1], ""
