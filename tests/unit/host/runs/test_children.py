"""Runs that start runs, in other partitions too: their ends, failures, cancellation, and what the parent's end means."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from pathlib import Path

import pytest
from harness import events_of, eventually_status, running

from sagaline import ApplicationError, ChildError, RunError, Status, activity, saga, workflow
from sagaline._model import events as e

done: Counter[str] = Counter()


@activity
async def note(what: str) -> str:
    done[what] += 1
    return what


@note.compensation
async def forget(what: str, noted: str | None) -> None:
    done[f"forget {what}"] += 1


@workflow
async def child(number: int) -> int:
    await note(f"child {number}")
    return number * 2


@saga
async def failing(number: int) -> None:
    await note(f"failing {number}")
    raise ApplicationError("no", type="Declined")


@workflow
async def sleeping() -> None:
    try:
        await asyncio.sleep(3_600)
    except asyncio.CancelledError:
        await note("cleaned up")
        raise


@workflow
async def fans_out(count: int) -> int:
    return sum(await asyncio.gather(*(child(number) for number in range(count))))


@workflow
async def chained(number: int, last: int) -> int:
    if number < last:
        chained.continue_as_new(number + 1, last)
    return number


@workflow
async def several() -> list[str]:
    told: list[str] = []
    begun = await workflow.start_child(child.options(id="named"), 1)
    told.append(f"{begun.workflow_id} {await begun}")
    told.append(str(await chained(0, 3)))
    try:
        await failing(1)
    except ChildError as error:
        told.append(f"{error.status} {error.type} {error.failure.type} {error.failure.cause is not None}")
    for taken in ("kept", "named"):
        try:
            await workflow.start_child(child.options(id=taken, id_reuse="reject"), 2)
        except ChildError as error:
            told.append(f"{error.status} {error.type}")
    return told


@workflow
async def lets_it_out() -> None:
    await failing(2)


@workflow
async def waits() -> None:
    await sleeping()


@workflow
async def cancels() -> str:
    handle = await workflow.start_child(sleeping.options(id="s"))
    handle.cancel("enough")
    handle.cancel("twice")
    try:
        await handle
    except ChildError as error:
        return f"{error.status}: {error.failure.cause.message if error.failure.cause else ''}"
    return ""


@workflow
async def impatient() -> str:
    try:
        async with asyncio.timeout(0.05):
            await sleeping.options(id="late")()
    except TimeoutError:
        return "timed out"
    return ""


@workflow
async def leaves() -> str:
    for policy in ("terminate", "request_cancel", "abandon"):
        await workflow.start_child(sleeping.options(id=policy, parent_close=policy))  # type: ignore[arg-type]
    return "left"


WORKFLOWS = [child, failing, sleeping, fans_out, chained, several, lets_it_out, waits, cancels, impatient, leaves]


@pytest.fixture(autouse=True)
def fresh() -> None:
    done.clear()


def url() -> str:
    return f"memory://{uuid.uuid4().hex}?partitions=4"


async def test_starts_ends_failures_and_refusals_reach_the_parent() -> None:
    async with running(url(), WORKFLOWS, [note]) as (_, client):
        await client.start(sleeping, id="kept")
        handle = await client.start(several, id="p")
        assert await handle.result(30) == [
            "named 2",
            "3",
            "compensated Declined ChildError True",
            "refused IdInUse",
            "refused IdUsed",
        ]
        assert done["forget failing 1"] == 1
        happened = [type(event).__name__ for event in await events_of(client, "p")]
        assert happened.count("ChildBegan") == 3
        assert happened.count("ChildEnded") == 5
        with pytest.raises(
            RunError, match=r"failed: ChildError: child failing \(.*\) compensated: Declined: no"
        ) as why:
            await client.execute(lets_it_out, id="q", timeout=20)
        assert why.value.failure.cause is not None


async def test_cancellation_reaches_the_child_once_whoever_asks() -> None:
    async with running(url(), WORKFLOWS, [note]) as (_, client):
        assert await client.execute(cancels, id="a", timeout=20) == "cancelled: enough"
        asked = [event for event in await events_of(client, "s") if isinstance(event, e.CancelRequested)]
        assert [event.reason for event in asked] == ["enough"]
        handle = await client.start(waits, id="b")
        await eventually_status(client.handle(f"{handle.run_id}/1"), "running")
        await handle.cancel("stop all")
        with pytest.raises(RunError, match="cancelled: Cancelled: stop all"):
            await handle.result(20)
        await eventually_status(client.handle(f"{handle.run_id}/1"), "cancelled")
        assert await client.execute(impatient, id="c", timeout=20) == "timed out"
        await eventually_status(client.handle("late"), "cancelled")
        assert done["cleaned up"] == 3


async def test_the_parents_end_stops_its_children_as_it_has_said() -> None:
    async with running(url(), WORKFLOWS, [note]) as (_, client):
        assert await client.execute(leaves, id="p", timeout=20) == "left"
        await eventually_status(client.handle("terminate"), "terminated")
        await eventually_status(client.handle("request_cancel"), "cancelled")
        assert (await client.handle("abandon").describe()).status is Status.RUNNING
        handle = await client.start(waits, id="q")
        await eventually_status(client.handle(f"{handle.run_id}/1"), "running")
        (step,) = (await handle.describe()).waits_for
        assert (step.kind, step.name) == ("child", f"{handle.run_id}/1")
        await handle.terminate()
        await eventually_status(client.handle(f"{handle.run_id}/1"), "terminated")


async def test_a_fan_out_of_two_thousand_children() -> None:
    async with running(url(), WORKFLOWS, [note]) as (_, client):
        handle = await client.start(fans_out, 2_000, id="wide")
        assert await client.execute(child, 7, id="beside", timeout=60) == 14  # others go on
        assert await handle.result(100) == 2_000 * 1_999
        assert all(done[f"child {number}"] == (2 if number == 7 else 1) for number in range(2_000))


async def test_a_worker_is_replaced_between_start_and_end(tmp_path: Path) -> None:
    where = f"sqlite:///{tmp_path}/log.db?partitions=2"
    async with running(where, WORKFLOWS, [note], stop_grace="20ms") as (_, client):
        handle = await client.start(waits, id="a")
        await eventually_status(client.handle(f"{handle.run_id}/1"), "running")
    async with running(where, WORKFLOWS, [note]) as (_, client):
        again = client.handle("a", handle.run_id)
        await client.handle(f"{handle.run_id}/1").cancel("by hand")
        with pytest.raises(RunError, match=r"failed: ChildError: child sleeping \(.*\) cancelled"):
            await again.result(30)
