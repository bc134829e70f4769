"""A run that is reset twice, in each mode: also with its owner killed after each record, those of the copies too."""

from __future__ import annotations

import asyncio
from typing import Any

from scenario_book import effect
from three_modes import Code, in_each_mode

from sagaline import ApplicationError, Client, RunError, RunHandle, Signal, activity, saga, workflow

go = Signal[str]("go")


@activity
async def reserve(name: str) -> str:
    effect()
    return f"{name} reserved"


@reserve.compensation
async def release(name: str, reserved: str | None) -> None:
    effect()


@activity
async def charge(name: str) -> str:
    effect()
    return f"{name} charged"


@workflow
async def ship(name: str) -> str:
    await asyncio.sleep(20)
    return f"{name} shipped"


@saga(signals=[go])
async def order(name: str) -> str:
    await reserve(name)
    shipping = await workflow.start_child(ship.options(id=f"ship-{name}"), name)
    answer = await go.receive()
    charged = await charge(answer)
    shipped = await shipping
    if answer == "no":
        raise ApplicationError("nobody wants it", type="Unwanted")
    return f"{charged}, {shipped}"


async def point_before(handle: RunHandle[Any], event_type: str) -> int:
    """The last event before the first of a type that the run may be reset to; as soon as there is one of the type."""
    while True:
        events = await handle.history()
        first = next((event.id for event in events if event.type == event_type), None)
        if first is not None:
            return max(event.id for event in events if event.id < first and event.is_reset_point)
        await asyncio.sleep(0.1)


async def scenario(client: Client) -> Any:
    """Told "no", it charges what nobody wants; the reset drops that. The second is told "yes", and again after a
    reset; its child is that of the first."""
    handle = await client.start(order, "a", id="o")
    await handle.signal(go, "no")
    first = await handle.reset(await point_before(handle, "signal received"), "wrong answer", drop_signals=True)
    await first.signal(go, "yes")
    second = await first.reset(await point_before(first, "signal received"), "once more")
    result = await second.result()
    unwanted = await client.start(order, "b", id="u")
    await unwanted.signal(go, "no")
    last = await unwanted.reset(await point_before(unwanted, "signal received"), "look again")
    try:
        await last.result()
    except RunError as error:
        return result, error.failure.type
    return result, None


def test_every_mode_ends_the_same() -> None:
    normal = in_each_mode(Code([order, ship], [reserve, charge]), scenario)["normal"]
    assert normal.returned == ("yes charged, a shipped", "Unwanted")
    assert normal.effects["reserve"] == 2
    assert normal.effects["release"] == 1
