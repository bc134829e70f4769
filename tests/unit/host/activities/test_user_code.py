"""The task factory touches the tasks of activities and no others."""

from __future__ import annotations

import asyncio

import pytest
from activity_bench import bench

from sagaline import activity
from sagaline._host.activities.user_code import TaskExit, UserCode


@activity
async def makes_tasks() -> list[str]:
    async def inner() -> asyncio.Task[None]:
        return asyncio.create_task(asyncio.sleep(0))

    task = asyncio.create_task(inner())
    innermost = await task
    await innermost
    return [type(made.get_coro()).__name__ for made in (task, innermost)]


async def test_tasks_of_activities_are_watched_and_others_are_as_they_were() -> None:
    async with bench(makes_tasks) as made:
        made.start(makes_tasks)
        (result,) = await made.all(1)
        assert result.result == b'["UserCode","UserCode"]'
        assert made.options.running.code is None
        other = asyncio.create_task(asyncio.sleep(0))
        assert not isinstance(other.get_coro(), UserCode)
        await other


async def test_what_an_activity_has_the_loop_call_later_is_not_taken_for_its_code() -> None:
    """Logs in memory deliver by call_soon, in the context of whoever has published: the engine's tasks, too."""
    made_later: list[asyncio.Task[None]] = []

    @activity
    async def publishes() -> None:
        asyncio.get_running_loop().call_soon(lambda: made_later.append(asyncio.create_task(asyncio.sleep(0))))

    async with bench(publishes) as made:
        made.start(publishes)
        await made.all(1)
        (task,) = made_later
        assert not isinstance(task.get_coro(), UserCode)
        await task


async def test_an_earlier_task_factory_is_still_asked() -> None:
    loop, seen = asyncio.get_running_loop(), []

    def factory(loop: asyncio.AbstractEventLoop, coro: object, **options: object) -> asyncio.Task[None]:
        seen.append(coro)
        return asyncio.Task(coro, loop=loop, **options)  # type: ignore[arg-type, call-overload]

    loop.set_task_factory(factory)  # type: ignore[arg-type]
    async with bench(makes_tasks) as made:
        made.start(makes_tasks)
        (result,) = await made.all(1)
        assert result.failure is None
        assert len(seen) >= 3


async def test_a_task_that_is_cancelled_before_it_begins_leaves_nothing_unawaited() -> None:
    """Warnings are errors here."""

    @activity
    async def cancels() -> None:
        task = asyncio.create_task(asyncio.sleep(60))
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    async with bench(cancels) as made:
        made.start(cancels)
        (result,) = await made.all(1)
        assert result.failure is None


async def test_a_task_group_and_a_time_out_behave_as_their_documentation_says() -> None:
    @activity
    async def groups() -> str:
        async def fails() -> None:
            raise ValueError("no")

        with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012
            async with asyncio.TaskGroup() as group:
                group.create_task(fails())
                group.create_task(asyncio.sleep(60))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.create_task(asyncio.sleep(60))
        with pytest.raises(TaskExit):
            await asyncio.shield(asyncio.create_task(leaves()))
        return repr(caught.value.exceptions[0])

    async def leaves() -> None:
        raise SystemExit

    async with bench(groups) as made:
        made.start(groups)
        (result,) = await made.all(1)
        assert result.result == b"\"ValueError('no')\"", result.failure
