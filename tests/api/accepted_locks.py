"""Right uses of locks and of outcomes: both type checkers take them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import assert_type

from sagaline import Client, SagaLock, saga, workflow
from sagaline.client import SagaOutcome


@saga
async def holds_locks(account: str) -> int:
    async with workflow.lock(f"account-{account}", lease="5m", wait="30s") as lock:
        await lock.renew(timedelta(minutes=5))
        number: int = lock.fencing_token
    other: SagaLock = workflow.lock(account, wait=False, until="block")
    await other.acquire()
    other.release()
    return number


async def looks_at_locks(client: Client) -> str | None:
    for lock in await client.locks.list():
        print(lock.name, [waiter.workflow_id for waiter in lock.waiters])
    return (await client.locks.describe("account-7", timeout="5s")).held_by


@workflow(outcomes="brief")
async def told() -> None: ...


@saga(outcomes="full")
async def told_in_full() -> None: ...


async def reads_outcomes(client: Client, since: datetime) -> None:
    assert_type(client.outcomes("beginning", follow=False), AsyncIterator[SagaOutcome])
    async for outcome in client.outcomes(since):
        assert_type(outcome.is_parked, bool)
        assert_type(outcome.rollback_at, datetime | None)
