"""Plain asyncio on the deterministic loop: gather, time-outs, locks, queues, sets, in an order that replay repeats."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
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


@pytest.mark.parametrize("seconds", [float("nan"), 1e300, 4e9])
def test_a_sleep_that_is_no_duration_is_a_bug_with_its_place(seconds: float) -> None:
    @workflow
    async def nap() -> None:
        await asyncio.sleep(seconds)

    with pytest.raises(WorkflowBug, match=r"at most 100 years ahead but got .*test_loop\.py"):
        Script(nap)


def test_a_sleep_for_ever_is_no_timer() -> None:
    @workflow
    async def waits() -> str:
        nap = asyncio.create_task(asyncio.sleep(float("inf")))
        await fetch("a")
        nap.cancel()
        return "up"

    script = Script(waits)
    assert names(script.commands) == ["fetch"]
    assert names(script.done(1)) == ["RunCompleted"]


@pytest.mark.parametrize("seconds", [-1e300, float("-inf"), -1.0, 0.0])
def test_a_sleep_that_is_over_is_no_timer(seconds: float) -> None:
    @workflow
    async def nap() -> str:
        await asyncio.sleep(seconds)
        return "up"

    assert result(Script(nap).commands) == b'"up"'


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


_ZOO = """
import asyncio
from script import Script, fetch, store
from sagaline import ApplicationError, saga, workflow
from sagaline._model import events as e

@workflow
async def sets() -> list[str]:
    tasks = {asyncio.create_task(fetch(str(n)), name=str(n)) for n in range(9)}
    first, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    done, pending = await asyncio.wait(rest)
    return [task.get_name() for task in (*first, *done)]

script = Script(sets)
script.step(*(e.ActivityCompleted(n, 1, b'"x"') for n in (7, 3)))
script.step(*(e.ActivityCompleted(n, 1, b'"x"') for n in (9, 8, 6, 5, 4, 2, 1)))
script.check_replay()
print(script.history)

@saga
async def branches() -> None:
    async def branch(name: str) -> None:
        try:
            await store(name)
            await asyncio.sleep(100)
        finally:
            await fetch("tidy " + name)
    async with asyncio.TaskGroup() as group:
        for n in range(5):
            group.create_task(branch(str(n)))
        await store("main")
        raise ApplicationError("no")

script = Script(branches)
waiting = list(script.commands)
while waiting:
    event = waiting.pop(0)
    if isinstance(event, e.ActivityScheduled):
        waiting += script.done(event.step, b"null" if event.activity == "remove" else b'"ok"')
script.check_replay()
print([[(type(event).__name__, getattr(event, "step", 0)) for event in record.events] for record in script.history])
"""


def test_order_is_the_same_in_every_process() -> None:
    """Sets of tasks, as asyncio makes them, and what a rollback does: whatever the seed of hashes."""
    support = Path(__file__).parents[2] / "support"
    path = f"{support}:{os.environ.get('PYTHONPATH', '')}"
    printed = {
        subprocess.run(
            [sys.executable, "-c", _ZOO],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": path},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(printed) == 1
    assert b"RunFailed" in printed.pop()


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
