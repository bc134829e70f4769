"""Records of positions: what carried the positions before them may be retired."""

from __future__ import annotations

from collections.abc import Iterator

from sagaline._engine.changes import Changes, Effect
from sagaline._engine.tables.numbered import numbered_key, numbered_of

PREFIX = b"p/"


class CoverPositions(Effect, frozen=True, gc=False):
    """A record of positions is durable: what came before it may be retired."""

    epoch: int
    number: int


class PositionsRecords:
    """By epoch and number."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def all(self) -> Iterator[tuple[int, int]]:
        """Epoch and number of every record of positions, in order."""
        return (numbered_of(key) for key, _ in self._changes.scan(PREFIX))

    def has(self, epoch: int, number: int) -> bool:
        """Whether this record is known and has no tombstone."""
        return self._changes.get(numbered_key(PREFIX, epoch, number)) is not None

    def put(self, epoch: int, number: int) -> None:
        """A record of positions."""
        self._changes.put(numbered_key(PREFIX, epoch, number), b"")
        self._changes.call_for(CoverPositions(epoch, number))

    def drop(self, epoch: int, number: int) -> None:
        """A record of positions has its tombstone."""
        if self.has(epoch, number):
            self._changes.put(numbered_key(PREFIX, epoch, number), None)
