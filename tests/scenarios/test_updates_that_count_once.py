"""Scenario 6: updates in three modes: one id counts once, refusals leave nothing, and every caller is told the truth."""

from __future__ import annotations

import asyncio

import pytest
from harness import events_of, running
from three_modes import CACHE_OF_ZERO, NORMAL, Code, Mode, effect, in_each_mode, run_in

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


asked_of_stricter: list[int] = []


@workflow(name="Till")
class Stricter(Till):
    @workflow.update
    async def deposit(self, amount: int) -> int:
        self.total += await book(amount)
        return self.total

    @deposit.validator
    def check_deposit(self, amount: int) -> None:
        asked_of_stricter.append(amount)
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
    assert await till.result(30) == 5
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
                await hang.result(30)
            seen.append(told.value.type)
    seen.append(await chain.execute_update(Chain.ask, id="ask 0"))
    with pytest.raises(RequestRefused) as refusal:
        await chain.execute_update(Chain.ask)
    return [*seen, refusal.value.type]


CUT_OFF = [0, "RunEnded", "RunEnded", 1, "RunEnded", "RunEnded", 0, "RunEnded"]


def test_fifty_with_one_id_count_once() -> None:
    outcomes = in_each_mode(Code([Till], [book]), fifty)
    assert len(outcomes) >= 6, "a crash at each record, also while the handler is at work"
    assert outcomes["normal"].returned == [5] * 50
    assert outcomes["normal"].effects == {"book": 1}


def test_a_handler_that_its_run_leaves_at_work_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """The callers' part: later ones land on the next run, and each is told what has come of its own."""
    code = Code([Chain], [book])
    normal = run_in(NORMAL, code, cut_off)
    assert normal.outcome.returned == CUT_OFF
    assert "leaves handlers at work: update hang" in caplog.text
    assert run_in(CACHE_OF_ZERO, code, cut_off).outcome.returned == CUT_OFF
    for n in range(1, normal.records + 1):
        run = run_in(Mode(f"killed {n}", kill_after=n, keeps_disk=n % 2 == 0), code, cut_off)
        assert (run.outcome.returned, run.kills) == (CUT_OFF, 1), f"killed after record {n}"


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
    assert await till.result(30) == sum(answered)
    events = await events_of(client, "till")
    accepted = {int(event.update_id) for event in events if isinstance(event, UpdateAccepted)}
    assert accepted == answered
    assert sum(isinstance(event, UpdateCompleted) for event in events) == len(answered)
    assert set(asked_of_stricter) == refused, "what was accepted is never validated again"


def test_a_stricter_validator_after_the_crash_concerns_only_what_was_not_accepted() -> None:
    code = Code([Till], [book], after_crash=[Stricter])
    records = run_in(NORMAL, code, stricter_takes_over).records
    assert records >= 6
    for n in range(1, records + 1):
        asked_of_stricter.clear()
        run = run_in(Mode(f"killed {n}", kill_after=n, keeps_disk=n % 2 == 0), code, stricter_takes_over)
        assert run.kills == 1


@pytest.mark.parametrize("replay_always", [False, True])
async def test_on_every_log(log_url: str, replay_always: bool) -> None:
    async with running(log_url, [Till, Chain], [book], replay_always=replay_always) as (_, client):
        assert await fifty(client) == [5] * 50
        assert await cut_off(client) == CUT_OFF
