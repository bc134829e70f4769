"""The next version, without a patch: a step gets its arguments in another order."""

from __future__ import annotations

from sagaline import activity, workflow


@activity
async def reserve(item: str, quantity: int = 1) -> str:
    return f"reserved {item}"


@activity
async def charge(item: str, quantity: int = 1) -> str:
    return f"charged {item}"


@activity
async def ship(item: str, quantity: int = 1) -> str:
    return f"shipped {item}"


@activity
async def move(source: str, target: str) -> str:
    return f"moved {source} to {target}"


@workflow
async def order(place: str) -> list[str]:
    first, second = place, "apple"
    reserved = await reserve(first)
    return [reserved, await move(second, first)]  # here
