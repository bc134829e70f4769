"""Activations: what code may ask, how it ends, what it leaves behind."""

from __future__ import annotations

import asyncio

import pytest
from script import Script, fetch, result

from sagaline import ApplicationError, activity, workflow
from sagaline._model import events as e
from sagaline._runtime.bugs import WorkflowBug


def test_chance_and_ids_are_the_same_in_replay() -> None:
    @workflow
    async def chance() -> list[str]:
        first = str(workflow.uuid4())
        await fetch(first)
        return [first, str(workflow.random().randint(0, 10**9))]

    script, again = Script(chance), Script(chance)
    assert script.commands == again.commands
    assert script.done(1) == again.done(1)
    script.check_replay()


def test_a_failure_fails_the_run_and_anything_else_is_a_bug() -> None:
    @workflow
    async def fails(how: str) -> None:
        if how == "failure":
            raise ApplicationError("no", type="Refused")
        raise KeyError(how)

    (failed,) = Script(fails, b'["failure"]').commands
    assert isinstance(failed, e.RunFailed)
    assert failed.failure.type == "Refused"
    with pytest.raises(WorkflowBug, match="bug"):
        Script(fails, b'["bug"]')


def test_tasks_that_are_left_behind_end_with_the_run() -> None:
    seen: list[str] = []

    @workflow
    async def leaves() -> str:
        async def background() -> None:
            try:
                await asyncio.sleep(100)
            finally:
                seen.append("ended")

        kept = asyncio.create_task(background())
        await fetch("a")
        return kept.get_name()

    script = Script(leaves)
    script.done(1)
    assert result(script.commands)
    assert script.instance.finished
    assert seen == ["ended"]


def test_unregistered_activity_is_a_bug_that_says_what_to_do() -> None:
    @activity
    async def forgotten() -> None: ...

    @workflow
    async def uses() -> None:
        await forgotten()

    with pytest.raises(WorkflowBug, match=r"'forgotten' to be registered.*Add it to Worker\(activities"):
        Script(uses)
