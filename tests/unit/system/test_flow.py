"""Limits of the namespace by the public API: who begins, who waits, and when slots come back; on the virtual clock."""

from __future__ import annotations

import asyncio
from typing import Any

import flow_sagas
import pytest
from flow_sagas import (
    ACTIVITIES,
    WORKFLOWS,
    Order,
    charge,
    fairly,
    mail,
    now_and_then,
    one_each,
    pays,
    seen,
    several,
    state,
    waits_outside,
)

from sagaline import Key, RunError, Status, activity, workflow
from sagaline._model.limits import FLOW_REQUESTS
from sagaline.testing.plugin import MakeEnvironment


@pytest.fixture(autouse=True)
def nobody_yet() -> None:
    flow_sagas.nobody_yet()


@pytest.mark.parametrize("replay_always", [False, True])
async def test_steps_of_one_key_take_turns_over_runs_and_others_do_not_wait(
    replay_always: bool, sagaline_env: MakeEnvironment
) -> None:
    async with sagaline_env(workflows=WORKFLOWS, activities=ACTIVITIES, replay_always=replay_always) as env:
        runs = [env.execute(pays, Order(customer), "ok", 3) for customer in ("ann", "bob", "ann", "bob")]
        assert await asyncio.gather(*runs) == ["ok"] * 4
        assert seen.most == {"ann": 1, "bob": 1}
        assert len(seen.done) == 12
        await env.advance("1s")
        kept = await state(env, "charge.order.customer", "ann")
        assert (kept.slots, kept.waiters, kept.turns) == ({}, [], {})


@pytest.mark.parametrize("how", ["terminate", "cancel", "replace", "time out", "reset"])
async def test_a_slot_comes_back_whatever_ends_the_run(how: str, sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=WORKFLOWS, activities=ACTIVITIES) as env:
        options: Any = {"run_timeout": "60s"} if how == "time out" else {}
        first = await env.client.start(waits_outside, Order("ann"), id="first", **options)
        await env.advance("1s")
        second = await env.client.start(waits_outside, Order("ann"), id="second")
        await env.advance("1s")
        kept = await state(env, "held", "ann")
        assert (len(kept.slots), len(kept.waiters)) == (1, 1)
        if how == "terminate":
            await first.terminate("by hand")
        elif how == "cancel":
            await first.cancel("by hand")
        elif how == "replace":
            await env.client.start(waits_outside, Order("bob"), id="first", id_conflict="terminate_existing")
        elif how == "reset":
            point = next(event.id for event in await first.history() if event.is_reset_point)
            await first.reset(point, "again")
            await env.advance("1s")
            assert [request.rpartition("-")[2] for request in (await state(env, "held", "ann")).slots] == ["first"]
            await env.client.handle("first").terminate("by hand")
        await env.advance("120s")
        kept = await state(env, "held", "ann")
        assert [request.rpartition("-")[2] for request in kept.slots] == ["second"]
        assert not kept.waiters
        await second.terminate("enough")
        await env.advance("1s")
        assert not (await state(env, "held", "ann")).slots


async def test_a_step_that_is_cancelled_while_it_waits_leaves_the_queue(sagaline_env: MakeEnvironment) -> None:
    @workflow
    async def impatient(order: Order, seconds: float) -> str:
        try:
            async with asyncio.timeout(seconds):
                await flow_sagas.held(order, 1.0)
        except TimeoutError:
            await workflow.sleep(5)
        return "ended"

    async with sagaline_env(workflows=[*WORKFLOWS, impatient], activities=ACTIVITIES) as env:
        await env.client.start(waits_outside, Order("ann"), id="first")
        await env.advance("1s")
        assert await env.execute(impatient, Order("ann"), 3.0) == "ended"
        kept = await state(env, "held", "ann")
        assert (len(kept.slots), kept.waiters) == (1, [])


async def test_a_step_that_is_cancelled_at_work_has_its_slot_until_it_has_ended(sagaline_env: MakeEnvironment) -> None:
    @workflow
    async def impatient(order: Order) -> str:
        step = asyncio.create_task(flow_sagas.held.options(timeout="30s")(order, 1.0))
        await workflow.sleep(1)
        step.cancel()
        await workflow.sleep(600)
        return "ended"

    async with sagaline_env(workflows=[*WORKFLOWS, impatient], activities=ACTIVITIES) as env:
        await env.client.start(impatient, Order("ann"), id="first")
        await env.advance("20s")
        assert not (await state(env, "held", "ann")).slots
        assert (await env.client.handle("first").describe()).status == Status.RUNNING


