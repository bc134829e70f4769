"""From a state directory to stores."""

from __future__ import annotations

from pathlib import Path

from sagaline._store.memory import MemoryStores
from sagaline._store.port import Stores


def open_stores(directory: str | Path | None, memory_bytes: int = 128_000_000) -> Stores:
    """RocksDB in ``directory``, with so much memory for what is read and written; without a directory all is kept in
    memory. Raises StateDirectoryInUse."""
    if directory is None:
        return MemoryStores()
    from sagaline._store.directory import RocksStores

    return RocksStores(Path(directory), memory_bytes)
