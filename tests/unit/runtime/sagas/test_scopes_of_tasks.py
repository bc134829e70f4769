"""Parts of a workflow in tasks of their own, and the end of the run."""

from __future__ import annotations

import asyncio

import pytest
from script import Script, fetch, names, store

from sagaline import ActivityError, ApplicationError, saga, workflow
from sagaline._model import events as e
from sagaline._runtime.bugs import WorkflowBug


def test_a_bug_in_a_part_that_nobody_waits_for_parks_the_run() -> None:
    """The part would stay open, and the run with it."""

    @workflow
    async def order() -> None:
        async def part() -> None:
            async with saga():
                await store("a")
                raise LookupError("a bug")

        asyncio.ensure_future(part())  # noqa: RUF006
        await asyncio.sleep(60)

    script = Script(order)
    with pytest.raises(WorkflowBug, match="a bug"):
        script.done(next(event.step for event in script.commands if isinstance(event, e.ActivityScheduled)))


def test_parts_that_were_closed_by_a_rollback_around_them_keep_no_run_open() -> None:
    @workflow
    async def order() -> str:
        async def part() -> None:
            async with saga():
                await store("a")
                raise ApplicationError("inner")

        try:
            async with saga():
                asyncio.ensure_future(part())  # noqa: RUF006
                await fetch("outer")
        except ActivityError:
            pass
        return "done"

    script = Script(order)
    asked = {event.activity: event.step for event in script.commands if isinstance(event, e.ActivityScheduled)}
    script.done(asked["store"])
    (undo,) = (event for event in script.commands if isinstance(event, e.ActivityScheduled))
    script.fails(asked["fetch"])
    script.done(undo.step, b"null")
    assert names(script.commands)[-1] == "RunCompleted"
    script.check_replay()


def test_a_run_goes_on_as_another_when_its_parts_have_ended_and_begins_none_then() -> None:
    @workflow
    async def order() -> None:
        async def part(name: str) -> None:
            async with saga():
                await store(name)

        asyncio.ensure_future(part("a"))  # noqa: RUF006
        await asyncio.sleep(0)
        asyncio.ensure_future(part("late"))  # noqa: RUF006
        order.continue_as_new()

    script = Script(order)
    stored = [event.step for event in script.commands if isinstance(event, e.ActivityScheduled)]
    assert names(script.commands) == ["SagaBegan", "store", "SagaBegan", "store"]
    script.done(stored[0])
    assert names(script.done(stored[1])) == ["SagaEnded", "RunContinued"]

    @workflow
    async def another() -> str:
        async def part() -> None:
            async with saga():
                await store("late")

        asyncio.ensure_future(part())  # noqa: RUF006
        return "done"

    assert names(Script(another).commands) == ["RunCompleted"]
