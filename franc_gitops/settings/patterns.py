"""Patterns of the configuration, matched in time that grows with the value and no faster.

A pull request can change the patterns, and one for Python's own matcher can be written so that
a single value takes years. RE2 has no such pattern. It is imported where there is one.
"""

from __future__ import annotations

from functools import lru_cache

from franc_gitops.settings.forms import Unfit

_KEPT = 4096
"""So many values are remembered with their answer: locations and the like come again and again."""


class Pattern:
    """A pattern in RE2's syntax that a whole value must match."""

    def __init__(self, pattern: str) -> None:
        """Compile it; raises Unfit."""
        try:
            import re2
        except ImportError as error:
            raise Unfit(f"patterns need the package google-re2: {error}") from None
        options = re2.Options()
        options.log_errors = False
        options.never_capture = True
        try:
            self._compiled = re2.compile(pattern, options)
        except re2.error as error:
            raise Unfit(f"{_reason(error)}; the syntax is RE2's, without look-around") from None
        self.pattern = pattern
        self.fullmatch = lru_cache(maxsize=_KEPT)(self._fullmatch)

    def _fullmatch(self, value: str) -> bool:
        """Tell whether the whole value matches."""
        try:
            return self._compiled.fullmatch(value) is not None
        except UnicodeEncodeError:  # half of a surrogate pair is no character
            return False

    def __repr__(self) -> str:
        """Show the pattern."""
        return f"Pattern({self.pattern!r})"


def _reason(error: Exception) -> str:
    told = error.args[0] if error.args else ""
    return told.decode(errors="replace") if isinstance(told, bytes) else str(told)
