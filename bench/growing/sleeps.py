"""A run that sleeps often, each time for long enough to leave memory."""

from __future__ import annotations

import asyncio
import time

from simulation.loop import VirtualLoop
from virtual_host import options_of, registry_of, virtual_host

from growing import growth
from sagaline import workflow

_SLEEP_S = 20.0


@workflow
async def sleeps(times: int) -> int:
    """Sleeps."""
    for _ in range(times):
        await asyncio.sleep(_SLEEP_S)
    return times


@growth("wakes of a run of many short sleeps", 100)
def wakes(size: int) -> float:
    """On a clock that jumps: what counts is what a wake costs."""

    async def measure() -> float:
        async with virtual_host(registry_of([sleeps], []), options_of()) as world:
            began = time.process_time()
            await world.answer(world.start(sleeps, "w", size), limit_s=10_000_000)
            return time.process_time() - began

    loop = VirtualLoop()
    try:
        return loop.run_until_complete(measure())
    finally:
        loop.close()
