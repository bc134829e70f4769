"""Counts its runs in a global, and every replay counts."""

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


turns = 0


@workflow
async def order(place: str) -> list[str]:
    global turns
    turns += 1  # here
    if turns % 2:
        return [await reserve("apple")]
    return [await charge("apple")]
