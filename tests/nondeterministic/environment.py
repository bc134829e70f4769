"""Takes the way that an environment variable says."""

from __future__ import annotations

import os

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
    if os.environ.get("SAGALINE_TEST_REGION") == "north":  # here
        return [await reserve("apple")]
    return [await charge("apple")]
