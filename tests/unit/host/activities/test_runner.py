"""What runs, what waits, and what goes on when it should have ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Iterator

import pytest
from activity_bench import PLACE, Bench, bench
from harness import eventually

from sagaline import activity
from sagaline._host.activities import runner, stragglers

gate = threading.Event()
loop_gate = asyncio.Event()
active: list[int] = []


@pytest.fixture(autouse=True)
def gates() -> Iterator[None]:
    global loop_gate
    gate.clear()
    active.clear()
    loop_gate = asyncio.Event()
    yield
    gate.set()


@pytest.fixture
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stragglers, "FIRST_LOOK_S", 0.02)
    monkeypatch.setattr(stragglers, "_GROWTH", 1)


@activity
def short() -> None:
    time.sleep(0.05)


@activity
def hangs(number: int = 0) -> int:
    active.append(number)
    gate.wait()
    return number


@activity
async def waits(number: int = 0) -> int:
    active.append(number)
    await loop_gate.wait()
    return number


@activity
async def swallows() -> None:
    while not loop_gate.is_set():
        with contextlib.suppress(asyncio.CancelledError):
            active.append(1)
            await loop_gate.wait()


@activity
async def quick() -> None: ...


def failures(made: Bench) -> list[str]:
    return [result.failure.type for result in made.results if result.failure]


# The clock


async def test_attempts_that_wait_for_a_thread_do_not_time_out() -> None:
    """Fault 5: 40 attempts of 50 ms, two threads, a limit of 300 ms: 20 of them had timed out in the queue."""
    async with bench(short, activity_threads=2) as made:
        for _ in range(40):
            made.start(short, timeout_s=0.3)
        await made.all(40)
        assert failures(made) == []


async def test_attempts_that_wait_for_a_slot_on_the_loop_do_not_time_out() -> None:
    @activity
    async def sleeps() -> None:
        await asyncio.sleep(0.05)

    async with bench(sleeps, concurrent_activities=2) as made:
        for _ in range(20):
            made.start(sleeps, timeout_s=0.3)
        await made.all(20)
        assert failures(made) == []


async def test_the_deadline_that_an_activity_is_told_begins_when_it_does() -> None:
    @activity
    def tell() -> float:
        gate.wait(0.2)
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
        gate.set()
        await made.all(3)
        loop_gate.set()
        await made.all(5)


async def test_those_that_wait_begin_in_the_order_they_came() -> None:
    async with bench(hangs, waits, activity_threads=1, concurrent_activities=1) as made:
        for number in range(5):
            made.start(hangs, number)
        gate.set()
        await made.all(5)
        assert active == [0, 1, 2, 3, 4]
        for number in range(5, 10):
            made.start(waits, number)
        loop_gate.set()
        await made.all(10)
        assert active == list(range(10))


async def test_one_that_was_cancelled_while_it_waited_does_not_run_and_takes_no_place() -> None:
    async with bench(hangs, activity_threads=1) as made:
        made.start(hangs, 0)
        steps = [made.start(hangs, number) for number in range(1, 4)]
        await eventually(lambda: active == [0])
        made.cancel(steps[0])
        made.forget(steps[1])
        await made.all(1)
        assert failures(made) == ["Cancelled"]
        assert made.runner.occupancy["threads"].waiting == 1
        gate.set()
        await made.all(3)
        assert active == [0, 3]


# What does not end


async def test_a_thread_that_outlives_its_time_is_busy_and_seen(
    quick_looks: None, caplog: pytest.LogCaptureFixture
) -> None:
    async with bench(hangs, quick, activity_threads=2) as made:
        made.start(hangs, timeout_s=0.05)
        assert (await made.failure()).type == "Timeout"
        await eventually(lambda: made.runner.occupancy["threads"].overdue == 1)
        assert made.runner.occupancy["threads"] == runner.Occupancy(2, 1, 0, 1)
        assert "hangs of 'w' (run r, step 1, attempt 1) goes on" in caplog.text
        assert "in hangs" in caplog.text  # its stack
        assert not made.runner._lanes[False].is_stuck
        gate.set()
        await eventually(lambda: made.runner.occupancy["threads"].running == 0)
        assert len(made.results) == 1  # the late result is dropped


async def test_what_swallows_cancellation_is_asked_a_few_times_and_seen_until_it_ends(
    quick_looks: None, caplog: pytest.LogCaptureFixture
) -> None:
    async with bench(swallows) as made:
        made.start(swallows, timeout_s=0.02)
        await made.failure()
        await eventually(lambda: caplog.text.count("goes on") == stragglers._LOOKS)
        await asyncio.sleep(0.1)
        assert len(active) == 2 + stragglers._CANCELLATIONS  # the first call, at the deadline, and at looks
        assert caplog.text.count("goes on") == stragglers._LOOKS
        assert "in swallows" in caplog.text
        assert made.runner.occupancy["tasks"].overdue == 1
        loop_gate.set()
        await eventually(lambda: made.runner.occupancy["tasks"].running == 0)


async def test_forgotten_attempts_are_stopped_unreported_and_hold_their_slot_until_they_end(quick_looks: None) -> None:
    async with bench(swallows, waits, concurrent_activities=2) as made:
        steps = [made.start(swallows), made.start(waits)]
        await asyncio.sleep(0)
        for step in steps:
            made.forget(step)
        await eventually(lambda: made.runner.occupancy["tasks"] == runner.Occupancy(2, 1, 0, 1))
        assert made.results == []
        loop_gate.set()
        await eventually(lambda: made.runner.occupancy["tasks"].running == 0)
        assert made.results == []


async def test_a_thread_of_a_partition_that_was_lost_is_not_overdue_before_its_time(quick_looks: None) -> None:
    async with bench(hangs, activity_threads=1) as made:
        made.start(hangs, timeout_s=60)
        await eventually(lambda: active == [0])
        made.runner.abandon(PLACE)
        await asyncio.sleep(0.1)
        assert made.runner.occupancy["threads"] == runner.Occupancy(1, 1, 0, 0)


async def test_when_all_threads_hang_it_is_said_and_all_else_goes_on(
    quick_looks: None, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault 5: what needs a thread is left to the store, else it would stop the reading of inputs for ever."""
    async with bench(hangs, quick, activity_threads=2, concurrent_activities=2) as made:
        for _ in range(20):
            made.start(hangs, timeout_s=0.05)
        assert made.runner.is_full  # 4 × 2 attempts
        await eventually(lambda: not made.runner.is_full)
        said = [record for record in caplog.records if record.levelno == logging.CRITICAL]
        assert len(said) == 1
        assert "All 2 slots for activities that are ordinary functions" in said[0].getMessage()
        assert said[0].getMessage().count("in hangs") == 2
        assert failures(made) == ["Timeout"] * 2
        for _ in range(20):
            made.start(hangs)
        assert made.runner._attempts == {}
        made.start(quick)
        await made.all(3)
        async with asyncio.timeout(10):
            await made.runner.room()
        assert made.taken_up == []
        gate.set()
        await eventually(lambda: made.taken_up == [PLACE])
        assert not made.runner._lanes[False].is_stuck


