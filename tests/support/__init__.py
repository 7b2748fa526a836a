"""What several tests use: brokers, witnesses and other real things to test against."""

from __future__ import annotations
