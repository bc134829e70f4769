"""What makes the engine fail is set aside: an input as a dead letter, a run as parked, until somebody retries it."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from harness import running
from host_sagas import (
    act,
    attempts,
    buggy,
    buggy_later,
    keys,
    one,
    waits,
)

from sagaline import RequestRefused, RunHandle
from sagaline._engine import decide
from sagaline._host.partition import quarantine as quarantine_module
from sagaline._host.partition.lost import Kind
from sagaline._host.partition.quarantine import Quarantine
from sagaline._log import DEADLETTERS, open_log
from sagaline._model.codec import decode
from sagaline._model.records import ActivityResult, TerminateRun


@pytest.fixture
def url() -> str:
    attempts.clear()
    keys.clear()
    return f"memory://h{uuid.uuid4().hex}?partitions=1"


async def test_an_input_that_makes_the_engine_fail_is_a_dead_letter_and_the_others_go_on(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug of ours costs the one input: the partition is claimed anew, and next time the input is dead."""
    real = decide.PROCESSORS[TerminateRun]

    def broken(state: Any, given: TerminateRun, now_ms: int) -> Any:
        if given.reason == "boom":
            raise ZeroDivisionError("a bug")
        return real(state, given, now_ms)

    monkeypatch.setitem(decide.PROCESSORS, TerminateRun, broken)
    async with running(url, [one, waits], [act]) as (_, client):
        handle = await client.start(waits, id="open")
        with pytest.raises(RequestRefused, match="put aside as a dead letter: The engine failed: ZeroDivisionError"):
            await handle.terminate("boom")
        assert await client.execute(one, "after", id="after") == "after"
        log = open_log(url)
        await log.open()
        _, end = await log.bounds(DEADLETTERS, 0)
        found = [record async for batch in log.read(DEADLETTERS, 0, 0, end) for record in batch]
    (dead,) = (decode(record.value) for record in found)
    assert isinstance(dead, TerminateRun)
    assert dead.reason == "boom"


async def test_a_run_whose_result_makes_the_engine_fail_is_quarantined(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = decide.PROCESSORS[ActivityResult]

    def broken(state: Any, given: ActivityResult, now_ms: int) -> Any:
        if given.workflow_id == "bad":
            raise ZeroDivisionError("a bug")
        return real(state, given, now_ms)

    monkeypatch.setitem(decide.PROCESSORS, ActivityResult, broken)
    async with running(url, [one], [act]) as (_, client):
        bad = await client.start(one, "bad", id="bad")
        assert await client.execute(one, "good", id="good") == "good"
        async with asyncio.timeout(10):
            while (found := await bad.describe()).status != "parked":
                await asyncio.sleep(0.02)
    assert found.failure is not None
    assert "ZeroDivisionError: a bug" in found.failure.message


async def test_a_quarantined_run_is_listed_and_goes_on_when_it_is_retried(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = decide.PROCESSORS[ActivityResult]
    mended = False

    def broken(state: Any, given: ActivityResult, now_ms: int) -> Any:
        if given.workflow_id == "bad" and not mended:
            raise ZeroDivisionError("a bug")
        return real(state, given, now_ms)

    monkeypatch.setitem(decide.PROCESSORS, ActivityResult, broken)
    async with running(url, [one], [act]) as (_, client):
        bad = await client.start(one, "bad", id="bad")
        async with asyncio.timeout(10):
            while not (found := await client.runs("parked")):
                await asyncio.sleep(0.02)
        assert [(run.workflow_id, run.workflow) for run in found] == [("bad", "one")]
        assert found[0].failure is not None
        assert found[0].failure.type == "EngineError"
        assert "ZeroDivisionError: a bug" in found[0].failure.message
        mended = True
        await bad.retry()
        assert await bad.result(10) == "bad"
        assert await client.runs("parked") == []
        with pytest.raises(RequestRefused, match="it has ended: completed"):
            await bad.retry()
    with pytest.raises(RequestRefused, match="there is none"):
        async with running(url, [one], [act]) as (_, client):
            await client.handle("nobody").retry()


async def test_a_parked_run_that_cannot_go_on_says_so_when_it_is_retried(url: str) -> None:
    async with running(url, [buggy, buggy_later], [act]) as (_, client):
        handle = await client.start(buggy, id="b")
        await eventually_parked(handle)
        with pytest.raises(RequestRefused, match="Expected the run of 'b' to go on but: no such thing"):
            await handle.retry()
        assert (await handle.describe()).status == "parked"
        waits_on = await client.start(buggy_later, id="open")
        with pytest.raises(RequestRefused, match="Expected a parked run of workflow id 'open' but it is running"):
            await waits_on.retry()


async def eventually_parked(handle: RunHandle[Any]) -> None:
    async with asyncio.timeout(10):
        while (await handle.describe()).status != "parked":
            await asyncio.sleep(0.02)


def test_a_suspect_is_the_culprit_the_second_time_and_is_let_go_when_it_is_retried() -> None:
    quarantine = Quarantine()
    for times in range(2):
        assert quarantine.take_runs_to_park() == {}, f"after {times} failures"
        assert quarantine.run("w")("a bug").kind is Kind.RUN
        assert quarantine.resumption("w", "run")("a bug").kind is Kind.RUN
    assert quarantine.skips("run")
    assert quarantine.take_runs_to_park() == {"w": "The engine failed: a bug"}
    assert quarantine.leaves_alone("w")
    quarantine.release("w", "run")
    assert not quarantine.leaves_alone("w")
    assert not quarantine.skips("run")


def test_what_is_kept_is_bounded_and_its_texts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine_module, "_KEPT", 3)
    quarantine = Quarantine()
    for number in range(10):
        for _ in range(2):
            lost = quarantine.run(f"{number}" + "x" * 100_000)("a bug")
            assert len(lost.text) < 1_000
    assert len(quarantine.take_runs_to_park()) == 3
