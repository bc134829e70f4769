"""Undoing by the public API: of runs that have ended and of open ones, whatever has become of them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from harness import eventually, eventually_async, eventually_status, running
from off_loop import OffLoop

from sagaline import Client, RequestRefused, Retry, RunError, RunHandle, Status, activity, saga
from sagaline.payloads import Payloads, Zlib

booked: dict[str, str] = {}
undone: list[tuple[str, str, str]] = []
gate: dict[str, bool] = {}
running_now: list[str] = []


@activity
async def book(name: str) -> str:
    booked[activity.info().idempotency_key] = name
    return f"booking of {name}"


@book.compensation
async def cancel(name: str, booking: str | None) -> None:
    note("cancel", name)


@activity
async def hang(name: str) -> str:
    running_now.append(name)
    booked[activity.info().idempotency_key] = name
    await asyncio.Event().wait()
    return name


@hang.compensation
async def unhang(name: str) -> None:
    note("unhang", name)


@activity(retry=Retry(attempts=1), on_exhausted="park")
async def never(name: str) -> str:
    booked[activity.info().idempotency_key] = name
    raise ConnectionError("it may have happened")


@never.compensation(retry=Retry(attempts=1))
async def unnever(name: str) -> None:
    if not gate.get("unnever"):
        raise ConnectionError("no line")
    note("unnever", name)


def note(what: str, name: str) -> None:
    info = activity.info()
    assert info.compensates is not None
    assert booked.pop(info.compensates.idempotency_key) == name, "undone once, by the key"
    undone.append((what, name, info.compensates.outcome))


@saga(undo_window="30d")
async def trip(stops: list[str]) -> str:
    for stop in stops:
        await book(stop)
    return "booked"


@saga
async def tour(stops: int) -> str:
    await book(f"stop {stops}")
    if stops > 1:
        tour.continue_as_new(stops - 1)
    return "done"


@saga
async def waits(name: str) -> None:
    await book(name)
    await asyncio.gather(hang("a"), hang("b"))


@saga
async def breaks(name: str) -> None:
    await book(name)
    raise LookupError("a bug")


@saga
async def parks(name: str) -> None:
    await book(name)
    await never(name)


WORKFLOWS, ACTIVITIES = [trip, tour, waits, breaks, parks], [book, hang, never]
PAYLOADS: dict[str, Callable[[Path], Payloads]] = {
    "plain": lambda path: Payloads(),
    "compressed": lambda path: Payloads(codecs=[Zlib()]),
    "blobs": lambda path: Payloads(blobs=OffLoop(path / "blobs"), threshold_bytes=4),
}


@pytest.fixture(params=list(PAYLOADS))
async def client(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Client]:
    for left in (booked, undone, gate, running_now):
        left.clear()
    url = f"memory://{uuid.uuid4().hex}?partitions=1"
    async with running(url, WORKFLOWS, ACTIVITIES, payloads=PAYLOADS[request.param](tmp_path)) as (_, client):
        yield client


async def ended(handle: RunHandle[Any]) -> RunError:
    with pytest.raises(RunError) as caught:
        await handle.result(60)
    return caught.value


async def refusal(call: Awaitable[Any]) -> str:
    with pytest.raises(RequestRefused) as caught:
        await call
    return caught.value.type


async def test_a_completed_run_is_undone_by_another_of_its_id(client: Client) -> None:
    handle = await client.start(trip, ["a", "b"], id="t", memo={"order": 17}, search_attributes={"tier": 2})
    assert await handle.result(60) == "booked"
    plan = [(call.compensation, call.input) for (call,) in (await handle.saga.preview()).batches]
    assert plan == [("cancel", ["b", "booking of b"]), ("cancel", ["a", "booking of a"])]
    undoing = await handle.saga.undo(reason="sent back", by="ann")
    error = await ended(undoing)
    assert (error.status, error.failure.type) == ("compensated", "Undone")
    assert error.failure.message == f"ann has had run {handle.run_id} undone: sent back"
    assert undone == [("cancel", "b", "completed"), ("cancel", "a", "completed")]
    again = await client.handle("t").saga.undo(reason="and again", by="bob")
    assert (again.run_id, await refusal(undoing.saga.undo(reason="no"))) == (undoing.run_id, "UndoOfUndo")
    shown = await undoing.describe()
    assert (shown.workflow, shown.undoes, shown.undo_reason, shown.undo_by) == (
        "trip",
        handle.run_id,
        "sent back",
        "ann",
    )
    assert (shown.memo, shown.search_attributes) == ({"order": 17}, {"tier": 2})
    before = await handle.describe()
    assert (before.status, before.undone_by, before.undoes) == (Status.COMPLETED, undoing.run_id, None)
    assert (await handle.saga.preview()).batches == ()
    ledger = await undoing.saga.ledger()
    assert [(entry.run_id, entry.step, entry.undone) for entry in ledger.entries] == [
        (handle.run_id, 1, "completed"),
        (handle.run_id, 2, "completed"),
    ]


async def test_a_chain_is_undone_whole(client: Client) -> None:
    first = await client.start(tour, 3, id="t")
    assert await client.handle("t").result(60) == "done"
    await eventually_status(client.handle("t"), "completed")
    await ended(await first.saga.undo(reason="sent back"))
    assert [name for _, name, _ in undone] == ["stop 1", "stop 2", "stop 3"]
    assert booked == {}


async def test_steps_under_way_are_stopped_before_they_are_undone(client: Client) -> None:
    handle = await client.start(waits, "x", id="w")
    await eventually(lambda: len(running_now) == 2)
    assert await refusal(handle.saga.undo(reason="no")) == "RunOpen"
    await handle.terminate("made by mistake", undo=True, by="ann")
    assert (await ended(handle)).status == "compensated"
    assert undone == [("unhang", "b", "unknown"), ("unhang", "a", "unknown"), ("cancel", "x", "completed")]
    shown = await handle.describe()
    assert (shown.undoes, shown.undo_by, shown.undone_by) == (handle.run_id, "ann", None)
    await handle.terminate("twice", undo=True)
    assert (await handle.saga.undo(reason="thrice")).run_id == handle.run_id
    assert len(undone) == 3


@pytest.mark.parametrize("paused", [False, True])
async def test_a_run_whose_code_is_broken_is_undone_without_it(client: Client, paused: bool) -> None:
    handle = await client.start(breaks, "x", id="b")
    await eventually_status(handle, "parked")
    if paused:
        await handle.pause()
    await handle.terminate("nobody mends it", undo=True)
    assert (await ended(handle)).status == "compensated"
    assert undone == [("cancel", "x", "completed")]


async def test_a_step_that_waits_for_a_person_may_have_happened(client: Client) -> None:
    handle = await client.start(parks, "x", id="p")
    await eventually_status(handle, "parked")
    await handle.terminate("it never comes", undo=True)

    async def waits_for_undo() -> bool:
        return [step.name for step in (await handle.describe()).waits_for if step.parked_at] == ["unnever"]

    await eventually_async(waits_for_undo)
    gate["unnever"] = True
    await handle.saga.retry(reason="the line is back")
    assert (await ended(handle)).status == "compensated"
    assert undone == [("unnever", "x", "unknown"), ("cancel", "x", "completed")]


async def test_what_a_terminated_run_has_left_is_undone_and_that_may_be_ended_and_taken_up_again(
    client: Client,
) -> None:
    handle = await client.start(parks, "x", id="p")
    await eventually_status(handle, "parked")
    await handle.terminate("no")
    undoing = await handle.saga.undo(reason="clean up", by="ann")
    await eventually_status(undoing, "parked")
    await undoing.terminate("not now")
    gate["unnever"] = True
    again = await handle.saga.undo(reason="clean up", by="bob")
    assert again.run_id not in (undoing.run_id, handle.run_id)
    assert (await ended(again)).status == "compensated"
    assert undone == [("unnever", "x", "unknown"), ("cancel", "x", "completed")]


async def test_of_a_run_that_was_reset_each_step_is_undone_once(client: Client) -> None:
    handle = await client.start(trip, ["a", "b"], id="t")
    await handle.result(60)
    points = [event.id for event in await handle.history() if event.is_reset_point]
    fork = await handle.reset(points[0], "b again")
    await fork.result(60)
    await ended(await fork.saga.undo(reason="sent back"))
    assert [name for _, name, _ in undone] == ["b", "a"]
    await ended(await handle.saga.undo(reason="the other too"))
    assert [name for _, name, _ in undone] == ["b", "a", "b"], "a is a step of both"
    assert booked == {}
    assert await refusal(handle.reset(points[0], "again")) == "StepsUndone"


async def test_of_chains_that_share_a_beginning_each_step_is_undone_once(client: Client) -> None:
    await client.start(tour, 3, id="t")
    await client.handle("t").result(60)
    last = await client.handle("t").describe()
    second = client.handle("t", last.continued_from)
    fork = await second.reset(3, "again")
    await eventually_status(client.handle("t"), "completed")
    await fork.result(60)
    await ended(await client.handle("t", last.run_id).saga.undo(reason="sent back"))
    assert [name for _, name, _ in undone] == ["stop 1", "stop 2", "stop 3"]
    await ended(await fork.saga.undo(reason="that one too"))
    assert [name for _, name, _ in undone][3:] == ["stop 1"], "what it shares with the other is undone"
    assert booked == {}
    assert await refusal(second.reset(3, "once more")) == "StepsUndone"
