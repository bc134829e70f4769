"""The state port and its implementations: memory and RocksDB. The only importer of rocksdict."""

from __future__ import annotations

from sagaline._store.port import Identity, Store, Stores, StoreUnavailable, Writes
from sagaline._store.stores import open_stores

__all__ = ["Identity", "Store", "StoreUnavailable", "Stores", "Writes", "open_stores"]
