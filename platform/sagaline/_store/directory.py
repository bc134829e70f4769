"""The state directory of a worker: a folder a partition, what each belongs to, and a lock on the whole.

A folder without the file that says what it belongs to is damaged, and rebuilt when it is opened: that is also how a
database is given up in which rows turned out to be unreadable.

A folder is wiped by giving it another name, which happens as a whole or not at all; what is under the other name is
deleted after that, or when the directory is opened the next time.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import threading
from pathlib import Path

from sagaline._store.port import Identity, StoreUnavailable
from sagaline._store.rocksdb import Memory, RocksStore, reported
from sagaline.errors import ConfigurationError, StateDirectoryInUse

_log = logging.getLogger("sagaline.store")
_IDENTITY_FILE = "identity.json"
_WIPED = "wiped-"
_NOT_DAMAGE = (
    "No space left on device",
    "Too many open files",
    "Resource temporarily unavailable",
    "Cannot allocate memory",
    "Permission denied",
    "Read-only file system",
    "lock hold by current process",
)
"""What keeps a database from being opened though there is nothing wrong with it."""


class RocksStores:
    """The state directory of one worker, locked while it lives."""

    def __init__(self, directory: Path, memory_bytes: int) -> None:
        self._directory = directory
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._lock = self._take_lock()
        except OSError as error:
            raise ConfigurationError(
                f"Expected a state directory at {directory} but it cannot be used: {error}. "
                f"Give the worker a directory that it may write (--state-dir)."
            ) from error
        self._memory = Memory(memory_bytes)
        self._sweeping = threading.Lock()
        self._sweep()

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
        with reported(f"the state in {path} cannot be opened"):
            known = _identity_in(path)
            if path.exists() and known != identity:
                _log.warning("The state in %s %s: it is rebuilt from the log.", path, _difference(known, identity))
                self.wipe(partition)
            try:
                return self._open(path, identity)
            except Exception as error:
                if any(reason in str(error) for reason in _NOT_DAMAGE):
                    raise
                _log.warning("The state in %s cannot be opened (%s): it is rebuilt from the log.", path, error)
            self.wipe(partition)
            return self._open(path, identity)

    def _open(self, path: Path, identity: Identity) -> RocksStore:
        path.mkdir(parents=True, exist_ok=True)
        marker = path / _IDENTITY_FILE

        def forget(damage: str) -> None:
            _log.error("The state in %s is damaged (%s): it will be rebuilt from the log.", path, damage)
            marker.unlink(missing_ok=True)

        store = RocksStore(path / "db", self._memory.options(), forget)
        try:
            if not marker.exists():
                marker.write_text(json.dumps(identity._asdict()), "utf-8")
        except BaseException:
            store.close()
            raise
        return store

    def wipe(self, partition: int) -> None:
        path = self._path(partition)
        wiped = self._directory / f"{_WIPED}{partition}-{os.urandom(4).hex()}"
        with reported(f"the state in {path} cannot be deleted"):
            try:
                path.rename(wiped)
            except FileNotFoundError:
                return
            if path.exists():
                raise StoreUnavailable(f"the state in {path} was deleted but is there again")
        self._sweep()

    def _sweep(self) -> None:
        """Deletes what was wiped. What cannot be deleted costs space, and is tried again."""
        with self._sweeping:
            for path in self._directory.glob(f"{_WIPED}*"):
                try:
                    shutil.rmtree(path)
                except OSError as error:
                    _log.warning("What was wiped is still in %s: %s", path, error)

    def _path(self, partition: int) -> Path:
        return self._directory / f"partition-{partition}"

    def close(self) -> None:
        os.close(self._lock)


def _difference(known: Identity | None, identity: Identity) -> str:
    if known is None:
        return "is damaged"
    if known.log != identity.log:
        return "belongs to another log, or the history topic was made anew"
    if known.namespace != identity.namespace:
        return f"belongs to namespace {known.namespace!r}, not {identity.namespace!r}"
    return f"has format {known.format} of another version and this one writes format {identity.format}"


def _identity_in(path: Path) -> Identity | None:
    try:
        return Identity(**json.loads((path / _IDENTITY_FILE).read_text("utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
