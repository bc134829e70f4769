"""What runs, what waits, and what comes of it at the end."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

import pytest
from activity_bench import Bench, bench
from gated_activities import failed_types, gates, hangs, quick, short, swallows, waits
from harness import eventually

from sagaline import activity

# The clock


async def test_attempts_that_wait_for_a_thread_do_not_time_out() -> None:
    """Fault 5: 40 attempts of 50 ms, two threads, a limit of 300 ms: 20 of them had timed out in the queue."""
    async with bench(short, activity_threads=2) as made:
        for _ in range(40):
            made.start(short, timeout_s=0.3)
        await made.all(40)
        assert failed_types(made) == []


async def test_attempts_that_wait_for_a_slot_on_the_loop_do_not_time_out() -> None:
    @activity
    async def sleeps() -> None:
        await asyncio.sleep(0.05)

    async with bench(sleeps, concurrent_activities=2) as made:
        for _ in range(20):
            made.start(sleeps, timeout_s=0.3)
        await made.all(20)
        assert failed_types(made) == []


async def test_the_deadline_that_an_activity_is_told_begins_when_it_does() -> None:
    @activity
    def tell() -> float:
        gates.threads.wait(0.2)
        return activity.info().deadline - time.time()

    async with bench(tell, activity_threads=1) as made:
        for _ in range(3):
            made.start(tell, timeout_s=30)
        await made.all(3)
        assert all(29 < float(result.result or b"0") < 30 for result in made.results)


# Two lanes


async def test_full_threads_do_not_hold_up_the_loop_and_the_loop_not_the_threads() -> None:
    async with bench(hangs, waits, quick, short, activity_threads=1, concurrent_activities=1) as made:
        made.start(hangs)
        made.start(hangs)
        made.start(quick)
        await made.all(1)
        made.start(waits)
        made.start(quick)
        await asyncio.sleep(0.02)
        assert len(made.results) == 1  # the second waits for the first of its kind
        gates.threads.set()
        await made.all(3)
        gates.loop.set()
        await made.all(5)


async def test_those_that_wait_begin_in_the_order_they_came() -> None:
    async with bench(hangs, waits, activity_threads=1, concurrent_activities=1) as made:
        for number in range(5):
            made.start(hangs, number)
        gates.threads.set()
        await made.all(5)
        assert gates.active == [0, 1, 2, 3, 4]
        for number in range(5, 10):
            made.start(waits, number)
        gates.loop.set()
        await made.all(10)
        assert gates.active == list(range(10))


async def test_one_that_was_cancelled_while_it_waited_does_not_run_and_takes_no_place() -> None:
    async with bench(hangs, activity_threads=1) as made:
        made.start(hangs, 0)
        steps = [made.start(hangs, number) for number in range(1, 4)]
        await eventually(lambda: gates.active == [0])
        made.cancel(steps[0])
        made.forget(steps[1])
        await made.all(1)
        assert failed_types(made) == ["Cancelled"]
        assert made.runner.occupancy["threads"].waiting == 1
        gates.threads.set()
        await made.all(3)
        assert gates.active == [0, 3]


# The end


async def test_draining_starts_nothing_and_waits_no_longer_than_its_grace() -> None:
    async with bench(hangs, waits, swallows, short, concurrent_activities=5, activity_threads=1) as made:
        made.start(waits)
        made.start(swallows)
        made.start(hangs)
        made.start(short)
        await eventually(lambda: len(gates.active) == 3)
        began = time.monotonic()
        await made.runner.drain(0.1)
        assert time.monotonic() - began < 20
        assert made.results == []
        gates.threads.set()
        await made.all(1)
        assert made.runner.occupancy["threads"].waiting == 1


async def test_what_ends_within_the_grace_is_reported() -> None:
    async with bench(waits) as made:
        made.start(waits)
        await asyncio.sleep(0)
        gates.loop.set()
        await made.runner.drain(60)
        assert [result.result for result in made.results] == [b"0"]


async def test_after_closing_nothing_of_the_users_runs_on_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else ``asyncio.run`` waits for ever for what swallows its cancellation."""

    @activity
    async def with_child() -> None:
        async def child() -> None:
            while True:
                with contextlib.suppress(BaseException):
                    gates.active.append(2)
                    await asyncio.sleep(60)

        await asyncio.create_task(child())

    made = Bench([swallows, with_child])
    made.start(swallows)
    made.start(with_child)
    await eventually(lambda: len(gates.active) == 2)
    others = asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]
    made.runner.close()
    made.pools.close()
    for task in others:
        task.cancel()
    async with asyncio.timeout(20):
        await asyncio.gather(*others, return_exceptions=True)
    assert made.results == []


async def test_hung_threads_do_not_outlive_the_process() -> None:
    assert all(thread.daemon for thread in threading.enumerate() if thread.name.startswith("sagaline-activity"))
    async with bench(hangs) as made:
        made.start(hangs)
        await eventually(lambda: gates.active)
        (thread,) = [one for one in threading.enumerate() if one.name.startswith("sagaline-activity")]
        assert thread.daemon
    gates.threads.set()
    await asyncio.to_thread(thread.join, 20)
    assert not thread.is_alive()
