"""`franc-gitops topics`: create the topics, or compare them with what they should be."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from franc_gitops.cli import options
from franc_gitops.cli.help import count, epilog, verb
from franc_gitops.errors import Exit, UsageError
from franc_gitops.reports import TopicRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from franc_gitops.cli.invocation import Invocation

app = verb()

_Partitions = Annotated[
    str, typer.Option("--partitions", metavar="N", help="Partitions of each event topic.")
]
_Retention = Annotated[
    str, typer.Option("--retention-days", metavar="N", help="Days to keep events; -1: for ever.")
]
_Replication = Annotated[
    str,
    typer.Option("--replication", metavar="N", help="Copies; by default 3, or all brokers."),
]


@app.callback()
def topics() -> None:
    """Create the topics, or compare them with what they should be."""


@app.command(
    epilog=epilog(
        {
            "topics create": "five event topics and the compacted ledger",
            "topics create --partitions 12": "with more partitions",
            "topics create -o json": "the outcome for scripts",
        },
        Exit.OK,
        Exit.FINDINGS,
        Exit.USAGE,
        Exit.UNREACHABLE,
    )
)
def create(
    context: typer.Context,
    partitions: _Partitions = "",
    retention_days: _Retention = "",
    replication: _Replication = "",
    output: options.TextOrJson = "text",
) -> int:
    """Create the topics that are missing; those that exist stay as they are."""
    wishes = _wishes(partitions, retention_days, replication)
    return _show(_look(context.obj, wishes, create=True), output, context)


@app.command(
    epilog=epilog(
        {
            "topics check": "what is missing or weaker than it should be",
            "topics check -o json": "the same for scripts",
        },
        Exit.OK,
        Exit.FINDINGS,
        Exit.USAGE,
        Exit.UNREACHABLE,
    )
)
def check(
    context: typer.Context,
    partitions: _Partitions = "",
    retention_days: _Retention = "",
    replication: _Replication = "",
    output: options.TextOrJson = "text",
) -> int:
    """Compare the topics with what they should be; nothing is changed.

    Exits with 1 if a topic is missing, or could lose what it holds.
    """
    wishes = _wishes(partitions, retention_days, replication)
    return _show(_look(context.obj, wishes, create=False), output, context)


def _look(
    invocation: Invocation, wishes: Mapping[str, int | None], *, create: bool
) -> list[TopicRow]:
    """Compare the topics with what they should be, after creating those that are missing."""
    from franc_gitops.wiring import open_topics, topic_wishes

    settings = invocation.settings()
    if not settings.kafka_enabled:
        raise UsageError(
            "there are no topics: Kafka is not enabled",
            hint="set KAFKA_ENABLED=true and KAFKA_BOOTSTRAP_SERVERS",
        )
    topics = open_topics(settings)
    wanted = topic_wishes(**wishes)
    found = topics.create(wanted) if create else topics.check(wanted)
    return [
        TopicRow(
            topic=finding.plan.name,
            state=finding.state.value,
            partitions=finding.topic.partitions if finding.topic else None,
            replication=finding.topic.replication if finding.topic else None,
            config=finding.config,
            wanted={
                "partitions": finding.plan.partitions,
                "replication": finding.plan.replication,
                "config": dict(finding.plan.config),
            },
            differences=[asdict(difference) for difference in finding.differences],
        )
        for finding in found
    ]


def _wishes(partitions: str, retention_days: str, replication: str) -> dict[str, int | None]:
    return {
        "event_partitions": _number("--partitions", partitions, least=1),
        "retention_days": _number("--retention-days", retention_days, least=-1),
        "replication": _number("--replication", replication, least=1),
    }


def _number(option: str, text: str, *, least: int) -> int | None:
    if not text:
        return None
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least or number == 0:
        raise UsageError(f"{option} {text}: a whole number is expected, {max(1, least)} or more")
    return number


def _show(found: Sequence[TopicRow], output: str, context: typer.Context) -> int:
    from franc_gitops.reports import renderer

    invocation = context.obj
    invocation.write(renderer("topics", output)(found, invocation.look()))
    bad = [row for row in found if _is_bad(row)]
    invocation.say(f"topics: {count(len(found), 'topic')}, {len(bad)} not as they must be")
    return Exit.FINDINGS if bad else Exit.OK


def _is_bad(row: TopicRow) -> bool:
    """Tell whether a topic is missing, or has a setting that puts a promise of ours at risk."""
    return row.state == "missing" or any(d["severity"] == "error" for d in row.differences)
