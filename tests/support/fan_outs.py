"""Runs that ask for thousands of activities or children at once, and a neighbour on the same partition."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from scenario_book import effect
from three_modes import Code, Scenario

from sagaline import Client, Workflow, activity, workflow

NEIGHBOUR = "neighbour"
STEPS = 20


class Busy:
    """How many attempts run, and ran at most."""

    now = most = 0


@activity
async def weigh(number: int) -> int:
    """Of different lengths, so that results come in many activations."""
    Busy.now += 1
    Busy.most = max(Busy.most, Busy.now)
    try:
        await asyncio.sleep(number % 20 / 10)
    finally:
        Busy.now -= 1
    effect()
    return number


@workflow
async def weighs(numbers: int) -> int:
    return sum(await asyncio.gather(*(weigh(number) for number in range(numbers))))


@workflow
async def one(number: int) -> int:
    return number


@workflow
async def begins(numbers: int) -> int:
    return sum(await asyncio.gather(*(one(number) for number in range(numbers))))


@activity
async def look() -> None:
    """Takes no time."""


@workflow
async def looks(steps: int) -> None:
    """Each step needs a slot for its attempt."""
    for _ in range(steps):
        await look()


@workflow
async def naps(steps: int) -> None:
    """Each step needs nothing but its partition."""
    for _ in range(steps):
        await asyncio.sleep(0.001)


CODE = Code([weighs, one, begins, looks, naps], [weigh, look])


def fans_out(fan: Workflow[Any, Any], numbers: int) -> Scenario:
    """One run that fans out, alone."""

    async def scenario(client: Client) -> int:
        return int(await client.execute(fan, numbers, id="fan"))

    return scenario


def beside(fan: Workflow[Any, Any], numbers: int, neighbour: Workflow[Any, Any]) -> Scenario:
    """The same beside a neighbour that takes its steps. Returns how many seconds of the virtual clock it took."""

    async def scenario(client: Client) -> float:
        loop = asyncio.get_running_loop()
        handle = await client.start(fan, numbers, id="fan")
        begin_s = loop.time()
        await client.execute(neighbour, STEPS, id=NEIGHBOUR)
        took_s = loop.time() - begin_s
        assert await handle.result(600) == sum(range(numbers))
        return took_s

    return scenario


def longest_gap(order: list[str]) -> int:
    """How many records of other runs stand between two of the neighbour's at most."""
    places = [place for place, workflow_id in enumerate(order) if workflow_id == NEIGHBOUR]
    return max(after - before - 1 for before, after in itertools.pairwise(places))
