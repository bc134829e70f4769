"""continue_as_new as the code sees it."""

from __future__ import annotations

import asyncio

import pytest
from script import Script, fetch, names

from sagaline import workflow
from sagaline._model import events as e
from sagaline._model.ids import successor_of
from sagaline._runtime import run
from sagaline._runtime.bugs import WorkflowBug


def continued(script: Script) -> bytes:
    last = script.commands[-1]
    assert isinstance(last, e.RunContinued)
    assert last.run_id == successor_of("r")
    return last.input


def test_the_run_ends_with_the_input_of_the_next_and_follows_itself_in_replay() -> None:
    @workflow
    async def counts(number: int, name: str = "x") -> None:
        try:
            await fetch("a")
            counts.continue_as_new(number + 1, name="y")
        except Exception:  # does not catch it
            raise AssertionError from None

    script = Script(counts, b"[1]")
    script.done(1)
    assert continued(script) == b'[2,"y"]'
    script.check_replay()


def test_it_leaves_through_groups_and_ends_what_runs_beside() -> None:
    @workflow
    async def grouped() -> None:
        async def beside() -> None:
            await fetch("b")

        async def ends() -> None:
            await fetch("a")
            workflow.continue_as_new()

        async with asyncio.TaskGroup() as group:
            group.create_task(beside())
            group.create_task(ends())

    script = Script(grouped)
    assert names(script.done(2)) == ["ActivityCancelRequested", "RunContinued"]
    script.check_replay()


def test_a_failure_beside_it_counts_more() -> None:
    @workflow
    async def both() -> None:
        async def fails() -> None:
            raise TimeoutError("late")

        async def ends() -> None:
            workflow.continue_as_new()

        async with asyncio.TaskGroup() as group:
            group.create_task(ends())
            group.create_task(fails())

    assert names(Script(both).commands) == ["RunFailed"]


def test_wrong_arguments_and_another_workflow_are_bugs_with_their_place() -> None:
    @workflow
    async def wrong(number: int) -> None:
        workflow.continue_as_new("many")

    @workflow
    async def another(number: int) -> None:
        wrong.continue_as_new(number)

    with pytest.raises(WorkflowBug, match="number"):
        Script(wrong, b"[1]")
    with pytest.raises(WorkflowBug, match="Expected another to continue as itself but it is to continue as wrong"):
        Script(another, b"[1]")


@pytest.mark.parametrize("rebuilds", [False, True])
def test_it_is_suggested_when_history_is_long_at_the_same_step_in_replay(
    rebuilds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "LONG_EVENTS", 20)

    @workflow
    async def long() -> None:
        while not workflow.info().continue_as_new_suggested:
            await fetch("a")
        workflow.continue_as_new()

    script = Script(long, rebuilds=rebuilds)
    step = 0
    while isinstance(script.commands[-1], e.ActivityScheduled):
        step += 1
        script.done(step)
    assert step == 10
    script.check_replay()
    monkeypatch.setattr(run, "LONG_EVENTS", 10**9)
    monkeypatch.setattr(run, "LONG_BYTES", 1_000)
    script = Script(long, rebuilds=rebuilds)
    assert names(script.done(1, b'"' + b"x" * 1_000 + b'"')) == ["RunContinued"]
    script.check_replay()
