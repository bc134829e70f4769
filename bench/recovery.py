"""What a crash costs: restore rate, restart, takeover cold and warm, sleepers, a million open runs, a kill at half.

``make bench-recovery``, on a real broker; JSON lines with their aims. ``--only restore,takeover`` for a part of it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "bench")]

from kafka_process import KafkaProcess  # noqa: E402

from measure import ORDER, Engine, flood, make_namespace  # noqa: E402
from sagaline import Client  # noqa: E402
from sagaline._host.options import HostOptions  # noqa: E402
from sagaline._host.pools import Pools  # noqa: E402
from sagaline._host.recovery.restore import Recovery  # noqa: E402
from sagaline._log import HISTORY, Log, open_log  # noqa: E402
from sagaline._model.codec import decode  # noqa: E402
from sagaline._model.records import History  # noqa: E402
from sagaline._store import open_stores  # noqa: E402
from sagaline_sagas.order_fulfilment.demo import DemoOptions, run_demo  # noqa: E402
from sagaline_sagas.order_fulfilment.orders import make_orders  # noqa: E402
from sagas_under_test import order  # noqa: E402
from sleeping import Sleeping  # noqa: E402
from watching import Watch, emit  # noqa: E402


class Recoveries:
    """Restoring and dying, on one broker."""

    def __init__(self, broker: KafkaProcess, folder: Path) -> None:
        self._broker, self._folder = broker, folder

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
        await make_namespace(url)
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
                recovery = Recovery(log, stores, number, HostOptions("bench"), Pools())
                await recovery.follow()
                await recovery.close()
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
        await make_namespace(url)
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
            recoveries = Recoveries(broker, Path(name))
            sleeping = Sleeping(broker, Path(name), options.open_runs)
            for measure in options.only.split(","):
                owner = sleeping if hasattr(sleeping, measure) else recoveries
                asyncio.run(getattr(owner, measure)())
        finally:
            broker.close()


if __name__ == "__main__":
    main()
