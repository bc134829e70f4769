"""Faults of activities as users have met them, by the public API alone: a worker, a client, a log in memory."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from harness import running

from sagaline import ActivityError, ApplicationError, Retry, RunError, activity, saga, workflow

ONCE = Retry(attempts=1)
undone: list[str] = []
calls: list[str] = []


@pytest.fixture
def url() -> str:
    undone.clear()
    calls.clear()
    return f"memory://a{uuid.uuid4().hex}?partitions=1"


@activity(timeout="300ms", retry=ONCE)
def short_in_thread() -> str:
    time.sleep(0.05)
    return "done"


@short_in_thread.compensation
async def undo(result: str | None) -> None:
    undone.append("undone")


@saga
async def one_step() -> str:
    return await short_in_thread()


async def test_attempts_that_wait_for_a_thread_do_not_time_out(url: str) -> None:
    """Fault 5: 20 of these 40 runs had timed out in the queue, and were compensated."""
    async with running(url, [one_step], [short_in_thread], activity_threads=2) as (_, client):
        handles = [await client.start(one_step, id=f"r{number}") for number in range(40)]
        assert [await handle.result(60) for handle in handles] == ["done"] * 40
    assert undone == []


@activity(timeout="100ms", retry=ONCE)
async def swallows() -> str:
    ends_at = time.monotonic() + 3
    while time.monotonic() < ends_at:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.1)
    came_late.append("swallows")
    return "late"


came_late: list[str] = []


@workflow
async def calls_swallows() -> str:
    return await swallows()


async def test_an_async_activity_that_swallows_cancellation_times_out(url: str) -> None:
    """Fault 6: it had succeeded, after three seconds."""
    async with running(url, [calls_swallows], [swallows], stop_grace=0) as (_, client):
        came_late.clear()
        with pytest.raises(RunError, match=r"within 0\.1 s"):
            await client.execute(calls_swallows, id="s")
        assert not came_late, "it is told at its deadline"


class Untold(BaseException):
    pass


class NoInit(ApplicationError):
    def __init__(self) -> None:
        pass


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


WAYS: dict[str, Callable[[], BaseException]] = {
    "sys.exit": lambda: SystemExit(3),
    "KeyboardInterrupt": KeyboardInterrupt,
    "GeneratorExit": GeneratorExit,
    "BaseException": Untold,
    "CancelledError": asyncio.CancelledError,
    "NoInit": NoInit,
    "Unprintable": lambda: Unprintable("x"),
}


def leave(way: str) -> None:
    calls.append(way)
    if len(calls) == 1:
        if way == "sys.exit":
            sys.exit(3)
        raise WAYS[way]()


@activity(retry=Retry(attempts=2, first_interval="1ms"))
async def leaves(way: str) -> str:
    await asyncio.sleep(0)
    leave(way)
    return "second time"


@activity(retry=Retry(attempts=2, first_interval="1ms"))
async def leaves_in_a_task(way: str) -> str:
    await asyncio.create_task(_left(way))
    return "second time"


async def _left(way: str) -> None:
    leave(way)


@activity(retry=Retry(attempts=2, first_interval="1ms"))
def leaves_in_thread(way: str) -> str:
    leave(way)
    return "second time"


Step = Callable[[str], Coroutine[Any, Any, str]]
STEPS: dict[str, Step] = {"loop": leaves, "task": leaves_in_a_task, "thread": leaves_in_thread}


@workflow
async def runs(step: str, way: str) -> str:
    return await STEPS[step](way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("step", STEPS)
async def test_whatever_an_attempt_raises_fails_it_and_the_next_one_runs(url: str, step: str, way: str) -> None:
    """Faults 19, 20, 28: they had ended the worker, again at each restart, or left the attempt open for ever."""
    async with running(url, [runs], [leaves, leaves_in_a_task, leaves_in_thread]) as (_, client):
        async with asyncio.timeout(20):
            assert await client.execute(runs, step, way, id="r") == "second time"
    assert len(calls) == 2


@activity(retry=Retry(attempts=5, first_interval="1ms"))
async def wrong_type() -> float:
    calls.append("wrong_type")
    return "seven"  # type: ignore[return-value]


@activity
async def none_at_all() -> float:
    return None  # type: ignore[return-value]


@activity
def wrong_in_thread() -> list[int]:
    return [1, "two"]  # type: ignore[list-item]


@workflow
async def catches(name: str) -> str:
    step: Any = {"wrong_type": wrong_type, "none_at_all": none_at_all, "wrong_in_thread": wrong_in_thread}[name]
    try:
        return str(await step())
    except ActivityError as error:
        return f"{error.type}: {error}"


@pytest.mark.parametrize("name", ["wrong_type", "none_at_all", "wrong_in_thread"])
async def test_a_result_of_another_type_fails_the_step(url: str, name: str) -> None:
    """Fault 21: it had been recorded; the run parked when it read it."""
    async with running(url, [catches], [wrong_type, none_at_all, wrong_in_thread]) as (_, client):
        async with asyncio.timeout(20):
            caught = await client.execute(catches, name, id="c")
        assert caught.startswith("InvalidOutput")
    assert len(calls) == (1 if name == "wrong_type" else 0)  # no attempt would be better than the first


@activity(retry=Retry(attempts=1))
async def loud() -> None:
    raise RuntimeError("page " * 300_000)


@workflow
async def calls_loud() -> None:
    await loud()


async def test_a_message_without_end_is_cut(url: str) -> None:
    """Fault 1."""
    async with running(url, [calls_loud], [loud]) as (_, client):
        with pytest.raises(RunError) as caught:
            await client.execute(calls_loud, id="l")
        assert len(str(caught.value)) < 10_000


gate = threading.Event()


@activity(timeout="100ms", retry=ONCE)
def hangs() -> None:
    gate.wait()


@activity
async def quick() -> str:
    return "quick"


@workflow
async def calls_hangs() -> None:
    await hangs()


@workflow
async def calls_quick() -> str:
    return await quick()


async def test_when_all_threads_hang_runs_of_async_activities_go_on_and_those_of_threads_when_they_can(
    url: str,
) -> None:
    """Fault 5: the attempts that wait had stopped the reading of inputs for ever."""
    gate.clear()
    options: dict[str, Any] = {"activity_threads": 1, "concurrent_activities": 2}
    async with running(url, [calls_hangs, calls_quick], [hangs, quick], **options) as (_, client):
        handles = [await client.start(calls_hangs, id=f"h{number}") for number in range(10)]
        with pytest.raises(RunError, match="within"):
            await handles[0].result(20)
        for number in range(20):
            async with asyncio.timeout(20):
                assert await client.execute(calls_quick, id=f"q{number}") == "quick"
        gate.set()
        for handle in handles[1:]:
            await handle.result(20)
