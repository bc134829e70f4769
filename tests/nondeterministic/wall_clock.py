"""Takes the way that the machine's clock says."""

from __future__ import annotations

import time

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
    if time.time_ns() // 1_000 % 2:  # here
        return [await reserve("apple")]
    return [await charge("apple")]
