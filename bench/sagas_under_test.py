"""The workflows that the benchmarks run: three steps without real participants, a rollback, and a fan-out."""

from __future__ import annotations

import asyncio
from typing import Any

from sagaline import activity, saga, workflow


class Refused(Exception):
    """The third step says no."""


@activity
async def reserve(order: dict[str, Any]) -> dict[str, Any]:
    return {"reservation": "r-" + order["order_id"]}


@reserve.compensation
async def release(order: dict[str, Any], reservation: dict[str, Any] | None) -> None:
    pass


@activity
async def charge(order: dict[str, Any]) -> dict[str, Any]:
    return {"charge": "c-" + order["order_id"]}


@charge.compensation
async def refund(order: dict[str, Any], payment: dict[str, Any] | None) -> None:
    pass


@activity(refusals=(Refused,))
async def ship(order: dict[str, Any]) -> dict[str, Any]:
    if order.get("refused"):
        raise Refused("no such address")
    return {"tracking": "t-" + order["order_id"]}


@saga
async def order(given: dict[str, Any]) -> dict[str, Any]:
    await reserve(given)
    await charge(given)
    await ship(given)
    return {"order_id": given["order_id"], "status": "shipped"}


@activity
async def square(number: int) -> int:
    return number * number


@workflow
async def fan_out(count: int) -> int:
    return sum(await asyncio.gather(*(square(number) for number in range(count))))


@activity
async def weigh(parcel: str) -> int:
    return len(parcel)


@workflow
async def handle_parcel(parcel: str, pause_s: float) -> int:
    """For the flood: a payload that goes through, and sometimes a pause between two steps."""
    weight = await weigh(parcel)
    if pause_s:
        await asyncio.sleep(pause_s)
    return weight + await weigh(parcel[: len(parcel) // 2])


@workflow
async def nap(seconds: float) -> str:
    """A sleeper."""
    await asyncio.sleep(seconds)
    return "awake"
