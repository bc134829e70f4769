"""What a crash costs: restore rate, restart, takeover cold and warm, sleepers, a million open runs, a kill at half.

``make bench-recovery``, on a real broker; JSON lines with their aims. ``--only restore,takeover`` for a part of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "bench")]

from kafka_process import KafkaProcess  # noqa: E402

from measure import ORDER, Engine, cpu_s, flood  # noqa: E402
from sagaline import Client  # noqa: E402
from sagaline._host.options import HostOptions  # noqa: E402
from sagaline._host.recovery.restore import Recovery  # noqa: E402
from sagaline._log import COMMANDS, HISTORY, Log, Record, open_log  # noqa: E402
from sagaline._model.codec import decode, encode  # noqa: E402
from sagaline._model.keys import partition_of  # noqa: E402
from sagaline._model.records import History, StartRun  # noqa: E402
from sagaline._store import open_stores  # noqa: E402
from sagaline_sagas.order_fulfilment.demo import DemoOptions, run_demo  # noqa: E402
from sagaline_sagas.order_fulfilment.orders import make_orders  # noqa: E402
from sagas_under_test import order  # noqa: E402

SLEEPERS = 20_000


def emit(name: str, aim: str = "", **figures: Any) -> None:
    """One JSON line."""
    sys.stdout.write(json.dumps({"measure": name, **figures} | ({"aim": aim} if aim else {})) + "\n")
    sys.stdout.flush()


class Watch:
    """Tails history and notes when each partition was last decided on."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.decided_at: dict[int, list[float]] = {number: [] for number in range(log.partitions)}
        self._reader = log.reader(self._on_records)

    async def begin(self) -> None:
        for number in self.decided_at:
            self._reader.add(HISTORY, number, (await self._log.bounds(HISTORY, number))[1])

    def _on_records(self, records: list[Record]) -> None:
        now = time.monotonic()
        for record in records:
            if record.value is not None and isinstance(decode(record.value), History):
                self.decided_at[record.partition].append(now)

    async def first_after(self, since: float, partitions: list[int], limit_s: float = 60) -> list[float]:
        """Seconds from ``since`` to each partition's first decision after it."""
        async with asyncio.timeout(limit_s):
            while True:
                found = [next((at for at in self.decided_at[one] if at > since), None) for one in partitions]
                if all(at is not None for at in found):
                    return sorted(round(at - since, 2) for at in found if at is not None)
                await asyncio.sleep(0.01)

    async def close(self) -> None:
        await self._reader.close()


