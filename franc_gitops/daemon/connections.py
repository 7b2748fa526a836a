"""How many connections strangers may hold open, and for how long without asking anything.

Each takes a file descriptor of the process that reads requests and talks to Kafka. So one that
brings no whole request in time is cut off, however slowly it sends, and of too many the one
that has been silent for longest makes room: who asks at once, like a kubelet, is answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from uvicorn.protocols.http.h11_impl import RequestResponseCycle

MOST = 200
"""Connections at a time; 1,024 descriptors are what a process usually may have."""

ACCEPTED_AT_ONCE = 64
"""New connections that are taken before those above the limit are let go."""

PATIENCE = 15.0
"""Seconds from the beginning of a connection, or the last answer, to a whole request head."""


class Connection(H11Protocol):
    """A client's connection; it waits while no request of it is being answered."""

    _deadline: asyncio.TimerHandle | None = None
    silent_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._begin_to_wait()
        every = list(self._all_open())
        if len(every) > MOST:
            silent = (connection for connection in every if connection.waits)
            min(silent, key=lambda connection: connection.silent_since).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._end_to_wait()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Begin to wait for the next request, or for the client to read this answer."""
        self._begin_to_wait()
        super().on_response_complete()

    @property
    def waits(self) -> bool:
        """Whether no request of it is being answered."""
        cycle: RequestResponseCycle | None = self.cycle  # None until the first request
        return cycle is None or cycle.response_complete

    def _all_open(self) -> Iterator[Connection]:
        for connection in self.connections:
            if isinstance(connection, Connection) and not connection.transport.is_closing():
                yield connection

    def _begin_to_wait(self) -> None:
        self._end_to_wait()
        self.silent_since = self.loop.time()
        self._deadline = self.loop.call_later(PATIENCE, self._give_up)

    def _end_to_wait(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()

    def _give_up(self) -> None:
        if self.waits:
            self.transport.abort()
