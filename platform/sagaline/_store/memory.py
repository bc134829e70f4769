"""Stores in memory: for tests, and for workers that would rather read the log again than use a disk."""

from __future__ import annotations

from collections.abc import Iterator

from sagaline._engine.sorted_rows import SortedRows
from sagaline._store.port import Identity, Writes

_ROWS_A_LOOK = 200
_UNSORTED = 5_000
"""Keys that are sorted in at once at most, but for one batch: no scan takes long to begin."""


class MemoryStore:
    """A sorted dict."""

    def __init__(self) -> None:
        self._rows: SortedRows[bytes] = SortedRows()
        self.rows = self._rows.by_key
        """For looking at."""

    def get(self, key: bytes) -> bytes | None:
        return self.rows.get(key)

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        while True:  # a part at a time, for rows may be written meanwhile
            rows = self._rows.scan(prefix, after, _ROWS_A_LOOK)
            yield from rows
            if len(rows) < _ROWS_A_LOOK:
                return
            after = rows[-1][0]

    def write(self, writes: Writes) -> None:
        rows = self.rows
        deleted: list[bytes] = []
        for key, value in dict(writes).items():  # the last write to a key
            if value is not None:
                rows[key] = value
            elif key in rows:
                deleted.append(key)
        self._rows.delete(deleted)
        if self._rows.unsorted > _UNSORTED:
            self._rows.sort()

    def close(self) -> None:
        pass


class MemoryStores:
    """A MemoryStore a partition, for the life of the worker."""

    def __init__(self) -> None:
        self._stores: dict[int, tuple[Identity, MemoryStore]] = {}

    def open(self, partition: int, identity: Identity) -> MemoryStore:
        kept = self._stores.get(partition)
        if kept is None or kept[0] != identity:
            kept = self._stores[partition] = (identity, MemoryStore())
        return kept[1]

    def wipe(self, partition: int) -> None:
        self._stores.pop(partition, None)

    def close(self) -> None:
        self._stores.clear()
