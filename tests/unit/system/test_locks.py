"""Semantic locks by the public API: who has one, who waits, and when it goes; on the virtual clock."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from sagaline import (
    ApplicationError,
    ConfigurationError,
    DeadlockError,
    LockError,
    LockHeld,
    LockLost,
    LockTimeout,
    RunError,
    RunHandle,
    SagalineError,
    Status,
    activity,
    saga,
    workflow,
)
from sagaline._model.limits import LOCKS
from sagaline._model.locks import LockState
from sagaline._system.locks.lock import Lock
from sagaline.testing import Environment
from sagaline.testing.plugin import MakeEnvironment

NAME = "account-7"
_tokens: list[tuple[str, int]] = []


@activity
async def use(who: str, fencing: int) -> None:
    """Stands for the participant: notes who came under which number."""
    _tokens.append((who, fencing))


@use.compensation
async def undo(who: str, fencing: int) -> None:
    _tokens.append((f"undo {who}", fencing))


@saga
async def transfer(who: str, how: str = "ok", seconds: float = 10.0, again: int = 0) -> int:
    async with workflow.lock(NAME) as lock:
        await use(who, lock.fencing_token)
        await workflow.sleep(seconds)
    if again:
        workflow.continue_as_new(who, how, seconds, again - 1)
    if how == "fail":
        raise ApplicationError("no")
    await workflow.sleep(seconds)
    return lock.fencing_token


@workflow
async def brief(seconds: float = 10.0, lease: str = "") -> list[str]:
    """Is no saga: the lock goes with the block."""
    said: list[str] = []
    async with workflow.lock(NAME, lease=lease or None) as lock:
        await workflow.sleep(seconds)
        said.append("lost" if lock.is_lost else "held")
        if lease:
            try:
                await lock.renew()
                said.append("renewed")
            except LockLost:
                said.append("told")
    await workflow.sleep(100)
    return said


@workflow
async def tries(wait: Any) -> str:
    try:
        async with workflow.lock(NAME, wait=wait) as lock:
            return str(lock.held_since is not None)
    except LockHeld as error:
        return f"{error.held_by} {error.since:%T}"
    except LockTimeout as error:
        return f"late {error.lock}"


WORKFLOWS = [transfer, brief, tries]


@pytest.fixture(autouse=True)
def nobody_yet() -> None:
    _tokens.clear()


async def state(env: Environment) -> LockState:
    return await env.client.handle(f"sagaline.lock/{NAME}").query(Lock.state)


async def waits(env: Environment, count: int) -> None:
    await env.advance("1s")
    assert len((await state(env)).waiters) == count


async def test_it_is_handed_over_in_order_with_growing_numbers(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=WORKFLOWS, activities=[use, undo]) as env:
        handles: list[RunHandle[int]] = []
        for place in range(4):
            handles.append(await env.client.start(transfer, f"t{place}", id=f"t{place}"))
            await waits(env, place)
        tokens = [await handle.result() for handle in handles]
        assert tokens == sorted(set(tokens))
        assert [who for who, _ in _tokens] == [f"t{place}" for place in range(4)]
        assert (await state(env)).holder is None


@pytest.mark.parametrize("how", ["ok", "fail", "cancel", "terminate", "replace"])
async def test_a_saga_holds_it_until_its_end_whatever_that_is(how: str, sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=WORKFLOWS, activities=[use, undo]) as env:
        first = await env.client.start(transfer, "first", how, id="first")
        await waits(env, 0)
        second = await env.client.start(transfer, "second", id="second")
        await env.advance("11s")  # the first has left its block
        assert [who for who, _ in _tokens if not who.startswith("undo")] == ["first"] or how == "fail"
        if how == "cancel":
            await first.cancel("enough")
        if how == "terminate":
            await first.terminate("enough")
        if how == "replace":
            await env.client.start(brief, 1.0, id="first", id_conflict="terminate_existing")
        assert await second.result() > 0
        order = [who for who, _ in _tokens]
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
        assert [who for who, _ in _tokens] == ["first"] * 3 + ["second"]
        assert len({token for who, token in _tokens if who == "first"}) == 1


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


def circle(*, count: int) -> Any:
    @saga
    async def one(place: int) -> str:
        async with workflow.lock(f"l{place}"):
            await use(f"s{place}", 0)
            await workflow.sleep(5)
            async with workflow.lock(f"l{(place + 1) % count}"):
                return "done"

    return one


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
