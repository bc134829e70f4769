"""``make chaos MINUTES=10``: order sagas on three real brokers while workers and brokers are killed, stopped and restarted.

Three workers in processes of their own, a steady load of orders against a shop with books of its own, one seed for
all that is done to them. It ends with a quiet period; then every order that was placed must have its outcome, the
books must balance, and the raw history must hold what docs/guarantees.md says.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from kafka_cluster import KafkaCluster
from simulation.checkers import Watcher
from simulation.load import Books

from sagaline import Client, RunError
from sagaline._host.crash_points import POINTS
from sagaline._log import COMMANDS, DEADLETTERS, HISTORY, RESULTS, open_log
from sagaline_sagas.order_fulfilment.orders import make_orders, stock_for
from sagaline_sagas.order_fulfilment.saga import fulfil_order
from sagaline_sagas.order_fulfilment.shop import Shop

PARTITIONS = 6
ORDERS_A_SECOND = 12.0
QUIET_S = 180.0


class WorkerProcess:
    """``sagaline worker`` under a name; started again whenever it has ended."""

    def __init__(self, name: str, url: str, folder: Path) -> None:
        self.name, self.url, self._folder = name, url, folder
        self.state = folder / f"state-{name}"
        self.stopped = False
        self.crash = ""
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """With ``crash`` set it takes effect on itself (SAGALINE_CRASH), in this life only."""
        command = [sys.executable, "-m", "sagaline.cli", "worker", "sagaline_sagas.order_fulfilment"]
        command += ["--log", self.url, "--state-dir", str(self.state), "--id", self.name, "--standbys", "1"]
        environment = os.environ | {"SHOP_DB": str(self._folder / "shop.db"), "SAGALINE_CRASH": self.crash}
        with (self._folder / f"{self.name}.log").open("ab") as output:
            self.process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def stands_still(self) -> bool:
        """True when it has stopped itself at a crash point."""
        assert self.process is not None
        return self.running and Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def signal(self, number: signal.Signals) -> None:
        if self.running and self.process is not None:
            self.process.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
        self.stopped = False


def mount_small(folder: Path) -> bool:
    """A file system of 64 MB of its own, where that is allowed: it can be filled."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


class Outcome(NamedTuple):
    """What came of it."""

    seed: int
    minutes: float
    orders: int
    faults: Counter[str]
    violations: list[str]
    recoveries_s: list[float]
    records: int


