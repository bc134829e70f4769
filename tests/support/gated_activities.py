"""Activities that go on until a test opens their gate."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

from activity_bench import Bench

from sagaline import activity


class Gates:
    """``active``: what has begun, in order."""

    def __init__(self) -> None:
        self.threads = threading.Event()
        self.loop = asyncio.Event()
        self.active: list[int] = []

    def shut(self) -> None:
        """As at first: an event of asyncio belongs to one loop."""
        self.threads.clear()
        self.loop = asyncio.Event()
        self.active.clear()


gates = Gates()


def failed_types(made: Bench) -> list[str]:
    """Kinds of the attempts that have failed, in order."""
    return [result.failure.type for result in made.results if result.failure]


@activity
def short() -> None:
    time.sleep(0.05)


@activity
def hangs(number: int = 0) -> int:
    gates.active.append(number)
    gates.threads.wait()
    return number


@activity
async def waits(number: int = 0) -> int:
    gates.active.append(number)
    await gates.loop.wait()
    return number


@activity
async def swallows() -> None:
    while not gates.loop.is_set():
        with contextlib.suppress(asyncio.CancelledError):
            gates.active.append(1)
            await gates.loop.wait()


@activity
async def quick() -> None: ...
