"""What a run takes along when it goes on as another: two runs go on at once, before they have received or done anything,
and the third has all of it. Signals: test_chains_at_once.py; memos in a store of blobs: test_blobs_of_memos.py."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest
from harness import eventually_async, eventually_status, running

from sagaline import (
    ApplicationError,
    ChildError,
    Client,
    RequestRefused,
    RunError,
    RunHandle,
    Signal,
    Status,
    UpdateError,
    activity,
    saga,
    workflow,
)
from sagaline._host.runs.activations import Activations

go, steps = Signal[int]("go"), Signal[int]("step")
undone: list[tuple[str, str]] = []


@activity
async def book(name: str) -> str:
    return f"booking of {name}"


@book.compensation
async def cancel(name: str, booking: str | None) -> None:
    undone.append((name, str(booking)))


@saga(signals=[go])
async def tour(left: int) -> None:
    """Books in its first run, and fails in its last."""
    if left:
        if left == 3:
            await book("flight")
            await go.receive()
        tour.continue_as_new(left - 1)
    raise ApplicationError("closed", type="Closed")


@workflow
class Account:
    """Its first run waits, the next two go on at once, and the last one answers."""

    def __init__(self, left: int) -> None:
        self.left, self.next, self.closed = left, left in (1, 2), False

    @workflow.signal
    def go_on(self) -> None:
        self.next = True

    @workflow.signal
    def close(self) -> None:
        self.closed = True

    @workflow.update
    async def hang(self) -> None:
        await asyncio.sleep(1_000)

    @workflow.update
    def ask(self) -> int:
        return self.left

    @workflow.run
    async def run(self, left: int) -> list[Any]:
        await workflow.wait_condition(lambda: self.next or self.closed)
        if left and not self.closed:
            Account.run.continue_as_new(left - 1)
        await workflow.wait_condition(lambda: self.closed)
        return [workflow.memo(), workflow.search_attributes(), workflow.info().parent_id]


@workflow(signals=[go])
async def parent() -> str:
    child = await workflow.start_child(Account.run.options(id="child", memo={"of": "child"}), 3)
    await child.signal(Account.go_on)
    await go.receive()
    await child.signal(Account.close)
    return str(await child)


@workflow(signals=[go])
async def fails_in_the_end(left: int) -> None:
    if left:
        if left == 3:
            await go.receive()
        fails_in_the_end.continue_as_new(left - 1)
    raise ApplicationError("closed", type="Closed")


@workflow
async def asks(left: int) -> str:
    try:
        await fails_in_the_end.options(id="failing")(left)
    except ChildError as error:
        return f"{error.status} {error.failure.cause.type}" if error.failure.cause else error.status
    return "nothing"


ALL = [Account, tour, parent, asks, fails_in_the_end]


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    undone.clear()
    memory = f"memory://{uuid.uuid4().hex}?partitions=2"
    return memory if request.param == "memory" else f"sqlite:///{tmp_path}/log.db?partitions=2"


@pytest.fixture(params=["at once", "by the next worker"])
def crash(request: pytest.FixtureRequest) -> bool:
    """Whether the worker dies behind the record that ends the first run."""
    return bool(request.param == "by the next worker")


def not_yet(self: Activations, workflow_id: str) -> None:
    """In the place of ``begin_next``."""


async def last_of(client: Client, workflow_id: str, first: str, runs: int = 4) -> RunHandle[Any]:
    """The last run of a chain, which has begun."""
    newest = client.handle(workflow_id)

    async def is_there() -> bool:
        seen, run_id = 1, (await newest.describe()).run_id
        while (before := (await client.handle(workflow_id, run_id).describe()).continued_from) is not None:
            seen, run_id = seen + 1, before
        return seen == runs and run_id == first and bool((await newest.describe()).events)

    await eventually_async(is_there)
    return client.handle(workflow_id, (await newest.describe()).run_id)


async def test_updates_answers_and_ids(url: str, crash: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """An update that was answered counts once and is answered the same; a handler that was cut off tells its caller;
    requests that were done are known; whoever waits for the first run is told of the end of the last."""
    if crash:
        monkeypatch.setattr(Activations, "begin_next", not_yet)
    async with running(url, ALL) as (_, client):
        first = await client.start(Account.run, 3, id="a", memo={"by": "Ann"}, search_attributes={"tier": 1})
        assert await first.execute_update(Account.ask, id="u") == 3
        hanging = await first.start_update(Account.hang, id="h")
        await first.pause("look", by="ann")
        await first.signal(Account.go_on)
        assert (await client.handle("a").describe()).run_id == first.run_id, "no code runs while it is paused"
        await first.resume("go on", by="ann")
        await eventually_status(first, Status.CONTINUED)
        with pytest.raises(UpdateError) as caught:
            await hanging.result(60)
        assert caught.value.type == "RunEnded"
    monkeypatch.undo()
    async with running(url, ALL) as (_, client):
        first = client.handle("a", first.run_id)
        waiting = asyncio.create_task(first.result(60))
        last = await last_of(client, "a", first.run_id)
        described = await last.describe()
        assert (described.memo, described.search_attributes) == ({"by": "Ann"}, {"tier": 1})
        assert (described.first_run_id, described.paused_at) == (first.run_id, None)
        assert [run.run_id for run in await client.runs(search_attributes={"tier": 1}, status="running")] == [
            last.run_id
        ]
        assert await first.execute_update(Account.ask, id="u") == 3
        assert await first.execute_update(Account.ask) == 0, "the last run answers"
        joined = await client.start(Account.run, 3, id="a")
        assert joined.run_id == last.run_id
        with pytest.raises(RequestRefused):
            await client.start(Account.run, 3, id="a", id_conflict="fail")
        await first.pause("look again", by="bob")
        assert (await last.describe()).pause_reason == "look again"
        await first.signal(Account.close)
        await last.resume("go on", by="bob")
        assert await waiting == [{"by": "Ann"}, {"tier": 1}, None]
        assert await joined.result(60) == await waiting


async def test_what_is_to_be_undone(url: str, crash: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if crash:
        monkeypatch.setattr(Activations, "begin_next", not_yet)
    async with running(url, ALL, [book]) as (_, client):
        first = await client.start(tour, 3, id="t")
        await first.signal(go, 1)
        await eventually_status(first, Status.CONTINUED)
    monkeypatch.undo()
    async with running(url, ALL, [book]) as (_, client):
        with pytest.raises(RunError, match="Closed"):
            await client.handle("t", first.run_id).result(60)
        assert (await client.handle("t").describe()).status == Status.COMPENSATED
        assert undone == [("flight", "booking of flight")]


async def test_a_parent_hears_of_the_last_run_and_its_signals_reach_it(url: str) -> None:
    async with running(url, ALL) as (_, client):
        of_parent = await client.start(parent, id="p")
        child = client.handle("child")

        async def is_last() -> bool:
            return (await client.runs(status="running", workflow="Account")) != [] and (
                await child.describe()
            ).continued_from is not None

        await eventually_async(is_last)
        await of_parent.signal(go, 1)
        assert await of_parent.result(60) == str([{"of": "child"}, {}, "p"])
        failing = await client.start(asks, 3, id="q")
        await eventually_async(lambda: is_there(client, "failing"))
        await client.handle("failing").signal(go, 1)
        assert await failing.result(60) == "failed Closed"


async def is_there(client: Client, workflow_id: str) -> bool:
    return workflow_id in [run.workflow_id for run in await client.runs()]


async def test_the_deadline_and_the_request_that_asks_to_stop(url: str) -> None:
    """A delayed start is delayed once; the time that it has is that of all its runs together."""
    async with running(url, ALL) as (_, client):
        first = await client.start(Account.run, 2, id="a", run_timeout="1h", delay="100ms")
        last = await last_of(client, "a", first.run_id, runs=3)
        began: list[dict[str, Any]] = []
        for run in (first, last):
            began += [event.details for event in await run.history() if event.type == "run started"]
        assert (began[0]["deadline"], began[0]["delay_s"]) == (began[1]["deadline"], 0.1)
        assert "delay_s" not in began[1]
        await first.cancel("enough")
        with pytest.raises(RunError, match="cancelled: Cancelled: enough"):
            await first.result(60)
