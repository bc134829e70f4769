"""More constructs that docs/coming-from-temporal.md calls the same as elsewhere: queries, updates, children, long lives."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sagaline import ApplicationError, ChildError, RequestRefused, Signal, workflow
from sagaline.testing import Environment

MakeEnvironment = Callable[..., Environment]
added = Signal[int]("added")


@workflow
class Counter:
    def __init__(self, count: int) -> None:
        self.count = count
        self.closed = False

    @workflow.query
    def value(self) -> int:
        return self.count

    @workflow.update
    async def add(self, number: int) -> int:
        self.count += number
        await workflow.sleep("1h")
        return self.count

    @add.validator
    def check(self, number: int) -> None:
        if number < 0:
            raise ApplicationError("only upwards", type="Negative")

    @workflow.signal
    def close(self) -> None:
        self.closed = True

    @workflow.run
    async def run(self, count: int) -> int:
        await workflow.wait_condition(lambda: self.closed and workflow.all_handlers_finished())
        return self.count


@workflow
async def half(number: int) -> int:
    if number % 2:
        raise ApplicationError(f"{number} is odd")
    return number // 2


@workflow
async def halves(numbers: list[int]) -> list[int]:
    first = await workflow.start_child(half.options(id="first-half"), numbers[0])
    return [await first, *[await half(number) for number in numbers[1:]]]


@workflow
async def countdown(number: int) -> str:
    if number:
        countdown.continue_as_new(number - 1)
    return workflow.info().workflow_id


@workflow(signals=[added])
async def first_signal() -> int:
    return await added.receive()


async def test_queries(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[Counter]) as env:
        handle = await env.start(Counter.run, 5)
        assert await handle.query(Counter.value) == 5
        await handle.signal(Counter.close)
        assert await handle.result() == 5
        assert await handle.query("value") == 5


async def test_updates(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[Counter]) as env:
        handle = await env.start(Counter.run, 5)
        assert await handle.execute_update(Counter.add, 2, id="once") == 7
        assert await handle.execute_update(Counter.add, 2, id="once") == 7
        begun = await handle.start_update(Counter.add, 1)
        assert await begun.result() == 8
        with pytest.raises(RequestRefused, match="only upwards"):
            await handle.execute_update(Counter.add, -1)
        assert (env.now.hour, await handle.query(Counter.value)) == (2, 8)


async def test_children(sagaline_env: MakeEnvironment) -> None:
    @workflow
    async def tries(number: int) -> str:
        try:
            await half(number)
        except ChildError as error:
            return f"{error.status}: {error.type}"
        return "even"

    async with sagaline_env(workflows=[halves, half, tries]) as env:
        assert await env.execute(halves, [2, 4, 6]) == [1, 2, 3]
        assert (await env.client.handle("first-half").describe()).status == "completed"
        assert await env.execute(tries, 3) == "failed: ApplicationError"


async def test_continue_as_new(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[countdown]) as env:
        assert await env.execute(countdown, 3) == "run-1"
        assert len(await env.client.runs()) == 4


async def test_a_signal_with_the_start(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[first_signal]) as env:
        handle = await env.client.start(first_signal, id="a", signal=added.of(3))
        assert await handle.result() == 3


async def test_an_update_with_the_start(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[Counter]) as env:
        counter = env.client.with_start(Counter.run, 5, id="c")
        with pytest.raises(RequestRefused, match="only upwards") as refused:
            await counter.execute_update(Counter.add, -1)
        assert refused.value.run_id == counter.handle.run_id
        assert await counter.handle.query(Counter.value) == 5
        assert await counter.execute_update(Counter.add, 2, id="once") == 7
        begun = await env.client.with_start(Counter.run, 5, id="c").start_update(Counter.add, 2, id="once")
        assert await begun.result() == 7
        await counter.handle.signal(Counter.close)
        assert await counter.handle.result() == 7
