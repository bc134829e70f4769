"""Updates end to end: accepted once, refused without a trace, answered also after a crash."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest
from harness import events_of, eventually_status, running
from message_sagas import ACTIVITIES, WORKFLOWS, Account, note

from sagaline import Client, ConfigurationError, InvalidInput, RequestRefused, RequestTimeout, UpdateError, workflow
from sagaline._host.runs.instances import Instances
from sagaline._model import events as e


@pytest.fixture
def url() -> str:
    Account.validated.clear()
    return f"memory://u{uuid.uuid4().hex}?partitions=1"


@pytest.mark.parametrize("kept", [True, False])
async def test_an_update_changes_the_run_and_answers(url: str, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not kept:
        monkeypatch.setattr(Instances, "_remember", lambda self, run_id, instance: self._drop(instance))
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(Account.run, id="a")
        assert await handle.execute_update(Account.deposit, 5) == 5
        assert await handle.execute_update("deposit", 2) == 7
        update = await handle.start_update(Account.pay, 3)
        assert await update.result(10) == "paid 3"
        assert await update.result(10) == "paid 3"
        assert await handle.query(Account.stands) == 4
        await handle.signal(Account.close)
        assert await handle.result(10) == 4


async def test_fifty_with_the_same_id_count_once(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client), await Client.connect(url) as other:
        handle = await client.start(Account.run, id="a")
        asked = [(client if number % 2 else other).handle("a") for number in range(50)]
        answers = await asyncio.gather(*(one.execute_update(Account.deposit, 5, id="same") for one in asked))
        assert answers == [5] * 50
        assert await handle.query(Account.stands) == 5
        events = await events_of(client, "a")
        assert sum(isinstance(event, e.UpdateAccepted) for event in events) == 1
        await handle.signal(Account.close)
        await handle.result(10)
        assert await handle.execute_update(Account.deposit, 5, id="same") == 5, "also when the run has ended"


@pytest.mark.parametrize(
    ("workflow_id", "name", "args", "type"),
    [
        ("a", "deposit", (0,), "NotPositive"),
        ("a", "deposit", (13,), "ValidatorChangesRun"),
        ("a", "deposit", (14,), "SystemExit"),
        ("a", "deposit", ("x",), "InvalidInput"),
        ("a", "deposit", (), "InvalidInput"),
        ("a", "nope", (), "UnknownUpdate"),
        ("nobody", "deposit", (1,), "WorkflowNotFound"),
        ("ended", "deposit", (1,), "RunEnded"),
    ],
)
async def test_a_refusal_leaves_nothing_in_the_run(
    url: str, workflow_id: str, name: str, args: tuple[Any, ...], type: str
) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(Account.run, id="a")
        await (await client.start(Account.run, id="ended")).terminate()
        with pytest.raises(RequestRefused) as caught:
            await client.handle(workflow_id).execute_update(name, *args, id="u")
        assert caught.value.type == type
        assert len(await events_of(client, "a")) == 1
        assert await handle.execute_update(Account.deposit, 1, id="u") == 1, "the id is free again"


@pytest.mark.parametrize(("name", "args", "type"), [("pay-out", (5,), "TooMuch"), ("lie", (), "InvalidOutput")])
async def test_a_failure_of_the_handler_is_its_callers(url: str, name: str, args: tuple[Any, ...], type: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(Account.run, id="a")
        for _ in range(2):
            with pytest.raises(UpdateError) as caught:
                await handle.execute_update(name, *args, id="u")
            assert caught.value.type == type
        assert await handle.execute_update(Account.deposit, 1) == 1


async def test_the_caller_of_a_handler_that_the_run_cuts_off_is_told(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(Account.run, id="a")
        update = await handle.start_update(Account.hang)
        waiting = asyncio.create_task(update.result())
        await handle.signal(Account.close)
        with pytest.raises(UpdateError, match="while its handler was at work") as caught:
            await waiting
        assert caught.value.type == "RunEnded"
        assert "leaves handlers at work: update hang" in caplog.text
        with pytest.raises(UpdateError):
            await update.result(10)


async def test_a_bug_in_a_handler_parks_the_run_and_the_update_is_answered_by_a_fixed_one(tmp_path: Path) -> None:
    @workflow(name="Account")
    class Fixed(Account):
        @workflow.update
        def break_it(self) -> str:
            return "fixed"

        @workflow.run
        async def run(self) -> int:
            await self.closed.wait()
            return self.balance

    url = f"sqlite:///{tmp_path}/log.db?partitions=1"
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(Account.run, id="a")
        with pytest.raises(RequestTimeout):
            await handle.execute_update(Account.break_it, id="u", timeout="300ms")
        await eventually_status(handle, "parked")
        with pytest.raises(RequestRefused, match="is parked") as caught:
            await handle.execute_update(Account.deposit, 1)
        assert caught.value.type == "RunParked"
    async with running(url, [Fixed], ACTIVITIES) as (_, client):
        assert await client.handle("a").execute_update("break_it", id="u", timeout="20s") == "fixed"


async def test_a_stricter_validator_does_not_concern_what_was_accepted(tmp_path: Path) -> None:
    @workflow(name="Account")
    class Stricter(Account):
        @workflow.update
        def deposit(self, cents: int) -> int:
            self.balance += cents
            return self.balance

        @deposit.validator
        def check_deposit(self, cents: int) -> None:
            Account.validated.append(-cents)
            raise ValueError("nothing is taken any more")

        @workflow.run
        async def run(self) -> int:
            await self.closed.wait()
            return self.balance

    url = f"sqlite:///{tmp_path}/log.db?partitions=1"
    Account.validated.clear()
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(Account.run, id="a")
        assert await handle.execute_update(Account.deposit, 5, id="u") == 5
    async with running(url, [Stricter], ACTIVITIES) as (_, client):
        handle = client.handle("a")
        assert await handle.query("stands") == 5
        assert Account.validated == [5], "a replay asks no validator"
        with pytest.raises(RequestRefused, match="nothing is taken any more") as caught:
            await handle.execute_update("deposit", 5)
        assert caught.value.type == "ValueError"
        assert await handle.execute_update("deposit", 5, id="u") == 5


async def test_a_worker_that_restarts_within_an_update_finishes_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/log.db?partitions=1"
    async with running(url, WORKFLOWS, []) as (_, client):
        handle = await client.start(Account.run, id="a")
        await handle.execute_update(Account.deposit, 5)

    @workflow(name="Account")
    class Waits(Account):
        @workflow.update(name="pay-out")
        async def pay(self, cents: int) -> str:
            await asyncio.sleep(0.5)
            return await note(f"paid {cents}")

        @workflow.run
        async def run(self) -> int:
            await self.closed.wait()
            return self.balance

    async with running(url, [Waits], ACTIVITIES) as (_, client):
        update = await client.handle("a").start_update("pay-out", 3, id="u")
        assert update.id == "u"
    async with running(url, [Waits], ACTIVITIES) as (_, client):
        assert await client.handle("a").execute_update("pay-out", 3, id="u", timeout="20s") == "paid 3"


async def test_a_client_says_what_does_not_fit_before_anything_is_sent(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(Account.run, id="a")
        with pytest.raises(InvalidInput, match="cents"):
            await handle.execute_update(Account.deposit, "x")  # type: ignore[arg-type]
        with pytest.raises(InvalidInput, match="id of an update"):
            await handle.execute_update(Account.deposit, 1, id="")
        for wrong in (5, Account.close, Account):
            with pytest.raises(ConfigurationError, match=r"Expected a method with @workflow\.update"):
                await handle.execute_update(wrong)  # type: ignore[call-overload]


async def test_a_run_that_goes_on_as_another_cuts_handlers_off_and_the_next_takes_updates(url: str) -> None:
    @workflow
    class Chain:
        def __init__(self, number: int) -> None:
            self.number, self.next = number, asyncio.Event()

        @workflow.update
        async def hang(self) -> None:
            await asyncio.sleep(1_000)

        @workflow.update
        def ask(self) -> int:
            return self.number

        @workflow.signal
        def go_on(self) -> None:
            self.next.set()

        @workflow.query
        def stands(self) -> int:
            return self.number

        @workflow.run
        async def run(self, number: int) -> int:
            await self.next.wait()
            if number < 2:
                Chain.run.continue_as_new(number + 1)
            return number

    async with running(url, [Chain]) as (_, client):
        await client.start(Chain.run, 0, id="c")
        handle = client.handle("c")
        assert await handle.execute_update(Chain.ask, id="first") == 0
        update = await handle.start_update(Chain.hang)
        await handle.signal(Chain.go_on)
        with pytest.raises(UpdateError) as caught:
            await update.result(10)
        assert caught.value.type == "RunEnded"
        assert await handle.execute_update(Chain.ask) == 1
        assert await handle.execute_update(Chain.ask, id="first") == 0, "it counts once, also over the chain"
        assert await handle.query(Chain.stands) == 1
        await handle.signal(Chain.go_on)
        await handle.signal(Chain.go_on)
        assert await handle.result(10) == 2
