"""A run that takes messages, waits for a child and a token, and goes on as another; its attempts wait for a gate."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from sagaline import activity, workflow

FOLDER = Path(os.environ.get("EFFECTS", "effects")).parent


@activity(timeout="2m")
async def gate(name: str) -> str:
    while not (FOLDER / name).exists():
        await asyncio.sleep(0.02)
    return name


@workflow
class Desk:
    def __init__(self) -> None:
        self.seen: list[int] = []
        self.token = ""
        self.closed = False

    @workflow.signal
    def add(self, number: int) -> None:
        self.seen.append(number)

    @workflow.signal
    def close(self) -> None:
        self.closed = True

    @workflow.query
    def count(self) -> int:
        return len(self.seen)

    @workflow.query
    def token_id(self) -> str:
        return self.token

    @workflow.update
    async def passes(self, name: str) -> str:
        return await gate(name)

    @workflow.run
    async def run(self) -> list[int]:
        token = workflow.token(int)
        self.token = token.id
        self.seen.append(await token.result())
        await workflow.wait_condition(lambda: self.closed)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.seen


@workflow
async def child(name: str) -> str:
    return f"child {await gate(name)}"


@workflow
async def parent(name: str) -> str:
    return f"parent of {await child(name)}"


@workflow
async def chained(number: int, last: int) -> int:
    if number == last // 2:
        await gate("chain")
    if number < last:
        chained.continue_as_new(number + 1, last)
    return number
