"""Runs that continue as new: results, commands and ids follow them, over crashes and retention."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from harness import eventually, eventually_status, running
from virtual_host import eventually as eventually_later
from virtual_host import options_of, registry_of, virtual_host
from virtual_time import virtual

from sagaline import RequestRefused, RunError, Signal, Status, activity, workflow
from sagaline._host.runs.activations import Activations
from sagaline._log import HISTORY
from sagaline._model import events as e
from sagaline._model.records import History
from sagaline.client import reads, waiting

done: list[int] = []


@activity
async def note(number: int) -> int:
    done.append(number)
    return number


@workflow
async def counts(number: int, last: int) -> str:
    await note(number)
    if number < last:
        counts.continue_as_new(number + 1, last)
    return f"{number} runs"


@workflow
async def for_ever(number: int = 0) -> None:
    await asyncio.sleep(0.02)
    for_ever.continue_as_new(number + 1)


@workflow
async def at_once(number: int) -> int:
    if number < 200:
        at_once.continue_as_new(number + 1)
    return number


WORKFLOWS = [counts, for_ever, at_once]


@pytest.fixture(autouse=True)
def fresh() -> None:
    done.clear()


def url() -> str:
    return f"memory://{uuid.uuid4().hex}?partitions=1"


async def test_result_and_execute_follow_the_chain_and_each_run_is_known() -> None:
    async with running(url(), WORKFLOWS, [note]) as (_, client):
        handle = await client.start(counts, 1, 5, id="a")
        assert await handle.result(20) == "5 runs"
        assert done == [1, 2, 3, 4, 5]
        first, last = await handle.describe(), await client.handle("a").describe()
        assert (first.status, first.run_id) == (Status.CONTINUED, handle.run_id)
        assert (last.status, last.first_run_id, last.result) == (Status.COMPLETED, handle.run_id, "5 runs")
        assert first.continued_to is not None
        second = await client.handle("a", first.continued_to).describe()
        assert (second.continued_from, second.status) == (handle.run_id, Status.CONTINUED)
        assert [event.type for event in await handle.history()][-1] == "run continued"
        assert await client.execute(counts, 1, 5, id="b", timeout=20) == "5 runs"
        assert await client.execute(counts, 1, 5, id="b", timeout=20) == "5 runs"  # the same start joins its end
        assert len(done) == 10
        with pytest.raises(RequestRefused, match="that has ended"):
            await client.start(counts, 2, 5, id="b")
        assert await client.execute(counts, 4, 5, id="b", id_reuse="allow") == "5 runs"
        assert await client.execute(at_once, 0, id="c", timeout=20) == 200


async def test_commands_of_the_first_handle_reach_the_run_of_now() -> None:
    async with running(url(), WORKFLOWS, [note]) as (_, client):
        handle = await client.start(for_ever, id="a")
        await eventually_status(handle, "continued")
        assert (await client.start(for_ever, id="a")).run_id != handle.run_id
        with pytest.raises(RequestRefused, match="that has not ended"):
            await client.start(for_ever, id="a", id_conflict="fail")
        await handle.cancel("enough")
        with pytest.raises(RunError, match="cancelled: Cancelled: enough"):
            await handle.result(20)
        again = await client.start(for_ever, id="a", id_reuse="allow")
        await eventually_status(again, "continued")
        replacing = await client.start(counts, 1, 1, id="a", id_conflict="terminate_existing")
        assert await replacing.result(20) == "1 runs"
        with pytest.raises(RunError, match="terminated: Replaced"):
            await again.result(20)
        third = await client.start(for_ever, id="t")
        await eventually_status(third, "continued")
        await third.terminate("now")
        with pytest.raises(RunError, match="terminated: Terminated: now"):
            await third.result(20)


async def test_a_result_is_read_from_the_log_where_no_worker_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "PATIENCE_S", 0.02)
    monkeypatch.setattr(waiting, "_FIRST_LOOK_S", 0.02)
    async with running(url(), WORKFLOWS, [note]) as (worker, client):
        handle = await client.start(counts, 1, 3, id="a")
        await handle.result(20)
        await worker.stop()
        assert await handle.result(20) == "3 runs"


@pytest.mark.parametrize("ask", ["nothing", "cancel", "terminate", "start"])
async def test_a_crash_between_the_two_runs_leaves_no_gap(ask: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record that ends the first is durable, its worker dies, and the next worker begins the second before it
    hears of anything else; so does a live worker that is asked first."""
    where = url()
    monkeypatch.setattr(Activations, "begin_next", lambda self, workflow_id: None)
    async with running(where, WORKFLOWS, [note]) as (_, client):
        handle = await client.start(counts, 1, 2, id="a")
        await eventually_status(handle, "continued")
        pending = await client.handle("a").describe()
        assert (pending.status, pending.events) == (Status.RUNNING, 0)
        with pytest.raises(RequestRefused, match="that has not ended"):
            await client.start(counts, 2, 2, id="a", id_conflict="fail")
        if ask == "cancel":
            await handle.cancel("late")
        elif ask == "terminate":
            await handle.terminate("late")
        elif ask == "start":
            assert await client.execute(counts, 5, 5, id="a", id_conflict="terminate_existing") == "5 runs"
        if ask != "nothing":
            second = await client.handle("a", pending.run_id).history()
            assert [event.type for event in second][:2] == ["run started", "activity scheduled"]
    async with running(where, WORKFLOWS, [note]) as (_, client):
        if ask == "nothing":
            assert await client.handle("a", handle.run_id).result(20) == "2 runs"
            assert done == [1, 2]


