"""Semantic locks by the public API: who has one, who waits, and when it goes; on the virtual clock."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from lock_sagas import NAME, WORKFLOWS, brief, state, tokens, transfer, tries, undo, use, waits

from sagaline import (
    RunHandle,
    Status,
    workflow,
)
from sagaline.testing.plugin import MakeEnvironment


@pytest.fixture(autouse=True)
def nobody_yet() -> None:
    tokens.clear()


async def test_it_is_handed_over_in_order_with_growing_numbers(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=WORKFLOWS, activities=[use, undo]) as env:
        handles: list[RunHandle[int]] = []
        for place in range(4):
            handles.append(await env.client.start(transfer, f"t{place}", id=f"t{place}"))
            await waits(env, place)
        numbers = [await handle.result() for handle in handles]
        assert numbers == sorted(set(numbers))
        assert [who for who, _ in tokens] == [f"t{place}" for place in range(4)]
        assert (await state(env)).holder is None


@pytest.mark.parametrize("how", ["ok", "fail", "cancel", "terminate", "replace"])
async def test_a_saga_holds_it_until_its_end_whatever_that_is(how: str, sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=WORKFLOWS, activities=[use, undo]) as env:
        first = await env.client.start(transfer, "first", how, id="first")
        await waits(env, 0)
        second = await env.client.start(transfer, "second", id="second")
        await env.advance("11s")  # the first has left its block
        assert [who for who, _ in tokens if not who.startswith("undo")] == ["first"] or how == "fail"
        if how == "cancel":
            await first.cancel("enough")
        if how == "terminate":
            await first.terminate("enough")
        if how == "replace":
            await env.client.start(brief, 1.0, id="first", id_conflict="terminate_existing")
        assert await second.result() > 0
        order = [who for who, _ in tokens]
        undone = ["undo first"] if how in ("fail", "cancel") else []
        assert order == ["first", *undone, "second"]
        await env.advance("200s")
        assert (await state(env)).holder is None


async def test_a_chain_holds_it_until_its_last_run_has_ended(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=WORKFLOWS, activities=[use, undo]) as env:
        first = await env.client.start(transfer, "first", "ok", 10.0, 2, id="first")
        await waits(env, 0)
        second = await env.client.start(transfer, "second", id="second")
        assert await second.result() > await first.result()
        assert [who for who, _ in tokens] == ["first"] * 3 + ["second"]
        assert len({token for who, token in tokens if who == "first"}) == 1


async def test_a_workflow_gives_it_back_at_the_end_of_its_block(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=WORKFLOWS, activities=[use, undo]) as env:
        first = await env.client.start(brief, 10.0, id="first")
        await waits(env, 0)
        assert await env.client.execute(tries, True, id="second") == "True"
        assert (await first.describe()).status == Status.RUNNING


async def test_who_does_not_wait_is_told_who_has_it(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=WORKFLOWS, activities=[use, undo]) as env:
        await env.client.start(brief, 50.0, id="first")
        await waits(env, 0)
        assert (await env.client.execute(tries, False, id="a")).startswith("first ")
        before = env.now
        assert await env.client.execute(tries, "5s", id="b") == f"late {NAME}"
        assert env.now - before == timedelta(seconds=5)
        await waits(env, 0)  # it has withdrawn
        await env.advance("60s")
        assert await env.client.execute(tries, False, id="c") == "True"


async def test_a_lease_that_is_over_is_handed_over_when_somebody_waits(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=WORKFLOWS, activities=[use, undo]) as env:
        alone = await env.client.start(brief, 20.0, "5s", id="alone")
        assert await alone.result() == ["lost", "renewed"]
        first = await env.client.start(brief, 20.0, "5s", id="first")
        await waits(env, 0)
        before = env.now
        assert await env.client.execute(tries, True, id="second") == "True"
        assert timedelta(seconds=3) < env.now - before < timedelta(seconds=6)
        assert await first.result() == ["lost", "told"]


async def test_the_same_saga_has_it_once_more_at_once_and_keeps_it_until_the_last_use(
    sagaline_env: MakeEnvironment,
) -> None:
    @workflow
    async def nested() -> list[bool]:
        async with workflow.lock(NAME) as outer:
            async with workflow.lock(NAME) as inner:
                same = outer.fencing_token == inner.fencing_token
            async with workflow.lock(NAME, lease="1h") as leased:
                beside = leased.fencing_token == outer.fencing_token
            await workflow.sleep(5)
            return [same, beside, outer.is_lost]

    async with sagaline_env(workflows=[*WORKFLOWS, nested], activities=[use, undo]) as env:
        assert await env.execute(
            nested,
        ) == [True, True, False]
        await env.advance("1s")
        assert (await state(env)).holder is None


async def test_a_waiting_task_that_is_cancelled_withdraws_and_a_grant_that_races_is_given_back(
    sagaline_env: MakeEnvironment,
) -> None:
    @workflow
    async def fickle(seconds: float) -> str:
        try:
            async with asyncio.timeout(seconds):
                async with workflow.lock(NAME):
                    return "got it"
        except TimeoutError:
            await workflow.sleep(1)
            return "withdrew"

    async with sagaline_env(workflows=[*WORKFLOWS, fickle], activities=[use, undo]) as env:
        for seconds in (4.0, 5.0, 6.0):  # before, with and behind the end of the block
            await env.client.start(brief, 5.0, id=f"first-{seconds}")
            await env.client.start(fickle, seconds, id=f"fickle-{seconds}")
            await env.advance("30s")
            kept = await state(env)
            assert (kept.holder, kept.waiters) == (None, [])
        assert await env.client.execute(tries, "1s", id="last") == "True"


async def test_numbers_grow_over_the_end_of_the_locks_run(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=WORKFLOWS, activities=[use, undo]) as env:
        first = await env.client.execute(transfer, "a", id="a")
        await env.advance("3d")
        assert (await env.client.handle(f"sagaline.lock/{NAME}").describe()).status == Status.COMPLETED
        assert await env.client.execute(transfer, "b", id="b") > first
