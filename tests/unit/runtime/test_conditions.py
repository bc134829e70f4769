"""workflow.wait_condition: asked whenever the code is quiet."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from script import Script, fetch, names, result

from sagaline import workflow
from sagaline._model import events as e
from sagaline._runtime.bugs import WorkflowBug


def test_it_returns_at_once_if_it_holds_and_else_when_it_does() -> None:
    @workflow
    async def waits() -> list[str]:
        seen: list[str] = []
        await workflow.wait_condition(lambda: True)

        async def work(name: str) -> None:
            seen.append(await fetch(name))

        async with asyncio.TaskGroup() as tasks:
            for name in "abc":
                tasks.create_task(work(name))
            await workflow.wait_condition(lambda: len(seen) >= 2)
            seen.append("two")
        return seen

    script = Script(waits)
    for step in (1, 2, 3):
        script.done(step, b'"%d"' % step)
    assert result(script.commands) == b'["1","2","two","3"]'
    script.check_replay()


def test_it_is_asked_when_the_code_is_quiet_and_again_after_it_has_woken() -> None:
    @workflow
    async def counts() -> list[int]:
        stock, seen = 0, []

        async def use() -> None:
            nonlocal stock
            await workflow.wait_condition(lambda: stock > 0)
            stock -= 1  # two are woken by one piece: only one of them gets it
            seen.append(stock)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(use())
            tasks.create_task(use())
            await fetch("first")
            stock += 1
            await asyncio.sleep(0)
            stock -= 1
            await asyncio.sleep(0)
            stock += 1  # what held in between was never seen
            await fetch("second")
            stock += 1
        return seen

    script = Script(counts)
    assert script.done(1) != []
    assert result(script.done(2)) == b"[0,0]"
    script.check_replay()


@pytest.mark.parametrize("limit", [2, "2s", timedelta(seconds=2)])
def test_its_time_out_is_a_durable_timer(limit: float | str | timedelta) -> None:
    @workflow
    async def waits() -> str:
        try:
            await workflow.wait_condition(lambda: False, timeout=limit)
        except TimeoutError:
            return "late"
        return "in time"

    script = Script(waits)
    (timer,) = script.commands
    assert isinstance(timer, e.TimerStarted)
    assert timer.due_at == script.now_ms + 2_000
    assert result(script.step(e.TimerFired(1), after_ms=2_000)) == b'"late"'
    script.check_replay()


def test_a_condition_that_holds_in_time_ends_its_timer() -> None:
    @workflow
    async def waits() -> None:
        ready: list[str] = []

        async def work() -> None:
            ready.append(await fetch("a"))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(work())
            await workflow.wait_condition(lambda: bool(ready), "1h")

    script = Script(waits)
    assert names(script.done(2)) == ["TimerCancelled", "RunCompleted"]
    script.check_replay()


def test_what_a_predicate_raises_is_raised_where_it_is_waited_for() -> None:
    @workflow
    async def waits() -> str:
        stock: dict[str, int] = {"a": 0}

        async def sell() -> None:
            await fetch("a")
            del stock["a"]

        task = asyncio.create_task(sell())
        try:
            await workflow.wait_condition(lambda: stock["a"] > 0)
        except KeyError as error:
            await task
            return f"no {error.args[0]}"
        return ""

    script = Script(waits)
    assert result(script.done(1)) == b'"no a"'
    script.check_replay()


def test_an_async_predicate_is_a_bug_with_its_place() -> None:
    async def holds() -> bool:
        return True

    @workflow
    async def waits() -> None:
        await workflow.wait_condition(holds)

    with pytest.raises(WorkflowBug, match=r"a plain function but it is async \(.*test_conditions.py:\d+"):
        Script(waits)


def test_a_cancelled_wait_is_forgotten() -> None:
    asked: list[int] = []

    @workflow
    async def waits() -> str:
        task = asyncio.create_task(workflow.wait_condition(lambda: bool(asked.append(1))))
        await asyncio.sleep(0)
        task.cancel()
        return await fetch("a")

    script = Script(waits)
    count = len(asked)
    script.done(1)
    assert len(asked) == count == 1
