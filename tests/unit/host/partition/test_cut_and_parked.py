"""An activation cut off between two of its records, whose rest the next worker's code cannot write: the run is parked,
and goes on with a fixed worker as if nothing had come between."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest
from harness import events_of, eventually_status, running
from off_loop import OffLoop

from sagaline import Signal, Status, Workflow, activity, workflow
from sagaline._engine.emit import Emitter
from sagaline._host.partition.recorder import Recorder
from sagaline._host.watchdog.marks import Mark, Marks
from sagaline._log import HISTORY, open_log
from sagaline._model import events as e
from sagaline._model.codec import encode
from sagaline._model.failure import RetryPolicy
from sagaline._model.keys import claim_key, history_key
from sagaline._model.records import Claim, History
from sagaline.payloads import Payloads

numbers = Signal[int]("number")
drawn: list[int] = []


@activity
async def double(number: int) -> int:
    return 2 * number


@activity
async def other(number: int) -> int:
    return number


def draw() -> int:
    drawn.append(1)
    return len(drawn)


def right() -> Workflow[Any, Any]:
    @workflow(name="steps", signals=[numbers])
    async def steps() -> list[int]:
        """Three activities and a side effect in its first activation, then one for each signal."""
        tasks = [asyncio.create_task(double(number)) for number in (1, 2, 3)]
        await asyncio.sleep(0)
        at = workflow.side_effect(draw)
        results = [await task for task in tasks]
        while len(results) < 5:
            results.append(await double(await numbers.receive()))
        return [*results, at]

    return steps


@workflow
async def simple() -> int:
    return await double(1)


def wrong() -> Workflow[Any, Any]:
    @workflow(name="steps", signals=[numbers])
    async def steps() -> list[int]:
        return [await other(1)]

    return steps


def scheduled(step: int) -> e.ActivityScheduled:
    return e.ActivityScheduled(step, "double", b"[%d]" % step, 60_000, RetryPolicy())


@pytest.fixture(params=["memory", "sqlite"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A log on which a worker has written the first of two records of a run's first activation, and died."""
    drawn.clear()
    memory = f"memory://{uuid.uuid4().hex}?partitions=1"
    url = memory if request.param == "memory" else f"sqlite:///{tmp_path}/log.db?partitions=1"
    log = open_log(url)
    await log.open()
    log.publish(HISTORY, 0, claim_key("c"), encode(Claim("dead", "c", 1)))
    started = e.RunStarted("steps", b"[]", "q", "", 0, "closed")
    record = History(0, 1, "cut", "run", 1, 0, 0, 0, (1, 2), True, (started, scheduled(1)))
    log.publish(HISTORY, 0, history_key("cut", "run", 1, 0), encode(record))
    await log.close()
    return url


async def test_its_rest_is_written_when_it_is_resumed(url: str) -> None:
    async with running(url, [wrong()], [double, other]) as (_, client):
        handle = client.handle("cut")
        await eventually_status(handle, Status.PARKED)
        await handle.signal("number", 4)
    async with running(url, [wrong()], [double, other]) as (_, client):  # parks it no second time
        await client.handle("cut").signal("number", 5)
        assert (await client.handle("cut").describe()).status == Status.PARKED
    async with running(url, [right()], [double, other]) as (_, client):
        handle = client.handle("cut")
        assert await handle.result(60) == [2, 4, 6, 8, 10, 1]
        happened = await events_of(client, "cut")
        kinds = [type(event).__name__ for event in happened if not isinstance(event, e.ActivityCompleted)]
        received = ["RunParked", "SignalReceived", "SignalReceived", "RunResumed"]
        assert kinds[:8] == ["RunStarted", "ActivityScheduled", *received, "ActivityScheduled", "ActivityScheduled"]
        asked = [event for event in happened if isinstance(event, e.ActivityScheduled)]
        assert asked[:3] == list(map(scheduled, (1, 2, 3)))
        assert drawn == [1]


async def test_one_that_has_stopped_a_worker_is_parked_before_its_code_runs_again(url: str, tmp_path: Path) -> None:
    """Its mark says so. A person has it tried again, and then it goes on."""
    state = tmp_path / "state"
    Marks(state / "watchdog").write(Mark("cut", "run", "", "the stack", 1))
    async with running(url, [right()], [double, other], state_dir=state) as (_, client):
        handle = client.handle("cut")
        described = await handle.describe()
        assert (described.status, described.failure and described.failure.type) == (Status.PARKED, "Stalled")
        assert drawn == []
        for number in (4, 5):
            await handle.signal("number", number)
        await handle.retry()
        assert await handle.result(60) == [2, 4, 6, 8, 10, 1]
        assert drawn == [1]


@pytest.mark.parametrize("blobs", [False, True])
async def test_one_whose_rest_makes_the_engine_fail_is_quarantined(
    url: str, blobs: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others of its partition go on, and so does it when the engine is right."""
    original = Recorder.activation

    def fails(self: Recorder, emitter: Emitter, *args: Any, **kwargs: Any) -> None:
        if emitter.run.run_id == "run" and any(isinstance(event, e.ActivityScheduled) for event in emitter.events):
            raise RuntimeError("a bug of the engine's")
        original(self, emitter, *args, **kwargs)

    monkeypatch.setattr(Recorder, "activation", fails)
    payloads = Payloads(blobs=OffLoop(tmp_path / "blobs"), threshold_bytes=100) if blobs else Payloads()
    async with running(url, [right(), simple], [double, other], payloads=payloads) as (_, client):
        handle = client.handle("cut")
        await eventually_status(handle, Status.PARKED)
        failure = (await handle.describe()).failure
        assert failure is not None
        assert failure.type == "EngineError"
        assert await client.execute(simple, id="s", timeout=60) == 2
        for number in (4, 5):
            await handle.signal("number", number)
        monkeypatch.undo()
        await handle.retry()
        assert await handle.result(60) == [2, 4, 6, 8, 10, len(drawn)]
