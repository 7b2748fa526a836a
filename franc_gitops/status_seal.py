"""The seal of a ledger record: which git blob its status file is, noted when it is written.

A clone has the blob id of every committed status file at hand without opening one. Where a
record is sealed with that id, the file says what it must, and nothing has to be made or read
to know it. Only plain records are sealed (`status_plain.py`); the others are looked at in full.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

from franc_gitops.blobs import git_blob_id
from franc_gitops.status_plain import render_plain

RENDERING = 1
"""Change it with the form of the status files, so that all of them are written again."""

_FIELD = b'],"status":"'
_MARK_LENGTH = 8
_SHA1, _SHA256 = 40, 64


def seal(record: bytes, log_name: str) -> bytes:
    """Note in a record, the last thing, which blob its status file is; as it is if not plain."""
    text = render_plain(None, record, log_name)
    if text is None:
        return record
    blob = git_blob_id(text, _algorithm(record))
    return b'%s,"status":"%s"}' % (record[:-1], f"{mark_of(log_name)}{blob}".encode())


def is_sealed(record: bytes, path: str, seal: str) -> bool:
    """Tell whether a record says of a request file that its status file has this seal."""
    has_seal = record.endswith(f'"{seal}"}}'.encode())
    return has_seal and _path_field(path) in record


def sealed_blob(record: bytes, path: str, mark: str) -> str:
    """Give the blob id of the status file of a request file; empty if the record cannot tell.

    It cannot if it was published from another path, to a log of another name or by a version
    whose status files had another form.
    """
    at = record.rfind(_FIELD)
    seal = record[at + len(_FIELD) : -2].decode(errors="replace") if at >= 0 else ""
    is_known = seal.startswith(mark) and _path_field(path) in record
    return seal[_MARK_LENGTH:] if is_known else ""


@lru_cache(maxsize=8)
def mark_of(log_name: str) -> str:
    """Give what a seal begins with: it stands for the log's name and the form of status files."""
    known = f"{RENDERING} {log_name}".encode(errors="replace")
    return blake2b(known, digest_size=_MARK_LENGTH // 2).hexdigest()


def _path_field(path: str) -> bytes:
    """Write the field; a path with anything to escape is in no plain record."""
    return f'"path":"{path}",'.encode(errors="replace")


def _algorithm(record: bytes) -> str:
    """Tell by the id of the request's blob what the repository names its blobs by."""
    beginning = record[: record.find(b'","path"')]
    return "sha256" if len(beginning) - beginning.rfind(b'"') - 1 == _SHA256 else "sha1"
