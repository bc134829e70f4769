"""The write-back cache over a store: what reads of it cost, and when it writes."""

from __future__ import annotations

import asyncio
from typing import Any

from virtual_time import virtual

from sagaline._engine.meta import Meta
from sagaline._host.partition.guard import Guard
from sagaline._host.recovery.write_back import WriteBack
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
