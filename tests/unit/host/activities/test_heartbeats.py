"""Heartbeats of attempts that run here, cancellation of threads, outcomes that come later, limits of a kind."""

from __future__ import annotations

import asyncio
import threading
import time

import msgspec
import pytest
from activity_bench import Bench, bench

from sagaline import Activity, SagalineError, activity
from sagaline._engine.tables.activities import ActivityRow, Watched
from sagaline._model.descriptions import Wait
from sagaline._model.events import ActivityScheduled, AttemptLimits
from sagaline._model.failure import CANCELLED, TIMEOUT, RetryPolicy
from sagaline._model.tokens import AttemptToken, parse_attempt
from sagaline.testing import ActivityEnvironment

seen: list[object] = []
LIMITS = AttemptLimits(heartbeat_timeout_ms=200)


def start(made: Bench, one: Activity[[], object], details: bytes | None = None, timeout_ms: int = 60_000) -> None:
    """An attempt with a heartbeat time-out."""
    from sagaline._engine.effects import StartActivity

    scheduled = ActivityScheduled(1, one.name, b"[]", timeout_ms, RetryPolicy(), limits=LIMITS)
    made.runner.start(("n", 0), StartActivity("0" * 32, ActivityRow("w", scheduled, watched=Watched(0, 0, details))))


@activity
async def says_and_fails() -> None:
    seen.append(activity.heartbeat_details(tuple[int, str]))
    for number in range(50):
        activity.heartbeat(number, "items")
    raise ConnectionError("gone")


@activity
def says_and_fails_in_a_thread() -> None:
    seen.append(activity.info().heartbeat_details)
    for number in range(50):
        activity.heartbeat(number, "items")
    time.sleep(0.01)  # the loop hears of the first; the last is there by then
    raise ConnectionError("gone")


@pytest.mark.parametrize("one", [says_and_fails, says_and_fails_in_a_thread], ids=lambda one: one.name)
async def test_a_failure_brings_exactly_the_last_details(one: Activity[[], None]) -> None:
    seen.clear()
    async with bench(one) as made:
        start(made, one, b'[7,"items"]')
        await made.all(1)
        assert seen == [(7, "items")]
        assert made.beats == []
        assert made.results[0].details == b'[49,"items"]', "with the failure, so that nothing comes between"
        assert made.results[0].failure is not None
        assert made.results[0].failure.type == "ConnectionError"


@activity
async def goes_on() -> str:
    for number in range(60):
        activity.heartbeat(number)
        await asyncio.sleep(0.01)
    return "done"


async def test_heartbeats_are_recorded_now_and_then_and_keep_an_attempt_alive() -> None:
    async with bench(goes_on) as made:
        start(made, goes_on)
        (result,) = await made.all(1)
        assert result.result == b'"done"' or result.failure is not None, "a machine that stands still is silent"
        assert len(made.beats) <= 60 / 8, "80 % of 0.2 s apart at least"


@activity
async def is_silent() -> None:
    await asyncio.sleep(60)


async def test_silence_is_a_time_out() -> None:
    async with bench(is_silent) as made:
        start(made, is_silent)
        (result,) = await made.all(1)
        assert result.failure is not None
        assert (result.failure.type, result.failure.kind) == ("HeartbeatTimeout", TIMEOUT)
        assert result.failure.message == "is_silent gave no heartbeat within 0.2 s (attempt 1)"
        assert result.failure.retryable


ran = threading.Event()
cleaned: list[str] = []


@activity
def loops() -> None:
    try:
        ran.set()
        while True:
            time.sleep(0.001)
    finally:
        cleaned.append("loops")


@activity
def loops_shielded() -> None:
    with activity.shielded():
        ran.set()
        while not activity.is_cancelled:
            time.sleep(0.001)
        cleaned.append("inside")
    cleaned.append("never")


