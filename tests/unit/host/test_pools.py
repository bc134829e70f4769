"""The engine's threads are its own, bounded, and nobody waits for one that hangs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import eventually

from sagaline._host.pools import Pools


@pytest.fixture
async def pools() -> AsyncIterator[Pools]:
    made = Pools(io_threads=2, blob_threads=1)
    yield made
    made.close()


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What hung threads wait for; opened at the end."""
    event = threading.Event()
    yield event
    event.set()


async def test_calls_return_and_raise(pools: Pools) -> None:
    assert await pools.io(int, "7") == 7
    assert await pools.blobs(max, 1, 2) == 2
    with pytest.raises(ValueError, match="invalid literal"):
        await pools.io(int, "seven")
    await eventually(lambda: not any(pools.busy.values()))


async def test_hung_calls_of_users_hold_up_nothing(pools: Pools, gate: threading.Event) -> None:
    """Fault 15: six hung ``asyncio.to_thread`` of user code filled the executor that the engine used."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(2))
    hung = [asyncio.create_task(asyncio.to_thread(gate.wait)) for _ in range(6)]
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        assert await pools.io(int, "7") == 7
        assert await pools.blobs(int, "8") == 8
    gate.set()
    await asyncio.gather(*hung)


async def test_one_pool_that_hangs_leaves_the_other(pools: Pools, gate: threading.Event) -> None:
    hung = [asyncio.create_task(pools.blobs(gate.wait)) for _ in range(3)]
    await eventually(lambda: pools.busy["sagaline-blobs"] == 1)
    async with asyncio.timeout(10):
        assert await pools.io(int, "7") == 7
    gate.set()
    assert await asyncio.gather(*hung) == [True] * 3


async def test_a_call_that_hangs_ends_for_its_caller_and_those_behind_it_wait_while_others_come_back(
    pools: Pools, gate: threading.Event
) -> None:
    with pytest.raises(TimeoutError):
        await pools.blobs_within(0.05, gate.wait)
    assert pools.busy["sagaline-blobs"] == 1
    with pytest.raises(TimeoutError):  # nothing comes back
        await pools.blobs_within(0.05, int, "7")
    waiting = asyncio.create_task(pools.blobs_within(60, int, "7"))
    gate.set()
    assert await waiting == 7
    assert await asyncio.gather(*(pools.blobs_within(60, int, "7") for _ in range(100))) == [7] * 100


async def test_who_is_cancelled_leaves_and_the_thread_stays_busy_until_its_call_ends(
    pools: Pools, gate: threading.Event
) -> None:
    hung = asyncio.create_task(pools.blobs(gate.wait))
    await eventually(lambda: pools.busy["sagaline-blobs"] == 1)
    waiting = [asyncio.create_task(pools.blobs(int, "1")) for _ in range(100)]
    await asyncio.sleep(0)
    for task in [hung, *waiting[:99]]:
        task.cancel()
    await asyncio.wait([hung, *waiting[:99]])
    assert hung.cancelled()
    assert pools.busy["sagaline-blobs"] == 1
    gate.set()
    async with asyncio.timeout(10):
        assert await waiting[99] == 1
    await eventually(lambda: pools.busy["sagaline-blobs"] == 0)


async def test_closing_waits_for_nobody(gate: threading.Event) -> None:
    made = Pools(io_threads=1)
    hung = asyncio.create_task(made.io(gate.wait))
    await eventually(lambda: made.busy["sagaline-io"] == 1)
    made.close()
    with pytest.raises(RuntimeError, match="given up"):
        await made.blobs(int, "1")
    assert not hung.done()
    gate.set()
    assert await hung
