"""``sagaline saga undo`` and ``sagaline terminate --undo``; what is undone of a run and of its children."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from commands import command
from harness import eventually_status, running

from sagaline import Client, activity, saga

undone: list[str] = []


@activity
async def reserve(room: str) -> str:
    return f"reservation of {room}"


@reserve.compensation
async def release(room: str, reservation: str | None) -> None:
    undone.append(f"{room}: {reservation}")


@saga
async def rooms(name: str) -> None:
    await reserve(f"single at {name}")
    await reserve(f"double at {name}")


@saga(undo_window="30d")
async def trip(name: str) -> str:
    await reserve("seat")
    await rooms(name)
    await reserve("car")
    return name


@saga
async def waits(name: str) -> None:
    await reserve(name)
    await asyncio.Event().wait()


@pytest.fixture
def url(tmp_path: Path) -> str:
    undone.clear()
    return f"sqlite:///{tmp_path}/log.db?partitions=1"


@pytest.fixture
async def client(url: str) -> AsyncIterator[Client]:
    async with running(url, [trip, rooms, waits], [reserve]) as (_, client):
        yield client


async def test_a_run_that_has_completed_is_undone_with_its_children(url: str, client: Client) -> None:
    handle = await client.start(trip, "the sea", id="trip-1")
    assert await handle.result() == "the sea"
    preview = (await command("saga", "preview", "trip-1", "--log", url, "--json")).json
    would = [call["input"][0] for batch in preview["batches"] for call in batch]
    assert would == ["car", "double at the sea", "single at the sea", "seat"]
    asked = ("saga", "undo", "trip-1", "--reason", "sent back", "--by", "ann", "--log", url)
    said = await command(*asked)
    assert (said.code, "trip-1 is undone by run" in said.out) == (0, True), said.err
    await eventually_status(client.handle("trip-1"), "compensated")
    assert undone == [f"{room}: reservation of {room}" for room in would]
    shown = await command("show", "trip-1", "--log", url)
    assert "ann has had run" in shown.out + shown.err
    again = await command(*asked)
    assert (again.code, again.out) == (0, said.out)
    assert len(undone) == 4
    first = await client.handle("trip-1", handle.run_id).describe()
    newest = await client.handle("trip-1").describe()
    assert (first.undone_by, newest.undoes) == (newest.run_id, handle.run_id)
    nothing = await command("saga", "preview", "trip-1", "--log", url)
    assert "Nothing would be undone." in nothing.out + nothing.err


async def test_an_open_run_is_undone_without_its_code(url: str, client: Client) -> None:
    handle = await client.start(waits, "ticket", id="wait-1")
    while not (await handle.saga.ledger()).entries or (await handle.saga.ledger()).entries[0].outcome != "completed":
        await asyncio.sleep(0.01)
    refused = await command("saga", "undo", "wait-1", "--reason", "by mistake", "--log", url)
    assert (refused.code, "terminate wait-1 --undo" in refused.err or "terminate ID --undo" in refused.err) == (4, True)
    ended = await command("terminate", "wait-1", "--undo", "--reason", "by mistake", "--by", "ann", "--log", url)
    assert (ended.code, "wait-1 is undone, without its code" in ended.out) == (0, True), ended.err
    await eventually_status(handle, "compensated")
    assert undone == ["ticket: reservation of ticket"]
    late = await command("terminate", "wait-1", "--undo", "--log", url)
    assert late.code in (0, 4)
    assert len(undone) == 1
