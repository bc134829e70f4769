"""A worker process whose workflows block the event loop in several ways, beside good ones.

Started as ``python stalling_worker.py URL FOLDER``. The watchdog's bounds are short.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import time
from pathlib import Path
from typing import Any

from sagaline import Worker, WorkerOptions, Workflow, activity, workflow


@activity
async def add(a: int, b: int) -> int:
    return a + b


@workflow
async def good(number: int) -> int:
    total = 0
    for step in range(5):
        total = await add(total, number)
        await asyncio.sleep(0.05 * (step % 2))
    return total


@workflow
async def spins() -> None:
    while True:
        pass


@workflow
async def spins_and_swallows() -> None:
    while True:
        try:
            with workflow.unchecked():
                while True:
                    time.sleep(0.01)
        except BaseException:
            pass


@workflow
async def explodes() -> bool:
    await add(1, 2)
    return re.match(r"(a+)+$", "a" * 64 + "b") is not None


@workflow
async def sleeps() -> None:
    with workflow.unchecked():
        time.sleep(10_000)


@workflow
async def hogs() -> int:
    """No other thread runs, and no signal is looked at."""
    await add(1, 2)
    return sum(range(10**14))


@activity
async def spin() -> None:
    await asyncio.sleep(0)
    while True:
        pass


@activity
async def hog() -> int:
    await asyncio.sleep(0)
    return sum(range(10**14))


@workflow
async def calls_spin() -> None:
    await spin()


@workflow
async def calls_hog() -> None:
    await hog()


WORKFLOWS: list[Workflow[Any, Any]] = [good, spins, spins_and_swallows, explodes, sleeps, hogs, calls_spin, calls_hog]
OPTIONS = WorkerOptions(stall_warning="300ms", stall_interrupt="1s", stall_give_up="4s", end_when_stalled=True)


async def main(url: str, folder: str) -> None:
    async with Worker(
        url, workflows=WORKFLOWS, activities=[add, spin, hog], state_dir=folder, id="stalls", options=OPTIONS
    ) as made:
        await made.ready()
        Path(folder, "ready").touch()
        await made.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    asyncio.run(main(*sys.argv[1:]))
