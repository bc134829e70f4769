"""A saga whose two steps take a while and leave a trace of every execution."""

from __future__ import annotations

import asyncio
import os

from sagaline import activity, saga


async def effect(name: str) -> None:
    await asyncio.sleep(0.2)
    with open(os.environ["EFFECTS"], "a") as file:
        file.write(f"{activity.info().idempotency_key} {name}\n")


@activity
async def double(number: int) -> int:
    await effect("double")
    return number * 2


@activity
async def again(number: int) -> int:
    await effect("again")
    return number * 2


@saga
async def slow(number: int) -> int:
    return await again(await double(number))
