"""Stores in memory: for tests, and for workers that would rather read the log again than use a disk."""

from __future__ import annotations

from collections.abc import Iterator

from sagaline._engine.sorted_rows import SortedRows
from sagaline._store.port import Identity, Writes


class MemoryStore:
    """A dict whose keys are sorted when somebody scans."""

    def __init__(self) -> None:
        self._rows: SortedRows[bytes] = SortedRows()
        self.rows = self._rows.by_key

    def get(self, key: bytes) -> bytes | None:
        return self.rows.get(key)

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        return iter(self._rows.scan(prefix, after))

    def write(self, writes: Writes) -> None:
        for key, value in writes:
            if value is None:
                self.rows.pop(key, None)
            else:
                self._rows.put(key, value)
        self._rows.tidy()

    def close(self) -> None:
        pass


class MemoryStores:
    """A MemoryStore a partition, for the life of the worker."""

    def __init__(self) -> None:
        self._stores: dict[int, tuple[Identity, MemoryStore]] = {}

    def open(self, partition: int, identity: Identity) -> MemoryStore:
        found = self._stores.get(partition)
        if found is None or found[0] != identity:
            found = self._stores[partition] = (identity, MemoryStore())
        return found[1]

    def wipe(self, partition: int) -> None:
        self._stores.pop(partition, None)

    def close(self) -> None:
        self._stores.clear()
