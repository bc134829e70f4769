"""Scenario 5 with updates: a stream of them meets a run that ends. Each caller has one answer, or a clear error, once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import scenario_book
from closing_edge import STATUS, add_ending, runs_of, timeout_s
from scenario_book import effect
from three_modes import Code

from sagaline import ApplicationError, Client, RequestRefused, RunHandle, UpdateError, activity, workflow

UPDATES = 12


@activity
async def jot(number: int) -> int:
    effect(number)
    return number


@workflow
class Desk:
    """Answers ``after`` updates, and ends."""

    def __init__(self, ending: str, after: int, runs: int) -> None:
        self.answered = 0

    @workflow.update
    async def double(self, number: int) -> int:
        await jot(number)
        self.answered += 1
        return 2 * number

    @workflow.run
    async def run(self, ending: str, after: int, runs: int) -> str:
        await workflow.wait_condition(lambda: self.answered >= after)
        match ending:
            case "fails":
                raise ApplicationError("enough", retryable=False)
            case "continues" if runs:
                Desk.run.continue_as_new(ending, after, runs - 1)
            case "returns" | "continues":
                return ending
            case _:
                await asyncio.sleep(1_000)
                return "slept"


CODE = Code([Desk], [jot])


class Told(NamedTuple):
    """What callers were told, by the number that they sent."""

    answered: dict[int, int]
    cut_off: dict[int, str]
    refused: dict[int, str]

    @property
    def numbers(self) -> list[int]:
        """All that were sent."""
        return [*self.answered, *self.cut_off, *self.refused]


async def ask_all(handle: RunHandle[Any], ending: str, chance: random.Random) -> Told:
    """Sends the stream, and what ends the run somewhere within it."""
    told = Told({}, {}, {})
    numbers = list(range(UPDATES))
    chance.shuffle(numbers)
    cut = sorted(chance.sample(range(UPDATES + 1), 2))
    for place, wave in enumerate((numbers[: cut[0]], numbers[cut[0] : cut[1]], numbers[cut[1] :])):
        asks = [ask(handle, number, told) for number in wave]
        if place == 1:
            add_ending(asks, handle, ending, chance)
        await asyncio.gather(*asks)
    return told


async def ask(handle: RunHandle[Any], number: int, told: Told) -> None:
    """One call, and what came of it."""
    try:
        told.answered[number] = await handle.execute_update(Desk.double, number, id=str(number), timeout=600)
    except UpdateError as error:
        told.cut_off[number] = error.type
    except RequestRefused as refusal:
        told.refused[number] = refusal.type


def scenario_of(ending: str, seed: int) -> Callable[[Client], Awaitable[str]]:
    """The stream, and the check."""

    async def scenario(client: Client) -> str:
        chance = random.Random(seed)
        after = {"returns": 7, "fails": 7, "continues": 3}.get(ending, 0)
        after = chance.randint(1, after) if after else UPDATES
        handle = await client.start(Desk.run, ending, after, 2, id="desk", run_timeout=timeout_s(ending, chance))
        told = await ask_all(handle, ending, chance)
        if ending in ("returns", "fails", "continues"):  # some were cut off: the last run wants more
            while not told.refused:
                await ask(handle, len(told.answered) + len(told.cut_off), told)
        await check(client, ending, told)
        again = Told({}, {}, {})
        await asyncio.gather(*(ask(handle, number, again) for number in told.numbers))
        assert again == told, "who asks again is told the same"
        return STATUS[ending]

    return scenario


async def check(client: Client, ending: str, told: Told) -> None:
    """What callers were told is what has become of their updates, by the histories of the runs of the chain."""
    runs = await runs_of(client, "desk")
    assert runs[-1][0].status == STATUS[ending]
    events = [event for _, events in runs for event in events]
    accepted = [int(event.details["update_id"]) for event in events if event.type == "update accepted"]
    completed = [event.details for event in events if event.type == "update completed"]
    answered = {int(one["update_id"]): one["result"] for one in completed if "failure" not in one}
    jotted = list(scenario_book.done().get("jot", {}).values())
    assert sorted(accepted) == sorted({*told.answered, *told.cut_off}), "accepted once, by one run of the chain"
    assert answered == told.answered == {number: 2 * number for number in told.answered}
    assert len(completed) == len({one["update_id"] for one in completed})
    assert set(told.cut_off.values()) <= {"RunEnded"}
    assert set(told.refused.values()) <= {"RunEnded"}
    assert sorted(jotted) == sorted(set(jotted)), "each under one key, however often it was tried"
    assert set(told.answered) <= set(jotted) <= set(accepted)
