"""A stream of signals meets a run that ends, and the account of each: what its sender was told, what the code has seen."""

from __future__ import annotations

import asyncio
import random
from typing import NamedTuple

from sagaline import ApplicationError, Client, HistoryEvent, RequestRefused, RunError, Signal, activity, workflow

numbers = Signal[int]("numbers")
ENDINGS = ("returns", "fails", "continues", "cancelled", "terminated", "times out")
SIGNALS = 12
noted: dict[str, int] = {}
"""What each idempotency key was for."""


@activity
async def note(number: int) -> int:
    noted[activity.info().idempotency_key] = number
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


class Told(NamedTuple):
    """What the senders were told."""

    acknowledged: set[int]
    refused: set[int]


async def send_all(client: Client, ending: str, seed: int) -> Told:
    """Sends the stream, and what ends the run somewhere within it."""
    chance = random.Random(seed)
    after = {"returns": 9, "fails": 9, "continues": 3}.get(ending, 0)
    after = chance.randint(1, after) if after else SIGNALS
    timeout = 0.002 * 100 ** chance.random() if ending == "times out" else None
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
        if place == cut and ending == "cancelled":
            sends.insert(chance.randint(0, len(sends)), handle.cancel("enough"))
        if place == cut and ending == "terminated":
            sends.insert(chance.randint(0, len(sends)), handle.terminate("enough"))
        await asyncio.gather(*sends)
    return told


class Account(NamedTuple):
    """What became of the signals, by the histories of the runs of one chain; their values in order."""

    status: str
    received: list[int]
    handled: list[int]
    left: int


async def account_of(client: Client) -> Account:
    """Waits for the end. Fails when a signal is handled twice or out of order, is not accounted for, or the run that
    has ended does not name it."""
    handle = client.handle("edge")
    try:
        await handle.result(30)
    except RunError:
        pass
    last = await handle.describe()
    first = last.first_run_id or last.run_id
    received, handled, left, run_id = list[int](), list[int](), list[int](), first
    while True:
        run = client.handle("edge", run_id)
        description, events = await run.describe(), await run.history()
        here, done = _signals(events)
        received += [number for number in here if number not in received]
        handled += done
        left = [number for number in here if number not in done]
        assert here == done + left, "handled in order"
        if description.run_id == last.run_id:
            break
        assert description.signals_waiting == 0, "they went on with the run"
        assert "signals_left" not in events[-1].details
        assert description.continued_to is not None
        run_id = description.continued_to
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
