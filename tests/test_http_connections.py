"""Connections that strangers hold: silent, slow, and deaf ones, over real sockets."""

from __future__ import annotations

import socket
from contextlib import ExitStack, closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from franc_gitops.daemon import connections
from franc_gitops.daemon.connections import ACCEPTED_AT_ONCE, MOST
from franc_gitops.daemon.dashboard import stream
from tests.support.daemon import Station
from tests.support.http import ask, connect
from tests.support.project import new_project
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator


LIVEZ = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
PAGE = b"GET /static/franc.css HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST_PAGE = PAGE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
HALF_A_HOOK = (
    b"POST /hooks/push HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
    b"X-Gitlab-Token: 0123456789abcdef\r\nContent-Length: 10\r\n\r\n"
)
STREAM = b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    project = new_project(tmp_path / "work")
    project.add(range(2))
    with Station(project) as station:
        yield station


@pytest.fixture
def address(station: Station) -> Iterator[str]:
    with station.serve() as address:
        yield address


def is_open(connection: socket.socket) -> bool:
    """Tell whether the other side has not ended a connection."""
    connection.setblocking(False)
    try:
        return bool(connection.recv(1))
    except BlockingIOError:
        return True
    except OSError:
        return False


@pytest.fixture
def small_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the kernel keep less than a page of what clients do not read."""
    create = socket.create_server

    def create_small(*arguments: Any, **options: Any) -> socket.socket:
        listener = create(*arguments, **options)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        return listener

    monkeypatch.setattr(socket, "create_server", create_small)


def ask_and_not_read(address: str, question: bytes) -> socket.socket:
    """Open a connection that asks, and has no room for an answer."""
    host, port = address.split(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    connection.connect((host, int(port)))
    connection.setblocking(False)
    with suppress(BlockingIOError):
        connection.send(question)
    return connection


def descriptors() -> int:
    """Count the open files and sockets of this process, in which client and server run."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_silent_connections_make_room_for_who_asks(address: str) -> None:
    with ExitStack() as stack:
        silent = [stack.enter_context(connect(address)) for _ in range(2 * MOST)]
        for connection in silent:
            connection.send(b"GET / HTTP/1.1\r\nHost: loc")
        assert ask(address, "/livez").status == 200
        assert sum(is_open(connection) for connection in silent) <= MOST + ACCEPTED_AT_ONCE


