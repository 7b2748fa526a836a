"""Asking the daemon over HTTP, over a real socket and without any library's help."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.client import HTTPMessage


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:  # noqa: ANN401 - whatever JSON it is
        """Read the body as JSON."""
        return json.loads(self.body)


def ask(
    address: str,
    path: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Ask once, on a connection of its own."""
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def connect(address: str) -> socket.socket:
    """Open a connection that asks nothing."""
    host, port = address.split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def bearer(token: str) -> dict[str, str]:
    """Give the header that brings a token."""
    return {"Authorization": f"Bearer {token}"}


def password(token: str, user: str = "anybody") -> dict[str, str]:
    """Give the header that a browser sends after its password prompt."""
    pair = base64.b64encode(f"{user}:{token}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}
