"""anyio on the loop of a run: cancel scopes, task groups, streams, and code that absorbs its cancellation."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from script import Script, fetch, names, result

from sagaline import workflow
from sagaline._model import events as e
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.setup import Bounds


def test_a_task_group_with_events_locks_and_a_memory_stream() -> None:
    @workflow
    async def zoo() -> list[str]:
        seen: list[str] = []
        send, receive = anyio.create_memory_object_stream[str](1)
        opened, lock, limiter = anyio.Event(), anyio.Lock(), anyio.CapacityLimiter(2)

        async def produce(name: str) -> None:
            await opened.wait()
            async with limiter, lock:
                await send.send(await fetch(name))

        async with send, receive, anyio.create_task_group() as tasks:
            for name in "abc":
                tasks.start_soon(produce, name)
            await anyio.sleep(1)
            opened.set()
            for _ in range(3):
                seen.append(await receive.receive())
        return seen

    script = Script(zoo)
    script.step(e.TimerFired(1), after_ms=1_000)
    for step in (2, 3, 4):
        script.done(step, b'"%d"' % step)
    assert result(script.commands) == b'["2","3","4"]'
    script.check_replay()


def test_time_outs_of_scopes_with_a_shielded_clean_up() -> None:
    @workflow
    async def impatient() -> list[str]:
        seen: list[str] = []
        with anyio.move_on_after(5) as scope:
            try:
                await fetch("slow")
            finally:
                with anyio.CancelScope(shield=True):
                    seen.append(await fetch("tidy"))
        seen.append(f"cancelled: {scope.cancelled_caught}")
        try:
            with anyio.fail_after(0.1):
                await anyio.sleep(10)
        except TimeoutError:
            seen.append("late")
        return seen

    script = Script(impatient)
    assert names(script.commands) == ["TimerStarted", "fetch"]
    assert names(script.step(e.TimerFired(1), after_ms=5_000)) == ["ActivityCancelRequested", "fetch"]
    assert names(script.done(3)) == ["TimerStarted", "TimerStarted"]
    assert names(script.step(e.TimerFired(4), after_ms=100)) == ["TimerCancelled", "RunCompleted"]
    assert result(script.commands) == b'["ok","cancelled: True","late"]'
    script.check_replay()


def test_a_failing_branch_cancels_its_scopes_in_the_order_of_start() -> None:
    """Scopes have no hash but their address: anyio's set of them is ordered here."""
    order: list[int] = []

    @workflow
    async def branches() -> str:
        async def branch(number: int) -> None:
            with anyio.CancelScope():
                try:
                    await anyio.sleep_forever()
                finally:
                    order.append(number)

        waste = []
        try:
            async with anyio.create_task_group() as tasks:
                for number in range(20):
                    waste.append(bytearray(number * 1_000))
                    tasks.start_soon(branch, number)
                del waste[::2]
                await fetch("a")
                raise ValueError("no")
        except* ValueError:
            pass
        return "failed"

    assert result(Script(branches).done(1)) == b'"failed"'
    assert order == list(range(20))


def test_code_that_absorbs_its_cancellation_gets_no_further_than_a_bound() -> None:
    turns: list[int] = []

    @workflow
    async def absorbs() -> str:
        work = asyncio.ensure_future(fetch("work"))
        with anyio.CancelScope() as scope:
            scope.cancel()
            while not work.done():
                try:
                    await asyncio.shield(work)
                except asyncio.CancelledError:
                    turns.append(1)
        return await work

    script = Script(absorbs)
    assert names(script.commands) == ["fetch"]
    assert 0 < len(turns) < 5_000, "it waits for something: it is woken when that comes"
    assert result(script.done(1, b'"done"')) == b'"done"'
    script.check_replay()


def test_code_that_absorbs_it_and_waits_for_nothing_is_a_bug_with_its_place() -> None:
    @workflow
    async def absorbs() -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    pass

    with pytest.raises(WorkflowBug, match=r"20,000 callbacks.*test_anyio.py:\d+"):
        Script(absorbs, bounds=Bounds(callbacks=20_000))


def test_deadlines_are_reached_whatever_the_rounding() -> None:
    """anyio asks whether the time has come and sets its timer again if it has not."""

    @workflow
    async def naps() -> int:
        count = 0
        for milliseconds in range(1, 60):
            with anyio.move_on_after(milliseconds / 1_000 + 0.000_000_3):
                await anyio.sleep_forever()
            count += 1
        return count

    script = Script(naps, bounds=Bounds(callbacks=2_000))
    script.now_ms = 1_764_086_400_123
    while isinstance(timer := script.commands[-1], e.TimerStarted):
        script.step(e.TimerFired(timer.step), after_ms=max(1, timer.due_at - script.now_ms))
    assert result(script.commands) == b"59"
    script.check_replay()


def test_anyio_may_be_imported_at_any_time() -> None:
    """Its module is seen to before each new instance; other code has its usual sets."""
    code = """
import asyncio
from script import Script, fetch, result
from sagaline import workflow
from sagaline._runtime.ordered_set import OrderedSet
@workflow
async def plain() -> None: ...
Script(plain)
import anyio
@workflow
async def kind() -> str:
    return type(anyio.CancelScope()._tasks).__name__
assert result(Script(kind).commands) == b'"OrderedSet"'
async def outside():
    return type(anyio.CancelScope()._tasks)
assert asyncio.run(outside()) is set
"""
    path = f"{Path(__file__).parents[2] / 'support'}:{os.environ.get('PYTHONPATH', '')}"
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, check=True)
