"""Tombstones: a few at a time, and for all that an earlier owner or a zombie has left behind."""

from __future__ import annotations

import asyncio
from typing import Any

from partition_rows import PartitionRows, run_id, started
from virtual_time import virtual

from sagaline._engine.meta import Meta
from sagaline._host.partition.guard import Guard
from sagaline._host.partition.progress import Progress
from sagaline._host.retention.tombstones import Tombstones
from sagaline._model.events import TimerFired, TimerStarted
from sagaline._model.keys import history_key


class Room:
    """Tombstones over rows; what is appended is acknowledged when a test says so."""

    def __init__(self) -> None:
        self.rows = PartitionRows()
        self.progress = Progress.begin(Meta())
        self.keys: list[bytes] = []
        recorder: Any = self
        guard = Guard(lambda lost: None)
        self.tombstones = Tombstones(self.rows.state, recorder, self.progress, guard)

    def tombstone(self, key: bytes) -> None:
        self.progress.appended += 1
        self.keys.append(key)
        self.rows.delete(key)

    def long_run(self, records: int) -> list[bytes]:
        self.rows.append("id", started(), TimerStarted(1, 9))
        for step in range(1, records):
            self.rows.append("id", TimerFired(step), TimerStarted(step + 1, 9))
        return [history_key("id", run_id("id"), 1 + 2 * number, 0) for number in range(records)]


@virtual
async def test_no_more_than_a_few_hundred_are_on_their_way() -> None:
    room = Room()
    keys = room.long_run(3_000)
    retiring = asyncio.ensure_future(room.tombstones.retire_run("id", run_id("id")))
    while not retiring.done():
        await asyncio.sleep(0.1)
        assert room.progress.in_flight <= 500
        room.progress.acknowledged = room.progress.appended
    assert room.keys == keys


@virtual
async def test_what_was_left_half_done_and_what_is_invalid_goes() -> None:
    room = Room()
    keys = room.long_run(10)
    for key in keys[:4]:
        room.rows.delete(key)
    zombies = [history_key("id", run_id("another"), number, 3) for number in range(5)]
    for key in zombies:
        room.rows.note_invalid(key)
    room.tombstones.tidy()
    room.tombstones.tidy()
    await asyncio.sleep(1)
    assert room.keys == [*zombies, *keys[4:]], "each once"
    assert not list(room.rows.state.invalid.keys())
    assert not list(room.rows.state.remnants.runs())


@virtual
async def test_a_remnant_without_records_does_not_keep_it_busy() -> None:
    room = Room()
    room.rows.state.remnants.put("id", run_id("id"), 3)
    room.tombstones.tidy()
    async with asyncio.timeout(1):
        await asyncio.sleep(0.1)
    assert room.keys == []


@virtual
async def test_what_is_found_while_tidying_goes_too() -> None:
    room = Room()
    zombies = [history_key("id", run_id("another"), number, 3) for number in range(600)]
    for key in zombies[:599]:
        room.rows.note_invalid(key)
    room.tombstones.tidy()
    await asyncio.sleep(1)
    assert len(room.keys) == 500
    room.rows.note_invalid(zombies[599])
    room.tombstones.tidy()
    room.progress.acknowledged = room.progress.appended
    await asyncio.sleep(1)
    assert sorted(room.keys) == sorted(zombies)
