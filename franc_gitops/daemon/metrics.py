"""The board as Prometheus metrics: prefix `franc_`, base units, no request and no path as label.

Nothing is counted here: each scrape reads the board, so that a daemon that nobody scrapes
pays nothing. docs/operations.md lists every metric; deploy/ has rules and a dashboard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.exposition import choose_encoder

from franc_gitops import __version__, kinds
from franc_gitops.daemon.model import Count, Role, Stage
from franc_gitops.daemon.outcome import OTHER, REASONS
from franc_gitops.model import Phase

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from prometheus_client.core import Metric

    from franc_gitops.daemon.board import Board
    from franc_gitops.daemon.history import Histogram
    from franc_gitops.daemon.model import Figures, View

Values: TypeAlias = "Iterable[tuple[tuple[str, ...], float]]"
"""Label values and the number."""

_COUNTS: Mapping[Count, tuple[str, str, tuple[str, ...]]] = {
    Count.WAKE_UPS: ("franc_wakeups", "Wake-ups of the loop, by what woke it.", ("trigger",)),
    Count.WATCH_OVERFLOWS: (
        "franc_watch_overflows",
        "Queues of file events that overflowed; a full scan followed each.",
        (),
    ),
    Count.WRITE_BACK_CONFLICTS: (
        "franc_writeback_conflicts",
        "Pushes of status files that the remote refused because another was quicker.",
        (),
    ),
    Count.FENCED: ("franc_fenced", "Times that another publisher took over.", ()),
    Count.HOOKS: ("franc_hooks", "Push hooks that were called, by outcome.", ("outcome",)),
    Count.HTTP_REQUESTS: (
        "franc_http_requests",
        "HTTP requests answered, by route and status code.",
        ("route", "code"),
    ),
}
_OUTCOMES = ("success", "error", "noop")
_STAGES = ("scan", "publish", "writeback")


class BoardCollector:
    """Reads the board whenever Prometheus asks."""

    def __init__(self, board: Board) -> None:
        """Take the board."""
        self._board = board

    def collect(self) -> Iterator[Metric]:
        """Give every metric; those that have not happened yet are there with 0."""
        figures, view = self._board.figures(), self._board.view()
        yield _gauge(
            "franc_build_info", "The version that runs.", {(__version__,): 1}.items(), ["version"]
        )
        yield from _of_events(figures)
        yield from _of_passes(figures)
        yield from _of_requests(self._board, view)
        yield from _of_health(self._board, view)
        yield from _of_counts(figures)


def _of_events(figures: Figures) -> Iterator[Metric]:
    yield _counter(
        "franc_events_published",
        "Events published by this daemon; each is in the log exactly once.",
        figures.events.items(),
        ["topic", "kind"],
    )
    yield _counter(
        "franc_publish_failures",
        "Passes that the event log kept from publishing, by reason; nothing is lost by them.",
        {(reason,): figures.failures.get(reason, 0) for reason in REASONS}.items(),
        ["reason"],
    )
    yield _histogram(
        "franc_publish_duration_seconds",
        "Seconds to publish what a pass found, until the last transaction was committed.",
        figures.publish_seconds,
    )


def _of_passes(figures: Figures) -> Iterator[Metric]:
    yield _counter(
        "franc_sync",
        "Passes by outcome: published something, failed, or had nothing to publish.",
        {(outcome,): figures.passes.get(outcome, 0) for outcome in _OUTCOMES}.items(),
        ["status"],
    )
    yield _histogram(
        "franc_sync_duration_seconds", "Seconds that a pass took.", figures.pass_seconds
    )
    yield _counter(
        "franc_validation_errors",
        "Problems found in request files, by code; each once for as long as it stands.",
        {(code,): count for code, count in figures.problems.items()}.items(),
        ["code"],
    )
    yield _gauge(
        "franc_last_success_timestamp_seconds",
        "When a stage last went well; missing until it first has.",
        {
            (stage,): figures.last_success[stage].timestamp()
            for stage in _STAGES
            if stage in figures.last_success
        }.items(),
        ["stage"],
    )


def _of_requests(board: Board, view: View) -> Iterator[Metric]:
    counts = board.register.counts()
    found = {(s.type, str(s.phase)): n for s, n in counts.items()}
    known = {(kind.type, str(phase)): 0 for kind in kinds.all_kinds() for phase in Phase}
    yield _gauge(
        "franc_requests",
        "Requests that the repository or the ledger knows, by type and phase.",
        {**known, **found}.items(),
        ["kind", "phase"],
    )
    yield _gauge(
        "franc_outbox_pending",
        "Requests that are to be sent and are not yet; missing until a pass has told.",
        [] if view.pending is None else [((), view.pending)],
    )
    yield _gauge(
        "franc_outbox_oldest_pending_age_seconds",
        "How long the oldest of them has been waiting; 0 if none is.",
        [] if view.pending is None else [((), view.oldest_pending or 0)],
    )


def _of_health(board: Board, view: View) -> Iterator[Metric]:
    yield _gauge(
        "franc_ready", "Whether /readyz says that it is ready.", {(): int(view.ready)}.items()
    )
    yield _gauge(
        "franc_role",
        "1 for what this daemon is doing among those that share its ledger.",
        {(str(role),): int(role is view.role) for role in Role}.items(),
        ["role"],
    )
    conditions = {condition.stage: condition.ok for condition in view.conditions}
    yield _gauge(
        "franc_stage_ok",
        "Whether a stage is well; it counts as well until it was tried.",
        {(str(stage),): int(conditions.get(stage, True)) for stage in Stage}.items(),
        ["stage"],
    )
    yield _gauge(
        "franc_heartbeat_age_seconds",
        "Seconds since the loop last said that it is alive.",
        {(): board.seconds_since_beat}.items(),
    )


def _of_counts(figures: Figures) -> Iterator[Metric]:
    for count, (name, text, labels) in _COUNTS.items():
        found = {
            _padded(label.split(), len(labels)): n
            for (what, label), n in figures.counts.items()
            if what is count
        }
        yield _counter(name, text, (found if labels else {(): 0, **found}).items(), labels)


def _padded(words: list[str], wanted: int) -> tuple[str, ...]:
    """Give so many label values; what was counted under no name of its own has too few."""
    return tuple([*words, *[OTHER] * wanted][:wanted])


def _counter(name: str, text: str, values: Values, labels: Sequence[str] = ()) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for label, value in sorted(values):
        family.add_metric(label, value)
    return family


def _gauge(name: str, text: str, values: Values, labels: Sequence[str] = ()) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for label, value in sorted(values):
        family.add_metric(label, value)
    return family


def _histogram(name: str, text: str, values: Histogram) -> Metric:
    buckets = [
        ("+Inf" if bound == float("inf") else str(float(bound)), count)
        for bound, count in values.cumulative()
    ]
    family = HistogramMetricFamily(name, text)
    family.add_metric([], buckets, values.total)
    return family


def make_registry(board: Board) -> CollectorRegistry:
    """Make a registry of the board's metrics and those of the process."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(BoardCollector(board))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def expose(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Give the metrics in the form that an Accept header asks for, and its media type."""
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
