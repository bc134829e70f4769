"""``make chaos MINUTES=10``: order sagas on three real brokers while workers and brokers are killed, stopped and restarted.

Three workers in processes of their own, a steady load of orders against a shop with books of its own, one seed for
all that is done to them. It ends with a quiet period; then every order that was placed must have its outcome, the
books must balance, and the raw history must hold what docs/guarantees.md says.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from chaos_report import ORDERS_A_SECOND, Outcome, report
from kafka_cluster import KafkaCluster
from nemesis import PARTITIONS, Nemesis, WorkerProcess, mount_small
from simulation.checkers import Watcher
from simulation.load import Books

from sagaline import Client, RunError
from sagaline._log import DEADLETTERS, HISTORY, open_log
from sagaline_sagas.order_fulfilment.orders import make_orders, stock_for
from sagaline_sagas.order_fulfilment.saga import fulfil_order
from sagaline_sagas.order_fulfilment.shop import Shop

QUIET_S = 180.0


class Chaos:
    """One run."""

    def __init__(self, seed: int, minutes: float, folder: Path) -> None:
        self.seed, self.minutes, self.folder = seed, minutes, folder
        self.draw = random.Random(seed)
        self.violations: list[str] = []
        self.completed: set[str] = set()
        self.rolled_back: set[str] = set()

    async def run(self) -> Outcome:
        cluster = KafkaCluster()
        try:
            await asyncio.to_thread(cluster.start)
            return await self._run(cluster)
        finally:
            cluster.close()

    async def _run(self, cluster: KafkaCluster) -> Outcome:
        url = f"kafka://{cluster.address}/chaos?partitions={PARTITIONS}"
        orders = list(make_orders(int(self.minutes * 60 * ORDERS_A_SECOND), self.seed))
        shop = Shop(self.folder / "shop.db")
        stock_for(shop, orders)
        workers = [WorkerProcess(f"worker-{number}", url, self.folder) for number in range(3)]
        self.log = open_log(url)
        await self.log.open()
        self.nemesis = Nemesis(self.draw, cluster, workers, self.log, self.folder)
        self.nemesis.small_disk = mount_small(workers[-1].state)
        try:
            async with await Client.connect(url) as client:
                for worker in workers:
                    worker.start()
                faults = asyncio.create_task(self.nemesis.run())
                keeper = asyncio.create_task(self._keep(workers))
                placed = [asyncio.create_task(self._place(client, order)) async for order in self._paced(orders)]
                faults.cancel()
                await asyncio.gather(faults, return_exceptions=True)
                await self._heal(cluster, workers)
                _, late = await asyncio.wait(placed, timeout=QUIET_S)
                keeper.cancel()
                self.violations += [f"{len(late)} orders have no outcome {QUIET_S:g} s after the last fault"] * bool(
                    late
                )
                for task in late:
                    task.cancel()
                await asyncio.gather(*placed, return_exceptions=True)
            records = await self._check_history()
        finally:
            for worker in workers:
                worker.signal(signal.SIGCONT)
                worker.kill()
            if self.nemesis.small_disk:
                subprocess.run(["umount", "--lazy", str(workers[-1].state)], check=False)
        self.violations += shop.audit(self.completed, self.rolled_back)
        shop.close()
        recoveries_s = sorted(self.nemesis.recoveries_s)
        return Outcome(
            self.seed, self.minutes, len(orders), self.nemesis.faults, self.violations, recoveries_s, records
        )

    async def _paced(self, orders: list[Any]) -> Any:
        begin = time.monotonic()
        for number, order in enumerate(orders):
            await asyncio.sleep(max(0.0, begin + number / ORDERS_A_SECOND - time.monotonic()))
            yield order

    async def _place(self, client: Client, order: Any) -> None:
        try:
            await client.execute(fulfil_order, order, id=order.id)
            self.completed.add(order.id)
        except RunError as error:
            if error.status == "compensated":
                self.rolled_back.add(order.id)
            else:
                self.violations.append(f"{order.id}: {error}")
        self.nemesis.done_at.append(time.monotonic())

    async def _keep(self, workers: list[WorkerProcess]) -> None:
        """What a supervisor does: whoever has ended is started again."""
        while True:
            for worker in workers:
                if not worker.running and not worker.stopped:
                    worker.start()
            await asyncio.sleep(0.3)

    async def _heal(self, cluster: KafkaCluster, workers: list[WorkerProcess]) -> None:
        for node in cluster.nodes:
            if not node.running:
                await asyncio.to_thread(node.start)
            node.resume()
        for worker in workers:
            worker.signal(signal.SIGCONT)
            worker.stopped = False

    # Afterwards

    async def _check_history(self) -> int:
        """Reads all of history with the simulation's checkers, which do not use the engine's reader."""
        watcher = Watcher(Books(self.draw), Counter(), time.time, retention_s=0)
        log = self.log
        count = 0
        for partition in range(log.partitions):
            _, end = await log.bounds(HISTORY, partition)
            async for batch in log.read(HISTORY, partition, 0, end):
                for record in batch:
                    watcher.landed(record)
                    count += 1
        dead = [
            record.value
            for partition in range(log.partitions)
            async for batch in log.read(DEADLETTERS, partition, 0, (await log.bounds(DEADLETTERS, partition))[1])
            for record in batch
        ]
        self.violations += [f"{value!r} is not in dead letters" for value in self.nemesis.poison if value not in dead]
        await log.close()
        self.nemesis.faults["records of zombies in history, believed by nobody"] += watcher.marks["invalid record"]
        self.violations += watcher.violations
        self.violations += [f"{run.workflow_id} never ended" for run in watcher.runs.values() if run.terminal is None]
        started = Counter(run.workflow_id for run in watcher.runs.values())
        self.violations += [f"{name} was started {times} times" for name, times in started.items() if times > 1]
        return count


def main() -> int:
    """Exit code 1 when something was violated."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--report", help="a Markdown file to write")
    parser.add_argument("--keep", action="store_true", help="keep the workers' logs")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="sagaline-chaos-"))
    sys.stdout.write(f"seed {options.seed}; logs of the workers in {folder}\n")
    sys.stdout.flush()
    found = asyncio.run(Chaos(options.seed, options.minutes, folder).run())
    page = report(found)
    sys.stdout.write(page)
    if options.report:
        Path(options.report).write_text(page, "utf-8")
    if not found.violations and not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if found.violations else 0


if __name__ == "__main__":
    sys.exit(main())
