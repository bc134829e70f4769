"""Scenario 10: a saga fails, is lost, times out and is cancelled at each step, and so do its compensations."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from scenario_book import done, effect, gate, open_gate
from three_modes import Code

from sagaline import Client, Retry, RunError, Workflow, activity, saga, workflow
from sagaline.client import RunHandle

TWICE = Retry(attempts=2, first_interval="10ms", jitter=0)
STEPS = ("a", "b", "c", "d")
"""b and c run beside each other; then comes the pivot p, and f."""
WAYS = ("declined", "lost", "hangs", "cancelled", "terminated")
Plan = dict[str, str]
"""By step how it goes, by "undo a" how what undoes it does. Without the pivot ("p": "none") it can be undone when it has
ended."""


class Declined(Exception):
    """The participant says no: it has done nothing."""


async def _go(name: str, how: str) -> str:
    if name == "b":
        await asyncio.sleep(0.05)  # c is done by then
    if how == "declined":
        raise Declined(name)
    effect(name)
    if how == "lost" or (how == "parks" and not await _is_mended()):
        raise ConnectionError(f"{name} was done, and nobody hears of it")
    if how in ("hangs", "cancelled", "terminated"):
        await asyncio.sleep(3_600)
    return name


async def _is_mended() -> bool:
    try:
        async with asyncio.timeout(0.01):
            await gate("mended")
        return True
    except TimeoutError:
        return False


@activity(retry=TWICE, refusals=[Declined], timeout="2s")
async def step(name: str, how: str) -> str:
    return await _go(name, how)


@step.compensation(retry=Retry(attempts=4, first_interval="10ms"))
async def undo(name: str, how: str, result: str | None) -> None:
    effect(name)
    way = how.partition("undo ")[2]
    if way == "thrice" and activity.info().attempt <= 3:
        raise ConnectionError("not yet")
    if way == "parks" and not await _is_mended():
        raise ConnectionError("not before somebody has looked")
    if way == "never":
        raise TypeError("a bug")


@activity(retry=TWICE, refusals=[Declined], pivot=True, timeout="2s")
async def pay(how: str) -> str:
    return await _go("p", how)


@activity(retry=TWICE, refusals=[Declined], timeout="2s")
async def finish(how: str) -> str:
    return await _go("f", how)


@saga
async def order(plan: Plan) -> str:
    await step("a", plan.get("a", ""))
    async with asyncio.TaskGroup() as group:
        for name in ("b", "c"):
            group.create_task(step(name, plan.get(name, "")))
    await step("d", plan.get("d", ""))
    if plan.get("p") != "none":
        await pay(plan.get("p", ""))
    return await finish(plan.get("f", ""))


@saga
async def stay(plan: Plan, nights: int) -> str:
    """A run for each night."""
    await step(f"n{nights}", plan.get(f"n{nights}", ""))
    if nights > 1:
        stay.continue_as_new(plan, nights - 1)
    return "slept well"


@saga
async def ride(plan: Plan) -> str:
    return await step("g", plan.get("g", ""))


@workflow
async def agency(plan: Plan) -> str:
    """No saga, but its child is one."""
    return await ride.options(id="ride")(plan)


@saga
async def trip(plan: Plan) -> str:
    """Its steps are a and z; between them are those of a child that has continued as new, and of a grandchild."""
    await step("a", plan.get("a", ""))
    await stay.options(id="stay")(plan, 2)
    await agency.options(id="agency")(plan)
    return await step("z", plan.get("z", ""))


CODE = Code([order, stay, ride, agency, trip], [step, pay, finish])


async def play(client: Client, plan: Plan, repairs: str = "", workflow: Workflow[[Plan], str] = order) -> list[Any]:
    """How the run of a plan ends; what stands in the books then, and how often each step was undone, by key."""
    handle = await client.start(workflow, plan, id="o")
    for name, how in plan.items():
        if how in ("cancelled", "terminated"):
            await _seen(name)
            await (handle.cancel() if how == "cancelled" else handle.terminate("made by mistake", undo=True))
    if plan.get("p") == "none":
        await handle.result()
        handle = await handle.saga.undo(reason="sent back", by="ann")
    if repairs:
        await _repair(handle, repairs)
    try:
        await handle.result()
    except RunError:
        pass
    books = done()
    undone = sorted(books.get("undo", {}).values())
    did = [what for kind in ("step", "pay", "finish") for what in books.get(kind, {}).values()]
    stands = sorted(set(did) - set(undone))
    return [str((await handle.describe()).status), stands, undone]


async def _seen(name: str) -> None:
    while name not in [what for kind in ("step", "pay", "finish") for what in done().get(kind, {}).values()]:
        await asyncio.sleep(0.01)


async def _repair(handle: RunHandle[str], action: str) -> None:
    while (await handle.describe()).status != "parked":
        await asyncio.sleep(0.05)
    if action == "retry":
        open_gate("mended")
        await handle.saga.retry(reason="it is mended", by="ann")
    elif action == "done":
        (parked,) = (one for one in (await handle.describe()).waits_for if one.parked_at is not None)
        result = "by hand" if parked.compensates is None else None
        await handle.saga.done(reason="ticket 7", result=result, by="ann")
    else:
        await handle.saga.skip(reason="ticket 7", by="ann")


def scenario_of(
    plan: Plan, repairs: str = "", workflow: Workflow[[Plan], str] = order
) -> Callable[[Client], Awaitable[list[Any]]]:
    """What a client does."""

    async def scenario(client: Client) -> list[Any]:
        return await play(client, plan, repairs, workflow)

    return scenario


ON_LOGS: list[tuple[str, Plan, str, list[Any]]] = [
    ("a saga whose last step is lost", {"d": "lost"}, "", ["compensated", [], ["a", "b", "c", "d"]]),
    ("a parked compensation", {"b": "undo parks", "p": "declined"}, "retry", ["compensated", [], ["a", "b", "c", "d"]]),
    ("a parked pivot", {"p": "parks"}, "retry", ["completed", ["a", "b", "c", "d", "f", "p"], []]),
]
"""Those that run on real logs, with workers that are processes of their own."""
