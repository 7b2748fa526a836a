"""What the verbs found, for people and programs: one file per output format.

A format is a module; for each subject that it can show it has a function of that name, which
takes the subject and a `Look` and yields text. A new format is a new file here, and nothing
else; `-o` finds it by its name. Formats read the nouns of the pipeline and change nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from franc_gitops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from franc_gitops.audit.verify import Audit
    from franc_gitops.ledger import Ledger
    from franc_gitops.model import Problem, Validated
    from franc_gitops.pipeline.actions import Plan
    from franc_gitops.pipeline.report import Report
    from franc_gitops.pipeline.review import Review


COMMENT = 65_000
"""Bytes of a comment on any of the usual git hosts: GitHub takes 65,535 characters."""


class Look(NamedTuple):
    """How a report is to look; each format takes from it what it needs.

    `room` is the longest comment in bytes, 0 for any length; `below` is the folder, seen from
    the top of the clone, that paths begin at: git hosts show them from there.
    """

    colors: bool = False
    verbose: bool = False
    room: int = COMMENT
    below: str = ""


NOTHING = "no request file: nothing was checked"

Render: TypeAlias = "Callable[[Any, Look], Iterator[str]]"
"""Yields a subject in one format in pieces, line breaks included."""


def count(number: int, noun: str) -> str:
    """Write a number of things."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


class Findings(NamedTuple):
    """Subject `findings`: what `validate` found; `line` gives the line of a problem's file.

    Another verb that finds problems shows them in every format with
    `Findings(Validated(problems=…, files=…), verb="…")`.
    """

    validated: Validated
    line: Callable[[Problem], str] = lambda _: ""
    verb: str = "validate"

    @property
    def summary(self) -> str:
        """Sum up what was looked at and found in one line."""
        validated, errors = self.validated, self.validated.errors
        if self.is_empty:
            return NOTHING
        counts = (
            (validated.files, "file"),
            (self.valid_requests, "valid request"),
            (errors, "error"),
            (len(validated.problems) - errors, "warning"),
        )
        return ", ".join(count(number, noun) for number, noun in counts)

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to look at, which must not pass for "all is well"."""
        return not self.validated.files and not self.validated.problems

    @property
    def valid_requests(self) -> int:
        """How many requests could be published: those of files without an error."""
        refused = {problem.path for problem in self.validated.problems if problem.is_error}
        return sum(request.path not in refused for request in self.validated.requests)


class Audited(NamedTuple):
    """Subject `audit`: what `verify` found, and its summary in one line; much like `Findings`."""

    audit: Audit
    summary: str
    verb: str = "verify"

    @property
    def validated(self) -> Validated:
        """The problems, where other verbs have theirs."""
        from franc_gitops.model import Validated

        return Validated(problems=self.audit.problems)

    @property
    def is_empty(self) -> bool:
        """Whether there was no request file to look at."""
        return self.audit.plan is not None and self.audit.plan.is_empty

    def line(self, _problem: Problem) -> str:
        """Show no lines: most are of files that nobody writes."""
        return ""


class Planned(NamedTuple):
    """Subject `plan`: what a publication would do, and the ledger it was planned against.

    `log` is the name of the event log (`embedded` or `kafka:<cluster id>`), empty where it was
    not asked (`--offline`): what is published already is then shown as to be sent, too.
    With `review`, `plan` holds only what a change adds to its base.
    """

    plan: Plan
    ledger: Ledger
    log: str = ""
    review: Review | None = None


class Done(NamedTuple):
    """Subject `report`: what a pass did."""

    report: Report

    @property
    def rows(self) -> Iterator[Mapping[str, Any]]:
        """The status entries of what the pass touched, made one by one."""
        from franc_gitops.pipeline.rows import rows_of_report

        return rows_of_report(self.report)


class Check(NamedTuple):
    """Subject `checks` holds these: one precondition, and whether it holds.

    `outcome` is ok, warning, failed or skipped.
    """

    name: str
    outcome: str
    message: str
    hint: str = ""
    code: str = ""


class TopicRow(NamedTuple):
    """Subject `topics` holds these: a topic as it is, as it is wished for, and what is weaker.

    `state` is ok, created, differs or missing: then the topic's own numbers are None, and its
    `config` empty, as it is where an ACL hides it. `wanted` has partitions, replication and
    config, too. A difference has setting, expected, found, severity and hint.
    """

    topic: str
    state: str
    partitions: int | None
    replication: int | None
    config: Mapping[str, str]
    wanted: Mapping[str, Any]
    differences: Sequence[Mapping[str, str]]


def formats(subject: str) -> list[str]:
    """Name the formats that can show a subject."""
    from pkgutil import iter_modules

    names = sorted(module.name for module in iter_modules(__path__))
    return [name for name in names if _function(subject, name)]


def renderer(subject: str, output: str) -> Render:
    """Find what shows a subject in a format; raises UsageError naming the formats there are."""
    found = _function(subject, output) if output.isidentifier() else None
    if found is None:
        raise UsageError(
            f"-o {output} is not a format here", hint=f"-o {', '.join(formats(subject))}"
        )
    return found


def _function(subject: str, output: str) -> Render | None:
    try:
        module = import_module(f"{__name__}.{output}")
    except ModuleNotFoundError:
        return None
    found: Render | None = getattr(module, subject, None)
    return found
