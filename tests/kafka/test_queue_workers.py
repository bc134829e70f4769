"""Workers of a queue on a real broker: killed in a task, with a slow task beside many, and in rebalances."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from functools import partial
from pathlib import Path

import harness
import pytest
from confluent_kafka import Consumer, TopicPartition
from harness import make_namespace, running
from worker_process import WorkerProcess

from sagaline import Client, Worker, WorkerOptions, activity, workflow
from sagaline._host.queues.finished import Finished
from sagaline._log import Committed

pytestmark = pytest.mark.kafka
eventually = partial(harness.eventually, limit_s=120)
SAGAS = Path(__file__).parents[1] / "support" / "queue_sagas.py"
FAST = 200


async def test_a_task_whose_worker_is_killed_is_done_by_another(kafka_url: str, tmp_path: Path) -> None:
    workers: list[WorkerProcess] = []

    def begin(name: str, *more: str) -> WorkerProcess:
        workers.append(WorkerProcess(kafka_url, name, tmp_path, *more, sagas=SAGAS))
        return workers[-1]

    effects = tmp_path / "effects.txt"
    try:
        await make_namespace(kafka_url)
        begin("owner")
        first = begin("gpu-a", "--queue", "gpu")
        async with await Client.connect(kafka_url) as client:
            executing = asyncio.create_task(client.execute_by_name("scanned", 21, id="s", timeout="120s"))
            await eventually(lambda: effects.exists() and effects.read_text() == "21 1\n")
            first.signal(signal.SIGKILL)
            begin("gpu-b", "--queue", "gpu")
            await eventually(lambda: effects.read_text().count("21 1\n") == 2)
            (tmp_path / "go").touch()
            assert await executing == 42
        assert effects.read_text() == "21 1\n21 1\n", "the same attempt, by another worker"
    finally:
        for worker in workers:
            worker.end()


began: Counter[int] = Counter()
gate = asyncio.Event()


@activity(queue="gpu")
async def step(number: int) -> int:
    began[number] += 1
    if number == 0:
        await gate.wait()
    return number


@workflow
async def fan(count: int) -> int:
    return sum(await asyncio.gather(*(step(number) for number in range(count))))


@workflow
async def alone(number: int) -> int:
    return await step(number)


def committed(url: str, group: str) -> dict[int, Finished]:
    """What the group has written down of each partition, read by a consumer of its own."""
    address, _, rest = url.removeprefix("kafka://").partition("/")
    namespace = rest.partition("?")[0]
    consumer = Consumer({"bootstrap.servers": address, "group.id": f"{namespace}.{group}"})
    try:
        places = [TopicPartition(f"{namespace}.tasks.gpu", number) for number in range(2)]
        found = consumer.committed(places, timeout=20)
        return {place.partition: Finished(Committed(max(0, place.offset), place.metadata or "")) for place in found}
    finally:
        consumer.close()


async def test_a_slow_task_holds_no_other_up_and_is_alone_repeated(kafka_url: str) -> None:
    global gate
    gate = asyncio.Event()
    began.clear()
    patient = WorkerOptions(stop_grace=0)
    async with running(kafka_url, [fan, alone], [step]) as (_, client):
        async with Worker(kafka_url, queue="gpu", activities=[step], options=patient) as worker:
            await worker.ready()
            handle = await client.start(fan, FAST + 1, id="fan")
            await eventually(lambda: len(began) == FAST + 1)

            async def all_but_one() -> bool:
                return (await handle.describe()).open_steps == 1

            await harness.eventually_async(all_but_one, 120)
        known = await asyncio.to_thread(committed, kafka_url, "tasks.gpu")
        done = sum(finished.has(offset) for finished in known.values() for offset in range(FAST + 1))
        assert done == FAST, "all but the slow one are written down"
        gate.set()
        async with Worker(kafka_url, queue="gpu", activities=[step]):
            assert await handle.result(timeout="120s") == sum(range(FAST + 1))
        assert {number for number, times in began.items() if times > 1} == {0}


async def test_runs_go_on_while_workers_of_their_queue_come_and_go(kafka_url: str) -> None:
    gate.set()
    async with running(kafka_url, [alone], [step]) as (_, client):
        results = [asyncio.create_task(client.execute(alone, n, id=f"r-{n}", timeout="120s")) for n in range(1, 60)]
        for turn in range(3):
            async with Worker(kafka_url, queue="gpu", activities=[step]) as worker:
                await worker.ready()
                async with Worker(kafka_url, queue="gpu", activities=[step]) as other:
                    await other.ready()
                    more = await client.execute(alone, 1_000, id=f"m-{turn}", timeout="120s")
                    assert more == 1_000
        assert await asyncio.gather(*results) == list(range(1, 60))
