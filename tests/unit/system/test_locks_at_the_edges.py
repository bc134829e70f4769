"""Semantic locks in circles, over resets, without a cache, and against wrong uses."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from lock_sagas import NAME, WORKFLOWS, brief, circle, state, transfer, tries, undo, use, waits

from sagaline import (
    ConfigurationError,
    DeadlockError,
    LockError,
    LockLost,
    RunError,
    RunHandle,
    SagalineError,
    Status,
    workflow,
)
from sagaline._model.limits import LOCKS
from sagaline.testing.plugin import MakeEnvironment


@pytest.mark.parametrize("count", [2, 3, 5])
async def test_of_a_circle_exactly_one_gives_way_and_the_others_go_on(
    count: int, sagaline_env: MakeEnvironment
) -> None:
    one = circle(count=count)
    async with sagaline_env(workflows=[one], activities=[use, undo]) as env:
        handles = [await env.client.start(one, place, id=f"s{place}") for place in range(count)]
        await env.advance("60s")
        ends = [await handle.describe() for handle in handles]
        assert sorted(end.status for end in ends) == [Status.COMPENSATED] + [Status.COMPLETED] * (count - 1)
        (victim,) = (end for end in ends if end.status == Status.COMPENSATED)
        assert victim.failure is not None
        assert victim.failure.type == DeadlockError.__name__
        assert victim.failure.message.count(" waits for ") == count
        assert issubclass(DeadlockError, LockError)


async def points(handle: RunHandle[int]) -> list[int]:
    return [event.id for event in await handle.history() if event.is_reset_point]


@pytest.mark.parametrize("place", [0, -1])
async def test_a_reset_holder_holds_it_in_the_run_that_goes_on(place: int, sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=WORKFLOWS, activities=[use, undo]) as env:
        first = await env.client.start(transfer, "first", id="first")
        await waits(env, 0)
        second = await env.client.start(transfer, "second", id="second")
        await waits(env, 1)
        fork = await first.reset((await points(first))[place], "a bad deploy")
        await waits(env, 1)
        assert await fork.result() < await second.result()
        await env.advance("1s")
        assert (await state(env)).holder is None


async def test_who_holds_a_lock_that_a_person_has_ended_is_told_so_when_it_renews(
    sagaline_env: MakeEnvironment,
) -> None:
    @workflow
    async def renews() -> str:
        async with workflow.lock(NAME, lease="1h") as lock:
            await workflow.sleep(5)
            try:
                await lock.renew("2h")
            except LockLost as error:
                return str(error)
            return "renewed"

    async with sagaline_env(workflows=[renews], activities=[]) as env:
        handle = await env.client.start(renews, id="r")
        await env.advance("1s")
        await env.client.handle(f"sagaline.lock/{NAME}").terminate("by hand")
        assert "a person has ended it" in await handle.result()


async def test_a_lock_whose_run_a_person_ends_begins_anew_with_those_who_wait(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=WORKFLOWS, activities=[use, undo]) as env:
        first = await env.client.start(transfer, "first", "ok", 400.0, id="first")
        await waits(env, 0)
        others = [await env.client.start(transfer, name, id=name) for name in ("second", "third")]
        await waits(env, 2)
        await env.client.handle(f"sagaline.lock/{NAME}").terminate("by hand")
        tokens = [await other.result() for other in others]
        assert len(set(tokens)) == 2, "one after the other"
        assert min(tokens) > await first.result()
        await env.advance("1s")
        assert (await state(env)).holder is None


async def test_who_waits_long_asks_again_less_and_less_often_and_counts_once(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=WORKFLOWS, activities=[use, undo]) as env:
        await env.client.start(transfer, "first", "ok", 20_000.0, id="first")
        await waits(env, 0)
        second = await env.client.start(transfer, "second", id="second")
        await env.advance("30000s")
        assert len((await state(env)).waiters) == 1
        asked = [event.at for event in await second.history() if event.details.get("signal") == "acquire"]
        pauses = [round((after - before).total_seconds()) for before, after in itertools.pairwise(asked)]
        assert pauses[:7] == [60, 120, 240, 480, 960, 1_920, 3_600]
        assert set(pauses[7:]) == {3_600}
        await second.result()


async def test_all_of_it_is_the_same_when_no_run_is_kept_in_memory(sagaline_env: MakeEnvironment) -> None:
    one = circle(count=3)
    async with sagaline_env(workflows=[one, *WORKFLOWS], activities=[use, undo], replay_always=True) as env:
        handles = [await env.client.start(one, place, id=f"s{place}") for place in range(3)]
        for place in range(60):
            await env.client.start(tries, True, id=f"t{place}")
        await env.restart()
        await env.advance("60s")
        ends = [(await handle.describe()).status for handle in handles]
        assert sorted(ends) == [Status.COMPENSATED, Status.COMPLETED, Status.COMPLETED]
        assert (await state(env)).holder is None


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"name": "x" * 201}, {"lease": "soon"}, {"wait": -1}, {"until": "then"}]
)
async def test_what_is_no_lock_is_refused_at_once(wrong: dict[str, Any], sagaline_env: MakeEnvironment) -> None:
    @workflow(failure_exception_types=[ConfigurationError])
    async def asks() -> None:
        workflow.lock(**{"name": NAME, **wrong})

    async with sagaline_env(workflows=[asks], activities=[]) as env:
        with pytest.raises(RunError, match="Expected"):
            await env.execute(asks)


async def test_a_run_holds_so_many_at_most(sagaline_env: MakeEnvironment) -> None:
    @workflow(failure_exception_types=[SagalineError])
    async def greedy() -> None:
        for number in range(LOCKS + 1):
            await workflow.lock(f"l{number}").acquire()

    async with sagaline_env(workflows=[greedy], activities=[]) as env:
        with pytest.raises(RunError, match="at most 50 locks"):
            await env.execute(greedy)


async def test_a_request_that_comes_again_long_after_it_was_given_back_leaves_the_lock_with_nobody(
    sagaline_env: MakeEnvironment,
) -> None:
    """Its message is known for as long as the lock's run is kept; then the token, which is used, says so."""
    async with sagaline_env(workflows=WORKFLOWS, activities=[use, undo]) as env:
        first = await env.client.start(brief, 1.0, id="first")
        await env.advance("5s")  # it has left its block, and goes on
        request = f"{first.run_id}-1-first"
        again = {"request": request, "chain": first.run_id}
        await env.client.handle(f"sagaline.lock/{NAME}").signal("acquire", again)
        await env.advance("1s")
        assert (await first.describe()).status == Status.RUNNING
        assert (await state(env)).holder is None
        assert await env.client.execute(tries, "1s", id="second") == "True"
