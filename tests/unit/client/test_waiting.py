"""Waiting for a run's end: what a time-out says, and what happens when the run parks."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest
from harness import eventually_status, running

from sagaline import (
    Client,
    Description,
    Failure,
    OpenStep,
    RequestTimeout,
    Retry,
    RunParkedError,
    Status,
    activity,
    workflow,
)
from sagaline.client import waiting, words

mended = False


@activity(retry=Retry(first_interval="1h", maximum_interval="1h"))
async def flaky() -> None:
    raise OSError("no route to the bank")


@workflow
async def waits() -> None:
    await flaky()


@workflow
async def buggy(name: str) -> str:
    if not mended:
        raise LookupError(f"no {name}")
    return name


@pytest.fixture(autouse=True)
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    global mended
    mended = False
    monkeypatch.setattr(waiting, "_FIRST_LOOK_S", 0.02)


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    return f"memory://{request.node.originalname}-{id(request)}?partitions=1"


async def test_a_time_out_of_a_run_that_goes_on_says_where_it_stands_and_since_when(url: str) -> None:
    async with running(url, [waits], [flaky]) as (_, client):
        handle = await client.start(waits, id="w")

        async def failed_once() -> None:
            while not ((await handle.describe()).waits_for and (await handle.describe()).waits_for[0].failure):
                await asyncio.sleep(0.01)

        async with asyncio.timeout(20):
            await failed_once()
        with pytest.raises(RequestTimeout) as caught:
            await handle.result(1)
    said = str(caught.value)
    assert said.startswith("Expected the run of 'w' to end within 1 s but it has not. The run of 'w' goes on: running ")
    assert re.search(r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", said)
    assert "flaky, attempt 2 (before: OSError: no route to the bank), next attempt in" in said
    assert "is a worker" not in said


@pytest.mark.parametrize("how", ["result", "execute"])
async def test_a_time_out_of_a_parked_run_says_parked_why_since_when_and_what_to_do(url: str, how: str) -> None:
    """Fault 29: it said "is a worker running?"."""
    async with running(url, [buggy], []) as (_, client):
        handle = await client.start(buggy, "x", id="b")
        await eventually_status(handle, "parked")
        calls = {"result": handle.result(1), "execute": client.execute(buggy, "x", id="b", timeout=1)}
        call = calls.pop(how)
        calls.popitem()[1].close()
        with pytest.raises(RequestTimeout) as caught:
            await call
    said = str(caught.value)
    assert "The run of 'b' is parked since 20" in said
    assert "LookupError: no x" in said
    assert "`sagaline runs retry b`" in said
    assert "`sagaline runs release b --reason WHY`" in said
    assert "is a worker" not in said


async def test_waiting_can_end_at_once_when_the_run_parks(url: str) -> None:
    """Fault 29: result and execute have the option."""
    async with running(url, [buggy], []) as (_, client):
        async with asyncio.timeout(10):
            with pytest.raises(RunParkedError, match=r"is parked since .*LookupError: no x") as caught:
                await client.execute(buggy, "x", id="b", on_parked="raise")
            handle = client.handle("b")
            with pytest.raises(RunParkedError):
                await handle.result(on_parked="raise")
        assert (caught.value.workflow_id, caught.value.type) == ("b", "LookupError")
        assert caught.value.failure.message == "no x"


async def test_a_run_that_parks_later_ends_the_waiting_too(url: str) -> None:
    gate.clear()
    async with running(url, [parks_later], [hold]) as (_, client):
        handle = await client.start(parks_later, id="l")
        result = asyncio.ensure_future(handle.result(on_parked="raise"))
        done, _ = await asyncio.wait((result,), timeout=0.3)
        assert not done, "it goes on"
        gate.set()
        async with asyncio.timeout(10):
            with pytest.raises(RunParkedError):
                await result


gate = asyncio.Event()


@activity
async def hold() -> None:
    await gate.wait()


@workflow
async def parks_later() -> None:
    await hold()
    raise LookupError("later")


async def test_by_default_waiting_outlives_the_parking(url: str) -> None:
    global mended
    async with running(url, [buggy], []) as (_, client):
        handle = await client.start(buggy, "x", id="b")
        result = asyncio.ensure_future(handle.result(20))
        await eventually_status(handle, "parked")
        mended = True
        await handle.retry()
        assert await result == "x"


async def test_a_time_out_without_a_worker_says_that_none_is_running(url: str) -> None:
    async with running(url, [buggy], []):
        pass
    async with await Client.connect(url) as client:
        with pytest.raises(RequestTimeout, match=r"no worker of namespace .* is running.*ask again with the same id"):
            await client.start(buggy, "x", id="b", timeout=0.1)
        with pytest.raises(RequestTimeout, match=r"no worker of namespace .* is running.*ask again with the same id"):
            await client.execute(buggy, "x", id="b", timeout=0.1)


@pytest.mark.parametrize(
    ("now", "pause", "timeout", "expected"),
    [(0, 2, None, 2), (0, 2, 100, 2), (98, 60, 100, 99), (99.5, 60, 100, 100), (0, 2, 0.2, 0.15)],
)
def test_a_wait_looks_once_more_shortly_before_its_end(
    now: float, pause: float, timeout: float | None, expected: float
) -> None:
    assert waiting._look_at(now, pause, timeout, timeout) == pytest.approx(expected)


NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "text"), [(3, "3.0 s"), (60, "60 s"), (600, "10 min"), (7_200, "2 h"), (864_000, "10 d")]
)
def test_spans_in_words(ago: int, text: str) -> None:
    assert words.ago(NOW - timedelta(seconds=ago), NOW) == text
    assert words.ago(NOW + timedelta(seconds=ago), NOW) == text


def test_steps_in_words() -> None:
    failure = Failure("CardError", "x" * 10_000)
    steps = [
        OpenStep(1, "activity", "charge"),
        OpenStep(2, "activity", "charge", 3, failure, NOW + timedelta(seconds=4)),
        OpenStep(3, "timer", "", due_at=NOW + timedelta(days=3)),
        OpenStep(4, "activity", "refund", compensates=1),
        OpenStep(5, "activity", "scan", queue="gpu", queued_since=NOW - timedelta(minutes=3)),
        OpenStep(6, "activity", "scan", queue="gpu", queued_since=NOW, started_at=NOW - timedelta(seconds=4)),
    ]
    said = [words.step(step, NOW) for step in steps]
    assert said[0] == "charge"
    assert said[1].startswith("charge, attempt 3 (before: CardError: xxx")
    assert said[1].endswith("next attempt in 4.0 s")
    assert len(said[1]) < 500
    assert said[2] == "a timer that is due at 2026-11-28 12:00:00 UTC (in 3 d)"
    assert said[3] == "refund (compensation)"
    assert said[4] == 'scan; it waits for a worker of queue "gpu" since 2026-11-25 11:57:00 UTC (3 min)'
    assert said[5] == 'scan; a worker of queue "gpu" has it since 4.0 s'
    description = Description(
        "w", "r", "f", Status.RUNNING, NOW, NOW, open_steps=1_000, waits_for=tuple(steps * 25), unowned_since=NOW
    )
    told = words.standing(description, NOW)
    assert "and 997 more" in told
    assert "No worker answers; a worker last took over its partition at 2026-11-25 12:00:00 UTC." in told