class Chaos:
    """One run."""

    def __init__(self, seed: int, minutes: float, folder: Path) -> None:
        self.seed, self.minutes, self.folder = seed, minutes, folder
        self.draw = random.Random(seed)
        self.faults: Counter[str] = Counter()
        self.violations: list[str] = []
        self.completed: set[str] = set()
        self.rolled_back: set[str] = set()
        self.done_at: list[float] = []
        self.recoveries_s: list[float] = []
        self.poison: list[bytes] = []

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
        self._small_disk = mount_small(workers[-1].state)
        try:
            async with await Client.connect(url) as client:
                self.log = open_log(url)
                await self.log.open()
                for worker in workers:
                    worker.start()
                nemesis = asyncio.create_task(self._nemesis(cluster, workers))
                keeper = asyncio.create_task(self._keep(workers))
                placed = [asyncio.create_task(self._place(client, order)) async for order in self._paced(orders)]
                nemesis.cancel()
                await asyncio.gather(nemesis, return_exceptions=True)
                await self._heal(cluster, workers)
                _, late = await asyncio.wait(placed, timeout=QUIET_S)
                keeper.cancel()
                self.violations += [f"{len(late)} orders have no outcome {QUIET_S:g} s after the last fault"] * bool(
                    late
                )
                for task in late:
                    task.cancel()
                await asyncio.gather(*placed, return_exceptions=True)
            records = await self._check_history(url)
        finally:
            for worker in workers:
                worker.signal(signal.SIGCONT)
                worker.kill()
            if self._small_disk:
                subprocess.run(["umount", "--lazy", str(workers[-1].state)], check=False)
        self.violations += shop.audit(self.completed, self.rolled_back)
        shop.close()
        return Outcome(
            self.seed, self.minutes, len(orders), self.faults, self.violations, sorted(self.recoveries_s), records
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
        self.done_at.append(time.monotonic())

    # What is done to it

    async def _nemesis(self, cluster: KafkaCluster, workers: list[WorkerProcess]) -> None:
        actions = [self._kill_worker] * 5 + [self._stop_worker] * 3 + [self._lose_disk] + [self._kill_broker] * 2
        actions += [self._restart_broker, self._roll_brokers, self._pause_broker, self._break_state, self._storm]
        actions += [self._fill_disk] * 2 if self._small_disk else []
        actions += [self._crash_at_point] * 5 + [self._poison] * 2
        await asyncio.sleep(5)
        while True:
            at = time.monotonic()
            await self.draw.choice(actions)(cluster, workers)
            await self._look_for_crashes(workers)
            after = await self._first_after(at)
            if after is not None:
                self.recoveries_s.append(after)
            await asyncio.sleep(self.draw.uniform(1, 6))

    async def _first_after(self, at: float) -> float | None:
        """Seconds until the next order ended."""
        for _ in range(600):
            if self.done_at and self.done_at[-1] > at:
                return next(moment for moment in self.done_at if moment > at) - at
            await asyncio.sleep(0.1)
        return None

    async def _kill_worker(self, cluster: KafkaCluster, workers: list[WorkerProcess]) -> None:
        self.faults["worker killed (SIGKILL)"] += 1
        self.draw.choice(workers).kill()

    async def _lose_disk(self, cluster: KafkaCluster, workers: list[WorkerProcess]) -> None:
        self.faults["worker killed and its disk lost"] += 1
        worker = self.draw.choice(workers)
        worker.kill()
        shutil.rmtree(worker.state, ignore_errors=True)

    async def _stop_worker(self, cluster: KafkaCluster, workers: list[WorkerProcess]) -> None:
        self.faults["worker stopped (SIGSTOP) and woken as a zombie"] += 1
        worker = self.draw.choice(workers)
        worker.stopped = True
        worker.signal(signal.SIGSTOP)
        await asyncio.sleep(self.draw.choice([1.0, 9.0, 14.0]))
        worker.signal(signal.SIGCONT)
        worker.stopped = False

    async def _crash_at_point(self, cluster: KafkaCluster, workers: list[WorkerProcess]) -> None:
        """In its next life a worker dies, or stands still, when it comes to a named place for the n-th time."""
        worker = self.draw.choice(workers)
        worker.kill()
        worker.crash = (
            f"{self.draw.choice(POINTS)}:{self.draw.choice(['kill', 'kill', 'stop'])}:{self.draw.randint(1, 60)}"
        )

    async def _look_for_crashes(self, workers: list[WorkerProcess]) -> None:
        """Counts those that came to their place, and wakes who stands still there."""
        for worker in workers:
            point, _, action = worker.crash.partition(":")
            if not worker.crash or worker.process is None:
                continue
            if action.startswith("kill") and worker.process.poll() == -signal.SIGKILL:
                self.faults[f"worker killed {point}"] += 1
                worker.crash = ""
            elif action.startswith("stop") and not worker.stopped and worker.stands_still:
                self.faults[f"worker stopped {point}"] += 1
                await asyncio.sleep(self.draw.choice([0.5, 8.0]))
                worker.signal(signal.SIGCONT)
                worker.crash = ""

    async def _break_state(self, cluster: KafkaCluster, workers: list[WorkerProcess]) -> None:
        """Garbage in the middle of a file of the state, or the file cut off."""
        worker = self.draw.choice(workers)
        worker.kill()
        files = sorted(path for path in worker.state.rglob("*") if path.is_file() and path.stat().st_size)
        if files:
            self.faults["worker killed and a file of its state broken"] += 1
            path = self.draw.choice(files)
            data = path.read_bytes()
            at = self.draw.randrange(len(data))
            path.write_bytes(data[:at] + self.draw.choice([b"", self.draw.randbytes(40) + data[at + 40 :]]))

    async def _fill_disk(self, cluster: KafkaCluster, workers: list[WorkerProcess]) -> None:
        """A state directory without a byte of room, for some seconds."""
        self.faults["disk of a state directory full"] += 1
        filler = workers[-1].state / "filler"
        try:
            with filler.open("wb", buffering=0) as file:
                while file.write(bytes(65_536)):
                    pass
        except OSError:
            pass  # it is full
        await asyncio.sleep(self.draw.uniform(2, 8))
        filler.unlink(missing_ok=True)

    async def _storm(self, cluster: KafkaCluster, workers: list[WorkerProcess]) -> None:
        """A fourth worker comes and goes, and comes and goes."""
        self.faults["rebalance storm (a worker joins and leaves)"] += 1
        guest = WorkerProcess("guest", workers[0].url, self.folder)
        for _ in range(3):
            guest.start()
            await asyncio.sleep(self.draw.uniform(1, 4))
            guest.signal(signal.SIGTERM)
            await asyncio.sleep(self.draw.uniform(0.5, 2))
            guest.kill()

    async def _poison(self, cluster: KafkaCluster, workers: list[WorkerProcess]) -> None:
        """Bytes that are no record of ours, on commands and results."""
        self.faults["poison records"] += 1
        value = b"poison " + self.draw.randbytes(20)
        self.poison.append(value)
        done: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        topic = self.draw.choice([COMMANDS, RESULTS])
        self.log.publish(topic, self.draw.randrange(PARTITIONS), b"poison", value, done.set_result)
        if await done is not None:  # it may be there or not
            self.poison.remove(value)
            self.faults["poison records"] -= 1

    async def _kill_broker(self, cluster: KafkaCluster, workers: list[WorkerProcess]) -> None:
        self.faults["broker killed (SIGKILL) and restarted"] += 1
        await self._bounce(cluster, hard=True)

    async def _restart_broker(self, cluster: KafkaCluster, workers: list[WorkerProcess]) -> None:
        self.faults["broker restarted cleanly"] += 1
        await self._bounce(cluster, hard=False)

    async def _roll_brokers(self, cluster: KafkaCluster, workers: list[WorkerProcess]) -> None:
        """As an upgrade does it: one after the other."""
        self.faults["brokers restarted one after the other"] += 1
        for node in cluster.nodes:
            await asyncio.to_thread(node.stop)
            await asyncio.to_thread(node.start)
            await asyncio.sleep(2)

    async def _bounce(self, cluster: KafkaCluster, hard: bool) -> None:
        node = self.draw.choice(cluster.nodes)
        await asyncio.to_thread(node.kill if hard else node.stop)
        await asyncio.sleep(self.draw.uniform(0.5, 8))
        await asyncio.to_thread(node.start)

    async def _pause_broker(self, cluster: KafkaCluster, workers: list[WorkerProcess]) -> None:
        self.faults["broker paused (SIGSTOP)"] += 1
        node = self.draw.choice(cluster.nodes)
        node.pause()
        await asyncio.sleep(self.draw.uniform(1, 10))
        node.resume()

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

    async def _check_history(self, url: str) -> int:
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
        self.violations += [f"{value!r} is not in dead letters" for value in self.poison if value not in dead]
        await log.close()
        self.faults["records of zombies in history, believed by nobody"] += watcher.marks["invalid record"]
        self.violations += watcher.violations
        self.violations += [f"{run.workflow_id} never ended" for run in watcher.runs.values() if run.terminal is None]
        started = Counter(run.workflow_id for run in watcher.runs.values())
        self.violations += [f"{name} was started {times} times" for name, times in started.items() if times > 1]
        return count


def report(found: Outcome) -> str:
    """The page of a run."""
    recoveries = found.recoveries_s
    p99 = recoveries[min(len(recoveries) - 1, int(len(recoveries) * 0.99))] if recoveries else 0.0
    median = recoveries[len(recoveries) // 2] if recoveries else 0.0
    lines = [
        f"# Chaos, seed {found.seed}, {found.minutes:g} minutes",
        "",
        f"`make chaos MINUTES={found.minutes:g} SEED={found.seed}`: three brokers (replication 3, min.insync 2), three workers, "
        f"{found.orders} orders at {ORDERS_A_SECOND:g} a second, {found.records} records of history.",
        "",
        "| done to it | times |",
        "|---|---|",
        *(f"| {name} | {count} |" for name, count in sorted(found.faults.items())),
        "",
        f"From a fault to the next order that ended, anywhere: median {median:.1f} s, p99 {p99:.1f} s.",
        "",
        "Checked: every order has one outcome; the shop's books (stock, money, parcels, each deed once by key); in the raw "
        "history event numbers without gap or repeat, epochs and positions that never go back, one outcome a step, one "
        "terminal event a run with nothing behind it, timers never early.",
        "",
        f"**Violations: {len(found.violations)}**",
        *(f"- {what}" for what in found.violations[:50]),
    ]
    return "\n".join(lines) + "\n"


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
