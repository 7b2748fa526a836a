"""How many connections strangers may hold open, and for how long without asking or reading.

Each takes a file descriptor of the process that reads requests and talks to Kafka. So one that
brings no whole request in time, or does not take what it is answered, is cut off, however
slowly it sends or reads. Of too many the one that has been silent for longest makes room: who
asks at once and reads, like a kubelet, is answered. One request is answered at a time: nobody
can put thousands of them into the queue, and so be one that is never silent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11
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
"""Seconds from the beginning of a connection, or the last answer, to a whole request head, and
from the first byte of an answer that the kernel does not take to the last: the client must read."""


class Connection(H11Protocol):
    """A client's connection; it waits while it is the client's turn: to ask, or to read."""

    _deadline: asyncio.TimerHandle | None = None
    silent_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Begin to wait for a request."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(0)  # so that each unread byte pauses the writing
        self._begin_to_wait()
        every = list(self._all_open())
        if len(every) > MOST:
            others = (other for other in every if other is not self and not other.listens)
            silent = min(
                others, key=lambda other: (not other.waits, other.silent_since), default=self
            )
            silent.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._end_to_wait()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Begin to wait for the next request, or for the client to read this answer.

        Who has sent another request before gets no answer to that: RFC 9112 lets clients repeat it.
        """
        self._begin_to_wait()
        if self.conn.their_state is h11.DONE and self.conn.trailing_data[0]:
            self.transport.close()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        self._begin_to_wait()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Begin to wait for the next request, if all is answered: everything is read."""
        self._begin_to_wait()
        super().resume_writing()

    @property
    def waits(self) -> bool:
        """Whether no request of it is being answered, or the client does not read the answer."""
        cycle: RequestResponseCycle | None = self.cycle  # None until the first request
        return self.is_unread or cycle is None or cycle.response_complete

    @property
    def listens(self) -> bool:
        """Whether it reads an answer that goes on, as a browser with the dashboard does."""
        cycle: RequestResponseCycle | None = self.cycle
        return not self.waits and cycle is not None and cycle.response_started

    @property
    def is_unread(self) -> bool:
        """Whether the kernel does not take the whole answer, because the client does not read."""
        return self.transport.get_write_buffer_size() > 0

    def _all_open(self) -> Iterator[Connection]:
        """Give those that hold a descriptor; one that ends does until its client has read."""
        for connection in self.connections:
            if isinstance(connection, Connection) and (
                connection.is_unread or not connection.transport.is_closing()
            ):
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
