"""CI jobs that publish to a real Apache Kafka and push status files, all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.host import new_host, path_of
from tests.support.kafka_log import make_topics
from tests.support.project import Project
from tests.test_publish_survives import check_each_once, check_status_files, consume

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.broker import Broker


@pytest.mark.timeout(900)
@pytest.mark.parametrize("jobs", [3, pytest.param(20, marks=pytest.mark.proof)])
def test_jobs_of_different_commits_at_once_lose_no_status_and_repeat_no_event(
    tmp_path: Path, kafka: Broker, topics_prefix: str, jobs: int
) -> None:
    """Each in a shallow, detached clone of its own commit; what is pushed is what Kafka has."""
    make_topics(kafka, topics_prefix)
    host = new_host(tmp_path)
    work = host.clone("work")
    variables = kafka.settings(KAFKA_TOPIC_PREFIX=topics_prefix, FRANC_WRITE_BACK="push")
    projects = []
    for number in range(1, jobs + 1):
        work.order(number)
        site = host.clone(f"job-{number}", "--depth=1")
        site.clone.git("checkout", "--quiet", "--detach")
        projects.append(Project(site.clone, variables))
    ordered = host.main
    running = [project.start("publish") for project in projects]
    ends = [process.communicate(timeout=600) for process in running]
    assert [process.returncode for process in running] == [0] * jobs, ends
    assert host.files() == [
        "status/.ledger.yaml",
        *(f"status/{path_of(number)}" for number in range(1, jobs + 1)),
    ]
    for commit in host.bare.git("rev-list", f"{ordered}..main").splitlines():
        assert all(path.startswith("status/") for path in host.changed(commit))
    records = consume(kafka, topics_prefix)
    check_each_once(records, requests=jobs)
    later = Project(host.clone("later", "--depth=1").clone, variables)
    check_status_files(later, records, requests=jobs)
    tip = host.main
    assert later.json("publish")["summary"]["published"] == 0
    assert host.main == tip
