"""“Did you mean …”, for every name that is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str:
    """Give the known name that is most like `word`, or nothing when none is."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, list(known), n=1, cutoff=likeness)), "")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Give `did you mean …?`, or nothing when no known name is like `word`."""
    match = nearest(word, known)
    return f"did you mean {match}?" if match else ""
