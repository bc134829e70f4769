"""Sets that asyncio makes: their order is that of the program, in workflows alone."""

from __future__ import annotations

import asyncio

from script import Script, fetch, names, result

from sagaline import workflow
from sagaline._model import events as e
from sagaline._runtime.flags import CURRENT, SETS_IN_ORDER
from sagaline._runtime.ordered_set import OrderedSet


def test_wait_returns_what_is_done_in_the_order_in_which_it_was_given() -> None:
    @workflow
    async def waits() -> list[str]:
        for _ in range(5):
            await asyncio.create_task(asyncio.sleep(0))  # the numbers of tasks begin in the middle of a table
        tasks = [asyncio.create_task(fetch(str(n)), name=f"fetch-{n}") for n in range(7)]
        done, pending = await asyncio.wait(tasks)
        return [task.get_name()[-1] for task in (*done, *pending)]

    script = Script(waits)
    for step in (5, 2, 7, 1, 6, 4, 3):
        script.done(step)
    assert result(script.commands) == b'["0","1","2","3","4","5","6"]'
    script.check_replay()


def test_as_completed_starts_coroutines_in_the_order_in_which_they_were_given() -> None:
    @workflow
    async def completes() -> list[str]:
        waste = [bytearray(n * 100) for n in range(20)]  # so that addresses do not just ascend
        coroutines = [fetch(str(n)) for n in range(9)]
        del waste
        others = [fetch(str(n)) for n in range(9, 20)]
        return [await each for each in asyncio.as_completed([*reversed(coroutines), *others])]

    script = Script(completes)
    asked = [event.input for event in script.commands if isinstance(event, e.ActivityScheduled)]
    assert asked == [b'["%d"]' % n for n in (*reversed(range(9)), *range(9, 20))]
    for step in range(1, 20):
        script.done(step, b'"%d"' % step)
    script.check_replay()


def test_a_task_group_cancels_in_the_order_of_start() -> None:
    order: list[int] = []

    @workflow
    async def group() -> None:
        async def branch(number: int) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                order.append(number)

        async def fail() -> None:
            raise ValueError("no")

        for _ in range(3):
            await asyncio.create_task(asyncio.sleep(0))
        try:
            async with asyncio.TaskGroup() as tasks:
                for number in range(9):
                    tasks.create_task(branch(number))
                tasks.create_task(fail())
        except* ValueError:
            pass

    Script(group)
    assert order == list(range(9))


def test_all_tasks_are_the_runs_own() -> None:
    @workflow
    async def looks() -> list[str]:
        tasks = [asyncio.create_task(fetch(str(n)), name=str(n)) for n in range(3)]
        names = sorted(task.get_name() for task in asyncio.all_tasks())
        for task in tasks:
            task.cancel()
        return names

    others = Script(looks)
    assert result(Script(looks).commands) == result(others.commands) == b'["0","1","2","main"]'


async def test_other_code_gets_the_sets_that_it_always_got() -> None:
    tasks = {asyncio.create_task(asyncio.sleep(0), name=str(n)) for n in range(3)}
    assert asyncio.all_tasks() >= tasks
    done, pending = await asyncio.wait(tasks)
    assert type(done) is type(pending) is set
    assert done == tasks
    async with asyncio.TaskGroup() as group:
        assert type(group._tasks) is set
    assert [await each for each in asyncio.as_completed([asyncio.sleep(0, 1)])] == [1]


def test_runs_from_before_keep_their_sets() -> None:
    kinds: list[type] = []

    @workflow
    async def waits() -> None:
        done, _ = await asyncio.wait([asyncio.create_task(fetch("a"))])
        kinds.append(type(done))

    old = tuple(flag for flag in CURRENT if flag != SETS_IN_ORDER)
    assert names(Script(waits, flags=old).done(1)) == names(Script(waits).done(1)) == ["RunCompleted"]
    assert kinds == [set, OrderedSet]
