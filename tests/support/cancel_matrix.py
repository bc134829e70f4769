"""Scenario 4: every place in which a cancellation may find a run, each with what becomes of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from three_modes import Code, effect

from sagaline import (
    ApplicationError,
    ChildError,
    Client,
    RequestRefused,
    RunError,
    RunHandle,
    Workflow,
    activity,
    saga,
    workflow,
)


@activity
async def note(what: str) -> str:
    effect()
    return what


@note.compensation
async def forget(what: str, noted: str | None) -> None:
    effect()


@activity(timeout="1d")
async def slow(what: str) -> str:
    await asyncio.sleep(5)
    effect()
    return what


@activity(timeout="30d")
async def hang(what: str) -> str:
    await asyncio.sleep(1_000_000)
    return what


@activity
async def slow_undone(what: str) -> str:
    effect()
    return what


@slow_undone.compensation
async def slowly_forget(what: str, noted: str | None) -> None:
    await asyncio.sleep(5)
    effect()


async def tidying(waits: Awaitable[Any]) -> None:
    try:
        await waits
    finally:
        await note("tidied up")


@workflow
async def in_an_activity() -> None:
    await tidying(hang("a"))


@workflow
async def in_a_timer() -> None:
    await tidying(asyncio.sleep(1_000_000))


@workflow
async def sleeps() -> None:
    await tidying(asyncio.sleep(1_000_000))


@workflow
async def in_a_child() -> None:
    await tidying(sleeps.options(id="child")())


@workflow
async def in_a_condition() -> None:
    await tidying(workflow.wait_condition(lambda: False))


@workflow
async def in_a_lock() -> None:
    lock = asyncio.Lock()

    async def holds() -> None:
        async with lock:
            await asyncio.sleep(1_000_000)

    async def wants() -> None:
        await asyncio.sleep(0)
        async with lock:
            await note("never")

    await tidying(asyncio.gather(holds(), wants()))


@workflow
async def in_a_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(tidying(hang("a")))
        group.create_task(tidying(asyncio.sleep(1_000_000)))


@workflow
async def in_a_shield() -> str:
    kept = asyncio.ensure_future(slow("kept"))
    try:
        await asyncio.shield(kept)
    except asyncio.CancelledError:
        return f"cancelled, {await kept}"
    return "never"


@workflow
async def refuses() -> str:
    try:
        await hang("a")
    except asyncio.CancelledError:
        return await slow("all the same")
    return "never"


@workflow
async def cleans_up_slowly() -> None:
    try:
        await hang("a")
    finally:
        await slow("tidied up")


@saga
async def compensates() -> None:
    await note("one")
    await slow_undone("two")
    await hang("three")


@saga
async def fails() -> None:
    await note("one")
    await slow_undone("two")
    raise ApplicationError("no", type="Declined")


@workflow
async def cancels_its_child() -> str:
    handle = await workflow.start_child(sleeps.options(id="child"))
    handle.cancel("enough")
    handle.cancel("twice")
    try:
        await handle
    except ChildError as error:
        return error.status
    return "never"


@workflow
async def continues(number: int) -> None:
    if number < 3:
        await asyncio.sleep(2)
        continues.continue_as_new(number + 1)
    await tidying(hang("last"))


@workflow
async def races() -> str:
    return await slow("a")


Cancelling = Callable[[RunHandle[Any]], Awaitable[None]]


async def at_once(handle: RunHandle[Any]) -> None:
    await handle.cancel("enough")


async def after_two_seconds(handle: RunHandle[Any]) -> None:
    await asyncio.sleep(2)
    await handle.cancel("enough")


async def twice(handle: RunHandle[Any]) -> None:
    """The second is another request: it may find that the run has ended."""
    await after_two_seconds(handle)
    with contextlib.suppress(RequestRefused):
        await handle.cancel("once more")


async def terminated(handle: RunHandle[Any]) -> None:
    await asyncio.sleep(2)
    await handle.terminate("at once")


async def by_itself(handle: RunHandle[Any]) -> None: ...


class Case(NamedTuple):
    """``status`` is how the run ends; ``effects`` how many keys each activity was called with."""

    name: str
    workflow: Workflow[Any, Any]
    cancelling: Cancelling
    status: str
    effects: dict[str, int]
    args: tuple[Any, ...] = ()
    delay: str | None = None


TIDY = {"note": 1}
UNDONE = {"forget": 1, "note": 1, "slow_undone": 1, "slowly_forget": 1}
CASES = [
    Case("before its delayed start", in_an_activity, at_once, "cancelled", {}, delay="1d"),
    Case("in an activity", in_an_activity, after_two_seconds, "cancelled", TIDY),
    Case("in a timer", in_a_timer, after_two_seconds, "cancelled", TIDY),
    Case("in a child", in_a_child, after_two_seconds, "cancelled", {"note": 2}),
    Case("in a condition", in_a_condition, after_two_seconds, "cancelled", TIDY),
    Case("in a lock", in_a_lock, after_two_seconds, "cancelled", TIDY),
    Case("in a task group", in_a_group, after_two_seconds, "cancelled", {"note": 2}),
    Case("in a shield", in_a_shield, after_two_seconds, "completed", {"slow": 1}),
    Case("refused", refuses, after_two_seconds, "completed", {"slow": 1}),
    Case("twice", in_an_activity, twice, "cancelled", TIDY),
    Case("twice, the second in its cleaning up", cleans_up_slowly, twice, "cancelled", {"slow": 1}),
    Case("of a child", cancels_its_child, by_itself, "completed", TIDY),
    Case("of a saga", compensates, after_two_seconds, "cancelled", UNDONE),
    Case("twice, in its compensation", compensates, twice, "cancelled", UNDONE),
    Case("in a compensation", fails, after_two_seconds, "compensated", UNDONE),
    Case("with continue-as-new in flight", continues, after_two_seconds, "cancelled", {}, (0,)),
    Case("terminated", in_an_activity, terminated, "terminated", {}),
    Case("terminated in its compensation", fails, terminated, "terminated", {"note": 1, "slow_undone": 1}),
]
CODE = Code(
    [
        in_an_activity,
        in_a_timer,
        sleeps,
        in_a_child,
        in_a_condition,
        in_a_lock,
        in_a_group,
        in_a_shield,
        refuses,
        cleans_up_slowly,
        compensates,
        fails,
        cancels_its_child,
        continues,
        races,
    ],
    [note, slow, hang, slow_undone],
)


def scenario_of(case: Case) -> Callable[[Client], Awaitable[str]]:
    """Starts the run, cancels it, and tells how it has ended."""

    async def scenario(client: Client) -> str:
        handle = await client.start(case.workflow, *case.args, id="run", delay=case.delay)
        await case.cancelling(handle)
        try:
            await handle.result(600)
        except RunError as error:
            return str(error.status)
        return "completed"

    return scenario


def race_of(cancelled_after_s: float) -> Callable[[Client], Awaitable[str]]:
    """Cancels a run about when the result that it waits for comes."""

    async def cancelling(handle: RunHandle[Any]) -> None:
        await asyncio.sleep(cancelled_after_s)
        with contextlib.suppress(RequestRefused):
            await handle.cancel("enough")

    return scenario_of(Case("race", races, cancelling, "", {}))
