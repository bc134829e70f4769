"""Ten thousand runs that are parked: what each costs in memory, what they cost while nobody looks, and their repair.

python bench/parked.py
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "platform"))

from sagaline import ApplicationError, Client, Retry, RunError, Worker, activity, saga

RUNS, IDLE_S, AT_ONCE = 10_000, 5.0, 200
ONCE = Retry(attempts=1)
mended = False


@activity(retry=ONCE)
async def take(number: int) -> int:
    return number


@take.compensation(retry=ONCE)
async def give_back(number: int) -> None:
    if not mended:
        raise ConnectionError("nobody is there")


@saga
async def order(number: int) -> None:
    await take(number)
    raise ApplicationError("no")


def resident_kb() -> int:
    """Memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


async def park(client: Client, number: int, room: asyncio.Semaphore) -> None:
    """A run that will be parked."""
    async with room:
        await client.start(order, number, id=f"o{number}")


async def repair(client: Client, number: int, room: asyncio.Semaphore) -> None:
    """It is attempted again, and undone."""
    async with room:
        handle = client.handle(f"o{number}")
        await handle.saga.retry(reason="somebody is there", by="bench")
        try:
            await handle.result()
        except RunError:
            pass


async def main() -> None:
    """Measures all of it."""
    global mended
    logging.disable()  # it says of each run that it waits
    url, room = f"memory://parked{uuid.uuid4().hex}?partitions=4", asyncio.Semaphore(AT_ONCE)
    async with Worker(url, workflows=[order], activities=[take]) as worker, await Client.connect(url) as client:
        await worker.ready()
        before_kb, used = resident_kb(), time.process_time()
        await asyncio.gather(*(park(client, number, room) for number in range(RUNS)))
        while len(await client.runs("parked", timeout="60s")) < RUNS:
            await asyncio.sleep(0.5)
        print(
            f"{RUNS:,} runs parked: {1_000 * (time.process_time() - used) / RUNS:.2f} ms of CPU each, client included"
        )
        print(f"memory: {(resident_kb() - before_kb) / RUNS:.1f} KiB each, log in memory included")
        used = time.process_time()
        await asyncio.sleep(IDLE_S)
        share = 100 * (time.process_time() - used) / IDLE_S
        print(f"while nobody looks: {share:.2f} % of a core (aim: none that grows with them)")
        mended, used, began = True, time.process_time(), time.perf_counter()
        await asyncio.gather(*(repair(client, number, room) for number in range(RUNS)))
        took, cpu = time.perf_counter() - began, time.process_time() - used
        print(f"repair: {RUNS / took:,.0f} a second, {1_000 * cpu / RUNS:.2f} ms of CPU each")


if __name__ == "__main__":
    asyncio.run(main())
