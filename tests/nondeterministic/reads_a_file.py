"""Reads a file, which may have changed at the next replay. ``place`` is its path."""

from __future__ import annotations

from pathlib import Path

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


def read(place: str) -> str:
    return Path(place).read_text("utf-8").strip()  # here


@workflow
async def order(place: str) -> list[str]:
    if read(place) == "north":
        return [await reserve("apple")]
    return [await charge("apple")]
