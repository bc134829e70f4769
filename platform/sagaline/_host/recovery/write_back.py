"""Acknowledged rows on their way to the store: a write-back cache over it.

What is acknowledged is durable in history, so the store may lag behind: whoever restarts reads the rest from the
log. Rows gather for a fraction of a second and go in one batch together with the position that they stand for: a row
that was written and deleted meanwhile costs nothing or one operation, and a run's row is written once
(docs/decisions/0010).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from sagaline._engine.meta import CURRENT_KEY, META_KEY, Meta, encode_meta
from sagaline._engine.overlay import Overlay
from sagaline._engine.tables import ONCE_PREFIXES
from sagaline._host import crash_points
from sagaline._host.crash_points import Died
from sagaline._host.partition.guard import Guard, describe
from sagaline._store import Store, StoreUnavailable

_WAIT_S = 0.25
_ROWS = 10_000


class WriteBack(Overlay):
    """Reads see what is acknowledged, up to ``meta``. A store that cannot be written gives the partition up."""

    def __init__(self, store: Store, meta: Meta, guard: Guard) -> None:
        super().__init__(store)
        self.bytes_kept = 1_000_000
        self._store, self._guard = store, guard
        self._loop = asyncio.get_running_loop()
        self.meta = meta
        self.current_at_ms = int(store.get(CURRENT_KEY) or 0)
        self._dirty = False
        self._bytes = 0
        self._handle: asyncio.TimerHandle | None = None

    def gather(self, writes: Mapping[bytes, bytes | None]) -> None:
        """Rows of an acknowledged record; ``reached`` follows before anything else can happen."""
        above = self._above.by_key
        never_stored: list[bytes] = []
        if None in writes.values():  # what was written once, here: the store never sees it
            deleted = [key for key, value in writes.items() if value is None]
            never_stored = [key for key in deleted if key[:2] in ONCE_PREFIXES and above.get(key) is not None]
        above.update(writes)
        if never_stored:
            self._above.delete(never_stored)
        self._bytes += sum(map(len, filter(None, writes.values())))

    def reached(self, meta: Meta, current_at_ms: int) -> None:
        """With the rows added so far the state stands for ``meta``: all of history as it was at ``current_at_ms``."""
        self.meta, self.current_at_ms, self._dirty = meta, current_at_ms, True
        if len(self._above.by_key) >= _ROWS or self._bytes >= self.bytes_kept:
            self.flush()
        elif self._handle is None:
            self._handle = self._loop.call_later(_WAIT_S, self._guard.run, self.flush)

    def get(self, key: bytes) -> bytes | None:
        above = self._above.by_key
        if key in above:
            return above[key]
        try:
            return self._store.get(key)
        except BaseException as error:
            raise unavailable(error) from error

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        try:  # a store may raise at once, or with each row
            rows = super().scan(prefix, after)
        except BaseException as error:
            raise unavailable(error) from error
        return _mapped(rows)

    def flush(self) -> None:
        """Writes what has gathered."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if not self._dirty:
            return
        if crash_points.armed:
            crash_points.reach("before-store-write")
        current = (CURRENT_KEY, str(self.current_at_ms).encode())
        try:
            self._store.write([*self._above.by_key.items(), (META_KEY, encode_meta(self.meta)), current])
        except BaseException as error:
            self._guard.caught(unavailable(error))
            return
        if crash_points.armed:
            crash_points.reach("after-store-write")
        self._above.clear()
        self._bytes = 0
        self._dirty = False


def _mapped(rows: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    try:
        yield from rows
    except BaseException as error:
        raise unavailable(error) from error


def unavailable(error: BaseException) -> BaseException:
    """The error as it is raised from here on.

    Whatever a store raises is the store's fault, never that of the input or run that asks for the row; a database
    in Rust may raise what is no Exception."""
    if isinstance(error, StoreUnavailable | KeyboardInterrupt | GeneratorExit | Died):
        return error
    return StoreUnavailable(f"the state failed with {type(error).__name__}: {describe(error)}")
