"""Right uses of the public API: both type checkers accept all of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import assert_type

from sagaline import Client, Retry, Worker, activity, saga, workflow


@dataclass
class Order:
    id: str


@activity
async def reserve(order: Order) -> str:
    return order.id


@activity(timeout="10s", retry=Retry(attempts=3))
def charge(order: Order, *, cents: int) -> int:
    return cents


@reserve.compensation
async def release(order: Order, reservation: str | None) -> None: ...


@charge.compensation(timeout="5s")
def refund(order: Order, cents: int) -> None: ...


@saga
async def fulfil(order: Order, gift: bool = False) -> int:
    assert_type(await reserve(order), str)
    assert_type(await charge.options(timeout="1m")(order, cents=5), int)
    both = await asyncio.gather(reserve(order), charge(order, cents=1))
    both_typed: tuple[str, int] = both
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(reserve(order))
    assert_type(task.result(), str)
    return both_typed[1]


@workflow(name="named")
async def plain() -> None: ...


async def use() -> None:
    worker = Worker("memory://x", workflows=[fulfil, plain], activities=[reserve, charge])
    async with worker, await Client.connect("memory://x") as client:
        handle = await client.start(fulfil, Order("1"), id="order-1")
        assert_type(await handle.result(), int)
        assert_type(await client.execute(fulfil, Order("1"), True, id="order-2"), int)
        assert_type(await client.execute(plain, id="p"), None)