def test_who_sends_no_whole_request_is_cut_off_however_slowly_it_sends(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PATIENCE", 0.3)
    with station.serve() as address, connect(address) as slow:
        slow.send(b"GET / HTTP/1.1\r\n")

        def is_cut_off() -> bool:
            slow.setblocking(False)
            with suppress(BlockingIOError, ConnectionError):
                slow.send(b"x")
            return not is_open(slow)

        wait_for(is_cut_off, what="the end of a slow connection", seconds=10, every=0.05)
        assert ask(address, "/livez").status == 200


def descriptors_once_it_serves(address: str) -> int:
    """Count them while no client is connected."""
    with connect(address) as client:
        client.sendall(LIVEZ)
        assert client.recv(4096)
        return descriptors() - 2


@pytest.mark.parametrize("question", [PAGE, LAST_PAGE, LIVEZ * 5_000])
def test_who_asks_and_never_reads_makes_room_for_who_does(
    small_buffers: None, station: Station, monkeypatch: pytest.MonkeyPatch, question: bytes
) -> None:
    monkeypatch.setattr(connections, "MOST", 20)
    monkeypatch.setattr(connections, "PATIENCE", 1000.0)
    with station.serve() as address, ExitStack() as stack:
        before = descriptors_once_it_serves(address)
        for _ in range(40):
            stack.enter_context(ask_and_not_read(address, question))
        for _ in range(20):
            assert ask(address, "/livez").status == 200
        wait_for(lambda: descriptors() <= before + 40 + 20, what="20 of 40 deaf ones", seconds=30)


@pytest.mark.parametrize("question", [PAGE, LAST_PAGE])
@pytest.mark.parametrize("reads", [0, 1], ids=["never", "byte by byte"])
@pytest.mark.parametrize("half", [False, True], ids=["open", "half-closed"])
def test_who_does_not_read_is_cut_off(
    small_buffers: None,
    station: Station,
    monkeypatch: pytest.MonkeyPatch,
    question: bytes,
    reads: int,
    half: bool,
) -> None:
    """Also one that says that it asks no more: until all is sent, it would hold its descriptor."""
    monkeypatch.setattr(connections, "PATIENCE", 0.3)
    with station.serve() as address:
        before = descriptors_once_it_serves(address)
        with ask_and_not_read(address, question) as deaf:
            wait_for(lambda: descriptors() == before + 2, what="a connection", seconds=30)
            if half:
                deaf.shutdown(socket.SHUT_WR)

            def is_cut_off() -> bool:
                with suppress(BlockingIOError, ConnectionError):
                    deaf.recv(reads)
                return descriptors() == before + 1

            wait_for(is_cut_off, what="the end of a deaf one", seconds=30)
        assert ask(address, "/livez").status == 200
    assert station.told == []


def test_who_reads_an_answer_late_gets_all_of_it(small_buffers: None, address: str) -> None:
    with ask_and_not_read(address, LAST_PAGE) as late:
        assert ask(address, "/livez").status == 200
        late.settimeout(30)
        answer = b"".join(iter(lambda: late.recv(4096), b""))
    assert answer.endswith(ask(address, "/static/franc.css").body)


def test_one_request_is_answered_at_a_time(address: str) -> None:
    """Nobody can put thousands of requests into the queue; the one that is answered is whole."""
    with connect(address) as hasty:
        hasty.sendall(LIVEZ * 3)
        answers = b"".join(iter(lambda: hasty.recv(4096), b""))
    assert answers.count(b"HTTP/1.1 200 OK") == 1
    assert answers.endswith(b"}")
    host, port = address.split(":")
    patient = HTTPConnection(host, int(port), timeout=30)
    with closing(patient):
        patient.connect()
        kept = patient.sock
        for _ in range(3):
            patient.request("GET", "/livez")
            assert patient.getresponse().read()
        assert patient.sock is kept


def test_a_browser_that_listens_and_does_not_read_is_cut_off(
    small_buffers: None, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PATIENCE", 0.3)
    monkeypatch.setattr(stream, "PAUSE", 0.0)
    monkeypatch.setattr(stream, "KEEP_ALIVE", 0.02)
    with station.serve() as address:
        before = descriptors_once_it_serves(address)
        with ask_and_not_read(address, STREAM):
            wait_for(lambda: descriptors() == before + 2, what="a connection", seconds=30)
            wait_for(lambda: descriptors() == before + 1, what="its end", seconds=30)


def test_who_is_being_answered_makes_no_room_while_somebody_is_silent(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But does for somebody new where nobody is, unless it is a browser that listens."""
    monkeypatch.setattr(connections, "MOST", 2)
    with station.serve(hook_secret="0123456789abcdef") as address, ExitStack() as stack:
        slow, idle = (stack.enter_context(connect(address)) for _ in range(2))
        slow.sendall(HALF_A_HOOK)
        assert slow.recv(4096).startswith(b"HTTP/1.1 100 ")
        assert ask(address, "/livez").status == 200
        wait_for(lambda: not is_open(idle), what="the end of the silent one", seconds=30)
        assert is_open(slow)
        browser = stack.enter_context(connect(address))
        browser.sendall(STREAM)
        assert b"retry" in read_until(browser, b"retry")
        assert ask(address, "/livez").status == 200
        wait_for(lambda: not is_open(slow), what="the end of the slow one", seconds=30)
        another = stack.enter_context(connect(address))
        another.sendall(STREAM)
        assert b"retry" in read_until(another, b"retry")
        late = stack.enter_context(connect(address))
        wait_for(lambda: not is_open(late), what="the end of one too many", seconds=30)
        assert is_open(browser)
        assert is_open(another)


def read_until(connection: socket.socket, end: bytes) -> bytes:
    """Read what comes, until it holds `end` or nothing comes any more."""
    connection.settimeout(30)
    received = b""
    while end not in received and (piece := connection.recv(4096)):
        received += piece
    return received


def test_a_browser_that_listens_is_not_silent(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It outlives the patience, and others that come in its place have to go first."""
    monkeypatch.setattr(connections, "PATIENCE", 0.5)
    with station.serve() as address, connect(address) as browser, ExitStack() as stack:
        browser.sendall(STREAM)
        with connect(address) as idle:
            wait_for(lambda: not is_open(idle), what="the end of a silent one", seconds=30)
        for _ in range(2 * MOST):
            stack.enter_context(connect(address))
        assert ask(address, "/livez").status == 200
        browser.settimeout(30)
        received = b""
        station.go()
        while b"event: change" not in received:
            received += browser.recv(4096)
