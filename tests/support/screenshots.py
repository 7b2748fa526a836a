"""Pictures of the dashboard for docs/, from a real daemon on a real Kafka that had work to do.

    python -m tests.support.screenshots MINUTES FOLDER     # `make screenshots` writes docs/images

People commit, a push hook wakes the daemon, some files are wrong; after so many minutes the pages
are photographed. The charts show an hour, so 30 minutes make them worth looking at.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.corpus import request_text
from tests.support.broker import free_port, start_broker
from tests.support.browser import open_browser, visiting
from tests.support.http import ask, bearer
from tests.support.project import Project, new_project
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

SECRET = "a-secret-of-the-pictures"
WRONG = """\
# Uplink of the new leaf switch
type: device_connection
change_number: CHG-2026-004711
device_name: NYC-Core-SW01
device_type: Switch
location: NYC Building A
interfaces:
  - {name: Gi0/1, speed: 7 Gbit, role: data, vpc_group: vPC-1}
  - {name: Gi0/2, speed: 10 Gbit, role: mangement, vpc_group: vPC-1}
"""
PICTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "overview": ("/", {"viewport": {"width": 1280, "height": 1000}}),
    "overview-dark": ("/", {"viewport": {"width": 1280, "height": 1000}, "color_scheme": "dark"}),
    "phone": ("/", {"viewport": {"width": 390, "height": 844}}),
    "held": ("/requests/requests/2026/CHG-2026-004711.yaml",
             {"viewport": {"width": 1280, "height": 860}}),
    "request": ("", {"viewport": {"width": 1280, "height": 860}}),
}  # fmt: skip
MOST_BYTES = 200_000


@contextmanager
def watched(project: Project, address: str) -> Iterator[None]:
    """Run `watch` and wait until it is ready."""
    daemon = project.start("watch", "--http", address)
    try:
        wait_for(lambda: _is_ready(address), what="the daemon", seconds=60, every=0.5)
        yield
    finally:
        daemon.terminate()
        daemon.communicate(timeout=30)


def _is_ready(address: str) -> bool:
    try:
        return ask(address, "/readyz").status == 200
    except OSError:
        return False


def work(project: Project, address: str, minutes: float) -> None:
    """Commit now and then, a few requests at a time, and call the push hook."""
    chance, number = random.Random(7), 0
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        count = chance.choice([1, 1, 2, 3, 5, 8])
        files = {
            f"requests/2026/CHG-2026-{n:06d}.yaml": request_text(n).replace("-2024-", "-2026-")
            for n in range(number, number + count)
        }
        number += count
        commit(project, address, files)
        pause = min(end, time.monotonic() + chance.uniform(5, 70))
        wait_for(lambda: time.monotonic() >= pause, what="time", seconds=100, every=0.5)  # noqa: B023


def commit(project: Project, address: str, files: dict[str, str]) -> None:
    """Commit as a person does now, and push."""
    project.clone.commit(dict(files), "Order changes", seconds=int(time.time()))
    ask(address, "/hooks/push", method="POST", body=b"{}", headers=bearer(SECRET))


def photograph(browser: Browser, address: str, folder: Path) -> None:
    """Take every picture."""
    last = ask(address, "/status").json()["recent"][0]["request_id"]
    for name, (path, look) in PICTURES.items():
        with visiting(browser, address, **look) as visitor:
            page = visitor.go(path or f"/requests/{last}")
            page.wait_for_timeout(500)
            picture = page.screenshot(path=folder / f"{name}.png")
            assert len(picture) < MOST_BYTES, f"{name} has {len(picture)} bytes"


def main() -> None:
    """Take the pictures."""
    minutes, folder = float(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        broker = stack.enter_context(start_broker())
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        address = f"127.0.0.1:{free_port()}"
        project = new_project(root / "network-changes", broker.settings(FRANC_HOOK_SECRET=SECRET))
        project.clone.git("remote", "add", "origin", "git@git.example.com:network/changes.git")
        project.add(range(0), "Begin")
        assert project.run("topics", "create").returncode == 0
        stack.enter_context(watched(project, address))
        work(project, address, minutes)
        later = f"{request_text(902).replace('-2024-', '-2026-')}not_before: 2027-01-09T22:00:00Z\n"
        wrong = {
            "requests/2026/CHG-2026-004711.yaml": WRONG,
            "requests/2026/CHG-2026-000902.yaml": later,
        }
        commit(project, address, wrong)
        wait_for(lambda: "Rejected" in ask(address, "/status").text, what="the pass", seconds=60)
        photograph(stack.enter_context(open_browser()), address, folder)


if __name__ == "__main__":
    main()
