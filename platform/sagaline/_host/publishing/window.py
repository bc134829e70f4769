"""The messages of an outbox that are in memory and on their way, in order, bounded in number and bytes."""

from __future__ import annotations

from collections import deque

_WINDOW_BYTES = 16_000_000
"""Of all partitions of a process."""
_LEAST_BYTES = 1_000_000
_WINDOW_MESSAGES = 20_000
Number = tuple[int, int]
"""Offset of the record that asked for a message, and the message's number in it."""


class Window:
    """``bytes_held``: of those that have not left. Only the order of numbers is kept here, not the messages."""

    def __init__(self) -> None:
        self._waiting: deque[Number] = deque()  # in order, without those that have left at its head
        self._left: set[Number] = set()
        self._bound = _WINDOW_BYTES
        self.bytes_held = 0

    def resize(self, share: float) -> None:
        """``share``: how much of what the process may keep in memory is for this window."""
        self._bound = max(_LEAST_BYTES, int(_WINDOW_BYTES * share))

    @property
    def first(self) -> Number | None:
        """The earliest that has not left; None when all have."""
        return self._waiting[0] if self._waiting else None

    @property
    def is_full(self) -> bool:
        """There is no room for one more."""
        return self.bytes_held >= self._bound or len(self._waiting) >= _WINDOW_MESSAGES

    @property
    def is_half_empty(self) -> bool:
        """There is room for so many that it is worth reading them from the store."""
        return self.bytes_held <= self._bound // 2 and len(self._waiting) <= _WINDOW_MESSAGES // 2

    def add(self, number: Number, size: int) -> None:
        """One is on its way. Contract: numbers increase."""
        self._waiting.append(number)
        self.bytes_held += size

    def remove(self, number: Number, size: int) -> None:
        """One has left, in whatever order."""
        self.bytes_held -= size
        waiting, left = self._waiting, self._left
        if waiting and waiting[0] == number:
            waiting.popleft()
        else:
            left.add(number)
        while left and waiting and waiting[0] in left:
            left.remove(waiting.popleft())
