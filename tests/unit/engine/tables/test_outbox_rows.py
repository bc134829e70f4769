"""Keys of the outbox's rows: a few in memory, the others found in the store when their turn comes."""

from __future__ import annotations

import random

from sagaline._engine.changes import Changes
from sagaline._engine.overlay import Overlay
from sagaline._engine.tables.outbox import Outbox, OutboxRow, outbox_key
from sagaline._store.memory import MemoryStore

ROW = OutboxRow("replies", 0, b"client", b"value")


def test_rows_are_released_once_each_in_order_however_few_are_in_memory(seed: int) -> None:
    chance = random.Random(seed)
    for bound in (1, 2, 7, 100):
        store = MemoryStore()
        stored = [outbox_key(offset, 0) for offset in range(chance.randrange(40))]
        store.write([(key, b"") for key in stored])
        changes = Changes(Overlay(store))
        outbox = Outbox(changes, 0, bound)
        gone: list[bytes] = []
        offset, released = len(stored), 0
        for _ in range(300):
            if chance.random() < 0.6:
                key, value = outbox.entry(offset, 0, ROW)
                changes.put(key, value)
                stored.append(key)
                offset += 1
            else:
                released = chance.randrange(released, offset + 1)
                outbox.release(released)
                gone += sorted(key for key, value in changes.drain_writes().items() if value is None)
                assert gone == stored[:released]
                assert outbox.oldest_offset() == (released if released < offset else None)
            assert len(outbox._keys) <= bound
