"""Workers of a task queue in the simulation: they die, fall asleep and come back, beside the owners of the runs."""

from __future__ import annotations

import random

from sagaline._host.options import HostOptions
from sagaline._host.queues.host import QueueHost
from sagaline._log import Record
from sagaline._model.codec import decode
from sagaline._model.records import CancelTask
from sagaline._model.tasks import CANCELS, task_id
from sagaline._payloads import Payloads, Sealer
from sagaline._runtime.definitions import Registry
from simulation import load
from simulation.broker import Broker
from simulation.log import SimLog
from simulation.loop import Process, current
from simulation.worker import EPOCH_MS

QUEUE = load.QUEUE
EVERY = 5
"""Of so many seeds one has a queue."""


class QueueWorker:
    """A process that works the queue, and is started again when it dies."""

    def __init__(self, all_of_them: QueueWorkers, name: str) -> None:
        self._all, self._name = all_of_them, name
        self.process = Process(name)
        self.began_at_s = 0.0

    def start(self) -> None:
        world, process = self._all, Process(f"{self._name}-{self._all.loop.callbacks}")
        self.process, self.began_at_s = process, world.loop.now_s
        process.on_crash = self._on_crash
        options = HostOptions(
            process.name,
            concurrent_activities=world.draw.choice([1, 3, 1_000]),
            activity_bytes=world.draw.choice([100, 1_000_000]),
            payloads=Sealer(world.payloads),
            clock=lambda: EPOCH_MS + int(world.loop.now_s * 1_000),
        )
        host = QueueHost(SimLog(world.broker, process), QUEUE, world.registry, options, None)
        world.loop.create_task(self._run(host, process), context=process.context)

    async def _run(self, host: QueueHost, process: Process) -> None:
        try:
            await host.start()
        except Exception:  # its supervisor starts another
            process.kill()
            return
        await host.failed

    def _on_crash(self) -> None:
        self._all.broker.marks["queue worker died"] += 1
        self._all.broker.later(self._all.draw.choice([0.05, 1.0, 9.0]), self.start)


class QueueWorkers:
    """``workers`` of a world that has a queue; none in the others, which are as they were before there were any."""

    def __init__(self, seed: int, broker: Broker, registry: Registry, payloads: Payloads, faults_s: float) -> None:
        """For so long there are faults, then quiet."""
        self.loop, self.broker, self.registry, self.payloads = broker.loop, broker, registry, payloads
        self.draw = random.Random(f"queue {seed}")
        load.books.has_queue = seed % EVERY == 2
        self.workers = [QueueWorker(self, f"queue-{n}") for n in range(self.draw.choice([1, 2, 3]))]
        if not load.books.has_queue:
            self.workers = []
        self._cancelled_at_s: dict[str, float] = {}
        if not self.workers:
            return
        load.books.on_begin = self._on_begin
        self._landed, broker.on_landed = broker.on_landed, self._on_landed
        for worker in self.workers:
            broker.later(0, worker.start)
            broker.later(1, self._next_fault, worker, self.loop.now_s + faults_s)
        broker.later(faults_s, self._heal)

    @property
    def processes(self) -> list[Process]:
        """Those that there are now."""
        return [worker.process for worker in self.workers]

    def _next_fault(self, worker: QueueWorker, until_s: float) -> None:
        if self.loop.now_s > until_s:
            return
        if worker.process.alive and not worker.process.stopped:
            worker.process.crash_in = self.draw.randint(0, 40)
        self.broker.later(self.draw.expovariate(1 / 6.0), self._next_fault, worker, until_s)

    def _heal(self) -> None:
        for worker in self.workers:
            worker.process.crash_in = -1

    # A checker: what was cancelled before a worker began is never begun by it

    def _on_landed(self, record: Record) -> None:
        self._landed(record)
        if record.topic.startswith(CANCELS):
            cancel = decode(record.value)
            assert isinstance(cancel, CancelTask)
            self.broker.marks["task cancelled"] += 1
            self._cancelled_at_s.setdefault(task_id(cancel.run_id, cancel.step, cancel.attempt), self.loop.now_s)

    def _on_begin(self, run_id: str, step: int, attempt: int) -> None:
        process = current.get()
        worker = next((worker for worker in self.workers if worker.process is process), None)
        if worker is None:
            return
        self.broker.marks["remote attempt"] += 1
        known = task_id(run_id, step, attempt)
        if self._cancelled_at_s.get(known, worker.began_at_s) < worker.began_at_s:
            load.books.violations.append(f"task {known} was begun by a worker that came after it was cancelled")
