"""The daemon's HTTP over real sockets: health, tokens, hooks, limits, addresses."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from franc_gitops.daemon.access import BURST, HEALTH, is_this_machine
from franc_gitops.daemon.answers import HOOK_BURST
from franc_gitops.daemon.board import Count, Role, Stage
from franc_gitops.daemon.dashboard.stream import STREAMS
from franc_gitops.daemon.hooks import LARGEST_BODY
from franc_gitops.daemon.http import DEFAULT_ADDRESS
from franc_gitops.errors import EventLogUnreachable, UsageError
from tests.support.daemon import Station
from tests.support.http import ask, bearer, connect, password
from tests.support.project import new_project
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "0123456789abcdef-hook"
TOKEN = "0123456789abcdef-token"
PAGES = ("/", "/requests", "/requests/x", "/status", "/metrics", "/stream", "/static/franc.css")
PUSH = b'{"ref": "refs/heads/main", "commits": []}'


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    project = new_project(tmp_path / "work")
    project.add(range(2))
    with Station(project) as station:
        yield station


@pytest.fixture
def open_door(station: Station) -> Iterator[str]:
    with station.serve(hook_secret=SECRET) as address:
        yield address


@pytest.fixture
def guarded(station: Station) -> Iterator[str]:
    with station.serve(hook_secret=SECRET, token=TOKEN) as address:
        yield address


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}"}


def push(address: str, headers: dict[str, str], body: bytes = PUSH) -> int:
    return ask(address, "/hooks/push", method="POST", body=body, headers=headers).status


# ------------------------------------------------------------------------------------- health


def test_liveness_is_the_heartbeat_alone(station: Station, open_door: str) -> None:
    station.board.pass_began("start")
    station.board.pass_ended(error=EventLogUnreachable("away"))
    for path in ("/livez", "/healthz"):
        assert ask(open_door, path).status == 200
    station.clock.go_on(301)
    for path in ("/livez", "/healthz"):
        answer = ask(open_door, path)
        assert (answer.status, answer.json()["alive"]) == (503, False)


def test_readiness_gives_its_reasons(station: Station, open_door: str) -> None:
    answer = ask(open_door, "/readyz")
    assert answer.status == 503
    assert [reason["reason"] for reason in answer.json()["reasons"]] == ["Starting"]
    station.go()
    answer = ask(open_door, "/readyz")
    assert (answer.status, answer.json()) == (200, {"ready": True, "role": "leader", "reasons": []})
    station.board.pass_ended(error=EventLogUnreachable("no broker answers"))
    [reason] = ask(open_door, "/readyz").json()["reasons"]
    assert reason == {
        "stage": "event_log",
        "reason": "EventLogUnreachable",
        "message": "no broker answers",
        "since": "2026-03-01T12:00:00+00:00",
    }


def test_a_standby_is_ready_and_says_so(station: Station, open_door: str) -> None:
    station.go(role=Role.STANDBY)
    answer = ask(open_door, "/readyz")
    assert (answer.status, answer.json()["role"]) == (200, "standby")


def test_a_draining_daemon_is_alive_and_not_ready(station: Station, open_door: str) -> None:
    station.go()
    station.board.role(Role.DRAINING)
    assert ask(open_door, "/livez").status == 200
    assert ask(open_door, "/readyz").status == 503
    assert ask(open_door, "/status").json()["draining"] is True
    assert push(open_door, signed(PUSH)) == 503


def test_status_tells_programs_what_is_known(station: Station, open_door: str) -> None:
    station.go()
    told = ask(open_door, "/status").json()
    assert (told["role"], told["ready"], told["commit"]) == (
        "leader",
        True,
        station.project.clone.head,
    )
    assert told["requests"] == {"Completed": 2}
    assert told["last_pass"]["published"] == 2
    assert told["in_flight"] is None
    assert len(told["recent"]) == 2
    station.board.pass_began("timer")
    station.board.progress(1, 4)
    in_flight = ask(open_door, "/status").json()["in_flight"]
    assert (in_flight["trigger"], in_flight["done"], in_flight["total"]) == ("timer", 1, 4)


# -------------------------------------------------------------------------------------- token


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    "headers",
    [{}, bearer("wrong"), bearer(""), password("wrong"), password("x", user=TOKEN),
     {"Authorization": "Basic !"}, {"Authorization": TOKEN}, {"Authorization": f"Basic {TOKEN}"}],
)  # fmt: skip
def test_without_the_token_nothing_but_health_is_told(
    guarded: str, path: str, headers: dict[str, str]
) -> None:
    answer = ask(guarded, path, headers=headers)
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert TOKEN not in answer.text


@pytest.mark.parametrize("headers", [bearer(TOKEN), password(TOKEN)])
@pytest.mark.parametrize("path", ["/", "/status", "/metrics", "/static/franc.css"])
def test_with_the_token_everything_is_told(
    guarded: str, path: str, headers: dict[str, str]
) -> None:
    assert ask(guarded, path, headers=headers).status == 200


def test_health_needs_no_token_and_tells_strangers_no_messages(
    station: Station, guarded: str
) -> None:
    station.go()
    station.board.condition(
        Stage.EVENT_LOG, ok=False, reason="Away", message="broker-7.internal is away"
    )
    for path in HEALTH:
        assert "internal" not in ask(guarded, path).text
    [reason] = ask(guarded, "/readyz").json()["reasons"]
    assert (reason["stage"], reason["reason"]) == ("event_log", "Away")
    assert "internal" in ask(guarded, "/readyz", headers=bearer(TOKEN)).text


def test_no_page_shows_a_secret(station: Station, guarded: str) -> None:
    station.go()
    for path in ("/", "/status", "/metrics", "/readyz", "/requests"):
        text = ask(guarded, path, headers=bearer(TOKEN)).text
        assert SECRET not in text
        assert TOKEN not in text


@pytest.mark.parametrize(
    ("host", "here"),
    [("localhost:8080", True), ("127.0.0.1", True), ("127.0.0.1:1", True), ("[::1]:80", True),
     ("[::1]", True), ("dash.localhost", True), ("evil.example:8080", False), ("", False),
     ("localhost.evil.example", False), ("127.0.0.1.evil.example", False)],
)  # fmt: skip
def test_only_names_of_this_machine_are_answered_to(host: str, here: bool) -> None:
    assert is_this_machine(host) is here


def test_a_web_site_that_leads_browsers_here_learns_nothing(open_door: str) -> None:
    """DNS rebinding: the browser of a visitor asks us in the name of the attacker's site."""
    assert ask(open_door, "/status", headers={"Host": "evil.example"}).status == 421
    assert ask(open_door, "/livez", headers={"Host": "10.1.2.3:8080"}).status == 200