class Recoveries:
    """All measurements, on one broker."""

    def __init__(self, broker: KafkaProcess, folder: Path, open_runs: int) -> None:
        self._broker, self._folder, self._open_runs = broker, folder, open_runs

    def _url(self, name: str) -> str:
        return f"kafka://{self._broker.address}/{name}{uuid.uuid4().hex[:6]}"

    def _state(self) -> Path:
        state = self._folder / uuid.uuid4().hex[:8]
        state.mkdir()
        return state

    async def _fill(self, client: Client, count: int) -> None:
        async def one(number: int) -> None:
            name = f"fill-{number}"
            await client.execute(order, {"order_id": name, **ORDER}, id=name)

        await flood(one, count, 1_000)

    # Restoring

    async def restore(self) -> None:
        """Events a second that one core applies from empty: pure Python over RocksDB, and over memory."""
        url = self._url("restore")
        engine = Engine(url, self._state())
        async with await Client.connect(url) as client:
            await self._fill(client, 10_000)
        engine.stop()
        log = open_log(url)
        await log.open()
        records, events, size = await self._count(log)
        for kind, directory in (("memory", None), ("rocksdb", self._state())):
            stores = open_stores(directory)
            begin, cpu = time.perf_counter(), time.process_time()
            for number in range(log.partitions):
                recovery = Recovery(log, stores, number, HostOptions("bench"))
                await recovery.follow()
                recovery.close()
            wall_s, used_s = time.perf_counter() - begin, time.process_time() - cpu
            stores.close()
            emit(
                f"restore into {kind}",
                "100,000 events a second and core",
                events=events,
                records=records,
                megabytes=round(size / 1e6, 1),
                events_per_s=round(events / wall_s),
                events_per_cpu_s=round(events / used_s),
                records_per_cpu_s=round(records / used_s),
            )
        await log.close()

    async def _count(self, log: Log) -> tuple[int, int, int]:
        records = events = size = 0
        for number in range(log.partitions):
            async for batch in log.read(HISTORY, number, *(await log.bounds(HISTORY, number))):
                for record in batch:
                    found = decode(record.value)
                    if isinstance(found, History):
                        records, events = records + 1, events + len(found.events)
                        size += len(record.value or b"")
        return records, events, size

    # Dying

    async def _under_load(self, url: str, kill: Callable[[Log, Watch], Awaitable[None]]) -> None:
        """Runs ``kill`` while a client keeps fifty sagas going."""
        log = open_log(url)
        await log.open()
        async with await Client.connect(url) as client:
            await self._fill(client, 5_000)
            watch = Watch(log)
            await watch.begin()
            stop = asyncio.Event()

            async def lane(number: int) -> None:
                count = 0
                while not stop.is_set():
                    count += 1
                    name = f"load-{number}-{count}"
                    await client.execute(order, {"order_id": name, **ORDER}, id=name)

            lanes = [asyncio.create_task(lane(number)) for number in range(50)]
            try:
                await asyncio.sleep(2)
                await kill(log, watch)
            finally:
                stop.set()
                await asyncio.wait(lanes, timeout=30)
                await watch.close()
        await log.close()

    async def restart(self) -> None:
        """kill -9, and the same worker again at once, with its state: as a supervisor does."""
        url, state = self._url("restart"), self._state()
        engines = [Engine(url, state, "one")]

        async def kill(log: Log, watch: Watch) -> None:
            for _ in range(3):
                at = time.monotonic()
                engines[-1].kill()
                engines.append(Engine(url, state, "one"))
                found = await watch.first_after(at, list(watch.decided_at))
                emit("kill -9 to first decision, same worker", "< 1 s", first_s=found[0], last_partition_s=found[-1])
                await asyncio.sleep(3)

        await self._under_load(url, kill)
        engines[-1].stop()

    async def takeover(self) -> None:
        """kill -9, and another worker takes over: the session has to end first (6 s)."""
        for kind, standbys in (("cold", "0"), ("warm", "1")):
            url = self._url("takeover")
            engines = {name: Engine(url, self._state(), name, "--standbys", standbys) for name in ("one", "two")}

            async def kill(log: Log, watch: Watch, engines: dict[str, Engine] = engines, kind: str = kind) -> None:
                await asyncio.sleep(8)  # standbys have caught up
                members = (await log.inspect()).members or ()
                lost = next(list(one.partitions) for one in members if one.member_id == "one")
                at = time.monotonic()
                engines["one"].kill()
                found = await watch.first_after(at, lost)
                emit(
                    f"kill -9 to first decision, {kind} takeover",
                    "< 8 s",
                    partitions=len(lost),
                    first_s=found[0],
                    last_partition_s=found[-1],
                )

            await self._under_load(url, kill)
            engines["two"].stop()

    async def half(self) -> None:
        """W6: 4,000 orders, the worker killed when half of them are done."""
        orders = self._folder / "orders.jsonl"
        orders.write_bytes(b"\n".join(msgspec.json.encode(one.model_dump()) for one in make_orders(4_000, 6)))
        options = DemoOptions(self._url("half"), orders, self._state(), kills=1)
        found = await run_demo(options, lambda done, total, text: None)
        emit(
            "W6: kill -9 at half of 4,000 orders",
            "0 lost",
            lost=found.other,
            activity_executions=found.activity_executions,
            repeated=found.executions_repeated,
            seconds=found.time_s,
            orders_per_s=found.orders_per_s,
            problems=len(found.problems),
        )

    # Sleeping

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


def disk_mb(folder: Path, pattern: str = "") -> float:
    """Megabytes on disk."""
    places = [str(path) for path in folder.rglob(pattern)] if pattern else [str(folder)]
    shown = subprocess.run(["du", "-scm", *places], capture_output=True, text=True, check=True).stdout
    return float(shown.splitlines()[-1].split()[0])


def main() -> None:
    """Runs all of it, or a part."""
    names = ("restore", "restart", "takeover", "half", "sleepers", "many")
    parser = argparse.ArgumentParser(prog="make bench-recovery")
    parser.add_argument("--only", default=",".join(names))
    parser.add_argument("--open-runs", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sagaline-bench-") as name:
        broker = KafkaProcess()
        broker.start()
        try:
            measured = Recoveries(broker, Path(name), options.open_runs)
            for one in options.only.split(","):
                asyncio.run(getattr(measured, one)())
        finally:
            broker.close()


if __name__ == "__main__":
    main()
