"""Which names are request files, and which names cannot be used or even shown as they are."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from franc_gitops.errors import RepositoryError
from franc_gitops.problems import problem

if TYPE_CHECKING:
    from franc_gitops.model import Problem

REQUEST_SUFFIXES = (".yaml", ".yml")

SIZE_LIMIT = 1 << 20
"""Bytes of the largest file that is read in full; of larger ones, one byte more is read."""

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Control, bidirectional and invisible characters, as in values of requests, and surrogates,
which stand for bytes that are not UTF-8. Written out again, so that listing needs no YAML."""


def is_request_name(path: str) -> bool:
    """Tell whether a path ends as request files do; names in capitals do not."""
    return path.endswith(REQUEST_SUFFIXES)


def is_status_name(path: str) -> bool:
    """Tell whether a path ends as status files do; what else is kept there begins with a dot."""
    return is_request_name(path) and not path.rpartition("/")[2].startswith(".")


def is_hidden(path: str) -> bool:
    """Tell whether a file, or a folder on the way to it, begins with a dot, as `**` globs do."""
    return path.startswith(".") or "/." in path


def is_safe(path: str) -> bool:
    """Tell whether a path can be shown and written back as it is."""
    return (path.isascii() and path.isprintable()) or not _UNSAFE.search(path)


def shown(path: str) -> str:
    """Give a path with everything escaped that would disturb a terminal or a report."""
    return _UNSAFE.sub(_escape, path)


def unsafe_name(path: str) -> Problem:
    """Say that a file's name is not allowed; the problem's path is the escaped name."""
    return problem("FRN123", shown(path), "the file name holds characters that cannot be shown")


def checked_requests_dir(requests_dir: str) -> str:
    """Normalise the folder of the requests; raises RepositoryError if it is not below the root."""
    path = posixpath.normpath(requests_dir)
    if path == "." or path.startswith(("/", "..")) or not is_safe(path):
        raise RepositoryError(
            f"the requests folder {shown(requests_dir)!r} is not a folder below the repository",
            hint="set requests_dir to a folder such as `requests`",
        )
    return path


def _escape(match: re.Match[str]) -> str:
    """Write a character as in Python source; bytes that are not UTF-8 as the bytes they were."""
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004 - surrogateescape's range, PEP 383
        return f"\\x{code - 0xDC00:02x}"
    return match[0].encode("unicode_escape").decode("ascii")
