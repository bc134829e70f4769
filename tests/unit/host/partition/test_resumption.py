"""What a new owner takes up: the partition is live before parked runs are replayed, however many there are."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from virtual_host import VirtualHost, eventually, options_of, registry_of, virtual_host
from virtual_time import virtual

from sagaline import workflow
from sagaline._host.runs.instances import Instances
from sagaline._log.memory import MemoryLog
from sagaline._log.urls import parse_url
from sagaline._store.memory import MemoryStore, MemoryStores

mended = False
replays: Counter[str] = Counter()
replayed_before_good: list[int] = []


@workflow
async def broken(number: int) -> int:
    if not mended:
        raise LookupError("not mended yet")
    return number


@workflow
async def good() -> None:
    replayed_before_good.append(replays["rebuild"])


REGISTRY = registry_of([broken, good], [])


class Counts:
    """Replays, and rows that are read, while a partition is taken over and after that."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = replays
        self.now.clear()
        for kind, name in ((Instances, "rebuild"), (MemoryStore, "get")):
            self._count(patch, kind, name)

    def _count(self, patch: pytest.MonkeyPatch, kind: Any, name: str) -> None:
        original = getattr(kind, name)

        def counted(*args: Any) -> Any:
            self.now[name] += 1
            return original(*args)

        patch.setattr(kind, name, counted)


async def parked_runs(count: int) -> tuple[MemoryLog, MemoryStores]:
    """A log with so many parked runs in one partition, and the state directory of who has parked them."""
    stores = MemoryStores()
    log = MemoryLog(parse_url(f"memory://parked-{count}?partitions=1"))
    async with virtual_host(REGISTRY, options_of(), log=log, stores=stores) as world:
        await world.host.wait_live(1)
        for number in range(count):
            world.start(broken, f"run-{number}", number)
        state = world.host.live[0].rows.durable
        await eventually(lambda: sum(1 for _ in state.attention.parked()) == count)
    return log, stores


async def take_over(count: int, patch: pytest.MonkeyPatch) -> tuple[Counter[str], VirtualHost]:
    log, stores = await parked_runs(count)
    counts = Counts(patch)
    async with virtual_host(REGISTRY, options_of(cached_runs=0), log=log, stores=stores) as world:
        await world.host.wait_live(1)
        at_live = counts.now.copy()
        assert (await world.run(good, "good")).status == "completed"
        await eventually(lambda: counts.now["rebuild"] == count)
        assert count == 10 or replayed_before_good[-1] < count / 2, "others have their turn meanwhile"
        return at_live, world


@virtual
async def test_parked_runs_delay_no_takeover() -> None:
    costs = {}
    for count in (10, 2_000):
        with pytest.MonkeyPatch.context() as patch:
            at_live, _ = await take_over(count, patch)
        assert at_live["rebuild"] == 0
        costs[count] = at_live["get"]
    assert costs[10] == costs[2_000], "rows that are read before the partition is live"


@virtual
async def test_parked_runs_go_on_when_the_code_is_right() -> None:
    global mended
    log, stores = await parked_runs(300)
    mended = True
    try:
        async with virtual_host(REGISTRY, options_of(), log=log, stores=stores) as world:
            await world.host.wait_live(1)
            state = world.host.live[0].rows.durable
            await eventually(lambda: not any(state.attention.parked()))
            statuses = [run.status for _, run in state.runs.all()]
            assert statuses == ["completed"] * 300
    finally:
        mended = False
    await asyncio.sleep(0)
