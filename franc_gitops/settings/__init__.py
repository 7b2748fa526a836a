"""Flags, environment, `.env` and `franc-gitops.yaml` become one frozen `Settings`.

`model.py` has every setting once, `kafka.py` every KAFKA_* variable, `forms.py` what a value
may look like, `sources.py` reads the places (and alone reads the environment), `loading.py`
puts them over one another and keeps each value's origin.
"""

from __future__ import annotations

from franc_gitops.settings.loading import find_root, load_kafka_settings, load_settings
from franc_gitops.settings.model import FILE_NAME, KafkaSettings, Settings

__all__ = [
    "FILE_NAME",
    "KafkaSettings",
    "Settings",
    "find_root",
    "load_kafka_settings",
    "load_settings",
]
