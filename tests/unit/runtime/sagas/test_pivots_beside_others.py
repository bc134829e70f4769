"""A pivot in one task, and what happens in others meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from script import Script, fetch, names, store

from sagaline import activity, saga, workflow
from sagaline._model import events as e
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.definitions import Registry
from sagaline._runtime.flags import CURRENT, HELD_CANCELLATION_AT_ONCE
from sagaline._runtime.setup import Setup


@activity(pivot=True)
async def pay(name: str) -> str:
    return name


@activity(retriable=True)
async def ship(name: str) -> str:
    return name


def script_of(code: Any) -> Script:
    return Script(
        code, setup=Setup(Registry([code.definition], [each.definition for each in (fetch, store, pay, ship)]))
    )


def scheduled(script: Script) -> e.ActivityScheduled:
    (event,) = [event for event in script.commands if isinstance(event, e.ActivityScheduled)]
    return event


@pytest.mark.parametrize("is_saga", [True, False])
def test_a_failure_beside_a_pivot_waits_for_it(is_saga: bool) -> None:
    """Else what could still have been undone then stands undone beside a pivot that is done."""

    async def body() -> None:
        await store("a")
        await asyncio.gather(pay("a"), fetch("beside"))

    @saga(name="order")
    async def whole() -> None:
        await body()

    @workflow(name="order")
    async def part() -> None:
        async with saga():
            await body()

    def failed() -> tuple[Script, int]:
        script = script_of(whole if is_saga else part)
        script.done(scheduled(script).step)
        paying, beside = (event.step for event in script.commands if isinstance(event, e.ActivityScheduled))
        assert script.fails(beside) == [], "nobody knows yet whether it is paid"
        return script, paying

    script, paying = failed()
    assert names(script.fails(paying, "CardDeclined", clean=True)) == ["remove"]
    script, paying = failed()
    with pytest.raises(WorkflowBug, match="no failure behind the pivot pay"):
        script.done(paying)


def _part_beside() -> Script:
    @workflow
    async def order() -> None:
        async def part() -> None:
            async with saga():
                await store("a")
                await pay("a")
                await ship("a")

        await asyncio.gather(part(), fetch("beside"))
        await asyncio.Event().wait()

    return script_of(order)


@pytest.mark.parametrize("why", ["a person", "a failure"])
def test_what_ends_the_run_waits_for_a_part_in_another_task_that_is_beyond_its_pivot(why: str) -> None:
    """It would be cancelled where nothing rolls back, and the run never end."""
    script = _part_beside()
    steps = {event.activity: event.step for event in script.commands if isinstance(event, e.ActivityScheduled)}
    script.done(steps["store"])
    script.done(scheduled(script).step)
    shipping = scheduled(script).step
    if why == "a person":
        assert script.step(e.CancelRequested("q", "enough")) == []
    else:
        assert script.fails(steps["fetch"]) == []
    script.done(shipping)
    if why == "a person":
        assert names(script.commands) == ["SagaEnded", "ActivityCancelRequested", "RunCancelled"]
    else:
        assert names(script.commands) == ["SagaEnded", "RunFailed"]
    script.check_replay()


@pytest.mark.parametrize("goes_on", [True, False])
@pytest.mark.parametrize("flagged", [True, False])
def test_a_cancellation_that_a_part_has_held_back_ends_the_run_where_the_part_ends(
    goes_on: bool, flagged: bool
) -> None:
    """Else a run goes on as another before it is delivered, and that one knows nothing of it (seed 762)."""

    @workflow
    async def order() -> str:
        async with saga():
            await pay("a")
            await ship("a")
        if goes_on:
            order.continue_as_new()
        return "shipped"

    script = Script(
        order,
        setup=Setup(Registry([order.definition], [each.definition for each in (pay, ship)])),
        flags=CURRENT if flagged else tuple(flag for flag in CURRENT if flag != HELD_CANCELLATION_AT_ONCE),
    )
    script.done(scheduled(script).step)
    shipping = scheduled(script).step
    assert script.step(e.CancelRequested("q", "enough")) == [], "behind the pivot"
    *_, end = script.done(shipping)
    assert isinstance(end, e.RunContinued if goes_on and not flagged else e.RunCancelled)
    script.check_replay()
