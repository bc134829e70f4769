"""Runs that begin again from an earlier event of their history, with the host, on the memory log."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from reset_sagas import KEYS, WRONG, Order, asks, asks_late, environment, keys_of, listens, note, point_behind

from sagaline import RequestRefused, Status
from sagaline._host.runs import forking
from sagaline.testing import Environment


@pytest.fixture(params=[False, True], ids=["cached", "replayed"])
async def env(request: pytest.FixtureRequest) -> Any:
    async with environment(request.param) as made:
        yield made


async def test_a_run_goes_on_from_an_earlier_event_with_later_signals(env: Environment) -> None:
    WRONG.add("a")
    handle = await env.client.start(Order, "a", id="order-1")
    await handle.signal(Order.approve, "ann")
    WRONG.clear()
    end = await point_behind(handle, "price")
    waiting = asyncio.ensure_future(handle.result())
    new = await handle.reset(end, "wrong prices", by="ann@laptop")
    await new.signal(Order.approve, "bob")
    result = await new.result()
    assert result[:3] == ["first a", 7, ["ann", "bob"]]
    assert await waiting == result
    assert [name for name, _ in KEYS] == ["first", "price", "price"]
    assert len(keys_of("price")) == 1, "it was asked for before the event: the same step"
    old, made = await env.client.handle("order-1", handle.run_id).describe(), await new.describe()
    assert (old.status, old.reset_to) == (Status.TERMINATED, new.run_id)
    assert old.failure is not None
    assert old.failure.type == "Reset"
    assert "wrong prices" in old.failure.message
    assert made.reset_from is not None
    assert (made.reset_from.run_id, made.reset_from.to_event) == (handle.run_id, end)
    assert (made.reset_from.reason, made.reset_from.by) == ("wrong prices", "ann@laptop")
    last = (await env.client.handle("order-1", handle.run_id).history())[-1]
    assert (last.type, last.details["run_id"], last.details["fork"]["reason"]) == (
        "run reset",
        new.run_id,
        "wrong prices",
    )


async def test_signals_may_be_left(env: Environment) -> None:
    handle = await env.client.start(Order, "a", id="order-1")
    await handle.signal(Order.approve, "ann")
    new = await handle.reset(2, "again", drop_signals=True)
    await new.signal(Order.approve, "bob")
    await new.signal(Order.approve, "cid")
    assert (await new.result())[2] == ["bob", "cid"]


async def test_signals_that_the_code_has_not_received_go_along(env: Environment) -> None:
    handle = await env.client.start(listens, 2, id="l")
    await handle.signal(note, 1)
    point = max(event.id for event in await handle.history() if event.is_reset_point)
    await handle.signal(note, 2)
    new = await handle.reset(point, "why")
    assert (await new.describe()).signals_waiting == 2
    assert await new.result() == [1, 2]


async def test_updates_do_not_come_again_and_those_of_before_are_done(env: Environment) -> None:
    handle = await env.client.start(Order, "a", id="order-1")
    assert await handle.execute_update(Order.add, "ann", id="u1") == 1
    point = max(event.id for event in await handle.history() if event.is_reset_point)
    assert point > 2
    new = await handle.reset(point, "why")
    assert await new.execute_update(Order.add, "ann", id="u1") == 1
    again = await new.reset(2, "earlier still")
    assert await new.execute_update(Order.add, "dee", id="u2") == 1, "whoever means the other means the new one"
    assert await again.execute_update(Order.add, "bob", id="u3") == 2
    assert (await again.result())[2] == ["dee", "bob"]


async def test_an_event_within_an_activation_is_refused(env: Environment) -> None:
    handle = await env.client.start(Order, "a", id="order-1")
    with pytest.raises(RequestRefused, match="The nearest"):
        await handle.reset(1, "why")
    with pytest.raises(RequestRefused, match="none"):
        await env.client.handle("nobody").reset(1, "why")
    assert (await handle.describe()).status is Status.RUNNING


async def test_a_run_that_has_ended_stays_as_it_is(env: Environment) -> None:
    handle = await env.client.start(Order, "a", id="order-1")
    for by in ("ann", "bob"):
        await handle.signal(Order.approve, by)
    before = await handle.result()
    events = await handle.history()
    point = await point_behind(handle, "price")
    new = await handle.reset(point, "once more")
    after = await new.result()
    assert after[:4] == before[:4]
    assert after[4] != before[4], "what chance gives behind the event is another run's"
    described = await handle.describe()
    assert (described.status, described.result) == (Status.COMPLETED, before)
    assert await handle.history() == events
    again = await new.reset(point, "and again")
    assert (await again.result())[:4] == before[:4]
    assert (await handle.describe()).reset_to == again.run_id


async def test_a_paused_run_is_reset_and_the_new_one_acts(env: Environment) -> None:
    handle = await env.client.start(Order, "a", id="order-1")
    await env.advance(1)
    await handle.pause("something is wrong")
    await handle.signal(Order.approve, "ann")
    with pytest.raises(RequestRefused, match="neither parked nor paused"):
        await handle.reset((await handle.history())[-1].id, "why")
    new = await handle.reset(await point_behind(handle, "price"), "why")
    await new.signal(Order.approve, "bob")
    assert (await new.result())[2] == ["ann", "bob"]


async def test_tokens_and_chance_are_those_of_before_up_to_the_event(env: Environment) -> None:
    handle = await env.client.start(asks, id="a")
    await env.advance(1)
    (token,) = keys_of("token")
    new = await handle.reset(2, "why")
    await env.client.complete_token(token, 5)
    value, before, later, then, now = await new.result()
    assert (value, then, now) == (5, handle.run_id, new.run_id)
    again = await new.reset(2, "why")
    assert (await again.result())[:2] == [5, before], "it was resolved later, and is again"
    assert (await again.result())[2] != later
    last = await new.reset(2, "why", drop_signals=True)
    await env.client.complete_token(token, 6)
    assert (await last.result())[0] == 6


@pytest.mark.parametrize("resolved_before", [False, True])
async def test_what_resolves_a_token_of_behind_the_event_is_not_taken_for_the_new_runs_own(
    env: Environment, resolved_before: bool
) -> None:
    handle = await env.client.start(asks_late, id="a")
    await env.advance(6)
    (before,) = keys_of("token")
    if resolved_before:
        await env.client.complete_token(before, 1)
    new = await handle.reset(2, "why")
    await env.advance(6)
    if not resolved_before:
        await env.client.complete_token(before, 1)
    (token,) = keys_of("token") - {before}
    await env.client.complete_token(token, 2)
    assert await new.result() == 2


async def test_what_comes_again_fits_into_a_record(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forking, "_AGAIN_BYTES", 300)
    handle = await env.client.start(listens, 1, id="l")
    for number in range(5):
        await handle.signal(note, number)
    with pytest.raises(RequestRefused, match="drop the signals") as refused:
        await handle.reset(2, "why")
    assert refused.value.type == "TooManyLater"


async def test_a_preview_says_what_is_repeated_and_what_stays(env: Environment) -> None:
    handle = await env.client.start(Order, "a", id="order-1")
    await handle.signal(Order.approve, "ann")
    await handle.execute_update(Order.add, "bob")
    await handle.result()
    preview = await handle.preview_reset(2)
    assert [(step.name, step.outcome) for step in preview.repeated] == [("first", "completed")]
    assert [(step.name, step.outcome) for step in preview.left] == [("price", "completed")]
    assert (preview.signals, preview.updates) == (("approve",), ("add",))
    with pytest.raises(RequestRefused, match="The nearest is 2"):
        await handle.preview_reset(1)
