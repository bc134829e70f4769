"""Workflows whose steps are run by workers of the queue "gpu"; each execution leaves a trace."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from sagaline import Retry, activity, saga, workflow


@activity(queue="gpu", timeout="60s")
async def scan(number: int) -> int:
    """Goes on until there is a file that says so."""
    trace = Path(os.environ["EFFECTS"])
    with trace.open("a") as file:
        file.write(f"{number} {activity.info().attempt}\n")
    while not trace.with_name("go").exists():
        await asyncio.sleep(0.02)
    return 2 * number


@workflow
async def scanned(number: int) -> int:
    return await scan(number)


# What a worker in Java has


@activity(name="ship", queue="java")
async def ship(order: str) -> str:
    raise NotImplementedError


@activity(name="count", queue="java")
async def count(order: str) -> int:
    raise NotImplementedError


@activity(name="refuse", queue="java")
async def refuse(order: str) -> str:
    raise NotImplementedError


@activity(name="hang", queue="java", timeout="1s", retry=Retry(attempts=1))
async def hang(order: str) -> str:
    raise NotImplementedError


undone: list[tuple[str, str | None]] = []


@ship.compensation
async def unship(order: str, shipment: str | None) -> None:
    undone.append((order, shipment))


@saga
async def shipped(order: str, then: str) -> tuple[str, int]:
    shipment = await ship(order)
    counted = await count(order)
    if then == "refuse":
        await refuse(order)
    elif then == "hang":
        await hang(order)
    return shipment, counted
