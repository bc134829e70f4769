"""Attempts that are stopped before they begin, and what one attempt leaves to the next."""

from __future__ import annotations

import asyncio
import contextvars

from activity_bench import bench
from harness import eventually

from sagaline import activity
from sagaline._model.failure import CANCELLED

ran: list[str] = []
seen: contextvars.ContextVar[str] = contextvars.ContextVar("seen", default="nothing")


@activity
async def runs() -> None:
    ran.append("runs")


async def test_one_that_is_cancelled_before_it_begins_never_runs_and_is_reported() -> None:
    ran.clear()
    async with bench(runs) as made:
        made.cancel(made.start(runs))
        failure = await made.failure()
        assert (failure.kind, failure.retryable) == (CANCELLED, False)
        await eventually(lambda: made.runner.occupancy["tasks"].running == 0)
        assert ran == []


async def test_one_that_is_forgotten_before_it_begins_never_runs_and_leaves_its_slot() -> None:
    ran.clear()
    async with bench(runs, concurrent_activities=1) as made:
        made.forget(made.start(runs))
        last = made.start(runs)
        await made.all(1)
        assert [result.step for result in made.results] == [last]
        assert ran == ["runs"]


async def test_one_whose_task_somebody_else_cancels_before_it_begins_is_reported_and_leaves_its_slot() -> None:
    """Code that cancels all tasks that it can find: of such a task nothing runs, not even what would tell."""
    ran.clear()
    async with bench(runs) as made:
        for _ in range(4):  # one begins in the turn in which the deadlines of another are set
            made.start(runs)
            for task in asyncio.all_tasks():
                if task.get_name() == "runs":
                    task.cancel()
            await asyncio.sleep(0)
        await made.all(4)
        assert [result.failure.kind for result in made.results if result.failure] == [CANCELLED] * 4
        assert ran == []
        assert made.runner.occupancy["tasks"].running == 0


async def test_context_variables_that_an_attempt_sets_are_gone_when_it_has_ended() -> None:
    """The attempts begin and end in each other's turns: none of that is in another's context, or in the engine's."""

    @activity
    async def looks() -> str:
        before = seen.get()
        seen.set("set by an attempt")
        return before

    async with bench(looks, concurrent_activities=1) as made:
        contexts: list[str] = []
        made.on_report = lambda: contexts.append(seen.get())
        seen.set("set by who has started them")
        for _ in range(3):
            made.start(looks)
        await made.all(3)
        assert {result.result for result in made.results} == {b'"nothing"'}
        assert set(contexts) == {"nothing"}


async def test_an_attempt_that_cancels_itself_and_returns_has_its_result() -> None:
    @activity
    async def returns() -> str:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        return "done"

    async with bench(returns) as made:
        made.start(returns)
        (result,) = await made.all(1)
        assert result.result == b'"done"'
