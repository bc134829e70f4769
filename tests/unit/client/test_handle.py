"""Handles: which run they mean, what they are refused, what they give."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from harness import eventually, eventually_async, running

from sagaline import (
    HistoryEvent,
    RequestRefused,
    RequestTimeout,
    RunError,
    SagaSummary,
    Status,
    StepWait,
    activity,
    saga,
    workflow,
)
from sagaline._model.records import TerminateRun

gate = asyncio.Event()


@activity
async def book(name: str) -> str:
    return f"booked {name}"


@book.compensation
async def unbook(name: str, booked: str | None) -> None: ...


@activity
async def hold() -> None:
    await gate.wait()


slots: list[asyncio.Future[None]] = []


@activity(concurrency=1, pivot=True)
async def one_at_a_time() -> None:
    slots.append(asyncio.get_running_loop().create_future())
    await slots[-1]


@saga
async def narrow(name: str) -> None:
    await book(name)
    await one_at_a_time()


@saga
async def trip(name: str) -> str:
    booked = await book(name)
    await asyncio.sleep(3_600)
    return booked


@saga
async def held(name: str) -> str:
    booked = await book(name)
    await hold()
    return booked


@workflow
async def quick(name: str) -> str:
    return name


WORKFLOWS, ACTIVITIES = [trip, held, quick], [book, hold]


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    return f"memory://{request.node.originalname}?partitions=1"


async def test_cancel_and_terminate_of_a_run_that_is_not_there_are_refused(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        nobody = client.handle("nobody")
        for call in (nobody.cancel, nobody.terminate, nobody.retry, nobody.result, nobody.describe, nobody.history):
            with pytest.raises(RequestRefused, match="'nobody' but there is none") as caught:
                await call()
            assert caught.value.type == "WorkflowNotFound"


async def test_cancel_and_terminate_of_a_run_that_has_ended_are_refused(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(quick, "a", id="q")
        assert await handle.result(20) == "a"
        for call in (handle.cancel, handle.terminate, handle.retry):
            with pytest.raises(RequestRefused, match="has ended") as caught:
                await call()
            assert caught.value.type == "RunEnded"


async def test_cancel_returns_when_it_is_on_record_and_terminate_when_the_run_has_ended(url: str) -> None:
    gate.clear()
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(held, "a", id="c")
        await handle.cancel("changed my mind")
        described = await handle.describe()
        assert described.cancel_requested
        with pytest.raises(RunError) as cancelled:
            await handle.result(20)
        assert (cancelled.value.status, cancelled.value.failure.message) == ("cancelled", "changed my mind")
        ended = await client.start(trip, "b", id="t")
        await ended.terminate("enough")
        assert (await ended.describe()).status is Status.TERMINATED


async def test_a_command_without_an_answer_says_what_it_leaves_behind(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (worker, client):
        handle = await client.start(trip, "a", id="t")
        await worker.stop()
        with pytest.raises(RequestTimeout, match=r"no worker of namespace .* is running.*may still be handled"):
            await handle.cancel(timeout=0.05)
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        with pytest.raises(RunError, match="run of t cancelled"):
            await client.handle("t").result(20)


async def test_a_description_says_what_a_run_waits_for(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(trip, "a", id="t")

        async def sleeps() -> bool:
            return any(step.kind == "timer" for step in (await handle.describe()).waits_for)

        await eventually_async(sleeps)
        described = await handle.describe()
        assert (described.workflow_id, described.run_id, described.workflow) == ("t", handle.run_id, "trip")
        assert described.status is Status.RUNNING
        assert described.open_steps == 1
        (timer,) = described.waits_for
        assert timer.due_at is not None
        assert 3_500 < (timer.due_at - datetime.now(UTC)).total_seconds() < 3_700
        assert (described.result, described.closed_at, described.unowned_since) == (None, None, None)


async def test_a_description_says_that_an_activity_waits_for_a_slot_and_how_far_the_saga_is(url: str) -> None:
    async with running(url, [narrow], [book, one_at_a_time]) as (_, client):
        first = await client.start(narrow, "a", id="a")
        await eventually(lambda: len(slots) == 1)
        second = await client.start(narrow, "b", id="b")

        async def waits_for_a_slot() -> bool:
            return any(step.waits_for is not None for step in (await second.describe()).waits_for)

        await eventually_async(waits_for_a_slot)
        described = await second.describe()
        waits = described.waits_for[0].waits_for
        assert waits is not None
        assert waits == StepWait("concurrency", "one_at_a_time", "1", waits.since, 1)
        assert waits.since is not None
        assert described.started_at <= waits.since <= datetime.now(UTC)
        assert described.saga == SagaSummary(done=1, undone=0, unknown=0, parked=0, pivot=None)
        assert (await first.describe()).waits_for[0].waits_for is None
        slots[0].set_result(None)
        await eventually(lambda: len(slots) == 2)
        slots[1].set_result(None)
        await first.result()
        await second.result()
        assert (await first.describe()).saga == SagaSummary(
            done=2, undone=0, unknown=0, parked=0, pivot="one_at_a_time"
        )


async def test_history_is_of_public_events(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(held, "a", id="h")
        gate.set()
        assert await handle.result(20) == "booked a"
        events = await handle.history()
    assert all(type(event) is HistoryEvent for event in events)
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert [event.type for event in events] == [
        "run started",
        "activity scheduled",
        "activity completed",
        "activity scheduled",
        "activity completed",
        "run completed",
    ]
    assert events[0].details == {"workflow": "held", "input": ["a"]}
    assert events[2].details == {"step": 1, "attempt": 1, "result": "booked a"}
    assert all(event.at.tzinfo is UTC for event in events)


async def test_runs_are_listed_by_status(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        await client.execute(quick, "a", id="done")
        await (await client.start(trip, "b", id="ended")).terminate()
        await client.start(trip, "c", id="open")
        assert [run.workflow_id for run in await client.runs()] == ["done", "ended", "open"]
        (run,) = await client.runs("terminated")
        assert (run.workflow_id, run.status, run.failure and run.failure.type) == ("ended", "terminated", "Terminated")
        assert [run.workflow_id for run in await client.runs(Status.RUNNING)] == ["open"]
        assert await client.runs("parked") == []
        assert [run.workflow_id for run in await client.runs(workflow="trip")] == ["ended", "open"]
        assert [run.workflow_id for run in await client.runs("running", workflow="quick")] == []


async def test_the_same_terminate_again_has_the_same_answer_and_reaches_no_later_run(url: str) -> None:
    """An owner that dies after it has ended the run, and before it has answered, is asked again."""
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        first = await client.start(trip, "a", id="t")
        request = TerminateRun("once", "t", "enough", *client._requests.address, first.run_id)
        for _ in range(2):
            with client._requests.asking(request) as asking:
                reply = await asking.answer(20)
            assert reply is not None
            assert (reply.kind, reply.status, reply.run_id) == ("accepted", "terminated", first.run_id)
        second = await client.start(trip, "b", id="t", id_reuse="allow")
        with client._requests.asking(request) as asking:
            assert (await asking.answer(20)) is not None
        assert (await second.describe()).status is Status.RUNNING


async def test_a_command_without_a_run_id_means_the_newest_run_of_now_each_time_it_is_asked(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(trip, "a", id="t")
        sent: list[str] = []
        publish = client._requests.publish

        def record(request: Any, *rest: Any) -> None:
            sent.extend([request.run_id] if isinstance(request, TerminateRun) else [])
            publish(request, *rest)

        monkeypatch.setattr(client._requests, "publish", record)
        await client.handle("t").terminate()
        assert sent == [handle.run_id]
