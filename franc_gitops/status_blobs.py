"""Which git blob a status file's tag stands for: a cache in the state folder.

With it, status files that have not changed are told from a commit's tree alone, without being
made again. Losing it costs time, never correctness.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from franc_gitops.state_folder import make_state_folder
from franc_gitops.status_index import open_regular

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

FILE_NAME = "status-blobs"
_HEADER = "franc-gitops status blobs 1"


class StatusBlobs:
    """Rows by path: tag and blob id, in the file a line each, in turn."""

    def __init__(self, folder: Path) -> None:
        """Read the cache in the state folder; one that is missing or damaged is empty."""
        self._file = folder / FILE_NAME
        self._rows: dict[str, str] = {}
        self._new: set[str] = set()
        with suppress(OSError, ValueError):
            self._load()

    def _load(self) -> None:
        with open(self._file, encoding="utf-8", newline="\n", opener=open_regular) as file:
            header, *lines = file.read().split("\n")
        if header == _HEADER and len(lines) % 2:
            self._rows = dict(zip(lines[0::2], lines[1::2], strict=False))

    def holds(self, path: str, tag: str, blob: str) -> bool:
        """Tell whether a blob is what the tag of this path stands for."""
        return bool(tag) and self._rows.get(path) == f"{tag} {blob}"

    def put(self, path: str, tag: str, blob: str) -> None:
        """Note what a tag stands for; an empty tag stands for nothing."""
        row = f"{tag} {blob}"
        if tag and self._rows.get(path) != row:
            self._rows[path] = row
            self._new.add(path)

    def save(self, known: Container[str]) -> None:
        """Write what is new and the rows of known paths, if anything is new; it may fail."""
        if not self._new:
            return
        new = self._file.with_name(f"{FILE_NAME}.{os.urandom(4).hex()}")
        try:
            make_state_folder(self._file.parent)
            with new.open("w", encoding="utf-8", newline="\n") as lines:
                lines.write(f"{_HEADER}\n")
                for path, row in self._rows.items():
                    if path in known or path in self._new:
                        lines.write(f"{path}\n{row}\n")
            new.replace(self._file)
        except (OSError, UnicodeError):
            with suppress(OSError):
                new.unlink()
        self._new.clear()
