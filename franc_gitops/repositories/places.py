"""Whether a folder is still the one that it was, or another one has taken its name."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

Identity: TypeAlias = tuple[int, int] | None
"""Which folder it is; None where there is none."""


def identify(folder: str) -> Identity:
    """Tell a folder from another one of its name."""
    try:
        found = Path(folder).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
