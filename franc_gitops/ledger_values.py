"""Where a large ledger's records lie: in a temporary file, so that memory holds only places.

Reading in the order of the log is quick: a chunk at a time; anything else costs one seek.
"""

from __future__ import annotations

import weakref
from tempfile import SpooledTemporaryFile
from threading import RLock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

_IN_MEMORY_BYTES = 8 << 20
_CHUNK_BYTES = 1 << 20
_LENGTH_BITS = 28
_LENGTH_MASK = (1 << _LENGTH_BITS) - 1


class LedgerValues:
    """request_id -> value, kept in a file once there are many; threads may share it."""

    def __init__(self) -> None:
        """Begin with none, in memory."""
        self._places: dict[str, int] = {}  # where it begins and its length, in one number
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES, prefix="franc-ledger-")  # noqa: SIM115 - lives as long as this
        weakref.finalize(self, self._file.close)
        self._end = 0
        self._chunk = b""
        self._chunk_start = 0
        self._is_elsewhere = False
        self._lock = RLock()  # around the file, which has one place at a time

    def put(self, request_id: str, value: bytes) -> bool:
        """Keep a value; tell whether it is new."""
        with self._lock:
            if request_id in self._places and self[request_id] == value:
                return False
            if self._is_elsewhere:  # a seek empties the buffer, so only where one is needed
                self._file.seek(self._end)
                self._is_elsewhere = False
            self._file.write(value)
            self._places[request_id] = self._end << _LENGTH_BITS | len(value)
            self._end += len(value)
            return True

    def __getitem__(self, request_id: str) -> bytes:
        """Give a value; raises KeyError."""
        place = self._places[request_id]
        length = place & _LENGTH_MASK
        chunk, begin = self._chunk_with(place >> _LENGTH_BITS, length)
        start = (place >> _LENGTH_BITS) - begin
        return chunk[start : start + length]

    def in_turn(self, request_ids: Iterable[str]) -> Iterator[bytes]:
        """Give values, one by one; raises KeyError."""
        places, chunk, begin = self._places, b"", 0
        for request_id in request_ids:
            place = places[request_id]
            start, length = (place >> _LENGTH_BITS) - begin, place & _LENGTH_MASK
            if start < 0 or start + length > len(chunk):
                chunk, begin = self._chunk_with(place >> _LENGTH_BITS, length)
                start = (place >> _LENGTH_BITS) - begin
            yield chunk[start : start + length]

    def _chunk_with(self, place: int, length: int) -> tuple[bytes, int]:
        """Give a chunk that holds so many bytes from a place, and where it begins."""
        with self._lock:
            start = place - self._chunk_start
            if start < 0 or start + length > len(self._chunk):
                self._read_chunk(place, length)
            return self._chunk, self._chunk_start

    def _read_chunk(self, place: int, length: int) -> None:
        self._is_elsewhere = True
        self._file.seek(place)
        self._chunk = self._file.read(max(_CHUNK_BYTES, length))
        self._chunk_start = place

    def items(self, among: Collection[str] | None = None) -> Iterator[tuple[str, bytes]]:
        """Give request_ids with their values, all or those `among` some, as they lie."""
        places: Collection[str] = self._places
        if among is not None:
            places = sorted(set(among).intersection(places), key=self._places.__getitem__)
        return zip(places, self.in_turn(places), strict=True)

    def __iter__(self) -> Iterator[str]:
        """Give the request_ids in the order of their first records."""
        return iter(self._places)

    def __contains__(self, request_id: object) -> bool:
        """Tell whether there is a value."""
        return request_id in self._places

    def __len__(self) -> int:
        """Count the values."""
        return len(self._places)
