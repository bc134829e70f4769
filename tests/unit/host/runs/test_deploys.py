"""Code changes while runs are in flight: they go on with code that follows them, and wait for it where there is none."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from commands import command
from harness import events_of, eventually_status, running

from sagaline import Client, Workflow, activity, saga, workflow
from sagaline._model import events as e

effects: Counter[str] = Counter()
gate = asyncio.Event()


@activity
async def work(what: str) -> str:
    effects[what] += 1
    if what == "wait":
        await gate.wait()
    return what


@saga(name="order")
async def v1(order: str) -> str:
    await work(f"pay {order}")
    await work("wait")
    return await work(f"ship {order}")


@saga(name="order")
async def v2(order: str) -> str:
    if workflow.patched("discount"):
        await work(f"discount {order}")
    await work(f"pay {order}")
    await work("wait")
    return await work(f"ship {order}")


@saga(name="order")
async def v3(order: str) -> str:
    workflow.deprecate_patch("discount")
    await work(f"discount {order}")
    await work(f"pay {order}")
    await work("wait")
    return await work(f"ship {order}")


@saga(name="order")
async def bad(order: str) -> str:
    await work(f"charge {order}")
    await asyncio.sleep(0)
    return await work(f"ship {order}")


@pytest.fixture(autouse=True)
def fresh() -> None:
    global gate
    gate = asyncio.Event()  # of the test's own loop
    effects.clear()


async def begin(url: str, code: Workflow[Any, Any], order: str) -> None:
    """Starts a run and leaves it in flight."""
    async with running(url, [code], [work], stop_grace="20ms") as (_, client):
        await client.start_by_name("order", order, id=order)
        async with asyncio.timeout(20):
            while len(await events_of(client, order)) < len(EVENTS[code.definition.fn.__name__]):
                await asyncio.sleep(0.01)


STARTED = ["RunStarted", "ActivityScheduled", "ActivityCompleted", "ActivityScheduled"]
MARKED = ["RunStarted", "PatchMarked", *STARTED[1:3], *STARTED[1:]]
EVENTS = {"v1": STARTED, "v2": MARKED, "v3": MARKED}


async def advice(client: Client) -> tuple[int, int, int, str]:
    (use,) = await client.patches(workflow="order")
    return use.patched, use.deprecated, use.without, use.advice


async def test_a_patch_is_added_deprecated_and_counted() -> None:
    url = f"memory://{uuid.uuid4().hex}?partitions=2"
    await begin(url, v1, "a")
    await begin(url, v2, "b")
    async with running(url, [v2], [work], stop_grace="20ms") as (_, client):
        assert await advice(client) == (1, 0, 1, "keep")
        assert await client.patches(workflow="another") == []
        gate.set()
        assert await client.handle("a").result(20) == "ship a"
        gate.clear()
        await eventually_status(client.handle("b"), "completed")
    await begin(url, v2, "c")
    await begin(url, v3, "d")
    async with running(url, [v3], [work], stop_grace="20ms") as (_, client):
        assert await advice(client) == (1, 1, 0, "deprecate")
        gate.set()
        assert [await client.handle(order).result(20) for order in "cd"] == ["ship c", "ship d"]
        assert await advice(client) == (0, 0, 0, "remove")
    del effects["wait"]
    done = {f"{what} {order}" for order in "abcd" for what in ("discount", "pay", "ship")} - {"discount a"}
    assert effects == dict.fromkeys(done, 1)


async def test_runs_wait_for_code_that_follows_them_and_nothing_is_done_twice() -> None:
    url = f"memory://{uuid.uuid4().hex}?partitions=2"
    for order in ("a", "b"):
        await begin(url, v2, order)
    gate.set()
    async with running(url, [bad], [work], stop_grace="20ms") as (_, client):
        for order in ("a", "b"):
            await eventually_status(client.handle(order), "parked")
        failure = (await client.handle("a").describe()).failure
        assert failure is not None
        assert failure.type == "HistoryMismatch"
        assert (
            "Expected patch 'discount' (event 2 of the history) but the code asks for activity 'work'"
            in failure.message
        )
        assert f"{__file__}:" in failure.message
        assert [type(event) for event in await events_of(client, "a")].count(e.ActivityScheduled) == 3
    async with running(url, [v2], [work], stop_grace="20ms") as (_, client):
        assert [await client.handle(order).result(20) for order in ("a", "b")] == ["ship a", "ship b"]
    assert all(effects[f"{what} {order}"] == 1 for order in "ab" for what in ("discount", "pay", "ship"))
    assert not any(effects[f"charge {order}"] for order in "ab")


async def test_the_command_line_says_what_may_go(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/log.db?partitions=1"
    async with running(url, [v1], [work], stop_grace="20ms"):
        assert (await command("patches", "--log", url)).out == "No run has a patch.\n"
    await begin(url, v1, "a")
    await begin(url, v2, "b")
    async with running(url, [v2], [work], stop_grace="20ms"):
        told = await command("patches", "--log", url)
        assert told.out.splitlines()[1].split() == ["order", "discount", "1", "0", "1", "keep", "patched()"]
        (use,) = (await command("patches", "--workflow", "order", "--log", url, "--json")).json
        assert use.keys() == {"workflow", "patch", "patched", "deprecated", "without", "advice"}
        listed = (await command("list", "--log", url, "--json")).json
        assert {run["workflow_id"]: run["patches"] for run in listed} == {"a": {}, "b": {"discount": False}}
