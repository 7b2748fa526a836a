"""The git blob id of some content: by it a file is recognised, wherever it lies."""

from __future__ import annotations

import hashlib


def git_blob_id(content: bytes, algorithm: str = "sha1") -> str:
    """Give the id (hex) under which git stores `content`, as `git hash-object` does."""
    made = b"blob %d\0%b" % (len(content), content)
    if algorithm == "sha1":  # by far the most common, and `new` takes longer than the sum
        return hashlib.sha1(made, usedforsecurity=False).hexdigest()
    return hashlib.new(algorithm, made, usedforsecurity=False).hexdigest()
