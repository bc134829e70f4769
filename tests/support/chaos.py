"""``make chaos`` and ``make chaos-banks``: sagas on three real brokers while everything is killed, stopped and restarted.

Three workers in processes of their own, a steady load (orders of a shop, or transfers between two banks whose databases
are killed too), one seed for all that is done. It ends with a quiet period; then whatever was placed must have its
outcome, the books must balance, and the raw history must hold what docs/guarantees.md says.
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
from collections.abc import AsyncGenerator
from pathlib import Path

from chaos_banks import Banks
from chaos_load import Load
from chaos_orders import Orders
from chaos_report import Outcome, report
from kafka_cluster import KafkaCluster
from nemesis import PARTITIONS, Nemesis, WorkerProcess, mount_small
from simulation.checkers import Watcher
from simulation.load import Books

from sagaline import Client
from sagaline._log import DEADLETTERS, HISTORY, open_log

QUIET_S = 180.0


class Chaos:
    """One run."""

    def __init__(self, seed: int, minutes: float, folder: Path, load: Load) -> None:
        self.seed, self.minutes, self.folder, self.load = seed, minutes, folder, load
        self.draw = load.draw
        self.violations: list[str] = []

    async def run(self) -> Outcome:
        cluster = KafkaCluster()
        try:
            await asyncio.to_thread(cluster.start)
            return await self._run(cluster)
        finally:
            cluster.close()
            self.load.close()

    async def _run(self, cluster: KafkaCluster) -> Outcome:
        url = f"kafka://{cluster.address}/chaos?partitions={PARTITIONS}"
        count = int(self.minutes * 60 * self.load.a_second)
        self.load.prepare(count)
        workers = [WorkerProcess(f"worker-{number}", url, self.folder, self.load) for number in range(3)]
        self.log = open_log(url)
        await self.log.open()
        self.nemesis = Nemesis(self.draw, cluster, workers, self.log, self.folder)
        self.nemesis.small_disk = mount_small(workers[-1].state)
        try:
            async with await Client.connect(url) as client:
                for worker in workers:
                    worker.start()
                faults = asyncio.create_task(self.nemesis.run())
                others = [asyncio.create_task(self._keep(workers)), asyncio.create_task(self.load.work(client))]
                placed = [asyncio.create_task(self._place(client, number)) async for number in self._paced(count)]
                await self._end(faults)
                await self._heal(cluster, workers)
                _, late = await asyncio.wait(placed, timeout=QUIET_S)
                self.violations += [
                    f"{len(late)} {self.load.things} have no outcome {QUIET_S:g} s after the last fault"
                ] * bool(late)
                await self.load.audit(client)
                await self._end(*placed, *others)
            records = await self._check_history()
        finally:
            for worker in workers:
                worker.signal(signal.SIGCONT)
                worker.kill()
            if self.nemesis.small_disk:
                subprocess.run(["umount", "--lazy", str(workers[-1].state)], check=False)
        self.violations += self.load.violations
        recoveries_s = sorted(self.nemesis.recoveries_s)
        return Outcome(self.seed, self.minutes, count, self.nemesis.faults, self.violations, recoveries_s, records)

    async def _end(self, *tasks: asyncio.Task[None]) -> None:
        """Cancels them. One that has failed before is a violation: what it was for has not been done since."""
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        self.violations += [repr(end) for end in ends if isinstance(end, Exception)]

    async def _paced(self, count: int) -> AsyncGenerator[int]:
        begin = time.monotonic()
        for number in range(count):
            await asyncio.sleep(max(0.0, begin + number / self.load.a_second - time.monotonic()))
            yield number

    async def _place(self, client: Client, number: int) -> None:
        await self.load.place(client, number)
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
        await asyncio.to_thread(self.load.heal)

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
    parser.add_argument("--load", choices=["orders", "banks"], default="orders")
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--report", help="a Markdown file to write")
    parser.add_argument("--keep", action="store_true", help="keep the workers' logs")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="sagaline-chaos-"))
    sys.stdout.write(f"seed {options.seed}; logs of the workers in {folder}\n")
    sys.stdout.flush()
    draw = random.Random(options.seed)
    load: Load = Banks(draw) if options.load == "banks" else Orders(draw, options.seed, folder)
    found = asyncio.run(Chaos(options.seed, options.minutes, folder, load).run())
    page = report(found, load)
    sys.stdout.write(page)
    if options.report:
        Path(options.report).write_text(page, "utf-8")
    if not found.violations and not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if found.violations else 0


if __name__ == "__main__":
    sys.exit(main())
