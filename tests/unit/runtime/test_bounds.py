"""Code that goes on and on inside one activation parks its run, with reason and place, and nothing else."""

from __future__ import annotations

import asyncio

import pytest
from script import Script, fetch, result, setup_of

from sagaline import workflow
from sagaline._model import events as e
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.instance import Instance
from sagaline._runtime.run import RunInfo
from sagaline._runtime.setup import Bounds

SMALL = Bounds(callbacks=1_000, commands=20, input_bytes=2_000, tasks=50)
OLD = (1, 2)


def test_a_loop_that_waits_for_nothing_is_stopped_with_its_place() -> None:
    @workflow
    async def spins() -> None:
        async def inner() -> None:
            while True:
                await asyncio.sleep(0)

        await inner()

    with pytest.raises(WorkflowBug, match=r"1,000 callbacks .*test_bounds.py:\d+ \(task 'main'\)") as caught:
        Script(spins, bounds=SMALL)
    assert caught.value.failure.type == "ActivationTooLarge"
    assert not caught.value.failure.retryable


def test_the_bound_that_production_has_is_reached_within_seconds() -> None:
    @workflow
    async def spins() -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(WorkflowBug, match="1,000,000 callbacks"):
        Script(spins)


def test_two_tasks_that_play_ball_are_stopped_too() -> None:
    @workflow
    async def ball() -> None:
        left: asyncio.Queue[int] = asyncio.Queue()
        right: asyncio.Queue[int] = asyncio.Queue()

        async def player(take: asyncio.Queue[int], give: asyncio.Queue[int]) -> None:
            while True:
                await give.put(await take.get())

        await left.put(1)
        await asyncio.gather(player(left, right), player(right, left))

    with pytest.raises(WorkflowBug, match=r"callbacks .*test_bounds.py:\d+ \(task 'task-"):
        Script(ball, bounds=SMALL)


def test_a_callback_that_calls_itself_is_named() -> None:
    @workflow
    async def echoes() -> None:
        def again() -> None:
            asyncio.get_running_loop().call_soon(again)

        again()

    with pytest.raises(WorkflowBug, match=r"the callback .*again"):
        Script(echoes, bounds=SMALL)


def test_callbacks_are_counted_by_activation_and_a_long_run_has_as_many_as_it_wants() -> None:
    @workflow
    async def steady() -> int:
        count = 0
        for _ in range(5):
            await fetch("a")
            for _ in range(900):
                await asyncio.sleep(0)
                count += 1
        return count

    script = Script(steady, bounds=SMALL)
    for step in range(1, 6):
        script.done(step)
    assert result(script.commands) == b"4500"
    script.check_replay()


@pytest.mark.parametrize("swallows", [False, True])
def test_commands_of_an_activation_are_bounded(swallows: bool) -> None:
    @workflow
    async def greedy() -> None:
        calls = [asyncio.ensure_future(fetch(str(n))) for n in range(21)]
        try:
            await asyncio.gather(*calls)
        except BaseException:
            if not swallows:
                raise

    with pytest.raises(WorkflowBug, match=r"20 activities and timers .* the code at task 'task-\d+'"):
        Script(greedy, bounds=SMALL)


def test_timers_that_are_started_and_stopped_count_as_well() -> None:
    @workflow
    async def impatient() -> None:
        while True:
            try:
                async with asyncio.timeout(60):
                    await asyncio.sleep(0)
            except Exception:
                pass

    with pytest.raises(WorkflowBug, match=r"20 activities and timers .*test_bounds.py:\d+"):
        Script(impatient, bounds=SMALL)


def test_arguments_of_an_activation_are_bounded_in_bytes() -> None:
    @workflow
    async def heavy() -> None:
        await asyncio.gather(*(fetch("x" * 500) for _ in range(5)))

    with pytest.raises(WorkflowBug, match=r"2,000 bytes of arguments .* task 'task-\d+'"):
        Script(heavy, bounds=SMALL)


@pytest.mark.parametrize("swallows", [False, True])
def test_tasks_of_an_activation_are_bounded(swallows: bool) -> None:
    @workflow
    async def forks() -> None:
        async def idle() -> None:
            await asyncio.Event().wait()

        kept = []
        for _ in range(60):
            try:
                kept.append(asyncio.create_task(idle()))
            except BaseException:
                if not swallows:
                    raise

    with pytest.raises(WorkflowBug, match=r"50 new tasks .*test_bounds.py:\d+"):
        Script(forks, bounds=SMALL)


def test_what_is_bounded_live_is_bounded_alike_in_replay_and_runs_from_before_the_bounds_go_on() -> None:
    @workflow
    async def works(turns: int) -> str:
        for _ in range(turns):
            await asyncio.sleep(0)
        return await fetch("a")

    old = Script(works, b"[5000]", flags=OLD, bounds=SMALL)
    old.done(1)
    assert result(old.commands) == b'"ok"'
    old.check_replay()
    with pytest.raises(WorkflowBug, match="10,000 callbacks"):
        Script(works, b"[50000]", flags=OLD, bounds=SMALL)
    started = e.RunStarted("works", b"[5000]", "q", "", 0, "")
    instance = Instance(RunInfo(works.definition, "w", "r"), setup_of(works, bounds=SMALL))
    with pytest.raises(WorkflowBug, match="1,000 callbacks"):
        instance.replay([started], 1, [])