async def test_an_attempt_of_a_left_step_is_started_again_when_it_is_taken_up(quick_looks: None) -> None:
    async with bench(hangs, activity_threads=1, concurrent_activities=1) as made:
        steps = [made.start(hangs, number, timeout_s=0.05) for number in range(8)]
        await eventually(lambda: not made.runner.is_full)
        gate.set()
        await eventually(lambda: made.taken_up)
        payload = hangs.definition.signature.encode_input((9,), {})
        for step in steps[1:]:
            made.start_step(step, "hangs", payload)
        await made.all(8)
        assert all(len(made.of(step)) == 1 for step in steps)


# The end


async def test_draining_starts_nothing_and_waits_no_longer_than_its_grace() -> None:
    async with bench(hangs, waits, swallows, short, concurrent_activities=5, activity_threads=1) as made:
        made.start(waits)
        made.start(swallows)
        made.start(hangs)
        made.start(short)
        await eventually(lambda: len(active) == 3)
        began = time.monotonic()
        await made.runner.drain(0.1)
        assert time.monotonic() - began < 20
        assert made.results == []
        gate.set()
        await made.all(1)
        assert made.runner.occupancy["threads"].waiting == 1


async def test_what_ends_within_the_grace_is_reported() -> None:
    async with bench(waits) as made:
        made.start(waits)
        await asyncio.sleep(0)
        loop_gate.set()
        await made.runner.drain(60)
        assert [result.result for result in made.results] == [b"0"]


async def test_after_closing_nothing_of_the_users_runs_on_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else ``asyncio.run`` waits for ever for what swallows its cancellation."""

    @activity
    async def with_child() -> None:
        async def child() -> None:
            while True:
                with contextlib.suppress(BaseException):
                    active.append(2)
                    await asyncio.sleep(60)

        await asyncio.create_task(child())

    made = Bench([swallows, with_child])
    made.start(swallows)
    made.start(with_child)
    await eventually(lambda: len(active) == 2)
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
        await eventually(lambda: active)
        (thread,) = [one for one in threading.enumerate() if one.name.startswith("sagaline-activity")]
        assert thread.daemon
    gate.set()
    await asyncio.to_thread(thread.join, 20)
    assert not thread.is_alive()