@pytest.mark.parametrize(("one", "left"), [(loops, ["loops"]), (loops_shielded, ["inside"])], ids=["bare", "shielded"])
async def test_a_thread_is_cancelled_where_it_can_be(one: Activity[[], None], left: list[str]) -> None:
    ran.clear()
    cleaned.clear()
    async with bench(one, fine) as made:
        step = made.start(one)
        await asyncio.to_thread(ran.wait)
        made.cancel(step)
        failure = await made.failure(step)
        assert (failure.type, failure.kind) == ("Cancelled", CANCELLED)
        assert cleaned == left
        for _ in range(20):  # the thread is as it was
            made.start(fine)
        results = await made.all(21)
        assert [result.result for result in results[1:]] == [b'"fine"'] * 20


@activity
def fine() -> str:
    return "fine"


@activity
async def asks_outside() -> str:
    seen.append(activity.info().token)
    activity.heartbeat("asked")
    activity.complete_later()


@activity
def asks_outside_in_a_thread() -> str:
    seen.append(activity.info().token)
    activity.heartbeat("asked")
    activity.complete_later()


@pytest.mark.parametrize("one", [asks_outside, asks_outside_in_a_thread], ids=lambda one: one.name)
async def test_an_outcome_that_comes_later_leaves_the_slot_and_is_no_result(one: Activity[[], str]) -> None:
    seen.clear()
    async with bench(one) as made:
        start(made, one, timeout_ms=5_000)
        while not made.beats:
            await asyncio.sleep(0.001)
        (beat,) = made.beats
        assert beat.details == b'["asked"]'
        assert 0 < beat.awaited_until - made.options.clock() <= 5_000
        assert made.results == []
        assert made.runner.occupancy["tasks"].running == made.runner.occupancy["threads"].running == 0
        assert parse_attempt(str(seen[0])) == AttemptToken("w", "0" * 32, 1, 1)


def why(made: Bench, step: int) -> Wait:
    scheduled = ActivityScheduled(step, "any", b"[]", 1, RetryPolicy())
    wait = made.runner.why_not_begun(("n", 0), "r", ActivityRow("w", scheduled), 9_000_000)
    assert wait is not None
    assert 8_000_000 < wait.since_ms <= 9_000_000
    return msgspec.structs.replace(wait, since_ms=0)


at_once: list[int] = []
most = 0


@activity(concurrency=2)
async def at_most_two() -> None:
    global most
    at_once.append(1)
    most = max(most, len(at_once))
    await asyncio.sleep(0.002)
    at_once.pop()


@activity(rate="200/s")
async def at_a_rate() -> None: ...


async def test_a_kind_has_a_limit_of_its_own_and_others_do_not_wait_for_it() -> None:
    async with bench(at_most_two, at_a_rate, fine) as made:
        for _ in range(20):
            made.start(at_most_two)
        assert why(made, 20) == Wait("concurrency", "at_most_two", "2", before=17)
        step = made.start(fine)
        while not made.of(step):
            await asyncio.sleep(0)
        await made.all(21)
        assert most == 2


async def test_a_rate_is_kept() -> None:
    async with bench(at_a_rate) as made:
        began_s = time.monotonic()
        for _ in range(50):
            made.start(at_a_rate)
        assert why(made, 50) == Wait("rate", "at_a_rate", "200/s", before=29)
        await made.all(50)
        assert time.monotonic() - began_s >= (50 - 1 - 20) / 200, "a tenth of a second's attempts come at once"


async def test_an_activity_that_is_tested_alone_has_heartbeats() -> None:
    alone = ActivityEnvironment(heartbeat_details=(7, "items"))
    seen.clear()
    with pytest.raises(ConnectionError):
        await alone.run(says_and_fails)
    assert seen == [(7, "items")]
    assert alone.heartbeats[-1] == (49, "items")


def test_outside_of_an_activity_there_is_nobody_to_tell() -> None:
    with pytest.raises(SagalineError, match=r"activity\.heartbeat\(\) inside an activity"):
        activity.heartbeat(1)
