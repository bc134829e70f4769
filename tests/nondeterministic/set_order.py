"""Starts steps in the order of a set of texts: another order in a process with another hash seed."""

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
    names = {"apple", "banana", "cherry", "damson", "elder"}
    return [await reserve(name) for name in names]  # here
