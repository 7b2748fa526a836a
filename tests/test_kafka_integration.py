"""The guide's two functions: they answer, log the cause, and never raise."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import franc_gitops
from franc_gitops import is_kafka_enabled, kafka_integration
from franc_gitops.kafka_integration import test_kafka_connection as ask_connection

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.broker import Broker

WITHOUT_CLIENT = """
import sys
sys.modules["confluent_kafka"] = None
from franc_gitops import is_kafka_enabled, test_kafka_connection
print(is_kafka_enabled(), test_kafka_connection())
"""


@pytest.fixture(autouse=True)
def _empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in ("KAFKA_ENABLED", "KAFKA_BOOTSTRAP_SERVERS"):
        monkeypatch.delenv(name, raising=False)


def set_all(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_both_are_importable_as_the_guide_says() -> None:
    assert franc_gitops.is_kafka_enabled is kafka_integration.is_kafka_enabled
    assert franc_gitops.test_kafka_connection is kafka_integration.test_kafka_connection


@pytest.mark.parametrize(
    ("value", "enabled"), [("true", True), ("1", True), ("off", False), ("FALSE", False)]
)
def test_the_switch_is_read_as_documented(
    monkeypatch: pytest.MonkeyPatch, value: str, enabled: bool
) -> None:
    monkeypatch.setenv("KAFKA_ENABLED", value)
    assert is_kafka_enabled() is enabled


def test_kafka_is_disabled_by_default() -> None:
    assert not is_kafka_enabled()
    assert not ask_connection()


def test_an_untracked_env_file_counts(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("KAFKA_ENABLED=true\n")
    assert is_kafka_enabled()


def test_a_switch_that_is_neither_is_told_and_means_disabled(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KAFKA_ENABLED", "maybe")
    assert not is_kafka_enabled()
    assert "KAFKA_ENABLED" in caplog.text


def test_a_working_connection_is_true_and_names_the_cluster(
    kafka: Broker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    set_all(monkeypatch, kafka.settings())
    assert ask_connection()
    assert kafka.cluster_id in caplog.text


def test_a_wrong_password_is_false_and_told_without_the_password(
    secure_kafka: Broker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    set_all(monkeypatch, secure_kafka.password_settings(password="wrong-and-secret"))
    assert not ask_connection()
    assert "KAFKA_SASL_PASSWORD" in caplog.text
    assert "wrong-and-secret" not in caplog.text


def test_no_broker_is_false_and_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    address = {"KAFKA_ENABLED": "true", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    set_all(monkeypatch, {**address, "KAFKA_CONNECT_TIMEOUT": "1"})
    assert not ask_connection()
    assert "127.0.0.1:1" in caplog.text


@pytest.mark.parametrize(("enabled", "answer"), [("false", "False False"), ("true", "True False")])
def test_everything_can_be_asked_without_the_kafka_client(
    monkeypatch: pytest.MonkeyPatch, enabled: str, answer: str
) -> None:
    monkeypatch.setenv("KAFKA_ENABLED", enabled)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_CLIENT], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == answer
    assert ("not installed" in done.stderr) == (enabled == "true")
