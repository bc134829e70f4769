"""A store of blobs that hangs, fails or refuses: whose work waits, what goes on, and that nothing is named too early."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from simulation.loop import Call, VirtualLoop
from virtual_host import VirtualHost, eventually, options_of, registry_of, virtual_host
from virtual_time import virtual

from sagaline import Signal, workflow
from sagaline._engine.tables.history import RunHistory
from sagaline._host.runs import replays
from sagaline._log import HISTORY
from sagaline._model.events import RunCompleted, TimerFired
from sagaline._model.ids import run_id_of
from sagaline._model.keys import partition_of
from sagaline._model.records import History, RetryRun, SignalRun, StartRun
from sagaline._payloads import Payloads, Sealer, input_of, sent_message

LARGE = "x" * 200
text = Signal[str]("text")


@workflow
async def echo(given: str) -> str:
    return given


@workflow
async def grow(given: str) -> str:
    return given * 10


@workflow
async def ticks(count: int) -> int:
    for _ in range(count):
        await workflow.sleep(1)
    return count


@workflow(signals=[text])
async def joins(count: int) -> int:
    return sum([len(await text.receive()) for _ in range(count)])


REGISTRY = registry_of([echo, grow, ticks, joins], [])


def loop() -> VirtualLoop:
    running = asyncio.get_running_loop()
    assert isinstance(running, VirtualLoop)
    return running


class Store:
    """A store in memory, called in threads alone. While it ``hangs`` calls wait; ``error`` is raised by puts."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], bytes] = {}
        self.calls: Counter[str] = Counter()
        self.error: Exception | None = None
        self.waiting: list[Call] = []

    def hang(self) -> None:
        loop().in_thread = self._hold

    def _hold(self, executor: Any, call: Call) -> None:
        self.waiting.append(call) if executor._name == "sagaline-blobs" else call()

    def go_on(self) -> None:
        """Those that were given up end too."""
        loop().in_thread = lambda executor, call: call()
        waiting, self.waiting = self.waiting, []
        for call in waiting:
            call()

    def _enter(self, what: str) -> None:
        assert loop().is_in_thread
        self.calls[what] += 1

    def put(self, run_id: str, digest: str, data: bytes) -> None:
        self._enter("put")
        if self.error is not None:
            raise self.error
        self.kept[run_id, digest] = data

    def get(self, run_id: str, digest: str) -> bytes:
        self._enter("get")
        return self.kept[run_id, digest]

    def delete_run(self, run_id: str) -> None: ...


class Client:
    """Seals what it sends, with a memory of its own."""

    def __init__(self, store: Store, world: VirtualHost) -> None:
        self.store, self.world = store, world

    def _sealed(self, place: Any, payload: bytes) -> bytes:
        loop().is_in_thread = True  # of the client
        try:
            return Sealer(Payloads(blobs=self.store, threshold_bytes=100)).seal(place, payload)
        finally:
            loop().is_in_thread = False

    def start(self, fn: Any, workflow_id: str, *args: Any) -> str:
        """Returns the request id."""
        request = StartRun(f"start-{workflow_id}", workflow_id, fn.name, b"", "client", 0, "closed")
        place = input_of(run_id_of(request))
        payload = self._sealed(place, fn.definition.signature.encode_input(args, {}))
        return (
            self.world.start(fn, workflow_id, *args, input=payload, request_id=request.request_id)
            and request.request_id
        )

    def send(self, workflow_id: str, number: int) -> None:
        request = SignalRun(f"text-{number}", workflow_id, "text", b"", reply_to="client")
        payload = self._sealed(sent_message(run_id_of(request)), f'["{LARGE}{number}"]'.encode())
        self.world.command(workflow_id, SignalRun(request.request_id, workflow_id, "text", payload, "client", 0))


def options(store: Store, **more: Any) -> Any:
    return options_of(payloads=Sealer(Payloads(blobs=store, threshold_bytes=100)), **more)


def names(partitions: int) -> list[str]:
    """A workflow id of each partition."""
    found: dict[int, str] = {}
    for number in range(100):
        found.setdefault(partition_of(f"w{number}", partitions), f"w{number}")
    return [found[number] for number in range(partitions)]


def count(world: VirtualHost, partition: int, kind: type) -> int:
    records = [record for record in world.records(HISTORY, partition) if isinstance(record, History)]
    return sum(isinstance(event, kind) for record in records for event in record.events)


@virtual
async def test_while_a_read_hangs_timers_and_other_partitions_go_on_and_then_the_run() -> None:
    store = Store()
    async with virtual_host(REGISTRY, options(store), partitions=2) as world:
        client, (mine, other) = Client(store, world), names(2)
        client.start(ticks, f"{mine}", 1_000)
        await eventually(lambda: count(world, 0, TimerFired) > 1)
        store.hang()
        asked = client.start(
            echo, next(n for n in (f"{mine}-{i}" for i in range(99)) if partition_of(n, 2) == 0), LARGE
        )
        await eventually(lambda: len(store.waiting) == 1)
        fired, claims = count(world, 0, TimerFired), world.claims()
        assert (await world.run(ticks, other, 15)).kind == "closed"
        assert count(world, 0, TimerFired) >= fired + 14
        assert world.claims() == claims, "nothing is given up within half a minute"
        await eventually(lambda: world.claims()[0] > claims[0] + 1)
        assert count(world, 0, TimerFired) >= fired + 40, "also of a partition that is claimed again and again"
        assert world.claims()[1] == claims[1]
        store.go_on()
        assert (await world.answer(asked)).status == "completed"
        assert count(world, 0, RunCompleted) == 1


