"""Records of history that are not valid, a zombie's: each is to have its tombstone."""

from __future__ import annotations

from collections.abc import Iterator

from sagaline._engine.changes import Changes

PREFIX = b"z/"


class InvalidRecords:
    """By their keys on the topic."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def keys(self) -> Iterator[bytes]:
        """Keys of the records, in order."""
        return (key[len(PREFIX) :] for key, _ in self._changes.scan(PREFIX))

    def put(self, key: bytes) -> None:
        """A record is not valid. Contract: no valid one has its key."""
        self._changes.put(PREFIX + key, b"")

    def drop(self, key: bytes) -> None:
        """It has its tombstone."""
        if self._changes.get(PREFIX + key) is not None:
            self._changes.put(PREFIX + key, None)
