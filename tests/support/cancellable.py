"""Workflows of scenario 4: each waits, or tidies up, or rolls back in another place."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from scenario_book import effect, gate
from three_modes import Code

from sagaline import ApplicationError, ChildError, activity, saga, workflow


@activity
async def note(what: str) -> str:
    effect()
    return what


@note.compensation
async def forget(what: str, noted: str | None) -> None:
    effect()


@activity(timeout="1d")
async def slow(what: str) -> str:
    """Ends when the scenario lets it."""
    await gate("slow")
    effect()
    return what


@activity(timeout="1d")
async def takes_five_seconds() -> str:
    await asyncio.sleep(5)
    effect()
    return "a"


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
    await gate("slow")
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
    return await takes_five_seconds()


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
    [note, slow, takes_five_seconds, hang, slow_undone],
)
