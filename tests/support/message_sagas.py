"""Workflows that handle messages, for tests."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, ClassVar

from sagaline import ApplicationError, Signal, activity, workflow


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

    @workflow.query
    def count(self) -> int:
        return sum(item.count for item in self.items)

    @workflow.query(name="has-item")
    def has(self, name: str) -> bool:
        return any(item.name == name for item in self.items)

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


@workflow
class Nosy:
    """Its queries do what queries may not."""

    def __init__(self) -> None:
        self.asked = 0
        self.told: list[str] = []
        self.event = asyncio.Event()

    @workflow.query
    def counts(self) -> int:
        self.asked += 1
        return self.asked

    @workflow.query
    def appends(self) -> int:
        self.told.append("asked")
        return len(self.told)

    @workflow.query
    def calls(self) -> None:
        asyncio.get_running_loop().create_task(asyncio.sleep(1))

    @workflow.query
    def sleeps(self) -> None:
        asyncio.get_running_loop().call_later(5, print)

    @workflow.query
    def wakes(self) -> None:
        self.event.set()

    @workflow.query
    def draws(self) -> float:
        return workflow.random().random()

    @workflow.query
    def raises(self) -> None:
        raise LookupError("nothing there")

    @workflow.query
    def lies(self) -> int:
        return "no number"  # type: ignore[return-value]

    @workflow.query
    def leaves(self) -> None:
        raise SystemExit(3)

    @workflow.query
    def stands(self) -> tuple[int, int]:
        return self.asked, len(self.told)

    @workflow.signal
    def wake(self) -> None:
        self.event.set()

    @workflow.run
    async def run(self) -> str:
        await self.event.wait()
        return "done"


class TooMuch(ApplicationError):
    pass


@workflow
class Account:
    """Updates with a validator, quick and slow; ``validated`` counts the validator's calls in this process."""

    validated: ClassVar[list[int]] = []

    def __init__(self) -> None:
        self.balance = 0
        self.closed = asyncio.Event()

    @workflow.update
    def deposit(self, cents: int) -> int:
        self.balance += cents
        return self.balance

    @deposit.validator
    def check_deposit(self, cents: int) -> None:
        Account.validated.append(cents)
        if cents <= 0:
            raise ApplicationError("give something", type="NotPositive")
        if cents == 13:
            self.balance = 13
        if cents == 14:
            raise SystemExit(3)

    @workflow.update(name="pay-out")
    async def pay(self, cents: int) -> str:
        if cents > self.balance:
            raise TooMuch(f"only {self.balance}")
        self.balance -= cents
        return await note(f"paid {cents}")

    @workflow.update
    async def hang(self) -> None:
        await asyncio.sleep(1_000)

    @workflow.update
    def break_it(self) -> None:
        raise LookupError("a bug")

    @workflow.update
    def lie(self) -> int:
        return "no number"  # type: ignore[return-value]

    @workflow.query
    def stands(self) -> int:
        return self.balance

    @workflow.signal
    def close(self) -> None:
        self.closed.set()

    @workflow.run
    async def run(self) -> int:
        await self.closed.wait()
        return self.balance


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


WORKFLOWS: list[Any] = [Basket, Strict, Nosy, Account, adds, patient]
ACTIVITIES = [note]
