"""Who may ask what: before every HTTP route stand the host check, the rate and the token.

Health is open, so that a kubelet or a balancer needs no secret, and says no more than words
of ours. Push hooks are checked with their own secret. Everything else asks for the token, if
there is one: `Authorization: Bearer`, or in a browser its password prompt (any user name).
"""

from __future__ import annotations

import base64
import hmac
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

from franc_gitops.daemon.board import Count
from franc_gitops.daemon.limits import Bucket

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from franc_gitops.daemon.board import Board

HEALTH = frozenset({"/livez", "/healthz", "/readyz"})
HOOK = "/hooks/push"
STATIC = "/static/"

RATE = 50.0
BURST = 200.0
"""Requests a second, and at once, that all clients together may make: those who may read, and as
many again that bring no token. Health is not counted, push hooks have a limit of their own."""

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


class Access:
    """Stands before the routes; counts what was answered."""

    def __init__(
        self, app: ASGIApp, *, board: Board, token: str, local: bool, routes: Mapping[object, str]
    ) -> None:
        """Take what answers, the token (none: empty), whether only this machine can connect.

        `routes` are the paths of endpoints, to count by.
        """
        self._app = app
        self._board = board
        self._token = token
        self._local = local
        self._routes = routes
        self._known = Bucket(RATE, BURST, board.clock.monotonic)
        self._strangers = Bucket(RATE, BURST, board.clock.monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        scope["authorized"] = not self._token or knows(self._token, headers)
        answer = self._refuse(scope, headers) or self._app
        await answer(scope, receive, self._telling(scope, send))

    def _refuse(self, scope: Scope, headers: Headers) -> PlainTextResponse | None:
        path = scope["path"]
        if path in HEALTH:
            return None
        if self._local and not self._token and not is_this_machine(headers.get("host", "")):
            return PlainTextResponse("this address is for this machine\n", 421)
        if path == HOOK:
            return None
        authorized: bool = scope["authorized"]
        if not (self._known if authorized else self._strangers).take():
            return PlainTextResponse("too many requests\n", 429, {"retry-after": "1"})
        if authorized:
            return None
        return PlainTextResponse(
            "the token is needed: Authorization: Bearer TOKEN, or TOKEN as the password\n",
            401,
            {"www-authenticate": 'Basic realm="franc-gitops", charset="UTF-8"'},
        )

    def _telling(self, scope: Scope, send: Send) -> Send:
        """Add our headers to the answer, and count it."""

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                if not scope["path"].startswith(STATIC):
                    headers["cache-control"] = "no-store"
                self._board.count(Count.HTTP_REQUESTS, f"{self._route(scope)} {message['status']}")
            await send(message)

        return tell

    def _route(self, scope: Scope) -> str:
        """Give the route that answered, not the path, which may name a request."""
        path: str = scope["path"]
        return path if path in HEALTH else self._routes.get(scope.get("endpoint"), "none")


def knows(token: str, headers: Headers) -> bool:
    """Tell whether a request brings the token, as a bearer token or as a password."""
    scheme, _, said = headers.get("authorization", "").partition(" ")
    given = said if scheme.lower() == "bearer" else ""
    if scheme.lower() == "basic":
        with suppress(ValueError):
            given = base64.b64decode(said, validate=True).decode().partition(":")[2]
    return hmac.compare_digest(token.encode(), given.encode(errors="replace"))


def is_this_machine(host: str) -> bool:
    """Tell whether a Host header names this machine by address or as localhost.

    Any other name may belong to a web site that leads its visitors' browsers here.
    """
    name = host.rsplit(":", 1)[0] if host.count(":") == 1 else host.partition("]")[0]
    name = name.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name) is not None
    except ValueError:
        return False
