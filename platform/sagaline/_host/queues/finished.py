"""Which tasks of a partition are done. They end out of order, and a slow one holds up no other.

What is committed is the first offset that is not done and, as text beside it, which of those behind it are: lengths of
stretches, by turns not done and done, as numbers of 7 bits a byte in base64. When that would be too long the last
stretches are left out: they are done again after a restart, never lost.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from sagaline._log import Committed

_VERSION = "1"
METADATA_BYTES = 3_000
"""Of the text, which Kafka's brokers take up to 4,096 bytes of."""
_STRETCHES_BYTES = METADATA_BYTES * 3 // 4 - 10


class Finished:
    """The done offsets of one partition, as stretches. Raises nothing, whatever text an earlier worker has left."""

    def __init__(self, committed: Committed) -> None:
        self.next = committed.offset
        """All below it are done."""
        self._behind: dict[int, int] = {}  # by the first offset of each stretch: the one behind its last
        self._first: dict[int, int] = {}  # the other way round
        self._count = 0
        for first, behind in _decoded(committed):
            self._put(first, behind)
        self._known_below = max(self._first, default=self.next)

    def has(self, offset: int) -> bool:
        """Whether it was done when this worker began with the partition, or is by now."""
        if offset < self.next or offset >= self._known_below:
            return offset < self.next
        return any(first <= offset < behind for first, behind in self._behind.items())

    def add(self, offset: int, behind: int = 0) -> None:
        """It is done; with ``behind``, all up to that one, which is not. Contract: once."""
        self._put(offset, behind or offset + 1)

    def open_below(self, end: int) -> int:
        """How many offsets below ``end`` are not done. Contract: none behind it is."""
        return max(0, end - self.next - self._count)

    def _put(self, first: int, behind: int) -> None:
        first = max(first, self.next)
        if behind <= first:
            return
        self._count += behind - first
        if first in self._first:
            start = self._first.pop(first)
            del self._behind[start]
            first = start
        if behind in self._behind:
            end = self._behind.pop(behind)
            del self._first[end]
            behind = end
        if first == self.next:
            self.next = behind
            self._count -= behind - first
        else:
            self._behind[first] = behind
            self._first[behind] = first

    @property
    def committed(self) -> Committed:
        """What the next member of the group needs to know."""
        return Committed(self.next, _encoded(self.next, sorted(self._behind.items())))


def _encoded(start: int, stretches: list[tuple[int, int]]) -> str:
    data = bytearray()
    end = start
    for first, behind in stretches:
        stretch = _number(first - end) + _number(behind - first)
        if len(data) + len(stretch) > _STRETCHES_BYTES:
            break
        data += stretch
        end = behind
    return _VERSION + base64.urlsafe_b64encode(bytes(data)).decode() if data else ""


def _number(value: int) -> bytes:
    data = bytearray()
    while value > 127:
        data.append(value & 127 | 128)
        value >>= 7
    data.append(value)
    return bytes(data)


def _decoded(committed: Committed) -> Iterator[tuple[int, int]]:
    """First offset, and the one behind the last, of each stretch that is done."""
    text = committed.metadata
    if not text.startswith(_VERSION):
        return
    try:
        data = base64.urlsafe_b64decode(text[1:])
    except (binascii.Error, ValueError):
        return
    numbers: list[int] = []
    value = shift = 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            numbers.append(value)
            value = shift = 0
    offset = committed.offset
    for gap, length in zip(numbers[::2], numbers[1::2], strict=False):
        if not gap or not length:
            return
        yield offset + gap, offset + gap + length
        offset += gap + length
