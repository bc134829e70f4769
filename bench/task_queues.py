"""What a step costs that the worker of a queue runs: its round trip, and tasks a second of one core.

    python bench/task_queues.py [URL]

``URL`` is a namespace of its own, by default one on an embedded log; on Kafka, kafka://HOST:PORT/bench. Owner, client
and the queue's worker share this process and its core: apart they are faster. JSON lines with their aims.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
import uuid

from sagaline import Client, Worker, activity, workflow
from sagaline._host.options import HostOptions
from sagaline._host.queues.host import QueueHost
from sagaline._log.memory import MemoryLog
from sagaline._log.urls import parse_url
from sagaline._model.codec import encode
from sagaline._model.records import Task
from sagaline._model.tasks import task_id, task_topic
from sagaline._runtime.definitions import Registry
from watching import emit

_STEPS = 50
_RUNS = 10
_TASKS = 20_000
_QUEUE = "bench"


@activity(queue=_QUEUE)
async def fetch(number: int) -> int:
    return number


@workflow
async def one_after_the_other(count: int) -> int:
    total = 0
    for number in range(count):
        total += await fetch(number)
    return total


async def round_trips(url: str) -> None:
    """One run at a time, one step after the other: schedule durable, task, result, next step."""
    took_ms: list[float] = []
    async with Worker(url, workflows=[one_after_the_other], activities=[fetch]) as owner:
        await owner.ready()
        async with Worker(url, queue=_QUEUE, activities=[fetch]) as worker, await Client.connect(url) as client:
            await worker.ready()
            for number in range(_RUNS + 1):
                began = time.perf_counter()
                await client.execute(one_after_the_other, _STEPS, id=f"r-{number}-{uuid.uuid4().hex}", timeout="120s")
                took_ms.append((time.perf_counter() - began) * 1_000 / _STEPS)
    emit(
        "remote step, round trip",
        "p50 at most 5 ms",
        log=url.partition(":")[0],
        p50_ms=round(statistics.median(took_ms[1:]), 2),
        best_ms=round(min(took_ms[1:]), 2),
    )


async def throughput() -> None:
    """The worker alone, in processor time: reading, running and answering, on a log in memory."""
    log = MemoryLog(parse_url(f"memory://{uuid.uuid4().hex}?partitions=4"))
    await log.open()
    payload = fetch.definition.signature.encode_input((1,), {})
    for number in range(_TASKS):
        key = task_id("run", number, 1)
        task = Task("w", "run", number, 1, fetch.name, payload, 60_000, key)
        log.publish(task_topic(_QUEUE), number % 4, key.encode(), encode(task))
    host = QueueHost(log, _QUEUE, Registry([], [fetch.definition]), HostOptions("bench"), None)
    began = time.process_time()
    await host.start()
    while host.work.tasks.counts["completed"] < _TASKS:
        await asyncio.sleep(0.01)
    took_s = time.process_time() - began
    await host.stop()
    emit("remote tasks, one core", "10,000 a second", tasks=_TASKS, a_second=round(_TASKS / took_s))


def main() -> None:
    """Both figures."""
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{os.path.join(folder, 'log.db')}"
        asyncio.run(round_trips(url))
    asyncio.run(throughput())


if __name__ == "__main__":
    main()
