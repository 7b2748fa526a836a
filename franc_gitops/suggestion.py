"""“Did you mean …”, for every name that is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str:
    """Give the known name that is most like `word`, or nothing when none is.

    The only one that begins with `word` comes first: `pop` for `pop_deployment`.
    """
    from difflib import get_close_matches

    known = list(known)
    longer = [name for name in known if name.startswith((f"{word}_", f"{word}-", f"{word}."))]
    if word and word not in known and len(longer) == 1:
        return longer[0]
    return next(iter(get_close_matches(word, known, n=1, cutoff=likeness)), "")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Give `did you mean …?`, or nothing when no known name is like `word`."""
    match = nearest(word, known)
    return f"did you mean {match}?" if match else ""