@virtual
async def test_runs_of_a_chain_are_retired_each_on_its_own_from_the_first_to_the_last() -> None:
    registry = registry_of([slow], [])
    async with virtual_host(registry, options_of(retention_ms=25_000, sweep_s=1.0)) as world:
        request_id = world.start(slow, "a", 0)

        def runs() -> list[Any]:
            records = [record for record in world.records(HISTORY, 0) if isinstance(record, History)]
            return [r for r in records if isinstance(r.events[0], e.RunStarted)]

        await eventually_later(lambda: len(runs()) == 6)
        state = world.host.live[0].rows.durable
        await eventually_later(lambda: len(list(state.runs.all())) <= 4)  # the first are gone, the chain goes on
        assert (await world.answer(request_id)).result == b'"done"'
        again = world.start(slow, "a", 0, request_id=request_id)
        assert (await world.answer(again)).result == b'"done"'
        await eventually_later(lambda: not list(state.runs.all()))
        assert not list(state.remnants.runs())
        assert not list(world.host.live[0].rows.acknowledged.scan(b"h/"))


@workflow
async def slow(number: int) -> str:
    await asyncio.sleep(10)
    if number < 7:
        slow.continue_as_new(number + 1)
    return "done"


async def test_whoever_waits_for_the_first_run_is_told_of_the_last() -> None:
    async with running(url(), [slow_enough], []) as (_, client):
        handle = await client.start(slow_enough, 0, id="a")
        waiting_for = asyncio.create_task(handle.result(20))
        await eventually(lambda: waiting_for.done())
        assert await waiting_for == 5


@workflow
async def slow_enough(number: int) -> int:
    await asyncio.sleep(0.05)
    if number < 5:
        slow_enough.continue_as_new(number + 1)
    return number


tasks = Signal[int]("task")


@workflow(signals=[tasks])
async def drains(seen: list[int], last: int) -> list[int]:
    """Takes a few of its signals, then goes on as another run with what it has seen."""
    for _ in range(3 if len(seen) < 6 else 700):
        seen.append(await tasks.receive())
        if seen[-1] == last:
            return seen
    drains.continue_as_new(seen, last)


@pytest.mark.parametrize("crash", [False, True])
async def test_signals_that_wait_go_on_with_the_chain_in_order_and_once(
    crash: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = url()
    if crash:
        monkeypatch.setattr(Activations, "begin_next", lambda self, workflow_id: None)
    async with running(where, [drains]) as (_, client):
        handle = await client.start(drains, [], 1_300, id="a")
        await asyncio.gather(*(handle.signal(tasks, number) for number in range(700)))
        monkeypatch.undo()
    async with running(where, [drains]) as (_, client):
        handle = client.handle("a", handle.run_id)
        await asyncio.gather(*(handle.signal(tasks, number) for number in range(700, 1_301)))
        assert await handle.result(60) == list(range(1_301))
