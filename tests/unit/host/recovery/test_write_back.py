"""The write-back cache over a store: what reads of it cost, and when it writes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from virtual_time import virtual

from sagaline._engine.meta import Meta
from sagaline._host.partition.guard import Guard
from sagaline._host.recovery.write_back import WriteBack
from sagaline._store import StoreUnavailable
from sagaline._store.memory import MemoryStore


class Counted(MemoryStore):
    """Counts its batches."""

    batches = 0

    def write(self, writes: Any) -> None:
        self.batches += 1
        super().write(writes)


def write_back() -> tuple[WriteBack, Counted]:
    store = Counted()
    return WriteBack(store, Meta(), Guard(lambda lost: None)), store


@virtual
async def test_scans_among_many_rows_write_nothing() -> None:
    """A herd of sleepers that wakes makes thousands of rows and a scan for each (fault 17)."""
    rows, store = write_back()
    for number in range(1_000):
        rows.gather({b"a/%032x/0" % number: b"row", b"t/%032x" % number: b"timer"})
        rows.reached(Meta(number + 1), 0)
        assert len(list(rows.scan(b"a/%032x/" % number))) == 1
    assert store.batches == 0
    await asyncio.sleep(1)
    assert store.batches == 1
    assert sum(1 for _ in store.scan(b"a/")) == 1_000


@virtual
async def test_more_rows_than_are_kept_are_written_at_once() -> None:
    rows, store = write_back()
    rows.bytes_kept = 1_000
    rows.gather({b"a/1": b"x" * 1_001})
    rows.reached(Meta(1), 0)
    assert store.batches == 1


class Failing(MemoryStore):
    """Its scans fail: at once, or with the first row."""

    def __init__(self, at_once: bool) -> None:
        super().__init__()
        self._at_once = at_once

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        if self._at_once:
            raise RuntimeError("a bug of the driver's")
        return self._broken()

    def _broken(self) -> Iterator[tuple[bytes, bytes]]:
        raise RuntimeError("a bug of the driver's")
        yield b"", b""


@pytest.mark.parametrize("at_once", [True, False])
async def test_whenever_a_scan_fails_the_store_is_to_blame(at_once: bool) -> None:
    """Not the run or the input that asks for the rows: that would be parked, or a dead letter."""
    rows = WriteBack(Failing(at_once), Meta(), Guard(lambda lost: None))
    with pytest.raises(StoreUnavailable, match=r"RuntimeError: a bug of the driver's"):
        list(rows.scan(b"a/"))
