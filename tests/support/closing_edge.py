"""A stream of signals meets a run that ends, and the account of each: what its sender was told, what the code has seen."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple

import scenario_book
from scenario_book import effect
from three_modes import Code

from sagaline import (
    ApplicationError,
    Client,
    Description,
    HistoryEvent,
    RequestRefused,
    RunError,
    RunHandle,
    Signal,
    activity,
    workflow,
)

numbers = Signal[int]("numbers")
ENDINGS = ("returns", "fails", "continues", "cancelled", "terminated", "times out")
SIGNALS = 12
STATUS = {
    "returns": "completed",
    "fails": "failed",
    "continues": "completed",
    "cancelled": "cancelled",
    "terminated": "terminated",
    "times out": "failed",
}


@activity
async def note(number: int) -> int:
    effect(number)
    return number


@workflow(signals=[numbers])
async def listens(ending: str, after: int, runs: int) -> str:
    """Receives ``after`` signals, and ends."""
    for _ in range(after):
        await note(await numbers.receive())
    match ending:
        case "fails":
            raise ApplicationError("enough", retryable=False)
        case "continues" if runs:
            listens.continue_as_new(ending, after, runs - 1)
        case "returns" | "continues":
            return ending
        case _:
            await asyncio.sleep(1_000)
            return "slept"


CODE = Code([listens], [note])


class Told(NamedTuple):
    """What the senders were told."""

    acknowledged: set[int]
    refused: set[int]


async def send_all(client: Client, ending: str, seed: int) -> Told:
    """Sends the stream, and what ends the run somewhere within it."""
    chance = random.Random(seed)
    after = {"returns": 9, "fails": 9, "continues": 3}.get(ending, 0)
    after = chance.randint(1, after) if after else SIGNALS
    timeout = timeout_s(ending, chance)
    handle = await client.start(listens, ending, after, 2, id="edge", run_timeout=timeout)
    told = Told(set(), set())

    async def send(number: int) -> None:
        try:
            await handle.signal(numbers, number)
        except RequestRefused as refusal:
            if refusal.type != "RunEnded":
                raise
            told.refused.add(number)
        else:
            told.acknowledged.add(number)

    waves: list[list[int]] = [[], [], []]
    for number in range(SIGNALS):
        chance.choice(waves).append(number)
    cut = chance.randrange(len(waves))
    for place, wave in enumerate(waves):
        sends = [send(number) for number in wave]
        if place == cut:
            add_ending(sends, handle, ending, chance)
        await asyncio.gather(*sends)
    return told


def timeout_s(ending: str, chance: random.Random) -> float | None:
    """How long the run may take, if that is what ends it: 2 to 200 ms."""
    return 0.002 * 100 ** chance.random() if ending == "times out" else None


def add_ending(
    requests: list[Coroutine[Any, Any, None]], handle: RunHandle[Any], ending: str, chance: random.Random
) -> None:
    """Somewhere among them the request that ends the run, if a request does."""
    place = chance.randint(0, len(requests))
    if ending == "cancelled":
        requests.insert(place, handle.cancel("enough"))
    if ending == "terminated":
        requests.insert(place, handle.terminate("enough"))


async def runs_of(client: Client, workflow_id: str) -> list[tuple[Description, list[HistoryEvent]]]:
    """Waits for the end; then the runs of the chain, each as it stands with its events."""
    handle = client.handle(workflow_id)
    try:
        await handle.result(600)
    except RunError:
        pass
    last = await handle.describe()
    runs: list[tuple[Description, list[HistoryEvent]]] = []
    run_id = last.first_run_id or last.run_id
    while True:
        run = client.handle(workflow_id, run_id)
        description = await run.describe()
        runs.append((description, await run.history()))
        if run_id == last.run_id:
            return runs
        assert description.continued_to is not None
        run_id = description.continued_to


class Account(NamedTuple):
    """What became of the signals, by the histories of the runs of one chain; their values in order."""

    status: str
    received: list[int]
    handled: list[int]
    left: int


async def account_of(client: Client) -> Account:
    """Waits for the end. Fails when a signal is handled twice or out of order, is not accounted for, or the run that
    has ended does not name it."""
    runs = await runs_of(client, "edge")
    last, events = runs[-1]
    received, handled, left = list[int](), list[int](), list[int]()
    for description, events in runs:
        here, done = _signals(events)
        received += [number for number in here if number not in received]
        handled += done
        left = [number for number in here if number not in done]
        assert here == done + left, "handled in order"
        if description is not last:
            assert description.signals_waiting == 0, "they went on with the run"
            assert "signals_left" not in events[-1].details
    assert handled + left == received, "each once, in order, in one run of the chain or left by the last"
    assert last.signals_waiting == len(left)
    assert last.signals_left == ({"numbers": len(left)} if left else {})
    assert events[-1].details.get("signals_left", {}) == last.signals_left
    return Account(last.status, received, handled, len(left))


def _signals(events: list[HistoryEvent]) -> tuple[list[int], list[int]]:
    received: list[int] = []
    handled: list[int] = []
    for event in events:
        if event.type == "signal received":
            received.append(int(event.details["input"][0]))
        elif event.type == "signals handled":
            handled += [received[place - 1] for place in event.details["numbers"]]
    return received, handled


def check(ending: str, told: Told, account: Account) -> None:
    """What the senders were told is what has become of their signals."""
    noted = list(scenario_book.done().get("note", {}).values())
    assert account.status == STATUS[ending]
    assert set(account.received) == told.acknowledged
    assert told.acknowledged | told.refused == set(range(SIGNALS))
    assert not told.acknowledged & told.refused
    assert sorted(noted) == sorted(set(noted)), "each under one key, however often it was tried"
    assert set(noted) <= set(account.handled)


def scenario_of(ending: str, seed: int) -> Callable[[Client], Awaitable[str]]:
    """The whole of it, with its check."""

    async def scenario(client: Client) -> str:
        told = await send_all(client, ending, seed)
        account = await account_of(client)
        check(ending, told, account)
        return account.status

    return scenario
