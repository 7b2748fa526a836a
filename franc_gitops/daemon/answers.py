"""What `/livez`, `/readyz`, `/status` and `/hooks/push` answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from franc_gitops import __version__
from franc_gitops.daemon.board import Count, Role
from franc_gitops.daemon.hooks import Check
from franc_gitops.daemon.limits import Bucket

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from franc_gitops.daemon.board import Board
    from franc_gitops.daemon.model import Reason, View

HOOK_SECONDS = 10.0
HOOK_RATE = 10.0
HOOK_BURST = 50.0
_RECENT_SHOWN = 20


def livez(board: Board) -> JSONResponse:
    """Say whether the loop is alive, and nothing else."""
    alive = board.liveness()
    answer = {"alive": alive, "seconds_since_heartbeat": round(board.seconds_since_beat, 3)}
    return JSONResponse(answer, 200 if alive else 503)


def readyz(board: Board, *, authorized: bool) -> JSONResponse:
    """Say whether what is merged gets published; messages only to who knows the token."""
    view = board.view()
    reasons = [_reason(reason, with_message=authorized) for reason in view.reasons]
    answer = {"ready": view.ready, "role": str(view.role), "reasons": reasons}
    return JSONResponse(answer, 200 if view.ready else 503)


def status(board: Board) -> JSONResponse:
    """Say everything that is known of the daemon, for programs."""
    return JSONResponse(describe(board))


def describe(board: Board) -> dict[str, Any]:
    """Give what `/status` says."""
    view = board.view()
    phases: Counter[str] = Counter()
    for standing, count in board.register.counts().items():
        phases[str(standing.phase)] += count
    return {
        "version": __version__,
        "role": str(view.role),
        "ready": view.ready,
        "draining": view.role is Role.DRAINING,
        "reasons": [_reason(reason) for reason in view.reasons],
        "conditions": [_plain(condition._asdict()) for condition in view.conditions],
        "started": view.started.isoformat(),
        "commit": view.commit,
        "log": view.log,
        **_turns(view),
        "requests": dict(sorted(phases.items())),
        "pending": view.pending,
        "oldest_pending_seconds": view.oldest_pending,
        "recent": [_plain(published._asdict()) for published in view.recent[:_RECENT_SHOWN]],
    }


def _turns(view: View) -> dict[str, Any]:
    """Give the pass that goes on, if one does, and the last one that ended."""
    return {
        "in_flight": _plain(view.running._asdict()) if view.running else None,
        "last_pass": _plain(view.turn._asdict()) if view.turn else None,
    }


def _reason(reason: Reason, *, with_message: bool = True) -> dict[str, Any]:
    fields = _plain(reason._asdict())
    return fields if with_message else {**fields, "message": ""}


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in fields.items()
    }


class Hook:
    """`POST /hooks/push`: wakes the loop for who knows the secret."""

    def __init__(self, board: Board, secret: str, wake: Callable[[str], None]) -> None:
        """Take the secret (none: empty) and what wakes the loop."""
        self._board = board
        self._secret = secret
        self._wake = wake
        self._bucket = Bucket(HOOK_RATE, HOOK_BURST, board.clock.monotonic)

    async def answer(self, request: Request) -> Response:
        """Answer a call; whatever it is, the next timer would do the same."""
        code, outcome = await self._judge(request)
        self._board.count(Count.HOOKS, outcome.replace(" ", "_"))
        headers = {"retry-after": "1"} if code == 429 else None  # noqa: PLR2004
        return JSONResponse({"woken": outcome == "woken", "outcome": outcome}, code, headers)

    async def _judge(self, request: Request) -> tuple[int, str]:
        if not self._secret:
            return 404, "no hook secret is set"
        if not self._bucket.take():
            return 429, "too many calls"
        check = Check(self._secret)
        fault = await _feed(check, request)
        if fault:
            return fault
        if not check.passes(request.headers):
            return 403, "wrong secret or signature"
        if self._board.view().role is Role.DRAINING:
            return 503, "draining"
        self._wake("push hook")
        return 202, "woken"


async def _feed(check: Check, request: Request) -> tuple[int, str] | None:
    """Give the whole body to the check, or say why it was not."""
    try:
        async with asyncio.timeout(HOOK_SECONDS):
            async for piece in request.stream():
                if not check.feed(piece):
                    return 413, "too large"
    except TimeoutError:
        return 408, "too slow"
    except ClientDisconnect:
        return 400, "broken off"
    return None
