"""What tests of resets run: sagas, children, signals and tokens, and the keys that they were called with."""

from __future__ import annotations

import asyncio
from typing import Any

from sagaline import Activity, ApplicationError, RunHandle, Signal, Workflow, activity, saga, workflow
from sagaline.testing import Environment, EnvironmentOptions

KEYS: list[tuple[str, str]] = []
UNDONE: list[tuple[str, str, str]] = []
WRONG: set[str] = set()
note = Signal[int]("note")


@activity
async def first(name: str) -> str:
    KEYS.append(("first", activity.info().idempotency_key))
    return f"first {name}"


@activity
async def price(name: str) -> int:
    KEYS.append(("price", activity.info().idempotency_key))
    return -1 if name in WRONG else 7


@activity
async def book(name: str) -> str:
    KEYS.append((f"book {name}", activity.info().idempotency_key))
    return name


@book.compensation
async def cancel(name: str, booked: str | None) -> None:
    info = activity.info()
    assert info.compensates is not None
    UNDONE.append((name, info.compensates.idempotency_key, info.idempotency_key))


@workflow
class Order:
    def __init__(self) -> None:
        self.approved: list[str] = []

    @workflow.run
    async def run(self, name: str) -> list[Any]:
        drawn = workflow.random().random()
        begun = await first(name)
        cost = await price(name)
        await workflow.wait_condition(lambda: len(self.approved) >= 2)
        return [begun, cost, self.approved, drawn, workflow.random().random()]

    @workflow.signal
    async def approve(self, by: str) -> None:
        self.approved.append(by)

    @workflow.update
    async def add(self, by: str) -> int:
        self.approved.append(by)
        return len(self.approved)


@workflow
async def ship(name: str) -> str:
    await asyncio.sleep(100)
    return f"shipped {name}"


@workflow
async def parent(name: str) -> list[Any]:
    child = await workflow.start_child(ship, name)
    cost = await price(name)
    await asyncio.sleep(10)
    return [cost, await child]


@workflow
async def gives_up(name: str) -> None:
    await asyncio.sleep(1)
    await workflow.start_child(ship.options(parent_close="abandon"), name)


@saga
async def trip(legs: int) -> str:
    """One leg an hour; the last is never there."""
    for leg in range(legs):
        await book(f"leg {leg}")
        await asyncio.sleep(3_600)
    raise ApplicationError("there is no hotel")


@saga
async def tour(stops: int) -> str:
    await book(f"stop {stops}")
    await asyncio.sleep(3_600)
    if stops > 1:
        tour.continue_as_new(stops - 1)
    raise ApplicationError("the last stop is closed")


@workflow(signals=[note])
async def listens(count: int) -> list[int]:
    await asyncio.sleep(50)
    return [await note.receive() for _ in range(count)]


@workflow
async def asks() -> list[Any]:
    token = workflow.token(int)
    KEYS.append(("token", token.id))
    uuid = workflow.uuid4()
    run_id = workflow.info().run_id
    await asyncio.sleep(10)
    return [await token.result(), str(uuid), str(workflow.uuid4()), run_id, workflow.info().run_id]


@workflow
async def asks_late() -> int:
    await asyncio.sleep(5)
    token = workflow.token(int)
    KEYS.append(("token", token.id))
    return await token.result()


WORKFLOWS: list[Workflow[Any, Any] | type[Any]] = [Order, parent, ship, gives_up, trip, tour, listens, asks, asks_late]


ACTIVITIES: list[Activity[Any, Any]] = [first, price, book]


def environment(replay_always: bool) -> Environment:
    """A worker that knows all of them, and nothing called yet."""
    KEYS.clear()
    UNDONE.clear()
    WRONG.clear()
    options = EnvironmentOptions(replay_always=replay_always)
    return Environment(workflows=WORKFLOWS, activities=ACTIVITIES, options=options)


async def point_behind(handle: RunHandle[Any], name: str, which: int = 0) -> int:
    """The end of the activation that has asked for an activity."""
    history = await handle.history()
    asked = [event.id for event in history if event.details.get("activity") == name][which]
    return next(event.id for event in history if event.is_reset_point and event.id >= asked)


def keys_of(name: str) -> set[str]:
    return {key for called, key in KEYS if called == name}
