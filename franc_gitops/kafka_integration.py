"""The Kafka Integration Guide's two questions, for programs that import franc-gitops.

    from franc_gitops import is_kafka_enabled, test_kafka_connection

Neither raises: what is wrong is logged, and the answer is False. The Kafka client is
imported only if Kafka is enabled.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from franc_gitops.errors import FrancError

if TYPE_CHECKING:
    from franc_gitops.settings import KafkaSettings

_log = logging.getLogger(__name__)


def is_kafka_enabled() -> bool:
    """Tell whether KAFKA_ENABLED is true, in the environment or an untracked `.env`."""
    settings = _settings()
    return settings is not None and settings.enabled


def test_kafka_connection() -> bool:
    """Tell whether a broker answers and takes our login; logs the cluster, or why not."""
    settings = _settings()
    if settings is None or not settings.enabled:
        _log.info("Kafka is disabled: KAFKA_ENABLED is not true")
        return False
    try:
        from franc_gitops.eventlogs.kafka import ask_cluster_id

        cluster = ask_cluster_id(settings.connection)
    except ImportError as error:
        _log.error("Kafka is enabled, but its client is not installed: %s", error)
    except FrancError as error:
        _log.error("Kafka connection failed: %s (%s)", error.message, error.hint)
    else:
        _log.info("Kafka connection works: cluster %s", cluster)
        return True
    return False


test_kafka_connection.__test__ = False  # type: ignore[attr-defined]  # pytest: not a test


def _settings() -> KafkaSettings | None:
    from franc_gitops.repositories.git.tracking import is_tracked
    from franc_gitops.settings import load_kafka_settings

    try:
        return load_kafka_settings(Path.cwd(), is_tracked=is_tracked)
    except FrancError as error:
        _log.error("Kafka settings: %s (%s)", error.message, error.hint)
        return None