@virtual
async def test_while_a_write_hangs_no_record_of_its_partition_lands_and_none_names_it() -> None:
    store = Store()
    async with virtual_host(REGISTRY, options(store), partitions=2) as world:
        client, (mine, other) = Client(store, world), names(2)
        client.start(ticks, mine, 1_000)
        await eventually(lambda: count(world, 0, TimerFired) > 1)
        store.hang()
        asked = client.start(
            grow, next(n for n in (f"{mine}-{i}" for i in range(99)) if partition_of(n, 2) == 0), "x" * 50
        )
        await eventually(lambda: len(store.waiting) == 1)
        fired = count(world, 0, TimerFired)
        assert (await world.run(ticks, other, 15)).kind == "closed"
        assert count(world, 0, TimerFired) <= fired + 1
        store.go_on()
        assert (await world.answer(asked)).status == "completed"
        await eventually(lambda: count(world, 0, TimerFired) >= fired + 14)
        store.hang()
        client.start(grow, next(n for n in (f"{mine}+{i}" for i in range(99)) if partition_of(n, 2) == 0), "x" * 50)
        claims = world.claims()
        await eventually(lambda: world.claims()[0] > claims[0] + 1)
        assert (count(world, 0, RunCompleted), world.claims()[1]) == (1, claims[1])
        store.go_on()
        await eventually(lambda: count(world, 0, RunCompleted) == 2)


@virtual
async def test_payloads_of_inputs_that_wait_behind_one_are_fetched_together() -> None:
    store = Store()
    async with virtual_host(REGISTRY, options(store)) as world:
        client = Client(store, world)
        await eventually(lambda: world.host.live)
        store.hang()
        asked = [client.start(echo, f"w{number}", f"{number}{LARGE}") for number in range(5)]
        await eventually(lambda: store.waiting)
        await asyncio.sleep(1)
        assert len(store.waiting) in (1, 4), "the first, or as many as there are threads"
        store.waiting.pop(0)()
        await eventually(lambda: len(store.waiting) == 4)
        store.go_on()
        assert {(await world.answer(one)).status for one in asked} == {"completed"}
        assert store.calls["get"] == 5


@virtual
async def test_a_write_that_fails_is_tried_again_until_it_does_not() -> None:
    store = Store()
    async with virtual_host(REGISTRY, options(store)) as world:
        store.error = OSError("no space")
        asked = world.start(grow, "w", "x" * 50)
        await eventually(lambda: store.calls["put"] > 3)
        assert not world.answers(asked)
        assert count(world, 0, RunCompleted) == 0
        store.error = None
        assert (await world.answer(asked)).status == "completed"
        assert count(world, 0, RunCompleted) == 1


@virtual
async def test_what_the_store_will_never_take_parks_its_run_alone() -> None:
    store = Store()
    async with virtual_host(REGISTRY, options(store)) as world:
        store.error = ValueError("not that")
        asked = world.start(grow, "w", "x" * 50)
        await eventually(lambda: world.host.live and (run := world.host.live[0].rows.durable.run("w")) and run.failure)
        run = world.host.live[0].rows.durable.run("w")
        assert run is not None
        assert run.status == "parked"
        assert run.failure is not None
        assert "not that" in run.failure.message
        assert (await world.run(ticks, "other", 1)).status == "completed"
        store.error = None
        world.command("w", RetryRun("retry", "w", "client", 0))
        assert (await world.answer(asked)).status == "completed"


@virtual
async def test_a_replay_reads_each_payload_once_and_waits_with_few_of_them() -> None:
    """Of each record the payloads are fetched, and given to the code, before those of the next."""
    store = Store()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replays, "_AHEAD_BYTES", 1)
        async with virtual_host(REGISTRY, options(store)) as world:
            asked = world.start(joins, "w", 6)
            for number in range(5):
                Client(store, world).send("w", number)
                await world.answer(f"text-{number}")
            world.command("w", SignalRun("nothing", "w", "unknown", b"[]", "client", 0))
            log = world.log
        reads = store.calls["get"]
        async with virtual_host(REGISTRY, options(store), log=log) as world:
            Client(store, world).send("w", 5)
            assert (await world.answer(asked)).status == "completed"
        assert store.calls["get"] == reads + 6


@virtual
async def test_an_unexpected_error_of_the_rows_is_tried_once_more_before_anybody_is_to_blame() -> None:
    store, errors = Store(), list[Exception]()
    original = RunHistory.records

    def records(self: RunHistory, run_id: str, first_event_id: int = 0) -> Any:
        if errors:
            raise errors.pop()
        return original(self, run_id, first_event_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunHistory, "records", records)
        async with virtual_host(REGISTRY, options(store, cached_instances=1)) as world:
            asked = world.start(joins, "w", 2)
            Client(store, world).send("w", 0)
            await world.answer("text-0")
            world.start(ticks, "other", 1_000)  # it takes the other's place in memory
            await eventually(lambda: count(world, 0, TimerFired))
            errors.append(RuntimeError("a disk"))
            Client(store, world).send("w", 1)
            assert (await world.answer(asked)).status == "completed"
            assert not errors
            assert world.claims() == [2]
