"""Activities in processes: what they come to, what kills them, and what stays."""

from __future__ import annotations

import asyncio
import os

import pytest
from activity_bench import bench
from process_activities import dies, fails, later, spins, squares

from sagaline import ConfigurationError, activity
from sagaline._model.failure import TIMEOUT


async def test_they_run_in_another_process_which_is_used_again() -> None:
    async with bench(squares, activity_processes=1) as made:
        for number in (3, 4):
            made.start(squares, number)
        first, second = sorted(await made.all(2, 120), key=lambda result: result.step)
        assert first.result is not None
        assert second.result is not None
        pid = int(first.result[1:-1].split(b",")[1])
        assert (first.result, second.result) == (b"[9,%d]" % pid, b"[16,%d]" % pid)
        assert pid != os.getpid()


async def test_one_that_dies_fails_its_attempt_and_the_next_has_another() -> None:
    async with bench(dies, squares, fails, later, activity_processes=1) as made:
        made.start(dies)
        failure = await made.failure(1)
        assert (failure.type, failure.retryable) == ("ProcessDied", True)
        assert "exit code 7" in failure.message
        made.start(squares, 3)
        results = await made.all(2, 120)
        assert results[1].failure is None
        made.start(fails, "no")
        (result,) = [result for result in await made.all(3, 120) if result.step == 3]
        assert result.failure is not None
        assert (result.failure.message, result.failure.retryable, result.next_delay_ms) == ("no", False, 3_000)
        made.start(later)
        while not made.beats or not made.beats[-1].awaited_until:
            await asyncio.sleep(0.01)


async def test_time_out_and_cancel_kill_the_process_and_only_that_one() -> None:
    async with bench(spins, squares, activity_processes=2) as made:
        made.start(squares, 1)
        await made.all(1, 120)
        made.start(spins, timeout_s=0.3)
        failure = await made.failure(2)
        assert (failure.type, failure.kind) == ("Timeout", TIMEOUT)
        step = made.start(spins)
        while not made.runner._performer._processes._busy:
            await asyncio.sleep(0.01)
        made.cancel(step)
        assert (await made.failure(3)).type == "Cancelled"
        while made.runner.occupancy["processes"].running:
            await asyncio.sleep(0.01)


def test_nothing_begins_before_it_is_needed_and_only_functions_of_modules_can() -> None:
    with pytest.raises(ConfigurationError, match="is inside another function"):

        @activity(executor="process")
        def inner() -> None: ...

    with pytest.raises(ConfigurationError, match="executor to be one of process"):
        activity(executor="threads")  # type: ignore[call-overload]
