"""An activity has a result."""

from __future__ import annotations

import asyncio

import pytest
from script import Script, fetch, names, result

from sagaline import workflow
from sagaline._model import events as e
from sagaline._runtime.bugs import UnknownStep, WorkflowBug


@workflow
async def one() -> str:
    return await fetch("a")


@workflow
async def impatient() -> str:
    try:
        await asyncio.wait_for(fetch("slow"), 5)
    except TimeoutError:
        await asyncio.sleep(60)
    return "late"


def test_the_code_that_waits_goes_on_with_it() -> None:
    script = Script(one)
    assert result(script.done(1, b'"A"')) == b'"A"'
    script.check_replay()


def test_a_result_after_the_code_has_stopped_waiting_changes_nothing() -> None:
    script = Script(impatient)
    timer, activity = sorted(script.commands, key=lambda command: isinstance(command, e.ActivityScheduled))
    assert isinstance(timer, e.TimerStarted)
    assert isinstance(activity, e.ActivityScheduled)
    script.step(e.TimerFired(timer.step), after_ms=5_000)
    assert names(script.commands) == ["ActivityCancelRequested", "TimerStarted"]
    sleep = script.commands[1]
    assert isinstance(sleep, e.TimerStarted)
    assert script.done(activity.step) == []
    assert result(script.step(e.TimerFired(sleep.step), after_ms=60_000)) == b'"late"'
    script.check_replay()


@pytest.mark.parametrize("step", [2, 0, -1])
def test_a_result_that_nobody_asked_for_is_told_to_replay(step: int) -> None:
    with pytest.raises(UnknownStep):
        Script(one).done(step)


def test_a_second_result_of_a_step_is_one_that_nobody_asked_for() -> None:
    @workflow
    async def two() -> None:
        await fetch("a")
        await fetch("b")

    script = Script(two)
    script.done(1)
    with pytest.raises(UnknownStep):
        script.done(1)


def test_a_recorded_result_that_does_not_fit_the_code_of_today_parks_the_run() -> None:
    with pytest.raises(WorkflowBug, match="Expected the result of fetch"):
        Script(one).done(1, b"7")


def test_with_a_cancellation_in_one_activation_both_are_seen() -> None:
    seen: list[str] = []

    @workflow
    async def both() -> None:
        try:
            seen.append(await fetch("a"))
            await fetch("b")
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    script = Script(both)
    script.step(e.CancelRequested("q", "enough"), e.ActivityCompleted(1, 1, b'"A"'))
    assert script.commands[-1] == e.RunCancelled("enough", False)
    assert seen == ["cancelled"], "the result is there, and the cancellation comes where the code waits"
    script.check_replay()
