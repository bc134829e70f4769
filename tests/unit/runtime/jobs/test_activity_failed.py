"""An activity has failed for good."""

from __future__ import annotations

import asyncio

import pytest
from script import Script, fetch, names, result

from sagaline import ActivityError, workflow
from sagaline._model import events as e
from sagaline._runtime.bugs import UnknownStep


@workflow
async def careful() -> str:
    try:
        return await fetch("a")
    except ActivityError as error:
        return f"{error.activity} {error.type} {error.failure.message}"


def test_the_code_that_waits_is_told_by_an_exception() -> None:
    script = Script(careful)
    assert result(script.fails(1, "Declined")) == b'"fetch Declined it broke"'
    script.check_replay()


def test_a_failure_after_the_code_has_stopped_waiting_changes_nothing() -> None:
    @workflow
    async def hasty() -> str:
        first = asyncio.ensure_future(fetch("slow"))
        await fetch("quick")
        first.cancel()
        await fetch("more")
        return "done"

    script = Script(hasty)
    slow, quick = (2, 1)  # the task starts behind the call
    assert names(script.done(quick)) == ["fetch", "ActivityCancelRequested"]
    assert script.fails(slow) == []
    assert result(script.done(3)) == b'"done"'
    script.check_replay()


def test_a_failure_that_nobody_asked_for_is_told_to_replay() -> None:
    with pytest.raises(UnknownStep):
        Script(careful).fails(2)


def test_what_failed_clean_is_known_to_have_no_effect() -> None:
    script = Script(careful)
    (step,) = script.instance._loop.table.activities.values()
    script.fails(1, clean=True)
    assert step.outcome == "failed"
    script = Script(careful)
    (step,) = script.instance._loop.table.activities.values()
    script.fails(1, clean=False)
    assert step.outcome == "unknown"


def test_failures_of_one_activation_are_all_applied_before_the_code_runs() -> None:
    @workflow
    async def all_of_them() -> list[str]:
        outcomes = await asyncio.gather(fetch("a"), fetch("b"), return_exceptions=True)
        return [str(getattr(outcome, "type", outcome)) for outcome in outcomes]

    script = Script(all_of_them)
    failures = [e.ActivityFailed(step, 1, e.Failure(f"Kind{step}", "")) for step in (2, 1)]
    assert result(script.step(*failures)) == b'["Kind1","Kind2"]'
