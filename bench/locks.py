"""Hand-overs of one lock among sagas that all want it, and of many locks side by side, on a log in memory.

python bench/locks.py
"""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "platform"))

from sagaline import Client, Worker, workflow

TURNS, TOGETHER, AIM = 2_000, 50, 300


@workflow
async def takes(name: str, turns: int) -> int:
    """Takes the lock again and again, and gives it to the next one at once."""
    for _ in range(turns):
        async with workflow.lock(name):
            pass
    return turns


async def measure(client: Client, what: str, names: list[str]) -> None:
    """So many runs that take turns at these locks."""
    began, used = time.perf_counter(), time.process_time()
    runs = [
        client.execute(takes, names[place % len(names)], TURNS // TOGETHER, id=f"{what}-{place}")
        for place in range(TOGETHER)
    ]
    turns = sum(await asyncio.gather(*runs))
    took, cpu = time.perf_counter() - began, time.process_time() - used
    print(f"{what:28} {turns / took:8,.0f} hand-overs a second, {1_000 * cpu / turns:.2f} ms of CPU each (aim: {AIM})")


async def main() -> None:
    """Measures both."""
    url = f"memory://bench{uuid.uuid4().hex}?partitions=4"
    async with Worker(url, workflows=[takes]) as worker, await Client.connect(url) as client:
        await worker.ready()
        await measure(client, "one lock, all wait", ["one"])
        await measure(client, "fifty locks, nobody waits", [f"lock-{number}" for number in range(TOGETHER)])


if __name__ == "__main__":
    asyncio.run(main())
