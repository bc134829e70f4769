"""Grants of one limit among runs that all want it, of many limits side by side, and of a rate, on a log in memory.

python bench/limits.py
"""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "platform"))

from sagaline import Client, Key, Rate, Worker, activity, workflow

STEPS, TOGETHER, AIM = 2_000, 50, 200


@activity(concurrency=Key("key", limit=1))
async def one_at_a_time(key: str) -> None: ...


@activity(rate=Rate("100000/s"))
async def quick(key: str) -> None: ...


@workflow
async def slots(key: str, steps: int) -> int:
    """One step after the other."""
    for _ in range(steps):
        await one_at_a_time(key)
    return steps


@workflow
async def rates(key: str, steps: int) -> int:
    """The same of a rate."""
    for _ in range(steps):
        await quick(key)
    return steps


async def measure(client: Client, what: str, code: object, keys: list[str]) -> None:
    """So many runs that take turns at these keys."""
    began, used = time.perf_counter(), time.process_time()
    runs = [
        client.execute(code, keys[place % len(keys)], STEPS // TOGETHER, id=f"{what}-{place}")  # type: ignore[call-overload]
        for place in range(TOGETHER)
    ]
    steps = sum(await asyncio.gather(*runs))
    took, cpu = time.perf_counter() - began, time.process_time() - used
    print(f"{what:28} {steps / took:8,.0f} grants a second, {1_000 * cpu / steps:.2f} ms of CPU each (aim: {AIM})")


async def main() -> None:
    """Measures all."""
    url = f"memory://bench{uuid.uuid4().hex}?partitions=4"
    async with (
        Worker(url, workflows=[slots, rates], activities=[one_at_a_time, quick]) as worker,
        await Client.connect(url) as client,
    ):
        await worker.ready()
        await measure(client, "one key, all wait", slots, ["one"])
        await measure(client, "fifty keys, nobody waits", slots, [f"key-{number}" for number in range(TOGETHER)])
        await measure(client, "one rate", rates, ["one"])


if __name__ == "__main__":
    asyncio.run(main())
