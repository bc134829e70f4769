"""The constructs that docs/coming-from-temporal.md calls the same as elsewhere, a test each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sagaline import ApplicationError, RunError, Signal, activity, saga, workflow
from sagaline.testing import ActivityEnvironment, Environment, replay

MakeEnvironment = Callable[..., Environment]


class Declined(ApplicationError):
    pass


class Bank:
    """An object with what its activities need."""

    def __init__(self, name: str) -> None:
        self.name = name

    @activity
    async def charge(self, cents: int) -> str:
        return f"{self.name}: {cents}"


@activity
async def twice(number: int) -> int:
    return 2 * number


@activity
def in_a_thread(number: int) -> int:
    return number + 1


@activity
async def who() -> tuple[str, int, str]:
    info = activity.info()
    return info.workflow_id, info.attempt, info.idempotency_key


undone: list[int] = []


@activity
async def book(number: int) -> int:
    return number


@book.compensation
async def unbook(number: int, booked: int | None) -> None:
    undone.append(number)


@workflow
async def double(number: int) -> int:
    return await twice(number)


@workflow
class Doubling:
    @workflow.init
    def __init__(self, number: int) -> None:
        self.number = number

    @workflow.run
    async def run(self, number: int) -> int:
        assert self.number == number
        return await twice(self.number)


async def test_classes_and_functions(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[double, Doubling], activities=[twice]) as env:
        assert await env.execute(double, 4) == await env.execute(Doubling.run, 4) == 8


@workflow(failure_exception_types=[LookupError])
async def looks_up(key: str) -> int:
    return {"a": 1}[key]


async def test_exceptions_that_fail_a_run(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[looks_up]) as env:
        assert await env.execute(looks_up, "a") == 1
        with pytest.raises(RunError) as caught:
            await env.execute(looks_up, "b")
        assert caught.value.type == "KeyError"


@workflow
async def remembers() -> dict[str, Any]:
    workflow.upsert_memo({"seen": True})
    workflow.upsert_search_attributes({"stage": "done", "tier": None})
    return workflow.memo() | {"tier": workflow.search_attributes().get("tier", 0)}


async def test_memo_and_search_attributes(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[remembers]) as env:
        given: dict[str, Any] = {"memo": {"by": "Ann"}, "search_attributes": {"tier": 2, "customer": "Bob"}}
        assert await env.client.execute(remembers, id="m", **given) == {"by": "Ann", "seen": True, "tier": 0}
        (found,) = await env.client.runs(search_attributes={"customer": "Bob", "stage": "done"})
        assert found.workflow_id == "m"
        assert (await env.client.handle("m").describe()).memo == {"by": "Ann", "seen": True}


@workflow(name="doubling.v1")
async def named(number: int) -> int:
    return await twice(number)


async def test_names(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[named], activities=[twice]) as env:
        handle = await env.client.start_by_name("doubling.v1", 4, id="n")
        assert await handle.result() == 8


@workflow
async def calls() -> list[Any]:
    first = await twice(1)
    return [first, *await asyncio.gather(twice(2), in_a_thread(3)), await Bank.charge(500)]  # type: ignore[call-arg,arg-type]


async def test_calling_activities(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[calls], activities=[twice, in_a_thread, Bank("ours").charge]) as env:
        assert await env.execute(calls) == [2, 4, 4, "ours: 500"]


@workflow
async def starts_and_cancels() -> int:
    slow, quick = asyncio.create_task(never()), asyncio.create_task(twice(2))
    result = await quick
    slow.cancel()
    await asyncio.wait([slow])
    return result if slow.cancelled() else -1


@activity
async def never() -> None:
    await asyncio.Event().wait()


async def test_starting_and_cancelling_activities(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[starts_and_cancels], activities=[never, twice]) as env:
        assert await env.execute(starts_and_cancels) == 4


@workflow
async def waits_for_a_condition() -> list[bool]:
    done: list[int] = []

    async def work() -> None:
        done.append(await twice(2))

    task = asyncio.create_task(work())
    await workflow.wait_condition(lambda: bool(done))
    await task
    try:
        await workflow.wait_condition(lambda: len(done) > 1, timeout="1h")
    except TimeoutError:
        return [True]
    return [False]


async def test_waiting_for_a_condition(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[waits_for_a_condition], activities=[twice]) as env:
        assert await env.execute(waits_for_a_condition) == [True]


@workflow
async def a_month() -> tuple[datetime, float, str]:
    await asyncio.sleep(30 * 86_400)
    return workflow.now(), workflow.random().random(), f"{workflow.uuid4()} {workflow.uuid7()}"


async def test_time_and_chance(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[a_month]) as env:
        at, number, _ = await env.execute(a_month)
        assert datetime(2026, 1, 31, tzinfo=UTC) <= at < datetime(2026, 1, 31, tzinfo=UTC) + timedelta(seconds=1)
        assert 0 <= number < 1


@workflow
async def tells_who() -> tuple[str, int, str]:
    assert workflow.info().workflow == "tells_who"
    return await who()


async def test_info(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[tells_who], activities=[who]) as env:
        workflow_id, attempt, key = await env.execute(tells_who)
        assert (workflow_id, attempt) == ("run-1", 1)
        assert key


@workflow
async def patched() -> str:
    return "new" if workflow.patched("faster") else "old"


async def test_patches(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[patched], replay_always=True) as env:
        assert await env.execute(patched) == "new"


@saga
async def books_and_waits() -> None:
    await book(1)
    await book(2)
    await asyncio.sleep(86_400)


async def test_cancelling_a_run(sagaline_env: MakeEnvironment) -> None:
    undone.clear()
    async with sagaline_env(workflows=[books_and_waits], activities=[book]) as env:
        handle = await env.start(books_and_waits)
        await env.advance("1s")
        await handle.cancel("the customer called")
        with pytest.raises(RunError):
            await handle.result()
        assert undone == [2, 1]
        other = await env.start(books_and_waits)
        await other.terminate("made by mistake")
        assert (await other.describe()).status == "terminated"


approval = Signal[str]("approval")


@workflow(signals=[approval])
async def approved() -> str:
    by = await approval.receive()
    assert workflow.all_handlers_finished()
    return by


async def test_signals(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[approved]) as env:
        handle = await env.start(approved)
        await handle.signal(approval, "Ann")
        assert await handle.result() == "Ann"


@workflow
async def declines() -> None:
    raise Declined("the bank says no")


async def test_results_and_errors(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[double, declines], activities=[twice]) as env:
        handle = await env.client.start(double, 4, id="order-1")
        assert await handle.result() == await env.client.handle("order-1").result() == 8
        with pytest.raises(RunError, match="the bank says no"):
            await env.client.execute(declines, id="order-2")


async def test_looking_at_a_run(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[double], activities=[twice]) as env:
        handle = await env.start(double, 4)
        await handle.result()
        assert (await handle.describe()).status == "completed"
        assert [event.type for event in await handle.history()][-1] == "run completed"


async def test_stand_ins(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[double]) as env:
        env.stand_in(twice, lambda number: 7)
        assert await env.execute(double, 4) == 7


async def test_an_activity_alone() -> None:
    assert (await ActivityEnvironment(attempt=3).run(who))[1] == 3


async def test_replaying_a_history(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[double], activities=[twice]) as env:
        handle = await env.start(double, 4)
        await handle.result()
        exported = await handle.export()
    replay(exported, double)
