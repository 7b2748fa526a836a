"""What the end of a pass says: which stage failed, for what reason, and what was published."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from franc_gitops.daemon.model import Stage
from franc_gitops.errors import (
    EventLogRefused,
    EventLogUnreachable,
    FencedTooLong,
    GuardRefused,
    PartlyPublished,
    RepositoryError,
    WriteBackFailed,
)

if TYPE_CHECKING:
    from franc_gitops.errors import FrancError
    from franc_gitops.pipeline.report import Report

OTHER = "other"
"""A reason or label that has no name of its own."""

_EVENT = re.compile(rb'\["([a-z_]+)","[^"]*","([^"]+)",').findall
"""Type and topic of each event in a ledger record, whose events stand last."""


def events_published(report: Report) -> Counter[tuple[str, str]]:
    """Count the events that a pass has published, by topic and type."""
    counted: Counter[tuple[bytes, bytes]] = Counter()
    for request_id, action in report.published.items():
        record = report.ledger.raw(request_id)
        sent = _EVENT(record, record.rindex(b'"events":['))
        earlier = len(action.entry.events) if action.entry else 0
        counted.update((topic, event_type) for event_type, topic in sent[earlier:])
    return Counter({(t.decode(), e.decode()): n for (t, e), n in counted.items()})


_STAGES: tuple[tuple[type[FrancError], Stage, str], ...] = (
    (RepositoryError, Stage.REPOSITORY, "repository"),
    (WriteBackFailed, Stage.WRITE_BACK, "write_back"),
    (GuardRefused, Stage.EVENT_LOG, "guard"),
    (EventLogRefused, Stage.EVENT_LOG, "refused"),
    (EventLogUnreachable, Stage.EVENT_LOG, "unreachable"),
    (PartlyPublished, Stage.EVENT_LOG, "partly_published"),
    (FencedTooLong, Stage.EVENT_LOG, "fenced"),
)

REASONS = (*(reason for _, stage, reason in _STAGES if stage is Stage.EVENT_LOG), OTHER)
"""Every reason for which publishing can fail."""


def stage_of(failure: FrancError | None) -> Stage:
    """Give the stage that failed; the pass as a whole where no stage is to blame."""
    return next((stage for kind, stage, _ in _STAGES if isinstance(failure, kind)), Stage.PASS)


def reason_of(failure: FrancError | None) -> str:
    """Give the failure's reason as a metric's label."""
    return next((reason for kind, _, reason in _STAGES if isinstance(failure, kind)), OTHER)
