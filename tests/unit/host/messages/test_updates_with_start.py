"""Updates that begin their run, end to end: one request, counted once by the update's id, whatever run is there."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import msgspec
import pytest
from harness import events_of, eventually_status, running
from message_sagas import ACTIVITIES, WORKFLOWS, Account

from sagaline import Client, InvalidInput, RequestRefused, RequestTimeout, RunHandle, UpdateError, workflow
from sagaline._log import COMMANDS
from sagaline._model.codec import encode
from sagaline._model.ids import run_id_of
from sagaline._model.records import StartRun


@workflow
async def at_once() -> str:
    return "done"


@workflow
class Hasty:
    """Ends before anybody can update it, or never begins its object."""

    @workflow.update
    def ask(self) -> str:
        return "answer"

    @workflow.run
    async def run(self, how: str) -> str:
        if how == "bug":
            raise LookupError("a bug")
        if how == "goes on":
            Hasty.run.continue_as_new("stays")
        if how == "stays":
            await asyncio.sleep(1_000)
        return how


@pytest.fixture
def url() -> str:
    Account.validated.clear()
    return f"memory://w{uuid.uuid4().hex}?partitions=1"


async def names(client: Any, workflow_id: str) -> list[str]:
    return [type(event).__name__ for event in await events_of(client, workflow_id)]


async def test_a_run_begins_with_an_update_and_the_next_one_joins_it(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        account = client.with_start(Account.run, id="a")
        assert account.handle.run_id == ""
        assert await account.execute_update(Account.deposit, 5) == 5
        assert await names(client, "a") == ["RunStarted", "UpdateAccepted", "UpdateCompleted"]
        handle: RunHandle[int] = account.handle
        assert handle.run_id == (await handle.describe()).run_id
        assert await account.execute_update("deposit", 2) == 7
        paying = await client.with_start(Account.run, id="a").start_update(Account.pay, 3, id="pay")
        assert (paying.id, paying.run_id) == ("pay", handle.run_id)
        assert await paying.result(10) == "paid 3"
        assert await client.handle("a").execute_update(Account.pay, 3, id="pay") == "paid 3"
        assert len(await client.runs()) == 1
        await handle.signal(Account.close)
        assert await handle.result(10) == 4


@pytest.mark.parametrize(
    ("fields", "type"),
    [
        ({"update": "nope"}, "UnknownUpdate"),
        ({"update_input": b'["x"]'}, "InvalidInput"),
        ({"update_input": b"[]"}, "InvalidInput"),
        ({"update_input": b"no JSON"}, "InvalidInput"),
        ({"input": b"[1]"}, "InvalidInput"),
        ({"workflow": "nope"}, "UnknownWorkflow"),
        ({"workflow": "at_once", "input": b"[]"}, "UnknownUpdate"),
        ({"delay_ms": 5_000}, "InvalidInput"),
        ({"signal": "nope", "signal_input": b"[]"}, "UnknownSignal"),
    ],
)
async def test_what_does_not_fit_begins_nothing(url: str, fields: dict[str, Any], type: str) -> None:
    asked = {"workflow": "Account", "input": b"[]", "update": "deposit", "update_id": "u", "update_input": b"[5]"}
    async with running(url, [*WORKFLOWS, at_once], ACTIVITIES) as (_, client):
        address = client._requests.address
        request = StartRun("r", "a", reply_to=address[0], reply_partition=address[1], **(asked | fields))
        for _ in range(2):
            with pytest.raises(RequestRefused) as refused:
                await client._link.ask(request, 20)
            assert (refused.value.type, refused.value.run_id) == (type, "")
        with pytest.raises(RequestRefused, match="there is none"):
            await client.handle("a").describe()
        assert await client.with_start(Account.run, id="a").execute_update(Account.deposit, 5, id="u") == 5


async def test_a_client_says_what_does_not_fit_before_anything_is_sent(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        with pytest.raises(InvalidInput, match="cents"):
            await client.with_start(Account.run, id="a").execute_update(Account.deposit, "x")  # type: ignore[arg-type]
        with pytest.raises(InvalidInput, match="id of an update"):
            await client.with_start(Account.run, id="a").execute_update(Account.deposit, 1, id="")
        with pytest.raises(InvalidInput):
            client.with_start(Account.run, id="")
        assert await client.runs() == []


async def test_the_run_stays_when_its_validator_refuses(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        account = client.with_start(Account.run, id="a")
        with pytest.raises(RequestRefused) as refused:
            await account.execute_update(Account.deposit, 0, id="u")
        assert (refused.value.type, refused.value.run_id) == ("NotPositive", account.handle.run_id)
        described = await account.handle.describe()
        assert (described.status, described.run_id) == ("running", account.handle.run_id)
        assert await names(client, "a") == ["RunStarted"]
        assert await account.execute_update(Account.deposit, 5, id="u") == 5, "the id is free again"
        assert Account.validated == [0, 5]


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("cents", [5, 0])
async def test_the_same_request_again_has_the_same_answer(url: str, cents: int, joined: bool) -> None:
    """Its answer was lost: the record of the command is on the log several times. So it is from a new owner, and when
    the run that was joined has ended and another has begun."""
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        there = await client.start(Account.run, id="a") if joined else None
        request = StartRun("r", "a", "Account", b"[]", *client._requests.address, "completed")
        request = msgspec.structs.replace(request, update="deposit", update_id="u", update_input=b"[%d]" % cents)
        expected = (run_id_of(request) if there is None else there.run_id, b"5" if cents else "NotPositive")
        for _ in range(3):
            client._requests.log.publish(COMMANDS, None, b"a", encode(request))
            assert await answer(client, request) == expected
        assert Account.validated == [cents]
        assert (await names(client, "a")).count("UpdateAccepted") == bool(cents)
        handle = client.handle("a", expected[0])
        await handle.signal(Account.close)
        await handle.result(60)
        await client.start(Account.run, id="a", id_reuse="allow")
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        address = client._requests.address
        request = msgspec.structs.replace(request, reply_to=address[0], reply_partition=address[1])
        assert await answer(client, request) == expected
        assert Account.validated == [cents]


async def answer(client: Client, request: StartRun) -> tuple[str, Any]:
    """The run, and the result or why it is refused."""
    try:
        reply = await client._link.ask(request, 60)
    except RequestRefused as refusal:
        return refusal.run_id, refusal.type
    return reply.run_id, reply.result


@pytest.mark.parametrize("id_conflict", ["join", "use_existing", "fail", "terminate_existing"])
@pytest.mark.parametrize("id_reuse", ["join", "allow", "reject"])
async def test_an_update_that_was_accepted_begins_and_ends_nothing(url: str, id_conflict: Any, id_reuse: Any) -> None:
    """Another request with its id, while the run is open and when it has ended."""
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(Account.run, id="a")
        assert await handle.execute_update(Account.deposit, 5, id="u") == 5
        for _ in range(2):
            again = client.with_start(Account.run, id="a", id_conflict=id_conflict, id_reuse=id_reuse)
            assert await again.execute_update(Account.deposit, 5, id="u") == 5
            assert again.handle.run_id == handle.run_id
            await handle.signal(Account.close) if (await handle.describe()).status.is_open else None
            assert await handle.result(10) == 5
        assert len(await client.runs()) == 1


async def test_another_run_takes_the_place_of_the_open_one(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        first = await client.start(Account.run, id="a")
        await first.execute_update(Account.deposit, 5)
        second = client.with_start(Account.run, id="a", id_conflict="terminate_existing")
        assert await second.execute_update(Account.deposit, 1) == 1
        assert (await first.describe()).status == "terminated"
        assert second.handle.run_id != first.run_id
        with pytest.raises(RequestRefused) as refused:
            await client.with_start(Account.run, id="a", id_conflict="fail").execute_update(Account.deposit, 1)
        assert (refused.value.type, refused.value.run_id) == ("IdInUse", "")


@pytest.mark.parametrize(("how", "type", "status"), [("ends", "RunEnded", "completed"), ("bug", "RunParked", "parked")])
async def test_a_run_whose_first_step_is_its_last(url: str, how: str, type: str, status: str) -> None:
    """The run's code goes first, then the update comes."""
    async with running(url, [Hasty]) as (_, client):
        hasty = client.with_start(Hasty.run, how, id="h")
        for _ in range(2):
            with pytest.raises(RequestRefused) as refused:
                await hasty.execute_update(Hasty.ask)
            assert (refused.value.type, refused.value.run_id) == (type, hasty.handle.run_id)
        assert (await hasty.handle.describe()).status == status
        assert len(await client.runs()) == 1


