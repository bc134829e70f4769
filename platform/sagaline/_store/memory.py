"""Stores in memory: for tests, and for workers that would rather read the log again than use a disk."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from sortedcontainers import SortedDict

from sagaline._store.port import Identity, Writes, end_of

_ROWS_A_LOOK = 200


class MemoryStore:
    """A sorted dict."""

    def __init__(self) -> None:
        self.rows: SortedDict[bytes, bytes] = SortedDict()

    def get(self, key: bytes) -> bytes | None:
        return self.rows.get(key)

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        start, end = max(prefix, after + b"\0" if after else b""), end_of(prefix)
        while True:  # a part at a time, for rows may be written meanwhile
            keys = list(islice(self.rows.irange(start, end, (True, False)), _ROWS_A_LOOK))
            for key in keys:
                value = self.rows.get(key)
                if value is not None:
                    yield key, value
            if len(keys) < _ROWS_A_LOOK:
                return
            start = keys[-1] + b"\0"

    def write(self, writes: Writes) -> None:
        for key, value in writes:
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value

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
