"""franc-gitops: change requests in git, exactly-once events in Apache Kafka.

Git is the outbox, Kafka is the ledger: what must be sent is the difference between the
requests at a commit and a ledger that is written in the same transaction as the events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from franc_gitops.kafka_integration import is_kafka_enabled, test_kafka_connection

__all__ = ["__version__", "is_kafka_enabled", "test_kafka_connection"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import the guide's functions when they are asked for: `validate` needs none of them."""
    if name in __all__:
        from franc_gitops import kafka_integration

        return getattr(kafka_integration, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
