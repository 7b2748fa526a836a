"""Output for GitHub workflows: commands that mark problems up in a pull request, no token needed.

GitHub shows ten errors and ten warnings of a step, fifty of a job, and drops the rest silently.
So there are ten annotations at the most, the worst problems, and a notice of how many more
there are. The log lists them all, in a group; so does the summary of the step, which is
written where `-o` is understood.

Source: "Workflow commands for GitHub Actions"; escapes as in the toolkit's `command.ts`.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING

from franc_gitops.reports import NOTHING, text
from franc_gitops.reports.annotations import annotate, in_words
from franc_gitops.reports.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from franc_gitops.model import Problem
    from franc_gitops.reports import Done, Findings, Look, Planned
    from franc_gitops.reports.annotations import Annotation

SHOWN = 10
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def command(name: str, message: str, **properties: str | int) -> str:
    """Write a workflow command; whatever the texts hold, it stays one line and one command."""
    written = ",".join(f"{key}={_escape(value)}" for key, value in properties.items())
    return f"::{name}{' ' if written else ''}{written}::{message.translate(_DATA)}\n"


def _escape(value: str | int) -> str:
    return str(value).translate(_PROPERTY)


def findings(found: Findings, look: Look) -> Iterator[str]:
    """Mark up what `validate` found, or say that there was nothing to look at."""
    yield from _nothing(found.verb) if found.is_empty else ()
    yield from _marked_up(found.validated.problems, found.verb, look)
    yield from _listed(text.findings(found, _plain(look)), found.verb)


audit = findings
"""`verify` finds problems, too."""


def plan(planned: Planned, look: Look) -> Iterator[str]:
    """Mark up what is wrong with a plan, and list it in the log."""
    yield from _nothing("plan") if planned.plan.is_empty else ()
    yield from _marked_up(planned.plan.problems, "plan", look)
    yield from _listed(text.plan(planned, _plain(look)), "plan")


def report(done: Done, look: Look) -> Iterator[str]:
    """Mark up what a pass held and why; what kept it from its end is said with its exit code."""
    yield from _nothing("publish") if done.report.is_empty else ()
    yield from _marked_up(done.report.plan.problems, "publish", look)
    yield from _listed(text.report(done, _plain(look)), "publish")


def _nothing(verb: str) -> Iterator[str]:
    """Say that nothing was looked at: a check that is green for that must not look like one."""
    yield command("notice", NOTHING, title=f"franc-gitops {verb}")


def _plain(look: Look) -> Look:
    return look._replace(colors=False)


def _marked_up(problems: Sequence[Problem], verb: str, look: Look) -> Iterator[str]:
    marked = annotate(problems, look.below)
    yield from map(_annotation, islice(marked, SHOWN))
    if rest := [left.problem for left in marked]:
        where = "all are in the summary and in the log of this step"
        message = f"{len(rest)} more ({in_words(rest)}): {where}"
        yield command("notice", message, title=f"franc-gitops {verb}")


def _annotation(marked: Annotation) -> str:
    problem = marked.problem
    place = {"line": problem.line, "col": problem.column} if problem.line > 0 else {}
    return command(
        str(problem.severity),
        marked.text,
        file=printable(marked.path),
        **place,
        title=f"franc ({problem.code})",
    )


def _listed(lines: Iterable[str], verb: str) -> Iterator[str]:
    """List lines in a group, of which GitHub obeys none: to end it takes the hash of them all."""
    listed = "".join(lines)
    if listed:
        key = sha256(listed.encode(errors="surrogateescape")).hexdigest()
        yield f"::group::franc-gitops {verb}\n::stop-commands::{key}\n"
        yield listed
        yield f"::{key}::\n::endgroup::\n"
