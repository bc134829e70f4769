"""Stores in RocksDB: a database a partition, raw bytes, WAL on and never synced.

The WAL makes the death of the process safe; the log, which is synced, makes the death of the machine safe.
Memory is bounded over all partitions by one block cache and one write-buffer manager.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rocksdict import (
    BlockBasedOptions,
    Cache,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteBufferManager,
)

from sagaline._store.port import Identity, StoreUnavailable, Writes
from sagaline.errors import StateDirectoryInUse

_log = logging.getLogger("sagaline.store")
_IDENTITY_FILE = "identity.json"


class RocksStore:
    """One partition's database."""

    def __init__(self, path: Path, options: Options) -> None:
        self._db = Rdict(str(path), options)

    def get(self, key: bytes) -> bytes | None:
        return self._db.get(key)

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        # a generator, for it keeps the options alive: rocksdict reads the bound from freed memory otherwise
        options = ReadOptions()
        options.set_iterate_upper_bound(prefix[:-1] + bytes([prefix[-1] + 1]))
        rows: Any = self._db.items(from_key=max(prefix, after + b"\0"), read_opt=options)
        yield from rows

    def write(self, writes: Writes) -> None:
        batch = WriteBatch(raw_mode=True)
        for key, value in writes:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        try:
            self._db.write(batch)
        except Exception as error:  # rocksdict raises plain Exception
            raise StoreUnavailable(f"the state could not be written: {error}") from error

    def close(self) -> None:
        self._db.close()


class RocksStores:
    """The state directory of one worker, locked while it lives."""

    def __init__(self, directory: Path, memory_bytes: int) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = self._take_lock()
        self._cache = Cache(memory_bytes // 2)
        self._buffers = WriteBufferManager(memory_bytes // 2, False)

    def _take_lock(self) -> int:
        lock = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 32).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            raise StateDirectoryInUse(
                f"Expected the state directory {self._directory} to be free but process {holder} works in it. "
                f"Give each worker a directory of its own (--state-dir)."
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        return lock

    def open(self, partition: int, identity: Identity) -> RocksStore:
        path = self._path(partition)
        found = self._identity(path)
        if path.exists() and found != identity:
            shown = "damaged" if found is None else f"of {found}"
            _log.warning("The state in %s is %s, not of %s: it is rebuilt from the log.", path, shown, identity)
            self.wipe(partition)
        try:
            return self._open(path, identity)
        except Exception as error:  # rocksdict raises plain Exception for a damaged database
            _log.warning("The state in %s cannot be opened (%s): it is rebuilt from the log.", path, error)
            self.wipe(partition)
            try:
                return self._open(path, identity)
            except Exception as again:
                raise StoreUnavailable(f"the state in {path} cannot be made: {again}") from again

    def _open(self, path: Path, identity: Identity) -> RocksStore:
        path.mkdir(parents=True, exist_ok=True)
        store = RocksStore(path / "db", self._options())
        marker = path / _IDENTITY_FILE
        if not marker.exists():
            marker.write_text(json.dumps(identity._asdict()), "utf-8")
        return store

    def _options(self) -> Options:
        table = BlockBasedOptions()
        table.set_block_cache(self._cache)
        table.set_cache_index_and_filter_blocks(True)  # else they grow with the data, beside the cache
        table.set_block_size(16 * 1024)
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_block_based_table_factory(table)
        options.set_write_buffer_manager(self._buffers)
        options.set_write_buffer_size(16 * 1024 * 1024)
        options.set_max_write_buffer_number(3)
        options.set_max_total_wal_size(64 * 1024 * 1024)
        options.set_keep_log_file_num(2)
        return options

    def _identity(self, path: Path) -> Identity | None:
        try:
            return Identity(**json.loads((path / _IDENTITY_FILE).read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def wipe(self, partition: int) -> None:
        shutil.rmtree(self._path(partition), ignore_errors=True)

    def _path(self, partition: int) -> Path:
        return self._directory / f"partition-{partition}"

    def close(self) -> None:
        os.close(self._lock)
