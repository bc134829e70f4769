"""What goes on when it should have ended."""

from __future__ import annotations

import asyncio
import logging

import pytest
from activity_bench import PLACE, bench
from gated_activities import failed_types, gates, hangs, quick, swallows, waits
from harness import eventually

from sagaline._host.activities import runner, stragglers


@pytest.fixture
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stragglers, "FIRST_LOOK_S", 0.02)
    monkeypatch.setattr(stragglers, "_GROWTH", 1)


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
        assert not made.runner._slots.lanes["thread"].is_stuck
        gates.threads.set()
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
        assert len(gates.active) == 2 + stragglers._CANCELLATIONS  # the first call, at the deadline, and at looks
        assert caplog.text.count("goes on") == stragglers._LOOKS
        assert "in swallows" in caplog.text
        assert made.runner.occupancy["tasks"].overdue == 1
        gates.loop.set()
        await eventually(lambda: made.runner.occupancy["tasks"].running == 0)


async def test_forgotten_attempts_are_stopped_unreported_and_hold_their_slot_until_they_end(quick_looks: None) -> None:
    async with bench(swallows, waits, concurrent_activities=2) as made:
        steps = [made.start(swallows), made.start(waits)]
        await asyncio.sleep(0)
        for step in steps:
            made.forget(step)
        await eventually(lambda: made.runner.occupancy["tasks"] == runner.Occupancy(2, 1, 0, 1))
        assert made.results == []
        gates.loop.set()
        await eventually(lambda: made.runner.occupancy["tasks"].running == 0)
        assert made.results == []


async def test_a_thread_of_a_partition_that_was_lost_is_not_overdue_before_its_time(quick_looks: None) -> None:
    async with bench(hangs, activity_threads=1) as made:
        made.start(hangs, timeout_s=60)
        await eventually(lambda: gates.active == [0])
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
        assert made.runner.load.is_full  # 4 × 2 attempts
        await eventually(lambda: not made.runner.load.is_full)
        said = [record for record in caplog.records if record.levelno == logging.CRITICAL]
        assert len(said) == 1
        assert "All 2 threads for activities" in said[0].getMessage()
        assert said[0].getMessage().count("in hangs") == 2
        assert failed_types(made) == ["Timeout"] * 2
        for _ in range(20):
            made.start(hangs)
        assert made.runner._attempts == {}
        made.start(quick)
        await made.all(3)
        async with asyncio.timeout(10):
            await made.runner.load.room()
        assert made.taken_up == []
        gates.threads.set()
        await eventually(lambda: made.taken_up == [PLACE])
        assert not made.runner._slots.lanes["thread"].is_stuck


async def test_an_attempt_of_a_left_step_is_started_again_when_it_is_taken_up(quick_looks: None) -> None:
    async with bench(hangs, activity_threads=1, concurrent_activities=1) as made:
        steps = [made.start(hangs, number, timeout_s=0.05) for number in range(8)]
        await eventually(lambda: not made.runner.load.is_full)
        gates.threads.set()
        await eventually(lambda: made.taken_up)
        payload = hangs.definition.signature.encode_input((9,), {})
        for step in steps[1:]:
            made.start_step(step, "hangs", payload)
        await made.all(8)
        assert all(len(made.of(step)) == 1 for step in steps)
