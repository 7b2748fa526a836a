"""`/stream`: server-sent events that say that something changed, so that a page asks anew.

Nothing of the board is in them. A burst of changes is one event; without any, a line every few
seconds keeps the connection and lets ages on the page grow.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response, StreamingResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from franc_gitops.daemon.board import Board

STREAMS = 32
"""Browsers that may listen at a time; others are told to come again."""

_MEDIA_TYPE = "text/event-stream"
PAUSE = 0.3
KEEP_ALIVE = 10.0


class Stream:
    """Tells every listening browser of changes."""

    def __init__(self, board: Board) -> None:
        """Take the board."""
        self._board = board
        self._listening = 0

    async def listen(self, request: Request) -> Response:
        """Begin to tell one browser."""
        if request.method == "HEAD":
            return Response(media_type=_MEDIA_TYPE)
        if self._listening >= STREAMS:
            return PlainTextResponse("too many are listening\n", 503, {"retry-after": "30"})
        self._listening += 1
        return _Listening(self._events(), self._ended)

    def _ended(self) -> None:
        self._listening -= 1

    async def _events(self) -> AsyncIterator[str]:
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(changed.set)

        end = self._board.subscribe(tell)
        try:
            yield "retry: 2000\n\n"
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), KEEP_ALIVE)
                changed.clear()
                yield "event: change\ndata: \n\n"
                await asyncio.sleep(PAUSE)
        finally:
            end()


class _Listening(StreamingResponse):
    """A stream that says when it has ended, also if the browser left before it began."""

    def __init__(self, events: AsyncIterator[str], ended: Callable[[], None]) -> None:
        super().__init__(events, media_type=_MEDIA_TYPE, headers={"x-accel-buffering": "no"})
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._ended()
