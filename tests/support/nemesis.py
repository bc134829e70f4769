"""What chaos does to workers and brokers, drawn from a seed and counted."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

from chaos_load import Fault, Load
from kafka_cluster import KafkaCluster

from sagaline._host.crash_points import POINTS
from sagaline._log import COMMANDS, RESULTS, Log

PARTITIONS = 6


class WorkerProcess:
    """``sagaline worker`` under a name; started again whenever it has ended."""

    def __init__(self, name: str, url: str, folder: Path, load: Load) -> None:
        self.name, self.url, self._folder, self.load = name, url, folder, load
        self.state = folder / f"state-{name}"
        self.stopped = False
        self.crash = ""
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """With ``crash`` set it takes effect on itself (SAGALINE_CRASH), in this life only."""
        command = [sys.executable, "-m", "sagaline.cli", "worker", self.load.target]
        command += ["--log", self.url, "--state-dir", str(self.state), "--id", self.name, "--standbys", "1"]
        environment = os.environ | self.load.environment | {"SAGALINE_CRASH": self.crash}
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


class Nemesis:
    """Does one thing after the other until it is cancelled. ``done_at`` are the moments when what was placed ended."""

    def __init__(
        self, draw: random.Random, cluster: KafkaCluster, workers: list[WorkerProcess], log: Log, folder: Path
    ) -> None:
        self.draw, self.cluster, self.workers, self.log, self.folder = draw, cluster, workers, log, folder
        self.small_disk = False
        self.faults: Counter[str] = Counter()
        self.done_at: list[float] = []
        self.recoveries_s: list[float] = []
        self.poison: list[bytes] = []

    async def run(self) -> None:
        actions = [self._kill_worker] * 5 + [self._stop_worker] * 3 + [self._lose_disk] + [self._kill_broker] * 2
        actions += [self._restart_broker, self._roll_brokers, self._pause_broker, self._break_state, self._storm]
        actions += [self._fill_disk] * 2 if self.small_disk else []
        actions += [self._crash_at_point] * 5 + [self._poison] * 2
        actions += [partial(self._fault, fault) for fault in self.workers[0].load.faults()]
        await asyncio.sleep(5)
        while True:
            at = time.monotonic()
            await self.draw.choice(actions)()
            await self._look_for_crashes()
            after = await self._first_after(at)
            if after is not None:
                self.recoveries_s.append(after)
            await asyncio.sleep(self.draw.uniform(1, 6))

    async def _first_after(self, at: float) -> float | None:
        """Seconds until the next one of what was placed ended."""
        for _ in range(600):
            if self.done_at and self.done_at[-1] > at:
                return next(moment for moment in self.done_at if moment > at) - at
            await asyncio.sleep(0.1)
        return None

    async def _fault(self, fault: Fault) -> None:
        """One of the load's own."""
        name, do = fault
        self.faults[name] += 1
        await do()

    async def _kill_worker(self) -> None:
        self.faults["worker killed (SIGKILL)"] += 1
        self.draw.choice(self.workers).kill()

    async def _lose_disk(self) -> None:
        self.faults["worker killed and its disk lost"] += 1
        worker = self.draw.choice(self.workers)
        worker.kill()
        shutil.rmtree(worker.state, ignore_errors=True)

    async def _stop_worker(self) -> None:
        self.faults["worker stopped (SIGSTOP) and woken as a zombie"] += 1
        worker = self.draw.choice(self.workers)
        worker.stopped = True
        worker.signal(signal.SIGSTOP)
        await asyncio.sleep(self.draw.choice([1.0, 9.0, 14.0]))
        worker.signal(signal.SIGCONT)
        worker.stopped = False

    async def _crash_at_point(self) -> None:
        """In its next life a worker dies, or stands still, when it comes to a named place for the n-th time."""
        worker = self.draw.choice(self.workers)
        worker.kill()
        worker.crash = (
            f"{self.draw.choice(POINTS)}:{self.draw.choice(['kill', 'kill', 'stop'])}:{self.draw.randint(1, 60)}"
        )

    async def _look_for_crashes(self) -> None:
        """Counts those that came to their place, and wakes who stands still there."""
        for worker in self.workers:
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

    async def _break_state(self) -> None:
        """Garbage in the middle of a file of the state, or the file cut off."""
        worker = self.draw.choice(self.workers)
        worker.kill()
        files = sorted(path for path in worker.state.rglob("*") if path.is_file() and path.stat().st_size)
        if files:
            self.faults["worker killed and a file of its state broken"] += 1
            path = self.draw.choice(files)
            data = path.read_bytes()
            at = self.draw.randrange(len(data))
            path.write_bytes(data[:at] + self.draw.choice([b"", self.draw.randbytes(40) + data[at + 40 :]]))

    async def _fill_disk(self) -> None:
        """A state directory without a byte of room, for some seconds."""
        self.faults["disk of a state directory full"] += 1
        filler = self.workers[-1].state / "filler"
        try:
            with filler.open("wb", buffering=0) as file:
                while file.write(bytes(65_536)):
                    pass
        except OSError:
            pass  # it is full
        await asyncio.sleep(self.draw.uniform(2, 8))
        filler.unlink(missing_ok=True)

    async def _storm(self) -> None:
        """A fourth worker comes and goes, and comes and goes."""
        self.faults["rebalance storm (a worker joins and leaves)"] += 1
        guest = WorkerProcess("guest", self.workers[0].url, self.folder, self.workers[0].load)
        for _ in range(3):
            guest.start()
            await asyncio.sleep(self.draw.uniform(1, 4))
            guest.signal(signal.SIGTERM)
            await asyncio.sleep(self.draw.uniform(0.5, 2))
            guest.kill()

    async def _poison(self) -> None:
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

    async def _kill_broker(self) -> None:
        self.faults["broker killed (SIGKILL) and restarted"] += 1
        await self._bounce(hard=True)

    async def _restart_broker(self) -> None:
        self.faults["broker restarted cleanly"] += 1
        await self._bounce(hard=False)

    async def _roll_brokers(self) -> None:
        """As an upgrade does it: one after the other."""
        self.faults["brokers restarted one after the other"] += 1
        for node in self.cluster.nodes:
            await asyncio.to_thread(node.stop)
            await asyncio.to_thread(node.start)
            await asyncio.sleep(2)

    async def _bounce(self, hard: bool) -> None:
        node = self.draw.choice(self.cluster.nodes)
        await asyncio.to_thread(node.kill if hard else node.stop)
        await asyncio.sleep(self.draw.uniform(0.5, 8))
        await asyncio.to_thread(node.start)

    async def _pause_broker(self) -> None:
        self.faults["broker paused (SIGSTOP)"] += 1
        node = self.draw.choice(self.cluster.nodes)
        node.pause()
        await asyncio.sleep(self.draw.uniform(1, 10))
        node.resume()