async def test_a_run_that_goes_on_as_another_at_once_is_updated_there(url: str) -> None:
    async with running(url, [Hasty]) as (_, client):
        hasty = client.with_start(Hasty.run, "goes on", id="h")
        assert await hasty.execute_update(Hasty.ask, id="u") == "answer"
        assert await hasty.execute_update(Hasty.ask, id="u") == "answer"
        first, second = sorted(await client.runs(), key=lambda run: run.started_at)
        assert (first.status, second.status) == ("continued", "running")
        assert hasty.handle.run_id == second.run_id


async def test_a_failure_of_the_handler_is_its_callers_and_the_run_goes_on(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        account = client.with_start(Account.run, id="a")
        for _ in range(2):
            with pytest.raises(UpdateError) as failed:
                await account.execute_update(Account.pay, 5, id="u")
            assert failed.value.type == "TooMuch"
        assert (await account.handle.describe()).status == "running"


async def test_a_time_out_says_that_the_run_is_paused(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(Account.run, id="a")
        await handle.pause("no deposits today", by="ann")
        account = client.with_start(Account.run, id="a")
        with pytest.raises(RequestTimeout, match="no deposits today"):
            await account.execute_update(Account.deposit, 5, id="u", timeout="300ms")
        await handle.resume()
        assert await account.execute_update(Account.deposit, 5, id="u") == 5
        await eventually_status(account.handle, "running")
