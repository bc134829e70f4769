"""Keys of the outbox's rows: a few in memory, the others found in the store when their turn comes."""

from __future__ import annotations

import random

from sagaline._engine import rows
from sagaline._engine.outbox import OutboxKeys
from sagaline._engine.overlay import Overlay
from sagaline._store.memory import MemoryStore


def test_rows_are_taken_once_each_in_order_however_few_are_in_memory(seed: int) -> None:
    chance = random.Random(seed)
    for most in (1, 2, 7, 100):
        store = MemoryStore()
        stored = [rows.outbox_key(offset, 0) for offset in range(chance.randrange(40))]
        store.write([(key, b"") for key in stored])
        overlay = Overlay(store)
        keys = OutboxKeys(overlay, most)
        taken: list[bytes] = []
        offset, released = len(stored), 0
        for _ in range(300):
            if chance.random() < 0.6:
                key = rows.outbox_key(offset, 0)
                keys.add(offset, key)
                overlay.put(key, b"")
                stored.append(key)
                offset += 1
            else:
                released = chance.randrange(released, offset + 1)
                for key in keys.below(released):
                    overlay.put(key, None)
                    taken.append(key)
                assert taken == stored[:released]
                assert keys.oldest == (released if released < offset else None)
            assert len(keys._keys) <= most