async def test_a_rollback_asks_for_nothing_and_gives_back(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=WORKFLOWS, activities=ACTIVITIES) as env:
        with pytest.raises(RunError):
            await env.client.execute(pays, Order("ann"), "fail", 2, id="x")
        assert sorted(seen.done) == ["refund x-0", "refund x-1", "x-0", "x-1"]
        await env.advance("1s")
        assert not (await state(env, "charge.order.customer", "ann")).slots


async def test_keys_that_share_a_limit_take_turns(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[fairly], activities=ACTIVITIES) as env:
        await asyncio.gather(env.execute(fairly, "a", 20), env.execute(fairly, "b", 3), env.execute(fairly, "c", 3))
        assert seen.most["all"] <= 2
        assert max(seen.done.index(f"{who}2") for who in "bc") < seen.done.index("a10")


async def test_a_rate_holds_over_runs(sagaline_env: MakeEnvironment) -> None:
    @workflow
    async def mails(count: int) -> float:
        await asyncio.gather(*(mail(place) for place in range(count)))
        return workflow.now().timestamp()

    async with sagaline_env(workflows=[mails, now_and_then], activities=ACTIVITIES) as env:
        began = env.now.timestamp()
        ends = await asyncio.gather(*(env.execute(mails, 4) for _ in range(3)))
        assert max(ends) - began >= 5.5
        times = sorted(await asyncio.gather(*(env.execute(now_and_then) for _ in range(4))))
        assert times[1] - times[0] < 1
        assert times[2] - times[0] >= 59.9
        assert times[3] - times[2] >= 59.9


async def test_a_whole_run_has_a_slot_over_continue_as_new(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=WORKFLOWS, activities=ACTIVITIES) as env:
        first = await env.client.start(one_each, "ann", 10.0, 2, id="first")
        await env.advance("5s")
        second = await env.client.start(one_each, "ann", id="second")
        assert await second.result() > await first.result() + 9.9
        await env.advance("1s")
        assert not (await state(env, "one_each.customer", "ann")).slots


async def test_a_run_that_goes_on_as_another_gives_back_what_its_steps_had(sagaline_env: MakeEnvironment) -> None:
    @workflow
    async def leaves(order: Order, again: bool) -> str:
        if again:
            step = asyncio.create_task(flow_sagas.held(order, 1.0))
            await workflow.sleep(1)
            assert not step.done()
            workflow.continue_as_new(order, False)
        await workflow.sleep(600)
        return "ended"

    async with sagaline_env(workflows=[leaves], activities=ACTIVITIES) as env:
        await env.client.start(leaves, Order("ann"), True, id="first")
        await env.advance("5s")
        assert not (await state(env, "held", "ann")).slots


async def test_steps_with_several_limits_do_not_wait_for_each_other(sagaline_env: MakeEnvironment) -> None:
    @activity(concurrency=[Key.of("b", limit=1), Key.of("a", limit=1)])
    async def the_other_way_round() -> None:
        await seen.work("several", "other")

    @workflow
    async def both(who: str) -> None:
        await asyncio.gather(several(who), the_other_way_round(), several(who))

    async with sagaline_env(workflows=[both], activities=[*ACTIVITIES, the_other_way_round]) as env:
        await asyncio.gather(*(env.execute(both, who) for who in "xyz"))
        assert seen.most["several"] == 1
        assert len(seen.done) == 9


async def test_a_run_has_so_many_requests_at_limits_and_the_others_wait_in_it(sagaline_env: MakeEnvironment) -> None:
    @workflow
    async def many(count: int) -> None:
        await asyncio.gather(*(charge(Order(str(place))) for place in range(count)))

    async with sagaline_env(workflows=[many], activities=ACTIVITIES) as env:
        handle = await env.client.start(many, 2 * FLOW_REQUESTS + 20, id="x")
        await env.restart()
        await handle.result()
        assert len(set(seen.done)) == 1
        assert len(seen.done) >= 2 * FLOW_REQUESTS + 20


async def test_a_run_that_was_there_before_the_limit_goes_on_without(sagaline_env: MakeEnvironment) -> None:
    @activity(name="charge")
    async def unlimited(order: Order, what: str = "charged") -> str:
        return what

    @workflow(name="both")
    async def before(order: Order) -> str:
        said = await unlimited(order, "before")
        await workflow.sleep(60)
        return said + await unlimited(order, "after")

    @workflow(name="both", concurrency=Key("order.customer", limit=1))
    async def behind(order: Order) -> str:
        said = await charge(order, "before")
        await workflow.sleep(60)
        return said + await charge(order, "after")

    async with sagaline_env(workflows=[before], activities=[unlimited]) as env:
        handle = await env.client.start(before, Order("ann"), id="x")
        await env.advance("1s")
        await env.deploy(workflows=[behind], activities=[charge])
        assert await handle.result() == "beforeafter"
        assert seen.done == ["after"]
        described = await handle.describe()
        assert described.status == Status.COMPLETED
