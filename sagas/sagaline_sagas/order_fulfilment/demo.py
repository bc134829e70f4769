"""A thousand orders, a worker that is killed twice, and books that balance: what ``sagaline demo`` runs."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sagaline import Client, NamespaceNotFound, RunError

from .models import Order
from .orders import read_orders, stock_for
from .saga import fulfil_order
from .shop import Shop

Progress = Callable[[int, int, str], None]

_NAMESPACE_WAIT_S = 60.0


@dataclass(frozen=True)
class DemoOptions:
    """``fresh_state``: the state directory is emptied between a kill and the restart."""

    log: str
    orders: Path
    folder: Path
    in_flight: int = 200
    kills: int = 2
    fresh_state: bool = False


@dataclass
class DemoReport:
    """What came of it. ``problems`` is empty when the books balance."""

    orders: int
    completed: int = 0
    rolled_back: int = 0
    other: int = 0
    activity_executions: int = 0
    executions_repeated: int = 0
    kills: int = 0
    time_s: float = 0.0
    orders_per_s: float = 0.0
    problems: list[str] = field(default_factory=list[str])

    def as_dict(self) -> dict[str, object]:
        """The figures for --json."""
        return {**asdict(self), "books_balance": not self.problems}


class _WorkerProcess:
    """The worker in a process of its own, so that it can be killed."""

    def __init__(self, options: DemoOptions) -> None:
        self._options = options
        self._log = (options.folder / "worker.log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "sagaline.cli", "worker", "sagaline_sagas.order_fulfilment"]
        command += ["--log", self._options.log, "--state-dir", str(self._state), "--id", "demo-worker"]
        environment = os.environ | {"SHOP_DB": str(self._options.folder / "shop.db")}
        self._process = subprocess.Popen(command, env=environment, stdout=self._log, stderr=self._log)

    @property
    def _state(self) -> Path:
        return self._options.folder / "state"

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        if self._options.fresh_state:
            shutil.rmtree(self._state)

    def check(self) -> None:
        """Raises when the worker has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"Expected the worker to run but it ended; see {self._log.name}.")

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()


async def _connect(url: str, worker: _WorkerProcess) -> Client:
    """A client, once the worker has made the namespace: clients never make one."""
    deadline = time.monotonic() + _NAMESPACE_WAIT_S
    while True:
        try:
            return await Client.connect(url)
        except NamespaceNotFound:
            worker.check()
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.1)


async def run_demo(options: DemoOptions, progress: Progress) -> DemoReport:
    """Runs the orders, kills the worker on the way, and checks the books."""
    orders = read_orders(options.orders)
    report = DemoReport(len(orders))
    shop = Shop(options.folder / "shop.db")
    stock_for(shop, orders)
    completed: set[str] = set()
    rolled_back: set[str] = set()
    worker = _WorkerProcess(options)
    try:
        worker.start()
        async with await _connect(options.log, worker) as client:
            began = time.monotonic()
            watch = asyncio.create_task(_watch(worker, options, report, progress, completed, rolled_back))
            place = asyncio.create_task(_place_all(client, orders, options, report, completed, rolled_back))
            ended, going_on = await asyncio.wait([watch, place], return_when=asyncio.FIRST_COMPLETED)
            for task in going_on:
                task.cancel()
            await asyncio.gather(*going_on, return_exceptions=True)
            for task in ended:
                task.result()
            progress(len(completed) + len(rolled_back), report.orders, f"worker killed {report.kills} times")
            report.time_s = round(time.monotonic() - began, 3)
    finally:
        worker.stop()
    _conclude(report, shop, completed, rolled_back)
    return report


async def _place_all(
    client: Client,
    orders: list[Order],
    options: DemoOptions,
    report: DemoReport,
    completed: set[str],
    rolled_back: set[str],
) -> None:
    room = asyncio.Semaphore(options.in_flight)

    async def place(order: Order) -> None:
        async with room:
            try:
                await client.execute(fulfil_order, order, id=order.id)
                completed.add(order.id)
            except RunError as error:
                if error.status == "compensated":
                    rolled_back.add(order.id)
                else:
                    report.problems.append(str(error))

    async with asyncio.TaskGroup() as group:
        for order in orders:
            group.create_task(place(order))


async def _watch(
    worker: _WorkerProcess,
    options: DemoOptions,
    report: DemoReport,
    progress: Progress,
    completed: set[str],
    rolled_back: set[str],
) -> None:
    """Kills the worker at even shares of the way, and reports progress."""
    while True:
        await asyncio.sleep(0.02)
        worker.check()
        done = len(completed) + len(rolled_back)
        progress(done, report.orders, f"worker killed {report.kills} times")
        if report.kills < options.kills and done >= report.orders * (report.kills + 1) / (options.kills + 1):
            worker.kill()
            report.kills += 1
            worker.start()


def _conclude(report: DemoReport, shop: Shop, completed: set[str], rolled_back: set[str]) -> None:
    report.completed, report.rolled_back = len(completed), len(rolled_back)
    report.other = report.orders - report.completed - report.rolled_back
    executions = shop.executions()
    report.activity_executions, report.executions_repeated = executions.total, executions.repeated
    report.orders_per_s = round(report.orders / max(report.time_s, 0.001), 1)
    report.problems += shop.audit(completed, rolled_back)
    if report.other:
        report.problems.append(f"{report.other} orders have no outcome")
    shop.close()
