"""A run whose code has blocked the loop waits for a person, and goes on when it is retried with code that does not."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import running

from sagaline import RunHandle, activity, workflow
from sagaline._host.watchdog.marks import Mark, Marks

BOUNDS: dict[str, Any] = {"stall_warning": "100ms", "stall_interrupt": "200ms", "stall_give_up": "60s"}


class Code:
    blocks = True
    runs = 0


@pytest.fixture(autouse=True)
def blocking() -> Iterator[None]:
    Code.blocks, Code.runs = True, 0
    yield
    Code.blocks = False


@activity
async def step() -> int:
    return 7


@workflow
async def blocks() -> int:
    found = await step()
    Code.runs += 1
    with workflow.unchecked():
        while Code.blocks:
            time.sleep(0.001)
    return found


@workflow
async def swallows() -> int:
    """The exception is gone, what the code does after it counts for nothing."""
    try:
        with workflow.unchecked():
            while Code.blocks:
                time.sleep(0.001)
    except BaseException:
        pass
    return await step()


async def stalled(handle: RunHandle[Any]) -> str:
    """Waits until the run is parked; returns the stack."""
    async with asyncio.timeout(60):
        while True:
            described = await handle.describe()
            if described.status == "parked" and described.failure is not None:
                assert described.failure.type == "Stalled"
                return described.failure.stack
            await asyncio.sleep(0.02)


async def test_it_is_parked_stays_parked_over_a_restart_and_goes_on_when_it_is_retried(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}?partitions=1"
    async with running(url, [blocks], [step], state_dir=tmp_path / "state", **BOUNDS) as (_, client):
        handle = await client.start(blocks, id="b")
        assert "in blocks" in await stalled(handle)
    assert Code.runs == 1
    Code.blocks = False
    async with running(url, [blocks], [step], state_dir=tmp_path / "state", **BOUNDS) as (_, client):
        assert await stalled(client.handle("b"))
        assert Code.runs == 1
        await client.handle("b").retry()
        assert await client.handle("b").result(20) == 7


async def test_code_that_swallows_the_interrupt_is_parked_all_the_same(tmp_path: Path) -> None:
    async with running("memory://stalled-swallows?partitions=1", [swallows], [step], **BOUNDS) as (_, client):
        handle = await client.start(swallows, id="s", timeout=60)
        assert "in swallows" in await stalled(handle)
        Code.blocks = False
        await handle.retry()
        assert await handle.result(20) == 7


async def test_the_mark_of_a_run_that_has_ended_meanwhile_is_used_up(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}?partitions=1"
    Code.blocks = False
    async with running(url, [blocks], [step]) as (_, client):
        run_id = (await client.start(blocks, id="known")).run_id
        assert await client.handle("known").result(20) == 7
    state = tmp_path / "state"
    marks = Marks(state / "watchdog")
    marks.write(Mark("known", run_id, "", "the stack", 1))  # of a run that has ended meanwhile
    async with running(url, [blocks], [step], state_dir=state, **BOUNDS) as (_, client):
        assert (await client.handle("known").describe()).status == "completed"
    assert Marks(state / "watchdog").all() == []


async def test_a_worker_on_a_thread_of_its_own_works_and_says_what_it_cannot_interrupt(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "sagaline.watchdog")
    Code.blocks = False

    async def on_its_own() -> int:
        async with running("memory://on-a-thread?partitions=1", [blocks], [step]) as (_, client):
            return await client.execute(blocks, id="b")

    assert await asyncio.to_thread(lambda: asyncio.run(on_its_own())) == 7
    assert "not interrupted" in caplog.text


async def test_two_workers_of_a_process_share_the_signal(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}?partitions=2"
    async with running(url, [blocks], [step], worker_id="first", **BOUNDS):
        async with running(url, [blocks], [step], worker_id="second", **BOUNDS) as (_, client):
            Code.blocks = False
            assert await client.execute(blocks, id="b") == 7
        assert await asyncio.to_thread(lambda: 7) == 7
    assert signal.getsignal(signal.SIGVTALRM) == signal.SIG_DFL
