"""Scenario 4: every place in which a cancellation may find a run, each with what becomes of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from cancellable import CODE as CODE
from cancellable import (
    cancels_its_child,
    cleans_up_slowly,
    compensates,
    continues,
    fails,
    in_a_child,
    in_a_condition,
    in_a_group,
    in_a_lock,
    in_a_shield,
    in_a_timer,
    in_an_activity,
    races,
    refuses,
)
from scenario_book import open_gate

from sagaline import Client, RequestRefused, RunError, RunHandle, Workflow

Cancelling = Callable[[RunHandle[Any]], Awaitable[None]]


async def once(handle: RunHandle[Any]) -> None:
    await handle.cancel("enough")


async def after_two_seconds(handle: RunHandle[Any]) -> None:
    await asyncio.sleep(2)
    await handle.cancel("enough")


async def twice(handle: RunHandle[Any]) -> None:
    """The second is another request: it may find that the run has ended."""
    await handle.cancel("enough")
    with contextlib.suppress(RequestRefused):
        await handle.cancel("once more")


async def terminated(handle: RunHandle[Any]) -> None:
    await handle.terminate("at once")


async def by_itself(handle: RunHandle[Any]) -> None: ...


class Until(NamedTuple):
    """Where the run stands when it is cancelled: so many events of a kind are in history. An activity is ``slow``
    until then, and may end when it has been cancelled."""

    events: int
    kind: str
    workflow_id: str = "run"


class Case(NamedTuple):
    """``status`` is how the run ends; ``effects`` how many keys each activity was called with. ``on_any_clock``: no
    time decides what happens."""

    name: str
    workflow: Workflow[Any, Any]
    cancelling: Cancelling
    status: str
    effects: dict[str, int]
    until: Until | None = None
    args: tuple[Any, ...] = ()
    delay: str | None = None
    on_any_clock: bool = True


TIDY = {"note": 1}
UNDONE = {"forget": 1, "note": 1, "slow_undone": 1, "slowly_forget": 1}
STARTED = Until(1, "run started")
STEPS = [Until(number, "activity scheduled") for number in range(5)]
NAPPING = Until(1, "timer started")
CHILD_NAPPING = Until(1, "timer started", "child")
CASES = [
    Case("before its delayed start", in_an_activity, once, "cancelled", {}, delay="1d"),
    Case("in an activity", in_an_activity, once, "cancelled", TIDY, STEPS[1]),
    Case("in a timer", in_a_timer, once, "cancelled", TIDY, NAPPING),
    Case("in a child", in_a_child, once, "cancelled", {"note": 2}, CHILD_NAPPING),
    Case("in a condition", in_a_condition, once, "cancelled", TIDY, STARTED),
    Case("in a lock", in_a_lock, once, "cancelled", TIDY, NAPPING),
    Case("in a task group", in_a_group, once, "cancelled", {"note": 2}, STEPS[1]),
    Case("in a shield", in_a_shield, once, "completed", {"slow": 1}, STEPS[1]),
    Case("refused", refuses, once, "completed", {"slow": 1}, STEPS[1]),
    Case("twice", in_an_activity, twice, "cancelled", TIDY, STEPS[1]),
    Case("twice, the second in its cleaning up", cleans_up_slowly, twice, "cancelled", {"slow": 1}, STEPS[1]),
    Case("of a child", cancels_its_child, by_itself, "completed", TIDY),
    Case("of a saga", compensates, once, "cancelled", UNDONE, STEPS[3]),
    Case("twice, in its compensation", compensates, twice, "cancelled", UNDONE, STEPS[3]),
    Case("in a compensation", fails, once, "compensated", UNDONE, STEPS[3]),
    Case(
        "with continue-as-new in flight",
        continues,
        after_two_seconds,
        "cancelled",
        {},
        args=(0,),
        on_any_clock=False,
    ),
    Case("terminated", in_an_activity, terminated, "terminated", {}, STEPS[1]),
    Case("terminated in its compensation", fails, terminated, "terminated", {"note": 1, "slow_undone": 1}, STEPS[3]),
]


def scenario_of(case: Case) -> Callable[[Client], Awaitable[str]]:
    """Starts the run, cancels it, and tells how it has ended."""

    async def scenario(client: Client) -> str:
        handle = await client.start(case.workflow, *case.args, id="run", delay=case.delay)
        if case.until is not None:
            await stands(client, case.until)
        await case.cancelling(handle)
        open_gate("slow")
        try:
            await handle.result(600)
        except RunError as error:
            return str(error.status)
        return "completed"

    return scenario


async def stands(client: Client, until: Until) -> None:
    """Waits until the run stands there."""
    handle = client.handle(until.workflow_id)
    while True:
        with contextlib.suppress(RequestRefused):  # a child that has not begun yet
            if [event.type for event in await handle.history()].count(until.kind) >= until.events:
                return
        await asyncio.sleep(0.05)


def race_of(cancelled_after_s: float) -> Callable[[Client], Awaitable[str]]:
    """Cancels a run about when the result that it waits for comes."""

    async def cancelling(handle: RunHandle[Any]) -> None:
        await asyncio.sleep(cancelled_after_s)
        with contextlib.suppress(RequestRefused):
            await handle.cancel("enough")

    return scenario_of(Case("race", races, cancelling, "", {}))
