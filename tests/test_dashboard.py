"""The dashboard in a real Chromium: what people see, what it does live, what it never does."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from bench.corpus import request_text
from franc_gitops.daemon.board import Role, Stage
from franc_gitops.daemon.dashboard import stream
from franc_gitops.errors import EventLogUnreachable
from franc_gitops.model import Phase
from tests.support.browser import Visitor, barriers, open_browser, visiting
from tests.support.daemon import Station
from tests.support.http import ask
from tests.support.project import new_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

WRONG = """\
type: device_connection
change_number: CHG-2024-004711
device_name: NYC-Core-SW01
device_type: Switch
location: NYC Building A
interfaces:
  - {name: Gi0/1, speed: 7 Gbit, role: data}
"""
SCRIPT = "<script>window.broken=1</script>"
HOSTILE = {
    "requests/<img src=x onerror=window.broken=1>.yaml": f"type: '{SCRIPT}'\nx: \"{SCRIPT}\"\n",
    "requests/a\"onmouseover=window.broken=1 b'.yaml": f"{SCRIPT}: {SCRIPT}\n",
    "requests/{{7*7}}.yaml": "type: pop_deployment\nlocation: a\u202eb\u0007c\n",
    "requests/javascript:window.broken=1;.yaml": f"# --> {SCRIPT} </td></table>\n",
}
PHONE = {"viewport": {"width": 360, "height": 740}}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    project = new_project(tmp_path / "network-changes")
    project.clone.git("remote", "add", "origin", "git@git.example:net/changes.git")
    project.add(range(4))
    with Station(project) as station:
        yield station


@pytest.fixture
def address(station: Station) -> Iterator[str]:
    with station.serve() as address:
        yield address


@pytest.fixture
def visitor(browser: Browser, address: str) -> Iterator[Visitor]:
    with visiting(browser, address) as visitor:
        yield visitor
        assert visitor.complaints == []
        assert visitor.strangers == set()


def run_on(station: Station, **stands: tuple[Phase, int, str]) -> None:
    """Publish, then let workers have gone on: request_id to phase, percentage and message."""
    station.go()
    report = station.go()  # which has read what the first one wrote
    assert report is not None
    records = []
    for request_id, (phase, percentage, message) in stands.items():
        entry = report.ledger.get(request_id)
        assert entry is not None
        task = {
            "status": "in_progress",
            "progress_percentage": percentage,
            "status_message": message,
            "completion_message": None,
        }
        changed = replace(entry, phase=phase, completion="track", task=task)
        records.append((request_id, changed.encode()))
    report.ledger.fold(records)
    station.go("timer")


def section(page: Page, name: str) -> Any:
    return page.locator(f"section[data-key={name}]")


# ------------------------------------------------------------------------------ what is shown


def test_requests_are_shown_where_they_stand(station: Station, visitor: Visitor) -> None:
    station.project.clone.commit({
        "requests/wrong.yaml": WRONG,
        "requests/later.yaml": f"{request_text(11)}not_before: 2999-01-01T00:00:00Z\n",
    })  # fmt: skip
    run_on(station, **{
        "pop_CHG-2024-000001": (Phase.RUNNING, 35, "Configuring Gi0/1"),
        "datacenter_CHG-2024-000000": (Phase.FAILED, 60, "Rolled back"),
    })  # fmt: skip
    page = visitor.go()
    held = section(page, "Held")
    expect(held.locator(".row")).to_have_count(2)
    expect(held).to_contain_text("requests/wrong.yaml:7:26")
    expect(held).to_contain_text("FRN204")
    expect(held).to_contain_text("not before 2999")
    running = section(page, "Running")
    expect(running).to_contain_text("Configuring Gi0/1")
    assert running.locator("progress").get_attribute("value") == "35"
    expect(section(page, "Failed")).to_contain_text("datacenter_CHG-2024-000000")
    expect(section(page, "Completed").locator(".row")).to_have_count(2)
    tiles = page.locator(".tile").all_inner_texts()
    assert [tile.split("\n")[0] for tile in tiles] == ["0", "2", "1", "1", "2"]
    expect(page.locator("#headline")).to_have_text(
        "Everything that is valid is published; 2 files are held."
    )


def test_a_request_cancelled_before_it_was_published_is_completed_and_not_held(
    station: Station, address: str
) -> None:
    """As the example of `init` is."""
    text = f"{request_text(11)}cancel: this is an example\n"
    station.project.clone.commit({"requests/example.yaml": text})
    station.go()
    page = ask(address, "/").text
    headline = re.search(r'id="headline">([^<]*)<', page)
    assert headline
    assert headline[1] == "Everything that is to be published is published."
    assert re.findall(r'class="count">(\d+)<.*?</span> (\w+)</span>', page) == [
        ("0", "Pending"), ("0", "Held"), ("0", "Running"), ("0", "Failed"), ("5", "Completed"),
    ]  # fmt: skip
    assert "CHG-2024-000011" not in ask(address, "/requests?show=held").text
    assert "CHG-2024-000011" in ask(address, "/requests?show=completed").text


def test_before_the_first_pass_has_ended_nothing_is_claimed(station: Station, address: str) -> None:
    station.board.pass_began("start")
    station.board.pass_ended(error=EventLogUnreachable("no answer from Kafka"))
    page = ask(address, "/").text
    assert "It is starting, and tries again: no answer from Kafka" in page
    assert re.findall(r'class="count">([^<]*)<', page) == ["\u2013"] * 5
    assert "Not known yet: the first pass has not ended." in page
    assert not re.search(r'class="total">\d', page + ask(address, "/requests").text)
    assert "Not known yet" in ask(address, "/requests?show=pending").text
    assert "Nothing is held." not in page
    assert "Nothing waits" not in page
    told = ask(address, "/status").json()
    assert (told["pending"], told["oldest_pending_seconds"]) == (None, None)
    station.go()
    assert ask(address, "/status").json()["pending"] == 0


def test_what_waits_is_shown_with_its_age(station: Station, visitor: Visitor) -> None:
    report = station.go()
    assert report is not None
    away = replace(report, published={})
    station.board.pass_began("timer")
    station.board.pass_ended(replace(away, ledger=type(report.ledger)()))
    station.clock.go_on(125)
    page = visitor.go()
    expect(page.locator("#headline")).to_have_text("4 requests wait to be published, since 2 min.")
    expect(section(page, "Pending").locator(".row").first).to_contain_text("waiting 2 min")


def test_what_is_wrong_with_the_daemon_is_the_first_thing_said(
    station: Station, visitor: Visitor
) -> None:
    station.go()
    station.board.condition(
        Stage.EVENT_LOG, ok=False, reason="EventLogUnreachable", message="no broker answers"
    )
    page = visitor.go()
    expect(page.locator("#headline")).to_have_text("Not ready: no broker answers")
    expect(page.locator(".reasons")).to_contain_text("event log EventLogUnreachable")
    station.board.condition(Stage.EVENT_LOG, ok=True)
    expect(page.locator("#headline")).to_have_text("Everything that is merged is published.")
    expect(page.locator(".reasons")).to_have_count(0)


@pytest.mark.parametrize(
    ("role", "words"),
    [(Role.STARTING, "starting"), (Role.STANDBY, "follows"), (Role.DRAINING, "shut down")],
)
def test_the_role_is_said(station: Station, visitor: Visitor, role: Role, words: str) -> None:
    station.go(role=role)
    expect(visitor.go().locator("#headline")).to_contain_text(words)


def test_a_pass_that_goes_on_shows_its_progress(station: Station, visitor: Visitor) -> None:
    station.go()
    page = visitor.go()
    station.board.pass_began("commit")
    station.board.progress(2_500, 10_000)
    bar = page.locator(".hero progress")
    expect(bar).to_have_attribute("value", "2500")
    expect(page.locator(".hero")).to_contain_text("2\u202f500 of 10\u202f000")


def test_charts_show_the_last_hour_and_can_be_read_as_a_table(
    station: Station, visitor: Visitor
) -> None:
    station.go()
    station.clock.go_on(600)
    station.project.add(range(4, 6))
    station.go()
    page = visitor.go()
    chart = page.locator("figure", has=page.locator("#throughput"))
    expect(chart).to_contain_text("6 requests in the last hour, at most 4 a minute")
    expect(chart.locator(".outer")).to_have_count(2)
    chart.locator("summary").press("Enter")
    expect(chart.locator("tbody tr").first).to_contain_text("2 requests")
    station.go("timer")
    page.wait_for_timeout(700)
    expect(chart.locator("details")).to_have_attribute("open", "")


# ---------------------------------------------------------------------------------- one request


def test_a_request_shows_its_events_trail_and_commit(station: Station, visitor: Visitor) -> None:
    station.go()
    page = visitor.go("/requests/device_conn_CHG-2024-000002")
    expect(page.locator("h1")).to_have_text("device_conn_CHG-2024-000002")
    trail = page.locator(".trail")
    expect(trail).to_contain_text("franc.device.connection partition 0 offset 0")
    expect(trail.locator("li").first).to_contain_text("Committed")
    expect(trail.locator("li").last).to_contain_text("Completed")
    expect(page.locator(".yaml")).to_contain_text("device_name: NYC-Core-SW000002")
    commit = station.project.clone.head
    link = page.locator(".about a", has_text=commit[:12])
    expect(link).to_have_attribute("href", f"https://git.example/net/changes/commit/{commit}")


def test_problems_stand_below_their_line(station: Station, visitor: Visitor) -> None:
    station.project.clone.commit({"requests/wrong.yaml": WRONG})
    station.go()
    page = visitor.go()
    section(page, "Held").get_by_role("link", name="requests/wrong.yaml").click()
    line = page.locator("#L7")
    expect(line).to_have_class("bad")
    expect(line.locator("+ tr")).to_contain_text("FRN204")
    expect(line.locator("+ tr")).to_contain_text("did you mean")
    station.project.clone.commit({"requests/wrong.yaml": WRONG.replace("7 Gbit", "10 Gbit")})
    station.go()
    expect(page.locator("h1")).to_have_text("device_conn_CHG-2024-004711")
    expect(page.locator(".now")).to_contain_text("Completed")


def test_a_page_of_a_request_nobody_knows_waits_for_it(
    station: Station, browser: Browser, address: str
) -> None:
    station.go()
    with visiting(browser, address) as visitor:
        page = visitor.go("/requests/device_conn_CHG-2024-000005")
        expect(page.locator("h1")).to_contain_text("Nobody knows")
        station.project.add(range(5, 6))
        station.go()
        expect(page.locator("h1")).to_have_text("device_conn_CHG-2024-000005")


def test_a_change_number_leads_to_its_request(station: Station, visitor: Visitor) -> None:
    station.go()
    page = visitor.go()
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("chg-2024-000002")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("device_conn_CHG-2024-000002")


def test_a_part_of_a_change_number_finds_all_of_them(station: Station, visitor: Visitor) -> None:
    station.go()
    page = visitor.go("/requests?q=2024-0000")
    expect(page.locator(".row")).to_have_count(4)
    expect(page.locator("h1")).to_have_text("Requests with “2024-0000” 4")
    expect(visitor.go("/requests?q=nothing").locator(".empty")).to_contain_text("No request")


def test_long_lists_have_pages(station: Station, visitor: Visitor) -> None:
    station.project.add(range(4, 70))
    station.go()
    page = visitor.go("/requests?show=completed")
    expect(page.locator(".row")).to_have_count(50)
    page.get_by_role("link", name="Older").click()
    expect(page.locator(".row")).to_have_count(20)
    expect(page.locator(".pages")).to_contain_text("page 2 of 2")


# ----------------------------------------------------------------------------------------- live


def test_a_page_is_live_within_a_second(station: Station, visitor: Visitor) -> None:
    station.go()
    page = visitor.go()
    seconds = []
    for number in range(10, 15):
        station.project.add(range(number, number + 1))
        station.go()
        began = time.monotonic()
        row = page.locator(".row", has_text=f"CHG-2024-{number:06d}")
        expect(row).to_be_visible()
        seconds.append(time.monotonic() - began)
        if min(seconds) < 1 and len(seconds) > 1:
            break
    assert min(seconds) < 1


def test_what_is_typed_and_focused_stays_while_the_page_changes(
    station: Station, visitor: Visitor
) -> None:
    station.go()
    page = visitor.go()
    page.keyboard.press("/")
    page.keyboard.type("CHG-20")
    station.project.add(range(20, 21))
    station.go()
    expect(section(page, "Completed")).to_contain_text("CHG-2024-000020")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("24")
    expect(page.locator("#q")).to_have_value("CHG-2024")


def test_rows_keep_their_identity_while_others_come_and_go(
    station: Station, visitor: Visitor
) -> None:
    station.go()
    page = visitor.go()
    link = page.get_by_role("link", name="device_conn_CHG-2024-000002")
    link.focus()
    station.project.add(range(30, 33))
    station.project.clone.commit({"requests/wrong.yaml": WRONG})
    station.go()
    expect(section(page, "Held").locator(".row")).to_have_count(1)
    expect(section(page, "Completed").locator(".row")).to_have_count(7)
    expect(link).to_be_focused()


def test_a_daemon_that_goes_away_is_noticed_and_one_that_comes_back_too(
    station: Station, browser: Browser
) -> None:
    station.go()
    serving = station.serve()
    address = serving.__enter__()
    with visiting(browser, address) as visitor:
        page = visitor.go()
        serving.__exit__(None, None, None)
        expect(page.locator("#live")).to_have_text("Lost")
        station.project.add(range(40, 41))
        station.go()
        with station.serve(address):
            expect(page.locator("#live")).to_have_text("Live", timeout=30_000)
            expect(section(page, "Completed")).to_contain_text("CHG-2024-000040")


def test_a_page_that_may_not_listen_asks_every_few_seconds(
    station: Station, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "STREAMS", 0)
    station.go()
    with station.serve() as address, visiting(browser, address) as visitor:
        page = visitor.page
        page.clock.install()
        visitor.go(live=False)
        expect(page.locator("#live")).to_have_text("Lost")
        station.project.add(range(60, 61))
        station.go()
        page.clock.run_for(6000)
        expect(section(page, "Completed")).to_contain_text("CHG-2024-000060")


def test_ages_are_right_whatever_the_browsers_clock_says(
    station: Station, browser: Browser, address: str
) -> None:
    station.go()
    with visiting(browser, address) as visitor:
        visitor.page.clock.install(time=datetime.now(UTC) + timedelta(hours=3))
        page = visitor.go()  # and a time that no answer of the daemon replaces
        page.evaluate(
            """() => {
              const time = document.body.appendChild(document.createElement("time"));
              time.dateTime = new Date(Date.now() - 3 * 3600e3).toISOString();
            }"""
        )
        page.clock.run_for(1000)
        expect(page.locator("body > time")).to_have_text(
            re.compile(r"^(just now|\d+ s ago|\d+ min ago)$")
        )


def test_who_gives_the_token_as_the_password_sees_everything_live(
    station: Station, browser: Browser
) -> None:
    token = "0123456789abcdef"
    station.go()
    with station.serve(token=token) as address:
        look = {"http_credentials": {"username": "me", "password": token}}
        with visiting(browser, address, **look) as visitor:
            page = visitor.go()
            station.project.add(range(50, 51))
            station.go()
            expect(section(page, "Completed")).to_contain_text("CHG-2024-000050")


def test_everything_can_be_read_without_scripts(
    station: Station, browser: Browser, address: str
) -> None:
    station.project.clone.commit({"requests/wrong.yaml": WRONG})
    station.go()
    with visiting(browser, address, java_script_enabled=False) as visitor:
        page = visitor.go(live=False)
        expect(section(page, "Completed").locator(".row")).to_have_count(4)
        expect(page.locator("#live")).to_have_text("Not live")
        page.fill("#q", "CHG-2024-000003")
        page.press("#q", "Enter")
        expect(page.locator("h1")).to_contain_text("CHG-2024-000003")


# ------------------------------------------------------------------------------- what never is


def test_hostile_files_are_text_and_nothing_else(station: Station, visitor: Visitor) -> None:
    station.project.clone.commit({**HOSTILE})
    station.go()
    page = visitor.go()
    expect(section(page, "Held").locator(".row")).to_have_count(len(HOSTILE))
    hrefs = section(page, "Held").locator(".name").evaluate_all("all => all.map(a => a.href)")
    assert all(href.startswith(f"http://{visitor.address}/requests/") for href in hrefs)
    for href in hrefs:
        page.goto(href)
        page.wait_for_selector("#live[data-state=on]")
        expect(page.locator("h1")).to_contain_text("requests/")
    page.goto(f"http://{visitor.address}/requests?q={SCRIPT}&show=<b>&page=9e9")
    expect(page.locator("h1")).to_contain_text(SCRIPT)
    assert page.evaluate("window.broken") is None
    assert "49" not in page.locator("h1").inner_text()


def test_hidden_characters_are_shown(station: Station, visitor: Visitor) -> None:
    station.project.clone.commit({**HOSTILE})
    station.go()
    page = visitor.go("/requests/requests/%7B%7B7*7%7D%7D.yaml")
    expect(page.locator(".yaml .escape")).to_have_text(["\\u202e", "\\x07"])


@pytest.mark.parametrize(
    "path",
    [
        "/requests?page=0",
        "/requests?page=-1",
        "/requests?page=99999999999",
        "/requests?show=x",
        "/requests?q=%00%ff",
        "/requests/%2e%2e/%2e%2e",
        "/static/../routes.py",
        "/static/%2e%2e/routes.py",
    ],
)
def test_odd_addresses_are_answered_calmly(station: Station, address: str, path: str) -> None:
    station.go()
    answer = ask(address, path)
    assert answer.status in {200, 404}
    assert b"import annotations" not in answer.body


# --------------------------------------------------------------------------------- for everyone


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_pages_have_no_barrier_that_a_checker_finds(
    station: Station, browser: Browser, address: str, scheme: str, width: int
) -> None:
    """axe-core: contrast, names, roles, headings, landmarks, in both schemes and widths."""
    station.project.clone.commit({"requests/wrong.yaml": WRONG, **HOSTILE})
    run_on(station, **{"pop_CHG-2024-000001": (Phase.RUNNING, 35, "Configuring")})
    look = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with visiting(browser, address, **look) as visitor:
        for path in ("/", "/requests?show=held", "/requests/requests/wrong.yaml",
                     "/requests/device_conn_CHG-2024-000002"):  # fmt: skip
            page = visitor.go(path)
            page.wait_for_timeout(100)
            assert barriers(page) == []


@pytest.mark.parametrize("path", ["/", "/requests", "/requests/requests/wrong.yaml"])
def test_nothing_is_wider_than_a_phone(
    station: Station, browser: Browser, address: str, path: str
) -> None:
    station.project.clone.commit({"requests/wrong.yaml": WRONG, **HOSTILE})
    station.go()
    with visiting(browser, address, **PHONE) as visitor:
        page = visitor.go(path)
        wide = page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
        assert wide <= 0


def test_everything_can_be_reached_by_keyboard(station: Station, visitor: Visitor) -> None:
    station.go()
    page = visitor.go()
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    reached = set()
    for _ in range(40):
        reached.add(page.evaluate("document.activeElement.getAttribute('href')"))
        page.keyboard.press("Tab")
    assert "/requests/device_conn_CHG-2024-000002" in reached
    assert "/requests?show=held" in reached


def test_dark_is_dark_and_light_is_light(station: Station, browser: Browser, address: str) -> None:
    station.go()
    grounds = {}
    for scheme in ("light", "dark"):
        with visiting(browser, address, color_scheme=scheme) as visitor:
            page = visitor.go()
            color = page.evaluate("getComputedStyle(document.body).backgroundColor")
            grounds[scheme] = sum(int(part) for part in color[4:-1].split(","))
    assert grounds["light"] > 700
    assert grounds["dark"] < 100
