"""The next version, without a patch: two steps in the other order."""

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


@workflow
async def order(place: str) -> list[str]:
    charged = await charge("apple", 2)  # here
    reserved = await reserve("apple", 2)
    return [reserved, charged, await ship("apple", 2)]
