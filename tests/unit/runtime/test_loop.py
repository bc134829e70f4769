"""Plain asyncio on the deterministic loop: gather, time-outs, locks, queues, sets, in an order that replay repeats."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import Any

import pytest
from script import Script, fetch, names, result

from sagaline import ActivityError, workflow
from sagaline._model import events as e
from sagaline._runtime.bugs import WorkflowBug


def test_gather_runs_in_parallel_and_keeps_order() -> None:
    @workflow
    async def both() -> list[str]:
        return list(await asyncio.gather(fetch("a"), fetch("b"), fetch("c")))

    script = Script(both)
    assert names(script.commands) == ["fetch", "fetch", "fetch"]
    assert script.done(2, b'"B"') == []
    assert script.step(e.ActivityCompleted(3, 1, b'"C"'), e.ActivityCompleted(1, 1, b'"A"'))[-1:] != []
    assert result(script.commands) == b'["A","B","C"]'
    script.check_replay()


def test_a_task_group_cancels_its_other_tasks() -> None:
    @workflow
    async def group() -> str:
        found = "fine"
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(fetch("a"))
                tasks.create_task(fetch("b"))
        except* ActivityError as errors:
            found = f"{len(errors.exceptions)} failed"
        return found

    script = Script(group)
    assert names(script.fails(1)) == ["ActivityCancelRequested", "RunCompleted"]
    assert result(script.commands) == b'"1 failed"'
    script.check_replay()


def test_sleep_is_a_durable_timer_that_never_fires_early() -> None:
    @workflow
    async def sleepy() -> float:
        before = workflow.now()
        await asyncio.sleep(2.0005)
        return (workflow.now() - before).total_seconds()

    script = Script(sleepy)
    (timer,) = script.commands
    assert isinstance(timer, e.TimerStarted)
    assert timer.due_at == 1_001 + 2_001
    script.step(e.TimerFired(1), after_ms=3_000)
    assert float(result(script.commands)) >= 2.0005
    script.check_replay()


def test_timeout_and_wait_for_and_shield() -> None:
    @workflow
    async def impatient() -> list[str]:
        found = []
        try:
            async with asyncio.timeout(5):
                await fetch("slow")
        except TimeoutError:
            found.append("timeout")
        try:
            await asyncio.wait_for(fetch("slower"), 5)
        except TimeoutError:
            found.append("wait_for")
        kept = asyncio.ensure_future(fetch("kept"))
        try:
            await asyncio.wait_for(asyncio.shield(kept), 5)
        except TimeoutError:
            found.append("shield")
        found.append(await kept)
        return found

    script = Script(impatient)
    assert names(script.commands) == ["TimerStarted", "fetch"]
    assert names(script.step(e.TimerFired(1), after_ms=5_000)) == [
        "ActivityCancelRequested",
        "TimerStarted",
        "fetch",
    ] or (names(script.commands) == ["ActivityCancelRequested", "fetch", "TimerStarted"])
    timers = [one.step for one in script.commands if isinstance(one, e.TimerStarted)]
    script.step(e.TimerFired(timers[0]), after_ms=5_000)
    timers = [one.step for one in script.commands if isinstance(one, e.TimerStarted)]
    kept = next(one.step for one in script.commands if isinstance(one, e.ActivityScheduled))
    script.step(e.TimerFired(timers[0]), after_ms=5_000)
    assert script.commands == []
    script.done(kept, b'"late"')
    assert result(script.commands) == b'["timeout","wait_for","shield","late"]'
    script.check_replay()


def test_locks_queues_events_semaphores_and_conditions() -> None:
    @workflow
    async def zoo() -> list[str]:
        seen: list[str] = []
        lock, semaphore, event = asyncio.Lock(), asyncio.Semaphore(2), asyncio.Event()
        queue: asyncio.Queue[str] = asyncio.Queue(1)
        condition = asyncio.Condition()

        async def one(name: str) -> None:
            async with semaphore, lock:
                seen.append(await fetch(name))
            await queue.put(name)

        async def consume() -> None:
            for _ in range(3):
                seen.append("got " + await queue.get())
            event.set()
            async with condition:
                condition.notify_all()

        async def watch() -> None:
            async with condition:
                await condition.wait()
            await event.wait()
            seen.append("noticed")

        await asyncio.gather(watch(), one("a"), one("b"), one("c"), consume())
        return seen

    script = Script(zoo)
    for step in (1, 2, 3):
        script.done(step, b'"%d"' % step)
    assert result(script.commands) == b'["1","got a","2","got b","3","got c","noticed"]'
    script.check_replay()


_SETS = """
import asyncio
from sagaline._runtime.instance import Instance
from sagaline._runtime.definitions import Registry
from sagaline._runtime.run import RunInfo
from sagaline._runtime.setup import Setup
from sagaline._model import events as e
from sagaline import activity, workflow
@activity
async def fetch(name: str) -> str: ...
@workflow
async def first() -> list[str]:
    tasks = {asyncio.create_task(fetch(str(n)), name=str(n)) for n in range(9)}
    done, pending = await asyncio.wait(tasks)
    return [task.get_name() for task in done]
registry = Registry([first.definition], [fetch.definition])
one = Instance(RunInfo(first.definition, "w", "r"), Setup(registry))
one.activate([e.RunStarted("first", b"[]", "q", "", 0, "")], 1)
print(one.activate([e.ActivityCompleted(n, 1, b'"x"') for n in range(1, 10)], 2)[-1].result)
"""


def test_sets_of_tasks_have_the_same_order_in_every_process() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", _SETS], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1


@pytest.mark.parametrize(
    ("uses", "what"),
    [
        (lambda: asyncio.to_thread(print), "run_in_executor"),
        (lambda: asyncio.open_connection("127.0.0.1", 1), "create_connection"),
        (lambda: asyncio.create_subprocess_exec("true"), "subprocess_exec"),
        (lambda: asyncio.get_running_loop().add_signal_handler(1, print), "add_signal_handler"),
    ],
)
def test_threads_and_io_are_refused_with_place_and_advice(uses: Any, what: str) -> None:
    @workflow
    async def forbidden() -> None:
        await uses()

    with pytest.raises(WorkflowBug, match=rf"test_loop.py:\d+ uses .*{what}.*@activity"):
        Script(forbidden)
