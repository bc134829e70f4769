"""A store that stops in the middle of a run, and a log from which part of that run is compacted away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from harness import state_rows

from sagaline._engine.meta import META_KEY
from sagaline._host.options import HostOptions
from sagaline._host.pools import Pools
from sagaline._host.recovery.restore import Recovery, Restore
from sagaline._log import HISTORY, Record
from sagaline._model.codec import encode
from sagaline._model.events import Event, RunCompleted, RunStarted, TimerFired, TimerStarted
from sagaline._model.keys import claim_key, history_key
from sagaline._model.records import Claim, History
from sagaline._store import open_stores
from sagaline._store.memory import MemoryStore

RUN = "0" * 32
EVENTS: list[tuple[Event, ...]] = [
    (RunStarted("w", b"[]", "request", "", 0, "accepted"), TimerStarted(1, 5)),
    (TimerFired(1), TimerStarted(2, 6)),
    (TimerFired(2), TimerStarted(3, 7)),
    (TimerFired(3), RunCompleted(b"1")),
]


def log() -> list[Record]:
    """A claim, four records of a run, and the tombstones of the first three."""
    claim = encode(Claim("w", "c", 0))
    records = [Record(HISTORY, 0, 0, claim_key("c"), claim)]
    keys: list[bytes] = []
    for number, events in enumerate(EVENTS):
        first = 1 + 2 * number
        value = encode(History(0, 10, "id", RUN, first, 0, 0, 0, (), False, events))
        keys.append(history_key("id", RUN, first, 0))
        records.append(Record(HISTORY, 0, len(records), keys[-1], value))
    records += [Record(HISTORY, 0, len(records) + number, key, None) for number, key in enumerate(keys[:3])]
    return records


def applied(store: MemoryStore, records: list[Record]) -> dict[bytes, bytes]:
    Restore(store, lambda record, cause: None).apply(records)
    return {key: value for key, value in state_rows(store).items() if key != META_KEY}


def test_what_is_left_of_a_run_that_a_store_knows_in_part_is_not_forgotten() -> None:
    """Found by the simulation (seed 64 of its day): the last records kept their place in the log for ever."""
    records = log()
    whole = applied(MemoryStore(), records)
    assert [key for key in whole if key.startswith(b"h/")] == [b"h/%b/00000007/0" % RUN.encode()]
    for known in range(len(records)):
        for gone in ([2], [2, 3], [1, 2, 3], [3]):
            store = MemoryStore()
            applied(store, records[:known])
            left = [record for record in records[known:] if record.offset not in gone]
            assert applied(store, left) == whole, f"known up to {known}, {gone} compacted away"


class CleanedLog:
    """A log whose reader stands still after the first record: the cleaner goes by meanwhile."""

    namespace = identity = "cleaned"
    tombstones_kept_s = 10.0

    def __init__(self) -> None:
        self.now_ms = 1_000_000
        self.records = log()
        self.stood_still = False

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        return 0, 8

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[Record]]:
        for record in list(self.records):
            if record.offset < start or record not in self.records:
                continue
            yield [record]
            if record.offset == 1 and not self.stood_still:
                self.stood_still = True
                self.now_ms += 60_000
                self.records = [one for one in self.records if one.offset in (0, 4)]  # tombstones and all


async def test_a_restore_that_stood_still_while_the_cleaner_went_by_begins_anew() -> None:
    cleaned: Any = CleanedLog()
    stores = open_stores(None)
    recovery = Recovery(cleaned, stores, 0, HostOptions("w", clock=lambda: cleaned.now_ms), Pools())
    async with asyncio.timeout(10):
        restore = await recovery.follow()
    assert cleaned.stood_still
    found = state_rows(restore.store)
    assert not [key for key in found if key.startswith((b"r/", b"w/", b"t/"))], "the run is long gone"
    assert [key for key in found if key.startswith(b"h/")] == [b"h/%b/00000007/0" % RUN.encode()]
    assert not recovery.is_too_old(restore)
    cleaned.now_ms += 9_000
    assert recovery.is_too_old(restore), "a standby that has stood still for so long is opened anew"
