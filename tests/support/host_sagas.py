"""Workflows and activities of the tests of the host."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from sagaline import ApplicationError, Retry, activity, saga, workflow

QUICK = Retry(attempts=3, first_interval="5ms")


attempts: Counter[str] = Counter()


keys: set[str] = set()


@activity(retry=QUICK, timeout="50ms")
async def act(what: str) -> str:
    return await perform(what)


@activity(retry=QUICK, timeout="50ms")
def act_in_thread(what: str) -> str:
    attempts[what] += 1
    keys.add(activity.info().idempotency_key)
    if what == "slow":
        time.sleep(0.2)
    return what


async def perform(what: str) -> str:
    attempts[what] += 1
    keys.add(activity.info().idempotency_key)
    if what == "third time" and activity.info().attempt < 3:
        raise ConnectionError(what)
    if what == "never":
        raise ConnectionError(what)
    if what == "pointless":
        raise ApplicationError(what, type="Pointless", retryable=False)
    if what == "hangs":
        await asyncio.sleep(60)
    return what


@act.compensation
async def undo(what: str, done: str | None) -> None:
    attempts[f"undo {what} {done}"] += 1


@workflow
async def one(what: str) -> str:
    return await act(what)


@workflow
async def one_in_thread(what: str) -> str:
    return await act_in_thread(what)


@saga
async def waits() -> None:
    await act("a")
    await asyncio.sleep(60)


@workflow
async def sleeps(seconds: float) -> float:
    before = workflow.now()
    await asyncio.sleep(seconds)
    return (workflow.now() - before).total_seconds()


@activity
async def measure(text: str) -> int:
    return len(text)


@workflow
async def large(count: int) -> int:
    return sum(await asyncio.gather(*(measure("x" * 200_000) for _ in range(count))))


@workflow
async def many(count: int) -> int:
    return sum(await asyncio.gather(*(measure("x") for _ in range(count))))


WORKFLOWS = [one, one_in_thread, waits, sleeps, large, many]


ACTIVITIES = [act, act_in_thread, measure]


@workflow
async def buggy() -> None:
    raise LookupError("no such thing")


@workflow
async def buggy_later() -> None:
    await asyncio.sleep(1_000)
