"""`/stream`: server-sent events that say that something changed, so that a page asks anew.

Nothing of the board is in them. A burst of changes is one event; without any, a line every few
seconds keeps the connection and lets ages on the page grow.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, StreamingResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response

    from franc_gitops.daemon.board import Board

STREAMS = 32
"""Browsers that may listen at a time; others are told to come again."""

PAUSE = 0.3
KEEP_ALIVE = 10.0


class Stream:
    """Tells every listening browser of changes."""

    def __init__(self, board: Board) -> None:
        """Take the board."""
        self._board = board
        self._listening = 0

    async def listen(self, _: Request) -> Response:
        """Begin to tell one browser."""
        if self._listening >= STREAMS:
            return PlainTextResponse("too many are listening\n", 503, {"retry-after": "30"})
        return StreamingResponse(
            self._events(), media_type="text/event-stream", headers={"x-accel-buffering": "no"}
        )

    async def _events(self) -> AsyncIterator[str]:
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(changed.set)

        end = self._board.subscribe(tell)
        self._listening += 1
        try:
            yield "retry: 2000\n\n"
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), KEEP_ALIVE)
                changed.clear()
                yield "event: change\ndata: \n\n"
                await asyncio.sleep(PAUSE)
        finally:
            self._listening -= 1
            end()
