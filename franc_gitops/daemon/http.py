"""HTTP of the daemon, in a thread of its own: health, metrics, status, hooks, dashboard.

It reads the board and can wake the loop, no more. starlette, uvicorn, prometheus-client and
jinja2 are imported with this module, which only `watch` does.
"""

from __future__ import annotations

import logging
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Route

from franc_gitops.daemon import answers, metrics
from franc_gitops.daemon.access import HOOK, Access
from franc_gitops.daemon.connections import ACCEPTED_AT_ONCE, Connection
from franc_gitops.daemon.dashboard import Dashboard
from franc_gitops.errors import UsageError, bug
from franc_gitops.settings.forms import split_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.requests import Request

    from franc_gitops.daemon.board import Board
    from franc_gitops.daemon.dashboard import Site

DEFAULT_ADDRESS = "127.0.0.1:8080"
OFF = "off"
_SECONDS_TO_END = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What HTTP may use of the daemon.

    `wake` is called with a word for the log; it must return at once. `warn` tells people.
    """

    board: Board
    wake: Callable[[str], None]
    warn: Callable[[str], None]
    site: Site
    hook_secret: str = ""
    token: str = ""


@contextmanager
def serving(address: str, doors: Doors) -> Iterator[str]:
    """Answer HTTP until the block is left; give the address, empty if there is none.

    `address` is the setting: HOST:PORT must be free, else UsageError; empty takes the default
    if that is free, and warns if not; `off` is off.
    """
    listener = _listen(address, doors.warn)
    if listener is None:
        yield ""
        return
    host, port = listener.getsockname()[:2]
    _warn_of_strangers(host, doors)
    _hear_of_faults(doors.warn)
    server = _server(make_app(doors, local=ip_address(host).is_loopback))
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name="http", daemon=True
    )
    thread.start()
    try:
        yield f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    finally:
        server.should_exit = True
        thread.join(10 * _SECONDS_TO_END)
        listener.close()


def _listen(address: str, warn: Callable[[str], None]) -> socket.socket | None:
    """Bind before anything else is done, so that a taken address is known at the start."""
    if address == OFF:
        return None
    host, port = split_address(address or DEFAULT_ADDRESS)
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        why = (error.strerror or str(error)).partition(" (while")[0]
        if not address:
            warn(f"no HTTP: {DEFAULT_ADDRESS} cannot be used ({why}); choose one with --http")
            return None
        raise UsageError(
            f"HTTP cannot listen on {address}: {why}",
            hint="choose another with --http HOST:PORT, or --http off",
        ) from error


def _warn_of_strangers(host: str, doors: Doors) -> None:
    if not doors.token and not ip_address(host).is_loopback:
        doors.warn(f"whoever reaches {host} may read the dashboard; FRANC_HTTP_TOKEN asks for more")


class _Faults(logging.Handler):
    """Passes on what went wrong in us; what strangers send wrongly is answered, not logged."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._warn = warn

    def emit(self, record: logging.LogRecord) -> None:
        fault = record.exc_info[1] if record.exc_info else None
        if isinstance(fault, Exception):  # nothing else is: streams are cancelled in the end
            self._warn(f"an HTTP answer failed; {bug(fault)}")


def _hear_of_faults(warn: Callable[[str], None]) -> None:
    """Let uvicorn write nothing itself, whatever strangers make it complain of."""
    logger = logging.getLogger("uvicorn.error")
    logger.handlers, logger.propagate = [_Faults(warn)], False


def make_app(doors: Doors, *, local: bool) -> Starlette:
    """Put the routes together; `local` says that only this machine can connect."""
    board, registry = doors.board, metrics.make_registry(doors.board)
    dashboard = Dashboard(board, doors.site)
    hook = answers.Hook(board, doors.hook_secret, doors.wake)

    async def livez(_: Request) -> Response:
        return answers.livez(board)

    async def readyz(request: Request) -> Response:
        return answers.readyz(board, authorized=request.scope["authorized"])

    def expose(request: Request) -> Response:
        body, media_type = metrics.expose(registry, request.headers.get("accept", ""))
        return Response(body, media_type=media_type)

    def status(_: Request) -> Response:
        return answers.status(board)

    routes = [
        Route("/livez", livez),
        Route("/healthz", livez),
        Route("/readyz", readyz),
        Route("/metrics", expose),
        Route("/status", status),
        Route(HOOK, hook.answer, methods=["POST"]),
        *dashboard.routes(),
    ]
    access = Middleware(
        Access,
        board=board,
        token=doors.token,
        local=local,
        routes={getattr(route, "endpoint", None) or route.app: route.path for route in routes},
    )
    return Starlette(routes=routes, middleware=[access])


def _server(app: Starlette) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=ACCEPTED_AT_ONCE,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=_SECONDS_TO_END,
            h11_max_incomplete_event_size=16 << 10,
        )
    )
