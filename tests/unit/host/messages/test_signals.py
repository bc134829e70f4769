"""Signals end to end: a client, a log in memory, a worker."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest
from harness import events_of, eventually_status, running
from message_sagas import ACTIVITIES, WORKFLOWS, Basket, Item, Strict, adds, numbers

from sagaline import Client, ConfigurationError, InvalidInput, RequestRefused, workflow
from sagaline._host.runs.instances import Instances
from sagaline._log import COMMANDS
from sagaline._model import events as e
from sagaline._model.codec import encode
from sagaline._model.records import SignalRun, StartRun


@pytest.fixture
def url() -> str:
    return f"memory://m{uuid.uuid4().hex}?partitions=1"


@pytest.mark.parametrize("kept", [True, False])
async def test_signals_reach_handlers_in_order(url: str, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not kept:  # each activation replays all that came before
        monkeypatch.setattr(Instances, "_remember", lambda self, run_id, instance: self._drop(instance))
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(Basket.run, id="b")
        await handle.signal(Basket.add, Item("a"))
        await handle.signal(Basket.add_many, "b", 2)
        await handle.signal("odd", 1, "x")
        await handle.signal(Basket.write, "text")
        await handle.signal(Basket.close)
        assert (await handle.result(10))[:2] == ["a:1", "b:2"]


async def test_a_function_receives_typed_signals(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(adds, 3, id="a")
        for number in (1, 2, 4):
            await handle.signal(numbers, number)
        assert await handle.result(10) == 7


async def test_many_signals_are_few_activations_in_order(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(Strict.run, 2_000, id="s")
        await asyncio.gather(*(handle.signal(Strict.put, number) for number in range(2_000)))
        assert await handle.result(30) == list(range(2_000))
        events = await events_of(client, "s")
        assert sum(isinstance(event, e.SignalsHandled) for event in events) < 200


async def test_one_that_is_asked_again_is_handled_once(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(adds, 2, id="a")
        log = client._requests.log
        request = encode(SignalRun("same", "a", "numbers", b"[5]"))
        for _ in range(3):
            log.publish(COMMANDS, None, b"a", request)
        await handle.signal(numbers, 1)
        assert await handle.result(10) == 6
        log.publish(COMMANDS, None, b"a", request)
        again = await client.start(adds, 1, id="a", id_reuse="allow")
        await again.signal(numbers, 9)
        assert await again.result(10) == 9


@pytest.mark.parametrize(
    ("workflow_id", "name", "args", "type"),
    [
        ("s", "unknown", (), "UnknownSignal"),
        ("s", "put", ("x",), "InvalidInput"),
        ("s", "put", (), "InvalidInput"),
        ("s", "put", (1, 2), "InvalidInput"),
        ("nobody", "put", (1,), "WorkflowNotFound"),
        ("ended", "put", (1,), "RunEnded"),
    ],
)
async def test_what_cannot_be_taken_is_refused_with_the_reason(
    url: str, workflow_id: str, name: str, args: tuple[Any, ...], type: str
) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(Strict.run, 1, id="s")
        ended = await client.start(Strict.run, 1, id="ended")
        await ended.signal(Strict.put, 1)
        await ended.result(10)
        with pytest.raises(RequestRefused, match="Expected") as caught:
            await client.handle(workflow_id).signal(name, *args)
        assert caught.value.type == type
        await handle.signal(Strict.put, 1)
        assert await handle.result(10) == [1]


async def test_a_client_says_what_does_not_fit_before_anything_is_sent(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        handle = await client.start(Strict.run, 1, id="s")
        with pytest.raises(InvalidInput, match="number"):
            await handle.signal(Strict.put, "x")  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match=r"Expected a method with @workflow\.signal"):
            await handle.signal(Basket.other, "name", [])
        for wrong in (5, Strict, adds):
            with pytest.raises(ConfigurationError, match=r"Expected a method with @workflow\.signal"):
                await handle.signal(wrong)  # type: ignore[call-overload]


async def test_a_parked_run_receives_signals_and_handles_them_when_it_goes_on(tmp_path: Path) -> None:
    @workflow(name="strict")
    class Broken(Strict):
        @workflow.signal
        def put(self, number: int) -> None:
            raise LookupError("a bug")

        @workflow.run
        async def run(self, limit: int) -> list[int]:
            await asyncio.sleep(1_000)
            return []

    @workflow(name="strict")
    class Fixed(Strict):
        @workflow.run
        async def run(self, limit: int) -> list[int]:
            sleeping = asyncio.create_task(asyncio.sleep(1_000))
            await self.full.wait()
            sleeping.cancel()
            return self.seen

    url = f"sqlite:///{tmp_path}/log.db?partitions=1"
    async with running(url, [Broken]) as (_, client):
        handle = await client.start(Broken.run, 3, id="f")
        await handle.signal("put", 1)
        await eventually_status(handle, "parked")
        await handle.signal("put", 2)
    async with running(url, [Fixed]) as (_, client):
        handle = client.handle("f")
        await handle.signal("put", 3)
        assert await handle.result(10) == [1, 2, 3]


async def test_what_waits_survives_the_worker(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/log.db?partitions=1"
    async with running(url, WORKFLOWS, ACTIVITIES, state_dir=tmp_path / "a") as (_, client):
        handle = await client.start(adds, 4, id="a")
        await handle.signal(numbers, 1)
        await handle.signal(numbers, 2)
    async with running(url, WORKFLOWS, ACTIVITIES, state_dir=tmp_path / "b") as (_, client):
        handle = client.handle("a")
        await handle.signal(numbers, 4)
        await handle.signal(numbers, 8)
        assert await handle.result(10) == 15


async def test_a_signal_without_a_worker_waits_for_one(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        await client.start(adds, 1, id="a")
    async with await Client.connect(url) as client:
        sending = asyncio.create_task(client.handle("a").signal(numbers, 3))
        await asyncio.sleep(0)
        async with running(url, WORKFLOWS, ACTIVITIES):
            await sending
            assert await client.handle("a").result(10) == 3


async def test_a_signal_with_a_start_is_in_the_first_record_and_is_handled_first(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        assert await client.execute(adds, 1, id="a", signal=numbers.of(5)) == 5
        kinds = [type(event).__name__ for event in await events_of(client, "a")]
        assert kinds == ["RunStarted", "SignalReceived", "SignalsHandled", "RunCompleted"]
        basket = await client.start(Basket.run, id="b", signal=Basket.add.of(Item("a", 2)))
        assert await basket.query(Basket.count) == 2


async def test_a_start_that_meets_a_run_sends_its_signal_there_once(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        first = await client.start(Basket.run, id="b")
        for _ in range(2):
            call = Basket.add.of(Item("a"))
            again = await client.start(Basket.run, id="b", id_conflict="use_existing", signal=call)
            assert again.run_id == first.run_id
        assert await first.query(Basket.count) == 2
        start = StartRun(
            "same", "b", "Basket", b"[]", id_conflict="use_existing", signal="add-many", signal_input=b'["x",5]'
        )
        for _ in range(3):
            client._requests.log.publish(COMMANDS, None, b"b", encode(start))
        await first.signal(Basket.close)
        assert await first.result(10) == ["a:1", "a:1", "x:5"]


async def test_a_signal_that_is_refused_refuses_the_start(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        with pytest.raises(RequestRefused) as caught:
            await client.start(Strict.run, 1, id="s", signal=numbers.of(5))
        assert caught.value.type == "UnknownSignal"
        with pytest.raises(RequestRefused, match="there is none"):
            await client.handle("s").describe()
        assert await client.execute(adds, 1, id="a", signal=numbers.of(5)) == 5
        with pytest.raises(RequestRefused) as caught:
            await client.start(adds, 1, id="a", signal=numbers.of(6))
        assert caught.value.type == "RunEnded"
        with pytest.raises(ConfigurationError, match="Expected signal to be one with its arguments"):
            await client.start(adds, 1, id="z", signal=numbers)  # type: ignore[arg-type]
