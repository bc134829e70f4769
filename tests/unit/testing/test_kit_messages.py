"""Runs that receive signals, in an environment: classes and functions, time-outs while they wait."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from sagaline import Signal, workflow
from sagaline.testing import ReplayMismatch, Stuck, replay
from sagaline.testing.plugin import MakeEnvironment

approval = Signal[bool]("approval")


@workflow(signals=[approval])
async def ask() -> str:
    try:
        async with asyncio.timeout(3 * 86_400):
            return "yes" if await approval.receive() else "no"
    except TimeoutError:
        return "nobody"


@workflow
class Basket:
    def __init__(self, customer: str) -> None:
        self.items: list[str] = []
        self.closed = False

    @workflow.signal
    def add(self, item: str) -> None:
        self.items.append(item)

    @workflow.signal
    def close(self) -> None:
        self.closed = True

    @workflow.run
    async def run(self, customer: str) -> list[str]:
        await workflow.wait_condition(lambda: self.closed)
        return self.items


@workflow(name="Basket")
async def another(customer: str) -> list[str]:
    await workflow.sleep("1d")
    return []


async def test_a_signal_comes_before_the_time_is_over_or_it_does_not(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[ask]) as env:
        handle = await env.start(ask)
        await env.advance("2d")
        await handle.signal(approval, True)
        assert await handle.result() == "yes"
        begun = env.now
        assert await env.execute(ask) == "nobody"
        assert env.now - begun == timedelta(days=3)
        assert (await env.history("run-1")).lines[:2] == ["timer of 3d: cancelled", "signal received: approval"]


async def test_a_class_runs_is_signalled_and_replayed(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[Basket], replay_always=True) as env:
        handle = await env.start(Basket.run, "ann")
        await handle.signal(Basket.add, "pear")
        await handle.signal(Basket.close)
        assert await handle.result() == ["pear"]
        history = await handle.export()
        waiting = await env.start(Basket.run, customer="bob")
        with pytest.raises(Stuck, match="Does it wait for something that the test has not sent"):
            await waiting.result()
    replay(history, Basket)
    replay(history, Basket.run)
    with pytest.raises(ReplayMismatch):
        replay(history, another)
