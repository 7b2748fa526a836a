"""The git blob id of some content: by it a file is recognised, wherever it lies."""

from __future__ import annotations

import hashlib


def git_blob_id(content: bytes, algorithm: str = "sha1") -> str:
    """Give the id (hex) under which git stores `content`, as `git hash-object` does."""
    header = b"blob %d\0" % len(content)
    return hashlib.new(algorithm, header + content, usedforsecurity=False).hexdigest()
