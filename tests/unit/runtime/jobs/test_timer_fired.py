"""A timer is due."""

from __future__ import annotations

import asyncio

import pytest
from script import Script, fetch, names, result

from sagaline import workflow
from sagaline._model import events as e
from sagaline._runtime.bugs import UnknownStep


@workflow
async def sleepy() -> str:
    await asyncio.sleep(5)
    return "awake"


def test_its_callback_runs() -> None:
    script = Script(sleepy)
    assert result(script.step(e.TimerFired(1), after_ms=5_000)) == b'"awake"'
    script.check_replay()


def test_a_timer_that_nobody_started_or_that_was_stopped_is_told_to_replay() -> None:
    with pytest.raises(UnknownStep):
        Script(sleepy).step(e.TimerFired(2))

    @workflow
    async def quick() -> None:
        async with asyncio.timeout(60):
            await fetch("a")
        await fetch("b")

    script = Script(quick)
    assert names(script.commands) == ["TimerStarted", "fetch"]
    assert names(script.done(2)) == ["TimerCancelled", "fetch"]
    with pytest.raises(UnknownStep):
        script.step(e.TimerFired(1), after_ms=60_000)


def test_timers_of_one_activation_run_in_the_order_of_their_events() -> None:
    @workflow
    async def several() -> list[int]:
        order: list[int] = []

        async def nap(seconds: int) -> None:
            await asyncio.sleep(seconds)
            order.append(seconds)

        await asyncio.gather(nap(3), nap(1), nap(2))
        return order

    script = Script(several)
    fired = [e.TimerFired(step) for step in (2, 3, 1)]
    assert result(script.step(*fired, after_ms=10_000)) == b"[1,2,3]"
    script.check_replay()


def test_a_time_out_and_the_result_in_one_activation_are_decided_alike_in_replay() -> None:
    @workflow
    async def race() -> str:
        try:
            return await asyncio.wait_for(fetch("a"), 5)
        except TimeoutError:
            return "timeout"

    outcomes = set()
    for result_first in (True, False):
        script = Script(race)
        timer = next(command.step for command in script.commands if isinstance(command, e.TimerStarted))
        activity = next(command.step for command in script.commands if isinstance(command, e.ActivityScheduled))
        jobs = [e.ActivityCompleted(activity, 1, b'"A"'), e.TimerFired(timer)]
        outcomes.add(result(script.step(*(jobs if result_first else reversed(jobs)), after_ms=5_000)))
        script.check_replay()
    assert outcomes <= {b'"A"', b'"timeout"'}
