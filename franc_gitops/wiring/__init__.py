"""Settings → opened ports: the one place that chooses implementations and puts a pass together.

What is heavy (Kafka, git, SQLite) is imported only when it is used.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from franc_gitops.clock import SystemClock
from franc_gitops.events import Envelope
from franc_gitops.freeze import Calendar
from franc_gitops.pipeline.guard import Guard
from franc_gitops.pipeline.publish import Publisher
from franc_gitops.pipeline.turn import Pass
from franc_gitops.wiring.choices import AS_USUAL, Choices
from franc_gitops.wiring.eventlogs import (
    open_event_log,
    open_probes,
    open_topics,
    stand_in,
    topic_wishes,
)
from franc_gitops.wiring.repositories import (
    Followed,
    find_ahead,
    find_origin,
    open_base,
    open_followed,
    open_repository,
)
from franc_gitops.wiring.state import state_check
from franc_gitops.wiring.status import (
    beside_the_clone,
    open_status_reader,
    open_witness,
    open_work_tree,
    open_write_back,
    pins_file,
    read_pins,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from franc_gitops.audit.evidence import Collector
    from franc_gitops.audit.verify import Auditor
    from franc_gitops.model import Request
    from franc_gitops.pipeline.signatures import SignatureCheck
    from franc_gitops.repositories import RequestRepository
    from franc_gitops.settings import Settings

__all__ = [
    "Choices",
    "Followed",
    "beside_the_clone",
    "calendar",
    "find_ahead",
    "find_origin",
    "open_auditor",
    "open_base",
    "open_collector",
    "open_event_log",
    "open_followed",
    "open_pass",
    "open_probes",
    "open_repository",
    "open_signature_check",
    "open_status_reader",
    "open_topics",
    "open_witness",
    "open_work_tree",
    "open_write_back",
    "pins_file",
    "read_pins",
    "state_check",
    "topic_wishes",
]


@contextmanager
def open_pass(
    settings: Settings, choices: Choices, repository: RequestRepository | None = None
) -> Iterator[Pass]:
    """Open repository and event log, give a pass over them, and close them in the end.

    `repository` takes the place of the one that the settings lead to.
    """
    from franc_gitops.pipeline.checks import Checks
    from franc_gitops.pipeline.expectation import Expectation
    from franc_gitops.pipeline.validate import FileValidator

    expectation = None if choices.expect is None else Expectation(choices.expect)
    clock = SystemClock()
    state_check(settings)()
    with ExitStack() as stack:
        if repository is None:
            choices = stack.enter_context(beside_the_clone(settings, choices))
            repository = open_repository(settings, choices)
        stack.callback(repository.close)
        validator = FileValidator(repository.read, Checks(settings.rules))
        stack.callback(validator.close)
        write_back = open_write_back(settings, choices) if choices.write_back else None
        if write_back is not None:
            stack.callback(write_back.close)
        log = stand_in() if choices.offline else open_event_log(settings)
        publisher = Publisher(log, clock, progress=choices.progress)
        stack.callback(publisher.close)
        yield Pass(
            repository=repository,
            publisher=publisher,
            validator=validator,
            envelope=_envelope(settings),
            clock=clock,
            guard=Guard(read_pins(settings), accept=choices.accept_ledger),
            write_back=write_back,
            strict=choices.strict,
            signatures=open_signature_check(settings, choices),
            offline=choices.offline,
            expectation=expectation,
            freeze=calendar(settings, choices),
            finished=_finished(settings) if choices.offline else lambda _: False,
            witness=open_witness(settings, choices),
        )


def calendar(settings: Settings, choices: Choices) -> Calendar:
    """Give the freezes; those that are overridden are known nevertheless, and by whom."""
    from franc_gitops.settings.sources import operator

    if choices.ignore_freeze:
        return Calendar()
    return replace(settings.freeze, overridden_by=operator() if choices.override_freeze else "")


def _finished(settings: Settings) -> Callable[[Request], bool]:
    """Give what tells finished requests where no ledger does; without status files, all may be."""
    if settings.write_back == "off":
        return lambda _: True
    from franc_gitops.pipeline.finished import FinishedByStatus

    return FinishedByStatus(settings.root, settings.requests_dir, settings.status_dir)


def open_signature_check(settings: Settings, choices: Choices = AS_USUAL) -> SignatureCheck | None:
    """Give what verifies signatures of commits; None where none are required."""
    if not settings.require_signed_commits:
        return None
    from franc_gitops.repositories.git.signatures import SignatureChecker

    return SignatureChecker(settings.root, settings.require_signed_commits, choices.variables)


def _envelope(settings: Settings) -> Envelope:
    """Give what all events of this installation share."""
    return Envelope(
        prefix=settings.topic_prefix,
        source=settings.source,
        completion=settings.completion,
        user_id_from=settings.user_id_from,
    )


def open_auditor(settings: Settings, choices: Choices, turn: Pass) -> Auditor:
    """Give what audits a pass's repository and event log."""
    from franc_gitops.audit.verify import Auditor

    folder = open_status_reader(settings, choices)
    return Auditor(turn, settings.requests_dir, settings.status_dir, folder)


def open_collector(settings: Settings, choices: Choices, turn: Pass) -> Collector:
    """Give what collects the evidence of changes; commits are known where there is git."""
    from franc_gitops.audit.evidence import Collector
    from franc_gitops.repositories.git import is_git_repository
    from franc_gitops.repositories.git.past import Past

    has_git = not choices.worktree and is_git_repository(settings.root)
    return Collector(turn, Past(settings.root) if has_git else None)
