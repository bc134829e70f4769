"""Activities of the tests of a queue's worker: what has begun, and a gate that some wait at."""

from __future__ import annotations

import asyncio
from typing import Any

from sagaline import activity
from sagaline._model.limits import PAYLOAD_BYTES

ran: list[Any] = []


class Gate:
    """Shut when a test begins: an event of asyncio belongs to one loop."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def shut(self) -> None:
        self._event = asyncio.Event()
        ran.clear()

    def open(self) -> None:
        self._event.set()

    async def passed(self) -> None:
        await self._event.wait()


gate = Gate()


@activity
async def double(number: int) -> int:
    ran.append(number)
    return 2 * number


@activity
async def wait(number: int) -> int:
    ran.append(number)
    await gate.passed()
    return number


@activity
async def told() -> dict[str, Any]:
    info = activity.info()
    undone = info.compensates
    return {
        "key": info.idempotency_key,
        "attempt": info.attempt,
        "run": info.run_id,
        "undoes": undone and [undone.idempotency_key, undone.outcome],
    }


@activity
async def fail() -> None:
    raise ConnectionError("no")


@activity
async def large() -> str:
    return "x" * PAYLOAD_BYTES


@activity
def in_thread(number: int) -> int:
    return number + 1


ACTIVITIES = [double, wait, told, fail, large, in_thread]
