"""Whole runs of a live worker: whatever one run's code does, it costs that run alone."""

from __future__ import annotations

import asyncio
import sys
import uuid

import pytest
from harness import eventually_status, running

from sagaline import ApplicationError, Retry, RunError, activity, saga, workflow
from sagaline._host.runs.instances import Instances

QUICK = Retry(attempts=1)
undone: list[str] = []


@activity
async def book(what: str) -> str:
    return what


@book.compensation
async def unbook(what: str) -> None:
    undone.append(what)


@activity(retry=QUICK)
async def refuse() -> None:
    raise ApplicationError("no", type="Refused", retryable=False)


@activity(timeout="1h")
async def hang() -> None:
    await asyncio.sleep(3600)


@workflow
async def exits() -> None:
    await book("a")
    sys.exit(3)


@workflow
async def spins() -> None:
    while True:
        await asyncio.sleep(0)


@workflow
async def exits_when_put_away() -> None:
    try:
        await hang()
    finally:
        raise KeyboardInterrupt


@saga
async def together(run: str) -> None:
    await book(run)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(refuse())
        tasks.create_task(hang())


@saga
async def late(run: str) -> None:
    await book(run)
    async with asyncio.timeout(0.05):
        await hang()


@saga
async def unfit(run: str) -> int:
    return await book(run)  # type: ignore[return-value]


@saga
async def swallows(run: str) -> None:
    async def beats() -> None:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass

    await book(run)
    await asyncio.gather(beats(), refuse())


@workflow
async def good(count: int) -> int:
    for _ in range(count):
        await book("good")
    return count


SAGAS = [together, late, unfit, swallows]
FAILURES = {"together": "Refused", "late": "TimeoutError", "unfit": "InvalidOutput", "swallows": "Refused"}
BUGS = {"exits": "SystemExit", "spins": "ActivationTooLarge"}


@pytest.mark.parametrize("share", [1.0, 0.0])
async def test_each_run_ends_as_it_has_to_and_the_good_ones_go_on(
    share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all instances in memory, and with one."""
    resize = Instances.resize
    monkeypatch.setattr(Instances, "resize", lambda instances, given: resize(instances, given * share))
    undone.clear()
    every = [exits, spins, exits_when_put_away, *SAGAS, good]
    url = f"memory://ends{uuid.uuid4().hex}?partitions=1"
    async with running(url, every, [book, refuse, hang], stop_grace="10ms") as (_, client):
        parked = [await client.start(code, id=code.name) for code in (exits, spins)]
        await client.start(exits_when_put_away, id="put away")
        failing = [await client.start(code, code.name, id=code.name) for code in SAGAS]
        assert [await client.execute(good, 3, id=f"good-{n}", timeout=30) for n in range(3)] == [3, 3, 3]
        for code, handle in zip(SAGAS, failing, strict=True):
            with pytest.raises(RunError) as raised:
                await handle.result(30)
            assert (raised.value.type, raised.value.status) == (FAILURES[code.name], "compensated")
        for handle in parked:
            await eventually_status(handle, "parked")
            failure = (await handle.describe()).failure
            assert failure is not None
            assert failure.type == BUGS[handle.workflow_id]
    assert sorted(undone) == sorted(FAILURES)
