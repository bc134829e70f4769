"""From a state directory to stores."""

from __future__ import annotations

from pathlib import Path

from sagaline._store.memory import MemoryStores
from sagaline._store.port import Stores


def open_stores(directory: str | Path | None) -> Stores:
    """RocksDB in ``directory``; without one, memory. Raises StateDirectoryInUse."""
    if directory is None:
        return MemoryStores()
    from sagaline._store.rocksdb import RocksStores

    return RocksStores(Path(directory))
