"""Wrong uses of the public API, one a line that ends in "# wrong": both type checkers reject each, and no other line."""

from __future__ import annotations

from dataclasses import dataclass

from sagaline import Client, activity, saga


@dataclass
class Order:
    id: str


@activity
async def reserve(order: Order) -> str:
    return order.id


@saga
async def fulfil(order: Order) -> int:
    await reserve("1")  # wrong
    await reserve(order, order)  # wrong
    await reserve(ordr=order)  # wrong
    number: int = await reserve(order)  # wrong
    return number


@saga
def not_async(order: Order) -> int:  # the line of the decorator or of the function
    return 1


async def use(client: Client) -> None:
    await client.start(fulfil, "1", id="x")  # wrong
    await client.start(fulfil, id="x")  # wrong
    await client.start(fulfil, Order("1"))  # wrong
    text: str = await client.execute(fulfil, Order("1"), id="x")  # wrong
    print(text)
