"""A start that is repeated within the retention of its run is not done again, however late it is read or answered."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from harness import eventually
from virtual_time import virtual

from sagaline import activity, workflow
from sagaline._host.host import Host
from sagaline._host.options import HostOptions
from sagaline._host.partition.partition import Partition
from sagaline._log import COMMANDS, HISTORY, Log, open_log
from sagaline._log.memory import MemoryLog
from sagaline._model.codec import encode
from sagaline._model.records import StartRun
from sagaline._runtime.definitions import Registry
from sagaline._store import open_stores

done: Counter[str] = Counter()


@activity
async def note(what: str) -> str:
    done[what] += 1
    return what


@workflow
async def noting(what: str) -> str:
    return await note(what)


def now_ms() -> int:
    return int(asyncio.get_running_loop().time() * 1_000)


@asynccontextmanager
async def host_with_a_closed_run(what: str) -> AsyncIterator[tuple[Log, Partition, StartRun]]:
    """A host that keeps closed runs for an hour, and the start of one that has ended."""
    log = open_log(f"memory://r{uuid.uuid4().hex}?partitions=1")
    await log.open()
    options = HostOptions("w", retention_ms=3_600_000, sweep_s=60, clock=now_ms)
    host = Host(log, open_stores(None), Registry([noting.definition], [note.definition]), options)
    await host.start()
    await host.wait_live(1)
    (partition,) = host.live
    encoded = noting.definition.signature.encode_input((what,), {})
    start = StartRun("request", "w", "noting", encoded, reply_to="client")
    log.publish(COMMANDS, 0, b"w", encode(start))
    await eventually(lambda: (run := partition.rows.decided.run("w")) is not None and run.closed)
    yield log, partition, start
    await host.stop()
    await log.close()


@virtual
async def test_a_start_that_is_read_after_the_retention_but_was_written_within_it_is_not_done_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Commands wait while their owner is busy or away: what they repeat must not be retired meanwhile."""
    take = Partition.on_records
    held: list[Any] = []
    async with host_with_a_closed_run("read late") as (log, partition, start):
        monkeypatch.setattr(Partition, "on_records", lambda self, records: held.append(records))
        log.publish(COMMANDS, 0, b"w", encode(start))
        await eventually(lambda: held)
        await asyncio.sleep(3 * 3_600)
        assert partition.rows.decided.run("w") is not None, "it waits for the command"
        for records in held:
            take(partition, records)
        await eventually(lambda: partition.rows.decided.run("w") is None, 600)
    assert done["read late"] == 1


@virtual
async def test_a_run_stays_while_a_repeated_start_waits_to_be_answered_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Found by the simulation (seed 21981): the look at the log took long, the run was retired, the start done again."""
    open_door = asyncio.Event()
    bounds = MemoryLog.bounds

    async def slow_bounds(self: MemoryLog, topic: str, number: int) -> tuple[int, int]:
        if topic == HISTORY:
            await open_door.wait()
        return await bounds(self, topic, number)

    async with host_with_a_closed_run("answered late") as (log, partition, start):
        monkeypatch.setattr(MemoryLog, "bounds", slow_bounds)
        log.publish(COMMANDS, 0, b"w", encode(start))
        await eventually(lambda: bool(partition.rooms.reads.runs_in_use()))
        await asyncio.sleep(3 * 3_600)
        assert partition.rows.decided.run("w") is not None
        open_door.set()
        await eventually(lambda: partition.rows.decided.run("w") is None, 600)
    assert done["answered late"] == 1
