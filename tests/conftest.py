"""The brokers that tests share, each started by the first test that asks for it.

And what holds for every property: no deadline per example, as the machine may be busy.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.support import broker as brokers
from tests.support.broker import Broker, start_broker

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def kafka() -> Iterator[Broker]:
    """One plain broker for the whole run; a test that stops or breaks a broker starts its own."""
    with start_broker() as broker:
        yield broker


@pytest.fixture(scope="session")
def secure_kafka() -> Iterator[Broker]:
    """One broker with TLS, passwords and ACLs for the whole run; nobody has a grant at first."""
    with start_broker(secure=True) as broker:
        yield broker


@pytest.fixture
def topics_prefix(request: pytest.FixtureRequest) -> str:
    """A topic prefix of this test's own, so that tests can share a broker."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    return f"{name[:40]}-{uuid.uuid4().hex[:8]}"


_log_sizes = pytest.StashKey[dict[Broker, int]]()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note how long the brokers' logs are, to show of a failed test what came after that."""
    item.stash[_log_sizes] = {broker: broker.log_size() for broker in brokers.running}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failed test what the brokers logged last while it ran."""
    report = yield
    if report.failed:
        before = item.stash.get(_log_sizes, {})
        logs = {broker: broker.log_tail(since=before.get(broker, 0)) for broker in brokers.running}
        report.sections += [(f"log of {broker}", log) for broker, log in logs.items() if log]
    return report
