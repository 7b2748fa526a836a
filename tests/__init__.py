"""The tests: statements of behaviour, run against real files, real git and a real Apache Kafka."""

from __future__ import annotations
