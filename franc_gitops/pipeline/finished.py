"""Which requests are finished, as the status files of the work tree say it.

For whoever knows no ledger. A request without a status file, or with other content than its
status file tells of, counts as open.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from franc_gitops import status_files
from franc_gitops.repositories.files import read_regular

if TYPE_CHECKING:
    from pathlib import Path

    from franc_gitops.model import Request


class FinishedByStatus:
    """Tells whether a request is finished; each status file is read once, if it is asked about."""

    def __init__(self, root: Path, requests_dir: str, status_dir: str) -> None:
        """Take the folders; the last two are relative to `root`."""
        self._folder = root / status_dir
        self._below = f"{requests_dir}/"
        self._finished = lru_cache(maxsize=1024)(self._read)

    def __call__(self, request: Request) -> bool:
        """Tell whether the status file of the request's file says so."""
        return (request.request_id, request.digest) in self._finished(request.path)

    def _read(self, path: str) -> frozenset[tuple[str, str]]:
        if not path.startswith(self._below):
            return frozenset()
        file = self._folder / path.removeprefix(self._below)
        content = read_regular(str(file), path)
        return status_files.finished(content, path) if isinstance(content, bytes) else frozenset()
