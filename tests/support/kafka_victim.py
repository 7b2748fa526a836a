"""A publisher that dies in the middle of a transaction, when its test kills it.

    python -m tests.support.kafka_victim BOOTSTRAP PREFIX TRANSACTIONAL_ID TIMEOUT_MS

Writes an event and a ledger record, both to partition 0, says `open` once the broker has
them, and waits.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from confluent_kafka import Producer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.broker import Broker


@contextmanager
def open_transaction(
    broker: Broker, prefix: str, transactional_id: str, timeout_ms: int = 60_000
) -> Iterator[None]:
    """Within the block, a process that was killed (SIGKILL) has left a transaction open."""
    command = [sys.executable, "-m", __name__, broker.bootstrap, prefix, transactional_id]
    with subprocess.Popen([*command, str(timeout_ms)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        process.kill()
    yield


def end_transaction(broker: Broker, transactional_id: str) -> None:
    """Have the transaction aborted, as a successor of the dead publisher would."""
    Producer(
        {"bootstrap.servers": broker.bootstrap, "transactional.id": transactional_id}
    ).init_transactions(30)


def main(arguments: Sequence[str]) -> None:
    """Begin the transaction and wait to be killed."""
    bootstrap, prefix, transactional_id, timeout_ms = arguments
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "transactional.id": transactional_id,
            "transaction.timeout.ms": int(timeout_ms),
        }
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(f"{prefix}.task.status", b"dead", b"CHG-2024-000001", partition=0)
    producer.produce(f"{prefix}.gitops.ledger", b"dead", b"request-dead", partition=0)
    assert producer.flush(30) == 0
    print("open", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1:])
