"""Runs that sleep: what one takes in memory, a herd that wakes at once, a million that are open."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec
from kafka_process import KafkaProcess

from measure import ORDER, Engine, cpu_s, make_namespace
from sagaline import Client
from sagaline._log import COMMANDS, HISTORY, Log, open_log
from sagaline._model.codec import encode
from sagaline._model.keys import partition_of
from sagaline._model.records import StartRun
from sagas_under_test import order
from watching import disk_mb, emit

SLEEPERS = 20_000


class Sleeping:
    """Measurements on one broker."""

    def __init__(self, broker: KafkaProcess, folder: Path, open_runs: int) -> None:
        self._broker, self._folder, self._open_runs = broker, folder, open_runs

    def _url(self, name: str) -> str:
        return f"kafka://{self._broker.address}/{name}{uuid.uuid4().hex[:6]}"

    def _state(self) -> Path:
        state = self._folder / uuid.uuid4().hex[:8]
        state.mkdir()
        return state

    async def _start_naps(self, log: Log, count: int, seconds: Callable[[], float]) -> None:
        """Starts that nobody waits for, as fast as the broker takes them."""
        room = asyncio.Semaphore(20_000)
        for number in range(count):
            await room.acquire()
            name = f"nap-{number}"
            request = StartRun(name, name, "nap", msgspec.json.encode([seconds()]))
            partition = partition_of(name, log.partitions)
            log.publish(COMMANDS, partition, name.encode(), encode(request), lambda error: room.release())
        for _ in range(20_000):
            await room.acquire()

    async def _records(self, log: Log) -> int:
        bounds = [await log.bounds(HISTORY, number) for number in range(log.partitions)]
        return sum(end for _, end in bounds)

    async def _until(self, log: Log, records: int) -> None:
        while await self._records(log) < records:
            await asyncio.sleep(0.25)

    async def sleepers(self) -> None:
        """W4: many runs that sleep, and all fall due within one second."""
        url = self._url("sleepers")
        log = open_log(url)
        await log.open()
        engine = Engine(url, self._state())
        await make_namespace(url)
        async with await Client.connect(url) as client:
            await client.execute(order, {"order_id": "warm", **ORDER}, id="warm")
            before = await self._records(log)
            rss_mb = engine.rss_mb("VmRSS")
            due = time.time() + 40
            await self._start_naps(log, SLEEPERS, lambda: max(1.0, due - time.time()))
            await self._until(log, before + SLEEPERS)
            await asyncio.sleep(1)
            grown_kb = (engine.rss_mb("VmRSS") - rss_mb) * 1024
            late = max(0.0, time.time() - due)
            cpu = cpu_s(engine.pid)
            await asyncio.sleep(max(0.0, due - time.time()))
            idle_s = cpu_s(engine.pid) - cpu
            begin, cpu = time.time(), cpu_s(engine.pid)
            await self._until(log, before + 2 * SLEEPERS)
            emit(
                f"W4: {SLEEPERS:,} sleepers",
                "2 KiB a sleeper",
                kib_a_sleeper=round(grown_kb / SLEEPERS, 2),
                herd_seconds=round(time.time() - begin, 1),
                herd_cpu_ms_a_sleeper=round((cpu_s(engine.pid) - cpu) / SLEEPERS * 1e3, 3),
                cpu_s_while_asleep=round(idle_s, 2),
                started_late_s=round(late, 1),
            )
        engine.stop()
        await log.close()

    async def many(self) -> None:
        """A million open runs on one partition set: disk, memory, and what a restart costs then."""
        url, state = self._url("many"), self._state()
        log = open_log(url)
        await log.open()
        engine = Engine(url, state, "one")
        begin = time.monotonic()
        await self._start_naps(log, self._open_runs, lambda: 10_000_000.0)
        await self._until(log, self._open_runs)
        seconds = time.monotonic() - begin
        await asyncio.sleep(2)
        emit(
            f"{self._open_runs:,} open runs",
            starts_per_s=round(self._open_runs / seconds),
            worker_rss_mb=engine.rss_mb("VmRSS"),
            worker_peak_mb=engine.rss_mb(),
            state_mb=disk_mb(state),
            history_mb=disk_mb(self._broker.folder, f"{log.namespace}.history-*"),
        )
        for kind in ("with its state", "from an empty disk"):
            engine.kill()
            if kind == "from an empty disk":
                state = self._state()
            at = time.monotonic()
            engine = Engine(url, state, "one")
            await make_namespace(url)
            async with await Client.connect(url) as client:
                name = uuid.uuid4().hex
                await client.execute(order, {"order_id": name, **ORDER}, id=name)
                first_s = time.monotonic() - at
                watch = [client.execute(order, {"order_id": str(n), **ORDER}, id=f"{name}{n}") for n in range(50)]
                await asyncio.gather(*watch)
            emit(
                f"restart {kind}, {self._open_runs:,} open runs",
                first_answer_s=round(first_s, 1),
                all_partitions_s=round(time.monotonic() - at, 1),
                worker_rss_mb=engine.rss_mb("VmRSS"),
            )
        engine.stop()
        await log.close()
