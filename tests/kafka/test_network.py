"""A broken network between a worker and a real broker: cut off, answers lost, and a broker that forgets producers."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import harness
import pytest
from harness import make_namespace
from kafka_proxy import KafkaProxy, ProxiedKafka
from worker_process import WorkerProcess, history

from sagaline import Client
from sagaline._engine.validity import Validity
from sagaline._model import events as e
from sagaline._model.records import History

pytestmark = pytest.mark.kafka
eventually = partial(harness.eventually, limit_s=60)


class Net:
    """A broker, the proxy before it, and the same namespace by both ways."""

    def __init__(self, broker: ProxiedKafka, proxy: KafkaProxy, name: str) -> None:
        self.broker, self.proxy = broker, proxy
        self.direct = f"kafka://{broker.address}/{name}?partitions=1"
        self.broken = f"kafka://{broker.proxy_address}/{name}?partitions=1"


@pytest.fixture
async def net(request: pytest.FixtureRequest) -> AsyncIterator[Net]:
    broker = ProxiedKafka(getattr(request, "param", 86_400_000))
    await asyncio.to_thread(broker.start)
    try:
        async with KafkaProxy(broker) as proxy:
            yield Net(broker, proxy, "net")
    finally:
        broker.close()


def runs_of(records: list[tuple[int, Any]]) -> tuple[dict[str, list[e.Event]], int]:
    """Events of each run as readers take them, and how many valid records were there twice."""
    validity, repeats = Validity(-1), 0
    runs: dict[str, list[e.Event]] = {}
    for offset, record in records:
        valid = validity.admit(offset, record)
        if isinstance(valid, History):
            run = runs.setdefault(valid.workflow_id, [])
            if valid.first_event_id <= len(run):
                repeats += 1
                continue
            assert valid.first_event_id == len(run) + 1, f"a gap in {valid.workflow_id} at {offset}"
            run += valid.events
    return runs, repeats


def stale_of(records: list[tuple[int, Any]]) -> list[History]:
    """Records of an owner that had been replaced when they landed."""
    validity = Validity(-1)
    admitted = [(record, validity.admit(offset, record)) for offset, record in records]
    return [record for record, valid in admitted if isinstance(record, History) and valid is None]


def start(client: Client, count: int, apart_s: float = 0.0) -> list[asyncio.Task[Any]]:
    """Starts runs, so far apart."""

    async def execute(number: int) -> Any:
        await asyncio.sleep(number * apart_s)
        return await client.execute_by_name("slow", number, id=f"n-{number}")

    return [asyncio.create_task(execute(number)) for number in range(count)]


async def finish(tasks: list[asyncio.Task[Any]]) -> None:
    results = await asyncio.wait_for(asyncio.gather(*tasks), 120)
    assert results == [number * 4 for number in range(len(tasks))]


async def check(net: Net, count: int, folder: Path) -> int:
    """Raw history, and a worker that begins with an empty disk, tell the same. Returns the number of repeats."""
    records = (await history(net.direct))[0]
    runs, repeats = runs_of(records)
    assert len(runs) == count
    assert all(isinstance(run[-1], e.RunCompleted) for run in runs.values())
    reader = WorkerProcess(net.direct, "reader", folder)
    try:
        await eventually(lambda: "claimed at offset" in reader.text())
        await make_namespace(net.direct)
        async with await Client.connect(net.direct) as client:
            for workflow_id, run in runs.items():
                found = await client.handle(workflow_id).describe(60)
                assert (found.status, found.events) == ("completed", len(run))
    finally:
        reader.end()
    return repeats


async def test_an_owner_that_is_cut_off_is_replaced_and_nothing_it_sends_later_counts(net: Net, tmp_path: Path) -> None:
    first = WorkerProcess(net.broken, "first", tmp_path)
    second: WorkerProcess | None = None
    try:
        await make_namespace(net.direct)
        async with await Client.connect(net.direct) as client:
            await eventually(lambda: "claimed at offset" in first.text())
            tasks = start(client, 30, apart_s=0.03)  # at any moment some activities run whose intent is acknowledged
            effects = tmp_path / "effects.txt"
            await eventually(lambda: effects.exists() and len(effects.read_text().splitlines()) >= 10)
            net.proxy.cut()  # its activities go on, and their results are appended into nowhere
            second = WorkerProcess(net.direct, "second", tmp_path)
            await eventually(lambda: second is not None and "claimed at offset" in second.text())
            await finish(tasks)
            net.proxy.heal()
            async with asyncio.timeout(60):
                while not stale_of((await history(net.direct))[0]):  # what it had sent lands now
                    await asyncio.sleep(0.2)
            assert await client.execute_by_name("slow", 30, id="n-30") == 120
            await eventually(lambda: second is not None and "ignored foreign records" in second.text())
    finally:
        first.end()
        if second is not None:
            second.end()
    await check(net, 31, tmp_path)


async def test_answers_that_are_lost_repeat_nothing(net: Net, tmp_path: Path) -> None:
    """A producer's own retry is recognised by the broker; whatever it reports then, the history is as it should be."""
    worker = WorkerProcess(net.broken, "worker", tmp_path)
    try:
        await make_namespace(net.direct)
        async with await Client.connect(net.direct) as client:
            await eventually(lambda: "claimed at offset" in worker.text())
            tasks = start(client, 40)
            for _ in range(5):
                net.proxy.swallow(2)
                await asyncio.sleep(0.3)
            await finish(tasks)
            assert net.proxy.swallowed >= 3
    finally:
        worker.end()
    assert await check(net, 40, tmp_path) == 0


@pytest.mark.parametrize("net", [500], indirect=True)
async def test_a_broker_that_has_forgotten_a_producer_may_write_a_record_twice_and_readers_skip_it(
    net: Net, tmp_path: Path
) -> None:
    worker = WorkerProcess(net.broken, "worker", tmp_path)
    try:
        await make_namespace(net.direct)
        async with await Client.connect(net.direct) as client:
            await eventually(lambda: "claimed at offset" in worker.text())
            tasks = start(client, 20)
            for _ in range(4):
                lost = net.proxy.swallowed
                net.proxy.swallow(1)
                await eventually(lambda lost=lost: net.proxy.swallowed > lost or all(task.done() for task in tasks))
                net.proxy.cut()
                await asyncio.sleep(1.5)  # three times what the broker remembers
                net.proxy.heal()
            await finish(tasks)
    finally:
        worker.end()
    shutil.rmtree(tmp_path / "worker")
    repeats = await check(net, 20, tmp_path)
    print(f"{repeats} records were there twice")
