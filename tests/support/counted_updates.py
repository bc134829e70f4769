"""Scenario 6: updates: fifty with one id, a chain that cuts handlers off, a stricter worker that takes over."""

from __future__ import annotations

import asyncio

import pytest
import scenario_book
from harness import events_of
from scenario_book import effect, note
from three_modes import Code

from sagaline import ApplicationError, Client, RequestRefused, UpdateError, activity, workflow
from sagaline._model.events import UpdateAccepted, UpdateCompleted


@activity
async def book(amount: int) -> int:
    effect()
    return amount


@workflow
class Till:
    def __init__(self) -> None:
        self.total = 0
        self.closed = asyncio.Event()

    @workflow.update
    async def deposit(self, amount: int) -> int:
        self.total += await book(amount)
        return self.total

    @deposit.validator
    def check_deposit(self, amount: int) -> None:
        if amount <= 0:
            raise ApplicationError("Expected a positive amount.", type="NotPositive")

    @workflow.signal
    def close(self) -> None:
        self.closed.set()

    @workflow.run
    async def run(self) -> int:
        await self.closed.wait()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.total


@workflow(name="Till")
class Stricter(Till):
    @workflow.update
    async def deposit(self, amount: int) -> int:
        self.total += await book(amount)
        return self.total

    @deposit.validator
    def check_deposit(self, amount: int) -> None:
        note("asked of stricter", amount)
        raise ApplicationError("Nothing is taken any more.", type="Stricter")

    @workflow.run
    async def run(self) -> int:
        await self.closed.wait()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.total


@workflow
class Chain:
    """Goes on as another, or returns, while a handler may be at work."""

    def __init__(self, number: int) -> None:
        self.number, self.next = number, asyncio.Event()

    @workflow.update
    async def hang(self) -> None:
        await book(self.number)
        await asyncio.sleep(1_000)

    @workflow.update
    async def ask(self) -> int:
        await book(self.number)
        return self.number

    @workflow.signal
    def go_on(self) -> None:
        self.next.set()

    @workflow.run
    async def run(self, number: int) -> int:
        await self.next.wait()
        if number < 1:
            Chain.run.continue_as_new(number + 1)
        return number


async def fifty(client: Client) -> list[int]:
    till = await client.start(Till.run, id="till")
    for _ in range(2):
        with pytest.raises(RequestRefused) as refusal:
            await till.execute_update(Till.deposit, 0)
        assert refusal.value.type == "NotPositive"
    assert len(await events_of(client, "till")) == 1, "a refusal leaves no event"
    answers = await asyncio.gather(*(till.execute_update(Till.deposit, 5, id="same") for _ in range(50)))
    await till.signal(Till.close)
    assert await till.result(600) == 5
    assert await till.execute_update(Till.deposit, 5, id="same") == 5
    events = await events_of(client, "till")
    assert sum(isinstance(event, UpdateAccepted) for event in events) == 1
    return answers


async def cut_off(client: Client) -> list[object]:
    """An update of each run of a chain, and one that each cuts off."""
    chain = await client.start(Chain.run, 0, id="chain")
    seen: list[object] = []
    for number in range(2):
        seen.append(await chain.execute_update(Chain.ask, id=f"ask {number}"))
        hang = await chain.start_update(Chain.hang, id=f"hang {number}")
        await chain.signal(Chain.go_on)
        for _ in range(2):
            with pytest.raises(UpdateError, match=r"'hang'.* while its handler was at work") as told:
                await hang.result(600)
            seen.append(told.value.type)
    seen.append(await chain.execute_update(Chain.ask, id="ask 0"))
    with pytest.raises(RequestRefused) as refusal:
        await chain.execute_update(Chain.ask)
    return [*seen, refusal.value.type]


CUT_OFF = [0, "RunEnded", "RunEnded", 1, "RunEnded", "RunEnded", 0, "RunEnded"]


async def begun_by_updates(client: Client) -> list[int]:
    """Whoever comes first begins the run, with all of them at once; the run is there also when an update is refused."""
    refused = client.with_start(Till.run, id="refused")
    with pytest.raises(RequestRefused) as refusal:
        await refused.execute_update(Till.deposit, 0)
    assert refusal.value.type == "NotPositive"
    assert refusal.value.run_id == refused.handle.run_id == (await client.handle("refused").describe()).run_id
    with pytest.raises(RequestRefused, match="handles"):
        await client.with_start(Till.run, id="nothing").execute_update("nope")
    with pytest.raises(RequestRefused, match="there is none"):
        await client.handle("nothing").describe()
    askers = [client.with_start(Till.run, id="till") for _ in range(20)]
    answers = await asyncio.gather(*(asker.execute_update(Till.deposit, 5, id="same") for asker in askers))
    assert {asker.handle.run_id for asker in askers} == {(await client.handle("till").describe()).run_id}
    for till in (refused.handle, askers[0].handle):
        await till.signal(Till.close)
        await till.result(30)
    late = client.with_start(Till.run, id="till", id_reuse="allow")
    assert await late.execute_update(Till.deposit, 5, id="same") == 5, "counted before, so nothing begins"
    assert late.handle.run_id == askers[0].handle.run_id
    assert [await asker.handle.result(30) for asker in (refused, *askers)] == [0] + [5] * 20
    events = await events_of(client, "till")
    assert sum(isinstance(event, UpdateAccepted) for event in events) == 1
    return answers


async def stricter_takes_over(client: Client) -> None:
    till = await client.start(Till.run, id="till")
    answered, refused = set[int](), set[int]()
    for amount in (1, 2, 4):
        try:
            await till.execute_update(Till.deposit, amount, id=str(amount))
            answered.add(amount)
        except RequestRefused as refusal:
            assert refusal.type == "Stricter"
            refused.add(amount)
    await till.signal(Till.close)
    assert await till.result(600) == sum(answered)
    events = await events_of(client, "till")
    accepted = {int(event.update_id) for event in events if isinstance(event, UpdateAccepted)}
    assert accepted == answered
    assert sum(isinstance(event, UpdateCompleted) for event in events) == len(answered)
    asked = scenario_book.done().get("asked of stricter", {})
    assert set(asked.values()) == refused, "what was accepted is never validated again"


FIFTY = Code([Till], [book])
CHAIN = Code([Chain], [book])
STRICTER = Code([Till], [book], after_kills=[[Stricter]])
