"""Queries end to end: what they show, what they may not, and what they say when they cannot answer."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest
from harness import events_of, eventually_status, running
from message_sagas import ACTIVITIES, WORKFLOWS, Basket, Item, Nosy, adds

from sagaline import Client, ConfigurationError, InvalidInput, RequestRefused, RequestTimeout, workflow
from sagaline._host.runs.instances import Instances


@pytest.fixture
def url() -> str:
    return f"memory://q{uuid.uuid4().hex}?partitions=1"


@pytest.mark.parametrize("kept", [True, False])
async def test_a_query_sees_every_signal_that_was_acknowledged_before(
    url: str, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not kept:
        monkeypatch.setattr(Instances, "_remember", lambda self, run_id, instance: self._drop(instance))
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(Basket.run, id="b")
        for count in range(1, 6):
            await handle.signal(Basket.add, Item("a"))
            assert await handle.query(Basket.count) == count
        assert await handle.query("has-item", "a") is True
        assert await handle.query(Basket.has, "z") is False
        before = await events_of(client, "b")
        assert await handle.query(Basket.count) == 5
        assert await events_of(client, "b") == before


@pytest.mark.parametrize("name", ["counts", "appends", "calls", "sleeps", "wakes", "draws"])
async def test_a_query_that_changes_something_is_refused_and_undone(url: str, name: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(Nosy.run, id="n")
        for _ in range(2):
            with pytest.raises(RequestRefused, match=r"Expected .* to change nothing but it") as caught:
                await handle.query(name)
            assert caught.value.type == "QueryChangesRun"
        assert await handle.query(Nosy.stands) == (0, 0)
        assert [event.type for event in await handle.history()] == ["run started"]
        await handle.signal(Nosy.wake)
        assert await handle.result(10) == "done"


@pytest.mark.parametrize(
    ("workflow_id", "name", "args", "type", "told"),
    [
        ("n", "raises", (), "QueryFailed", "LookupError: nothing there"),
        ("n", "leaves", (), "QueryFailed", "SystemExit"),
        ("n", "lies", (), "InvalidOutput", "no number"),
        ("n", "nope", (), "UnknownQuery", "counts"),
        ("n", "stands", (1,), "InvalidInput", "there are 1 arguments"),
        ("nobody", "stands", (), "WorkflowNotFound", "there is none"),
        ("a", "stands", (), "UnknownQuery", "none"),
    ],
)
async def test_what_cannot_be_answered_says_why(
    url: str, workflow_id: str, name: str, args: tuple[Any, ...], type: str, told: str
) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(Nosy.run, id="n")
        await client.start(adds, 1, id="a")
        with pytest.raises(RequestRefused, match=told) as caught:
            await client.handle(workflow_id).query(name, *args)
        assert caught.value.type == type
        assert await handle.query(Nosy.stands) == (0, 0)


async def test_a_run_that_has_ended_answers_as_it_stood_at_its_end(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        for end in ("close", "terminate"):
            handle = await client.start(Basket.run, id=end)
            await handle.signal(Basket.add, Item("a", 3))
            await (handle.signal(Basket.close) if end == "close" else handle.terminate())
            assert await handle.query(Basket.count) == 3
            assert await handle.query(Basket.count) == 3


async def test_a_parked_run_answers_as_it_stood_before_what_has_parked_it(url: str) -> None:
    @workflow
    class Fragile:
        def __init__(self) -> None:
            self.seen: list[int] = []

        @workflow.signal
        def put(self, number: int) -> None:
            self.seen.append(number)
            if number > 1:
                raise LookupError("too much")

        @workflow.query
        def count(self) -> int:
            return len(self.seen)

        @workflow.run
        async def run(self) -> None:
            await asyncio.sleep(1_000)

    async with running(url, [Fragile]) as (_, client):
        handle = await client.start(Fragile.run, id="f")
        await handle.signal(Fragile.put, 1)
        await handle.signal(Fragile.put, 2)
        await eventually_status(handle, "parked")
        assert await handle.query(Fragile.count) == 1


async def test_a_run_whose_code_cannot_follow_says_so(tmp_path: Path) -> None:
    @workflow(name="Basket")
    class Changed:
        @workflow.query
        def count(self) -> int:
            return 0

        @workflow.run
        async def run(self) -> None:
            await asyncio.sleep(1)

    url = f"sqlite:///{tmp_path}/log.db?partitions=1"
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        await (await client.start(Basket.run, id="b")).signal(Basket.add, Item("a"))
    async with running(url, [Changed]) as (_, client):
        with pytest.raises(RequestRefused, match="this run cannot follow") as caught:
            await client.handle("b").query(Changed.count)
        assert caught.value.type == "RunParked"


async def test_without_a_worker_it_times_out(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        await client.start(Basket.run, id="b")
    async with await Client.connect(url) as client:
        with pytest.raises(RequestTimeout, match="Start one"):
            await client.handle("b").query(Basket.count, timeout="200ms")


async def test_a_client_says_what_does_not_fit_before_anything_is_sent(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(Basket.run, id="b")
        with pytest.raises(InvalidInput, match="name"):
            await handle.query(Basket.has, 5)  # type: ignore[arg-type]
        for wrong in (5, Basket.add, Basket, adds):
            with pytest.raises(ConfigurationError, match=r"Expected a method with @workflow\.query"):
                await handle.query(wrong)  # type: ignore[call-overload]


def test_a_query_is_no_coroutine() -> None:
    with pytest.raises(ConfigurationError, match="is async"):

        class Wrong:
            @workflow.query
            async def status(self) -> str:
                return "s"
