"""Stores in RocksDB: a database a partition, raw bytes, WAL on and never synced.

The WAL makes the death of the process safe; the log, which is synced, makes the death of the machine safe.
Memory is bounded over all partitions by one block cache and one write-buffer manager.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from rocksdict import (
    BlockBasedOptions,
    Cache,
    DbClosedError,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteBufferManager,
)

from sagaline._model.limits import cut
from sagaline._store.port import StoreUnavailable, Writes, end_of

_log = logging.getLogger("sagaline.store")
_BLOCK_BYTES = 16 * 1024
_BUFFER_BYTES = 16 * 1024 * 1024
_BUFFERS = 3
_WAL_BYTES = 64 * 1024 * 1024
_ERROR_BYTES = 1_000
_DAMAGE = ("Corruption", "Input/output error")


@contextmanager
def reported(what: str) -> Generator[None, None, None]:
    """Whatever RocksDB or the file system raises, a panic of the binding included, as StoreUnavailable."""
    try:
        yield
    except (StoreUnavailable, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # rocksdict raises plain Exception; a panic is a BaseException
        raise StoreUnavailable(f"{what}: {cut(str(error) or type(error).__name__, _ERROR_BYTES)}") from error


class RocksStore:
    """One partition's database. ``on_damage`` hears of rows that cannot be read and never will be."""

    def __init__(self, path: Path, options: Options, on_damage: Callable[[str], None]) -> None:
        self._db = Rdict(str(path), options)
        self._path, self._on_damage = path, on_damage

    def get(self, key: bytes) -> bytes | None:
        try:
            return self._db.get(key)
        except BaseException as error:
            with self._reported("the state could not be read"):
                raise error

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        # a generator, for it keeps the options alive: rocksdict reads the bound from freed memory otherwise
        options = ReadOptions()
        end = end_of(prefix)
        if end is not None:
            options.set_iterate_upper_bound(end)
        with self._reported("the state could not be read"):
            rows = self._db.iter(options)
            rows.seek(max(prefix, after + b"\0") if after else prefix)
            while rows.valid():
                yield rows.key(), rows.value()
                rows.next()
            rows.status()  # else a block that cannot be read looks like the end: ``items`` stops there in silence

    def write(self, writes: Writes) -> None:
        with self._reported("the state could not be written"):
            batch = WriteBatch(raw_mode=True)
            for key, value in writes:
                if value is None:
                    batch.delete(key)
                else:
                    batch.put(key, value)
            self._db.write(batch)

    def close(self) -> None:
        try:
            self._db.close()
        except DbClosedError:
            pass
        except Exception as error:
            _log.warning("Closing the state in %s: %s", self._path, cut(str(error), _ERROR_BYTES))

    @contextmanager
    def _reported(self, what: str) -> Generator[None, None, None]:
        with reported(what):
            try:
                yield
            except Exception as error:
                if any(sign in str(error) for sign in _DAMAGE):
                    self._on_damage(cut(str(error), _ERROR_BYTES))
                raise


class Memory:
    """What all databases of a worker share."""

    def __init__(self, size: int) -> None:
        self._cache = Cache(size // 2)
        self._buffers = WriteBufferManager(size // 2, False)

    def options(self) -> Options:
        """The options of one database."""
        table = BlockBasedOptions()
        table.set_block_cache(self._cache)
        table.set_cache_index_and_filter_blocks(True)  # else they grow with the data, beside the cache
        table.set_block_size(_BLOCK_BYTES)
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_block_based_table_factory(table)
        options.set_write_buffer_manager(self._buffers)
        options.set_write_buffer_size(_BUFFER_BYTES)
        options.set_max_write_buffer_number(_BUFFERS)
        options.set_max_total_wal_size(_WAL_BYTES)
        options.set_keep_log_file_num(2)
        return options
