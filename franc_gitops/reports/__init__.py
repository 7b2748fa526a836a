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
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from franc_gitops.ledger import Ledger
    from franc_gitops.model import Problem, Validated
    from franc_gitops.pipeline.actions import Plan
    from franc_gitops.pipeline.review import Review
    from franc_gitops.pipeline.turn import Report


class Look(NamedTuple):
    """How text is to look; formats for programs do not care."""

    colors: bool = False
    verbose: bool = False


Render: TypeAlias = "Callable[[Any, Look], Iterator[str]]"
"""Yields a subject in one format in pieces, line breaks included."""


class Findings(NamedTuple):
    """Subject `findings`: what `validate` found; `line` gives the line of a problem's file."""

    validated: Validated
    line: Callable[[Problem], str] = lambda _: ""


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
    """Subject `report`: what a pass did; `rows` are the status entries of what it touched."""

    report: Report
    rows: Iterable[Mapping[str, Any]]


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
    """Subject `topics` holds these: a topic as it should be, and how it differs from that.

    `state` is ok, created, differs or missing; a difference has setting, expected, found,
    severity and hint.
    """

    topic: str
    state: str
    partitions: int
    replication: int
    config: Mapping[str, str]
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
