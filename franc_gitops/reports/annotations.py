"""Problems as git hosts show them beside the lines of a file; not a format, but what three share.

Worst first, because every host shows only so many; with paths from the top of the clone; with
a fingerprint by which a host knows a problem again when it moves to another line.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.reports import count
from franc_gitops.reports.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from franc_gitops.model import Problem

LONGEST = 2_000
"""Characters of one message: hosts cut or refuse much longer ones."""


class Annotation(NamedTuple):
    """A problem to be shown at its place; `path` is that from the top of the clone.

    `text` is message and hint in two lines, or one if there is no hint.
    """

    problem: Problem
    path: str
    text: str
    fingerprint: str


def annotate(problems: Iterable[Problem], below: str) -> Iterator[Annotation]:
    """Give the annotations of problems, worst first and then in reading order.

    The fingerprint holds neither line nor message, which may name other lines: the n-th
    problem of one code with one field of one file is the same one for as long as it is there.
    """
    seen: Counter[tuple[str, str, str]] = Counter()
    for problem in sorted(problems, key=lambda one: (not one.is_error, one.sort_key)):
        what = (path_in_clone(problem.path, below), problem.code, problem.field)
        seen[what] += 1
        yield Annotation(problem, what[0], told(problem), fingerprint(*what, str(seen[what])))


def path_in_clone(path: str, below: str) -> str:
    """Give a path from the top of the clone instead of from a folder `below` it."""
    return posixpath.normpath(posixpath.join(below, path)) if below else path


def told(problem: Problem) -> str:
    """Give message and hint, a line each, without anything that a terminal would obey."""
    lines = [problem.message, problem.hint and f"hint: {problem.hint}"]
    return "\n".join(clip(printable(line)) for line in lines if line)


def clip(text: str, longest: int = LONGEST) -> str:
    """Cut a text that is too long, and show that it was."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def fingerprint(*parts: str) -> str:
    """Hash what makes a problem the same one."""
    return sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()


def in_words(problems: Iterable[Problem]) -> str:
    """Count errors and warnings: `3 errors, 1 warning`."""
    counts = Counter(problem.is_error for problem in problems)
    named = ((counts[True], "error"), (counts[False], "warning"))
    return ", ".join(count(number, noun) for number, noun in named if number) or "no problem"
