"""Right uses of locks: both type checkers take them."""

from __future__ import annotations

from datetime import timedelta

from sagaline import Client, SagaLock, saga, workflow


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