def test_a_proxy_in_front_may_use_its_name_if_there_is_a_token(guarded: str) -> None:
    headers = {**bearer(TOKEN), "Host": "franc.example"}
    assert ask(guarded, "/status", headers=headers).status == 200


def test_pages_may_load_nothing_from_elsewhere_and_not_be_framed(open_door: str) -> None:
    for path in ("/", "/status", "/nothing-here"):
        headers = ask(open_door, path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


# -------------------------------------------------------------------------------------- hooks


@pytest.mark.parametrize(
    "headers",
    [signed(PUSH), {"X-Gitlab-Token": SECRET}, bearer(SECRET)],
    ids=["github", "gitlab", "plain"],
)
def test_a_push_hook_wakes_the_loop(
    station: Station, open_door: str, headers: dict[str, str]
) -> None:
    assert push(open_door, headers) == 202
    assert station.woken == ["push hook"]
    assert station.board.figures().counts[Count.HOOKS, "woken"] == 1


@pytest.mark.parametrize(
    "headers",
    [{}, signed(PUSH, "another-secret-0"), signed(PUSH + b" "), {"X-Gitlab-Token": "wrong"},
     bearer("wrong"), {"X-Hub-Signature-256": "sha256="}, {"X-Hub-Signature-256": ""},
     {"X-Hub-Signature-256": "sha256=zz", "X-Gitlab-Token": SECRET},
     {"X-Hub-Signature": "sha1=0"}, password(SECRET)],
)  # fmt: skip
def test_a_hook_that_does_not_know_the_secret_wakes_nobody(
    station: Station, open_door: str, headers: dict[str, str]
) -> None:
    assert push(open_door, headers) == 403
    assert station.woken == []


def test_hooks_need_their_secret_not_the_token(station: Station, guarded: str) -> None:
    assert push(guarded, signed(PUSH)) == 202
    assert push(guarded, bearer(TOKEN)) == 403


def test_without_a_secret_there_are_no_hooks(station: Station) -> None:
    with station.serve() as address:
        assert push(address, bearer("")) == 404
        assert push(address, signed(PUSH, "")) == 404
    assert station.woken == []


def test_a_hook_is_not_asked_by_get(open_door: str) -> None:
    assert ask(open_door, "/hooks/push").status == 405


def test_a_body_that_is_too_large_is_refused_before_it_is_there(open_door: str) -> None:
    head = f"POST /hooks/push HTTP/1.1\r\nHost: localhost\r\nContent-Length: {LARGEST_BODY * 2}\r\n"
    host, port = open_door.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(f"{head}\r\n".encode())
        piece = bytes(1 << 20)
        sent = 0
        connection.setblocking(True)
        while sent <= LARGEST_BODY:
            connection.sendall(piece)
            sent += len(piece)
        assert b" 413 " in connection.recv(100)


def test_hooks_are_limited_and_others_are_still_answered(station: Station, open_door: str) -> None:
    codes = [push(open_door, {}) for _ in range(int(HOOK_BURST) + 1)]
    assert codes == [403] * int(HOOK_BURST) + [429]
    assert ask(open_door, "/livez").status == 200
    station.clock.go_on(1)
    assert push(open_door, signed(PUSH)) == 202


def test_pages_are_limited_and_health_is_not(station: Station, open_door: str) -> None:
    codes = {ask(open_door, "/static/icon.svg").status for _ in range(int(BURST) + 1)}
    assert codes == {200, 429}
    assert ask(open_door, "/readyz").status == 503
    station.clock.go_on(1)
    assert ask(open_door, "/static/icon.svg").status == 200


def test_strangers_do_not_use_up_what_others_may_ask(guarded: str) -> None:
    codes = {ask(guarded, "/status").status for _ in range(int(BURST) + 1)}
    assert codes == {401, 429}
    assert ask(guarded, "/status", headers=bearer(TOKEN)).status == 200


def test_a_flood_of_hooks_leaves_pages_alone(open_door: str) -> None:
    for _ in range(int(BURST)):
        push(open_door, {})
    assert ask(open_door, "/static/icon.svg").status == 200


def test_what_strangers_send_wrongly_fills_no_log(
    station: Station, open_door: str, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(open_door) as stranger:
        stranger.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        assert b" 400 " in stranger.recv(100)
    assert station.told == []
    assert caplog.messages == []


def test_what_fails_in_a_page_is_told(
    station: Station, open_door: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(station.board, "figures", lambda: 1 / 0)
    assert ask(open_door, "/metrics").status == 500
    wait_for(lambda: station.told, what="it to be told", seconds=30)
    assert "please report it: ZeroDivisionError" in station.told[0]


def test_what_is_counted_names_routes_and_no_request(station: Station, open_door: str) -> None:
    ask(open_door, "/requests/device_conn_CHG-2024-000001")
    ask(open_door, "/nowhere/CHG-2024-000001")
    ask(open_door, "/livez")
    labels = {
        label for what, label in station.board.figures().counts if what is Count.HTTP_REQUESTS
    }
    assert labels == {"/requests/{key:path} 404", "none 404", "/livez 200"}


# ------------------------------------------------------------------------------------ address


def test_an_address_that_was_asked_for_must_be_free(station: Station) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UsageError, match="cannot listen") as caught, station.serve(address):
            pass
    assert caught.value.exit_code == 2


def test_the_default_address_is_given_up_with_a_warning_if_it_is_taken(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        default = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setattr("franc_gitops.daemon.http.DEFAULT_ADDRESS", default)
        with station.serve("") as address:
            assert address == ""
    assert [default in told for told in station.told] == [True]
    assert DEFAULT_ADDRESS == "127.0.0.1:8080"


def test_off_is_off(station: Station) -> None:
    with station.serve("off") as address:
        assert address == ""
    assert station.told == []


def test_an_ipv6_address_is_written_with_brackets(station: Station) -> None:
    with station.serve("[::1]:0") as address:
        assert address.startswith("[::1]:")
        assert ask(address, "/livez").status == 200


@pytest.mark.parametrize(("token", "warned"), [("", True), (TOKEN, False)])
def test_strangers_that_may_read_are_warned_of(station: Station, token: str, warned: bool) -> None:
    with station.serve("0.0.0.0:0", token=token):
        pass
    assert any("FRANC_HTTP_TOKEN" in told for told in station.told) is warned


def test_leaving_ends_the_server_and_its_streams(station: Station) -> None:
    with station.serve() as address:
        host, port = address.split(":")
        stream = socket.create_connection((host, int(port)), timeout=30)
        stream.sendall(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"text/event-stream" in stream.recv(4096)
    with stream:
        while stream.recv(4096):
            pass
    with socket.create_server((host, int(port))):
        pass


# ------------------------------------------------------------------------------------- stream


def test_the_stream_says_that_something_changed_and_nothing_else(
    station: Station, open_door: str
) -> None:
    host, port = open_door.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as stream:
        stream.sendall(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = b""
        while b"retry" not in received:
            received += stream.recv(4096)
        station.go()
        while b"event: change" not in received:
            received += stream.recv(4096)
    assert b"CHG" not in received


def test_no_more_browsers_listen_than_may(open_door: str) -> None:
    with ExitStack() as stack:
        streams = [stack.enter_context(connect(open_door)) for _ in range(3 * STREAMS)]
        for stream in streams:
            stream.sendall(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        codes = [stream.recv(12)[-3:] for stream in streams]
    assert codes.count(b"200") == STREAMS
    assert codes.count(b"503") == 2 * STREAMS


def test_asking_for_the_head_of_the_stream_ends_at_once(open_door: str) -> None:
    answer = ask(open_door, "/stream", method="HEAD")
    assert answer.headers["Content-Type"].startswith("text/event-stream")


def test_a_readable_answer_for_programs_is_json(open_door: str) -> None:
    assert json.loads(ask(open_door, "/livez").body)["alive"] is True
