"""Runs one workload against one log: a worker in a process of its own, the client here."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil

from sagaline import Client, RunError
from sagaline._log import open_log
from sagas_under_test import fan_out, order

HERE = Path(__file__).parent
ORDER = {
    "sku": "SKU-4711-BLUE",
    "qty": 3,
    "amount_cents": 12345,
    "currency": "EUR",
    "card": "tok_1Pabcdefghijklmnop",
    "email": "user@example.com",
    "address": "12 Long Street, 12345 Town",
}


def cpu_s(pid: int | None) -> float:
    """Processor seconds of a process so far."""
    if pid is None:
        return 0.0
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


async def make_namespace(url: str) -> None:
    """Clients never make one, and the worker takes a moment."""
    log = open_log(url)
    await log.open()
    await log.close()


class Engine:
    """The worker process of a measurement."""

    def __init__(self, url: str, state: Path, worker_id: str = "", *more: str) -> None:
        command = [sys.executable, "-m", "sagaline.cli", "worker", str(HERE / "sagas_under_test.py")]
        identity = worker_id or f"bench-{uuid.uuid4().hex[:6]}"
        command += ["--log", url, "--state-dir", str(state), "--id", identity, *more]
        self._log = (state.parent / f"{state.name}.log").open("ab")
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        self.pid = self._process.pid

    def rss_mb(self, name: str = "VmHWM") -> float:
        """Resident memory in MB: at its peak, or now (VmRSS)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(name))
        return round(int(line.split()[1]) / 1024, 1)

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        self._process.kill()
        self._process.wait()
        self._log.close()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._log.close()


async def flood(one: Callable[[int], Awaitable[None]], count: int, in_flight: int) -> tuple[float, list[float]]:
    """Runs ``count`` sagas, ``in_flight`` at once; seconds in all, and each one's seconds, sorted."""
    numbers = iter(range(count))
    latencies: list[float] = []

    async def lane() -> None:
        for number in numbers:
            begin = time.perf_counter()
            await one(number)
            latencies.append(time.perf_counter() - begin)

    begin = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(in_flight)))
    return time.perf_counter() - begin, sorted(latencies)


def figures(
    workload: str, log: str, in_flight: int, wall_s: float, latencies: list[float], cpu: dict[str, float], rss_mb: float
) -> dict[str, Any]:
    """One line of the report."""
    count = len(latencies)

    def percentile(share: float) -> float:
        return round(latencies[min(count - 1, int(count * share))] * 1e3, 2)

    split = {f"cpu_ms_{name}": round(seconds / count * 1e3, 3) for name, seconds in cpu.items()}
    return {
        "workload": workload,
        "log": log,
        "in_flight": in_flight,
        "sagas": count,
        "sagas_per_s": round(count / wall_s, 1),
        "p50_ms": percentile(0.5),
        "p95_ms": percentile(0.95),
        "p99_ms": percentile(0.99),
        **split,
        "cpu_ms_total": round(sum(cpu.values()) / count * 1e3, 3),
        "peak_rss_mb": rss_mb,
    }


class Bench:
    """One engine and one client; measures workload after workload."""

    def __init__(self, client: Client, engine: Engine, log: str, broker_pid: int | None) -> None:
        self._client, self._engine, self._log, self._broker_pid = client, engine, log, broker_pid
        self._round = 0

    async def measure(self, workload: str, count: int, in_flight: int) -> dict[str, Any]:
        """Runs a workload once."""
        self._round += 1
        base = f"{workload}-{self._round}-{uuid.uuid4().hex[:6]}"

        async def complete(number: int) -> None:
            found = f"{base}-{number}"
            await self._client.execute(order, {"order_id": found, **ORDER}, id=found)

        async def roll_back(number: int) -> None:
            found = f"{base}-{number}"
            try:
                await self._client.execute(order, {"order_id": found, "refused": True, **ORDER}, id=found)
            except RunError as error:
                if error.status != "compensated":
                    raise

        async def fan(number: int) -> None:
            await self._client.execute(fan_out, 1_000, id=f"{base}-{number}")

        one = {"W1": complete, "W2": complete, "W3": roll_back, "W5": fan}[workload]
        before = self._cpu()
        wall_s, latencies = await flood(one, count, in_flight)
        cpu = {name: seconds - before[name] for name, seconds in self._cpu().items()}
        return figures(workload, self._log, in_flight, wall_s, latencies, cpu, self._engine.rss_mb())

    def _cpu(self) -> dict[str, float]:
        return {
            "engine": cpu_s(self._engine.pid),
            "broker": cpu_s(self._broker_pid),
            "client": time.process_time(),
        }
