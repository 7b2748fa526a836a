"""The nouns of the board: what a loop is doing, how its stages are, and what it has counted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from franc_gitops.daemon.history import Histogram, Minute


class Role(StrEnum):
    """What this daemon is doing among those that share its ledger."""

    STARTING = "starting"
    CANDIDATE = "candidate"
    """It publishes at once what comes, and has published nothing yet: another may lead."""
    LEADER = "leader"
    """It published last, as far as the ledger tells."""
    STANDBY = "standby"
    DRAINING = "draining"


class Stage(StrEnum):
    """What can be well or not by itself."""

    REPOSITORY = "repository"
    REMOTE = "remote"
    EVENT_LOG = "event_log"
    WRITE_BACK = "write_back"
    PASS = "pass"  # noqa: S105 - a stage, no password


class Count(StrEnum):
    """What is counted besides passes and publications; some by a label of a few values."""

    WAKE_UPS = "wake_ups"
    """By what woke the loop."""
    WATCH_OVERFLOWS = "watch_overflows"
    """File events that the system dropped; a full scan followed."""
    WRITE_BACK_CONFLICTS = "write_back_conflicts"
    """Pushes that the remote refused because somebody else was quicker."""
    HOOKS = "hooks"
    """Push hooks by their outcome."""
    HTTP_REQUESTS = "http_requests"
    """HTTP requests by route and status code."""
    FENCED = "fenced"
    """Times that another publisher took over."""


class Condition(NamedTuple):
    """Whether a stage is well, why not, and since when it is as it is."""

    stage: Stage
    ok: bool
    reason: str
    message: str
    since: datetime


class Turn(NamedTuple):
    """The last pass, or the one that goes on: then `seconds` is how long already."""

    trigger: str
    began: datetime
    seconds: float
    done: int = 0
    total: int = 0
    published: int = 0
    failure: str = ""


class Published(NamedTuple):
    """A request that this daemon has published, for the list of what happened lately."""

    request_id: str
    path: str
    at: datetime


class Reason(NamedTuple):
    """Why the daemon is not ready."""

    stage: str
    reason: str
    message: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Figures:
    """What is counted since the start; frozen at one moment."""

    events: Mapping[tuple[str, str], int]
    """(topic, event type) -> events published."""
    failures: Mapping[str, int]
    """Reason -> passes that could not publish."""
    passes: Mapping[str, int]
    """success, error or noop -> passes."""
    problems: Mapping[str, int]
    """Problem code -> problems found, each once as long as it stands."""
    counts: Mapping[tuple[Count, str], int]
    pass_seconds: Histogram
    publish_seconds: Histogram
    last_success: Mapping[str, datetime]
    """scan, publish and writeback -> when each last went well."""


@dataclass(frozen=True, slots=True)
class View:
    """The board at one moment."""

    now: datetime
    role: Role
    ready: bool
    reasons: tuple[Reason, ...]
    conditions: tuple[Condition, ...]
    running: Turn | None
    turn: Turn | None
    """The last pass that ended."""
    commit: str
    log: str
    pending: int | None
    """None until a pass has told."""
    oldest_pending: float | None
    """Seconds that the oldest pending request has been waiting."""
    minutes: tuple[Minute, ...]
    recent: tuple[Published, ...]
    """Newest first."""
    started: datetime
    seconds_since_beat: float
    version: int
    """Grows with every change."""
