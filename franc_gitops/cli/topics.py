"""`franc-gitops topics`: create the topics, or compare them with what they should be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from franc_gitops.cli.help import count, epilog, verb
from franc_gitops.errors import Exit, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from franc_gitops.cli.invocation import Invocation
    from franc_gitops.eventlogs.kafka.topics import KafkaTopics, TopicFinding, TopicWishes

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
_Output = Annotated[str, typer.Option("-o", "--output", metavar="text|json", help="Output format.")]


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
    output: _Output = "text",
) -> int:
    """Create the topics that are missing; those that exist stay as they are."""
    kafka = _open(context.obj)
    return _show(kafka.create(_wishes(partitions, retention_days, replication)), output, context)


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
    output: _Output = "text",
) -> int:
    """Compare the topics with what they should be; nothing is changed.

    Exits with 1 if a topic is missing, or could lose what it holds.
    """
    kafka = _open(context.obj)
    return _show(kafka.check(_wishes(partitions, retention_days, replication)), output, context)


def _open(invocation: Invocation) -> KafkaTopics:
    from franc_gitops.wiring import open_topics

    settings = invocation.settings()
    if not settings.kafka_enabled:
        raise UsageError(
            "there are no topics: Kafka is not enabled",
            hint="set KAFKA_ENABLED=true and KAFKA_BOOTSTRAP_SERVERS",
        )
    return open_topics(settings)


def _wishes(partitions: str, retention_days: str, replication: str) -> TopicWishes:
    from franc_gitops.wiring import topic_wishes

    return topic_wishes(
        event_partitions=_number("--partitions", partitions, least=1),
        retention_days=_number("--retention-days", retention_days, least=-1),
        replication=_number("--replication", replication, least=1),
    )


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


def _show(found: Sequence[TopicFinding], output: str, context: typer.Context) -> int:
    from franc_gitops.reports import renderer

    invocation = context.obj
    invocation.write(renderer("topics", output)(found, invocation.look()))
    bad = [finding for finding in found if _is_bad(finding)]
    invocation.say(f"topics: {count(len(found), 'topic')}, {len(bad)} not as they must be")
    return Exit.FINDINGS if bad else Exit.OK


def _is_bad(finding: TopicFinding) -> bool:
    """Tell whether a topic is missing, or has a setting that puts a promise of ours at risk."""
    return finding.state == "missing" or any(d.severity == "error" for d in finding.differences)
