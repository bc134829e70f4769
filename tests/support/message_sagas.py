"""Workflows that handle messages, for tests."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from sagaline import Signal, activity, workflow


@dataclass
class Item:
    name: str
    count: int = 1


@activity
async def note(text: str) -> str:
    return text


@workflow
class Basket:
    """Collects until it is closed."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.noted: list[str] = []
        self.others: list[str] = []
        self.closed = False

    @workflow.signal
    def add(self, item: Item) -> None:
        self.items.append(item)

    @workflow.signal(name="add-many")
    def add_many(self, name: str, count: int) -> None:
        self.items.append(Item(name, count))

    @workflow.signal
    async def write(self, text: str) -> None:
        self.noted.append(await note(text))

    @workflow.signal(dynamic=True)
    def other(self, name: str, args: list[Any]) -> None:
        self.others.append(f"{name}{args}")

    @workflow.signal
    def close(self) -> None:
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    waiter: asyncio.Future[None] | None = None

    @workflow.run
    async def run(self) -> list[str]:
        if not self.closed:
            self.waiter = asyncio.get_running_loop().create_future()
            await self.waiter
        return [f"{item.name}:{item.count}" for item in self.items] + self.noted + self.others


@workflow
class Strict:
    def __init__(self, limit: int) -> None:
        self.limit, self.seen = limit, list[int]()
        self.full = asyncio.Event()

    @workflow.signal
    def put(self, number: int) -> None:
        self.seen.append(number)
        if len(self.seen) >= self.limit:
            self.full.set()

    @workflow.run
    async def run(self, limit: int) -> list[int]:
        await self.full.wait()
        return self.seen


numbers = Signal[int]("numbers")
words = Signal[str]("words")


@workflow(signals=[numbers, words])
async def adds(count: int) -> int:
    return sum([await numbers.receive() for _ in range(count)])


@workflow(signals=[numbers, words])
async def patient(seconds: float) -> str:
    try:
        async with asyncio.timeout(seconds):
            return await words.receive()
    except TimeoutError:
        return words.receive_nowait("nothing")


WORKFLOWS: list[Any] = [Basket, Strict, adds, patient]
ACTIVITIES = [note]
