"""Messages to one run, on a log in memory: what the owner spends on a signal and a query, and a call with its client.

python bench/messages.py
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "platform"))

from sagaline import Client, Worker, workflow
from sagaline._log import COMMANDS
from sagaline._model.codec import encode
from sagaline._model.records import QueryRun, SignalRun

SIGNALS, QUERIES, CALLS, TOGETHER = 40_000, 20_000, 4_000, 100


@workflow
class Sink:
    """Counts."""

    def __init__(self) -> None:
        self.count, self.stop = 0, asyncio.Event()

    @workflow.signal
    def put(self, number: int) -> None:
        self.count += 1

    @workflow.query
    def counted(self) -> int:
        return self.count

    @workflow.update
    def add(self, number: int) -> int:
        self.count += number
        return self.count

    @workflow.run
    async def run(self) -> None:
        await self.stop.wait()


def told(what: str, count: int, began: float, aim: str = "") -> None:
    """A line of the report: how many a second of processor time."""
    print(f"{what:40} {count / (time.process_time() - began):10,.0f} a second of processor time{aim}")


async def calls(what: str, call: Callable[[], Awaitable[object]]) -> None:
    """Calls of a client in the same process."""

    async def some() -> None:
        for _ in range(CALLS // TOGETHER):
            await call()

    began = time.process_time()
    await asyncio.gather(*(some() for _ in range(TOGETHER)))
    told(f"{what}, client and owner", CALLS, began)


async def main() -> None:
    """Measures all of it."""
    url = f"memory://bench{uuid.uuid4().hex}?partitions=1"
    async with Worker(url, workflows=[Sink]) as worker, await Client.connect(url) as client:
        await worker.ready()
        handle = await client.start(Sink.run, id="sink")
        publish = client._requests.log.publish
        gc.collect()
        signals = [encode(SignalRun(f"s{number}", "sink", "put", b"[1]")) for number in range(SIGNALS)]
        began = time.process_time()
        for value in signals:
            publish(COMMANDS, None, b"sink", value)
        while await handle.query(Sink.counted) < SIGNALS:
            await asyncio.sleep(0.01)
        told("signals to one run, owner", SIGNALS, began, " (aim: 20,000)")
        queries = [encode(QueryRun(f"q{n}", "sink", "counted", b"[]", "nobody", 0)) for n in range(QUERIES)]
        began = time.process_time()
        for value in queries:
            publish(COMMANDS, None, b"sink", value)
        await handle.query(Sink.counted)
        told("queries, owner", QUERIES, began, " (aim: 10,000)")
        await calls("signals", lambda: handle.signal(Sink.put, 1))
        await calls("queries", lambda: handle.query(Sink.counted))
        await calls("updates", lambda: handle.execute_update(Sink.add, 1))


if __name__ == "__main__":
    asyncio.run(main())
