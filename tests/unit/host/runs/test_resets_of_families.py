"""Resets of sagas, of runs with children and of chains: whose keys, whose children, who hears of what."""

from __future__ import annotations

from typing import Any

import pytest
from reset_sagas import UNDONE, environment, gives_up, keys_of, parent, point_behind, tour, trip

from sagaline import RequestRefused, RunError, Status
from sagaline.testing import Environment


@pytest.fixture(params=[False, True], ids=["cached", "replayed"])
async def env(request: pytest.FixtureRequest) -> Any:
    async with environment(request.param) as made:
        yield made


async def test_a_child_of_before_reports_to_the_new_run(env: Environment) -> None:
    handle = await env.client.start(parent, "a", id="parent-1")
    point = await point_behind(handle, "price")
    new = await handle.reset(point, "why")
    again = await new.reset(point, "why not")
    assert await again.result() == [7, "shipped a"]
    runs = [run.workflow for run in await env.client.runs()]
    assert runs.count("ship") == 1


async def test_a_child_that_was_asked_for_later_is_left_and_another_is_asked_for(env: Environment) -> None:
    handle = await env.client.start(parent, "a", id="parent-1")
    (begun,) = [run for run in await env.client.runs() if run.workflow == "ship"]
    new = await handle.reset(2, "why")
    assert await new.result() == [7, "shipped a"]
    ended = {run.workflow_id: run.status for run in await env.client.runs() if run.workflow == "ship"}
    assert ended.pop(begun.workflow_id) in (Status.TERMINATED, Status.COMPLETED)


async def test_a_run_that_is_a_child_is_reset_and_its_parent_hears_of_the_new_one(env: Environment) -> None:
    handle = await env.client.start(parent, "a", id="parent-1")
    (child,) = [run for run in await env.client.runs() if run.workflow == "ship"]
    new = await env.client.handle(child.workflow_id).reset(2, "why")
    assert await handle.result() == [7, "shipped a"]
    assert (await new.describe()).status is Status.COMPLETED


async def test_an_ended_run_that_left_a_child_is_reset_to_before_it(env: Environment) -> None:
    handle = await env.client.start(gives_up, "a", id="p")
    await handle.result()
    point = max(event.id for event in await handle.history() if event.is_reset_point)
    with pytest.raises(RequestRefused, match="was open when the run ended") as refused:
        await handle.reset(point, "why")
    assert refused.value.type == "StepsLeft"
    await (await handle.reset(2, "why")).result()


async def test_steps_that_were_undone_do_not_stand(env: Environment) -> None:
    handle = await env.client.start(trip, 1, id="t")
    with pytest.raises(RunError):
        await handle.result()
    with pytest.raises(RequestRefused, match="Start another run") as refused:
        await handle.reset(2, "why")
    assert refused.value.type == "StepsUndone"


async def test_a_run_of_a_chain_is_reset_and_the_newest_ends(env: Environment) -> None:
    handle = await env.client.start(tour, 3, id="t")
    await env.advance(3_700)
    second = await env.client.handle("t").describe()
    assert second.continued_from == handle.run_id
    new = await env.client.handle("t", handle.run_id).reset(2, "why")
    assert (await env.client.handle("t", second.run_id).describe()).status is Status.TERMINATED
    with pytest.raises(RunError, match="closed"):
        await new.result()
    assert (await env.client.handle("t").describe()).status is Status.COMPENSATED


async def test_compensations_of_before_the_event_stay_armed_under_their_keys(env: Environment) -> None:
    handle = await env.client.start(trip, 3, id="t")
    await env.advance(3_700)
    point = await point_behind(handle, "book", 1)
    new = await handle.reset(point, "why")
    with pytest.raises(RunError, match="no hotel"):
        await new.result()
    (second,) = keys_of("book leg 1")
    (third,) = keys_of("book leg 2")
    assert third.startswith(new.run_id)
    assert second.startswith(handle.run_id)
    assert [(name, forward) for name, forward, _ in UNDONE] == [
        ("leg 2", third),
        ("leg 1", second),
        ("leg 0", *keys_of("book leg 0")),
    ]
    assert [key for _, forward, key in UNDONE if forward == second] == [f"{second}/compensation"]


async def test_a_fork_of_a_fork_that_continues_as_new_undoes_all_under_their_keys(env: Environment) -> None:
    handle = await env.client.start(tour, 2, id="t")
    point = await point_behind(handle, "book")
    new = await (await handle.reset(point, "one")).reset(point, "two")
    with pytest.raises(RunError, match="closed"):
        await env.client.handle("t", new.run_id).result()
    newest = await env.client.handle("t").describe()
    assert (newest.status, newest.continued_from) == (Status.COMPENSATED, new.run_id)
    assert [(name, forward) for name, forward, _ in UNDONE] == [
        ("stop 1", f"{newest.run_id}/1"),
        ("stop 2", f"{handle.run_id}/1"),
    ]
    assert UNDONE[-1][2] == f"{handle.run_id}/1/compensation"
    assert keys_of("book stop 2") == {f"{handle.run_id}/1"}
