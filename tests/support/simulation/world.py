"""One seed: workers, their disks, a broker, clients; faults for a while, then quiet, then everything is checked."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple
from unittest import mock

from sagaline._host import crash_points
from sagaline._host.crash_points import Died
from sagaline._host.partition.guard import Guard
from sagaline._host.partition.lost import Kind, Lost
from sagaline._host.partition.partition import Partition
from sagaline._log import COMMANDS, HISTORY, RESULTS, Record
from sagaline._model.codec import encode
from sagaline._model.keys import partition_of
from sagaline._model.records import CancelRun, RetryRun
from sagaline._payloads import Payloads
from simulation import deploys, holders, limited, load, sagas, talk
from simulation.blobs import SimBlobs
from simulation.broker import INJECTED, Broker, Faults
from simulation.checkers import Watcher
from simulation.clients import begin_clients
from simulation.compare import compare
from simulation.darkness import Darkness
from simulation.load import Books
from simulation.loop import OUTSIDE, Process, VirtualLoop, current
from simulation.outcome_checkers import left_standing
from simulation.queue_workers import QueueWorkers
from simulation.schedule_checkers import ScheduleChecks
from simulation.starts import Starts
from simulation.worker import Surroundings, Worker

FAULTS_S = 60.0
QUIET_S = 400.0


class Report(NamedTuple):
    """What came of a seed."""

    seed: int
    violations: list[str]
    marks: Counter[str]


class Shape(NamedTuple):
    """What is left out of a seed, to find out what a failure needs."""

    without: frozenset[str] = frozenset()
    runs: int = 20


WHOLE = Shape()
FAULTS = ("deploy", "crash", "stop", "clock", "outage", "dark", "clean", "old disk", "repeats", *Faults.CHOICES)
WHAT_HAPPENS = ["crash"] * 12 + ["stop"] * 4 + ["clock"] * 4 + ["outage"]
"""To workers, again and again; how often each of it."""


class World:
    """Builds everything from the seed and runs it."""

    def __init__(self, seed: int, shape: Shape) -> None:
        self.seed, self.shape = seed, shape
        self.draw = random.Random(seed)
        self.loop = VirtualLoop()
        self.broker = Broker(self.loop, self.draw, self.draw.choice([1, 2, 3]), shape.without)
        self.marks, self.errors = self.broker.marks, self.loop.errors
        load.books = Books(self.draw)
        workflows = [*talk.DEFINITIONS, *holders.DEFINITIONS, *limited.DEFINITIONS, *sagas.DEFINITIONS]
        activities = [*deploys.ACTIVITIES, *sagas.ACTIVITIES]
        registries = deploys.registries(lambda order: load.registry([*workflows, order], activities))
        self.blobs = SimBlobs(self.broker, self._on_blob)
        self.loop.in_thread = self.blobs.in_thread
        self.payloads = Payloads(blobs=self.draw.choice([None, self.blobs]), threshold_bytes=60)
        self.retention_ms = self.draw.choice([15_000, 15_000, 10**12])
        surely_kept_s = self.retention_ms / 1_000 - 2 * self._clock_error_ms / 1_000
        self.watcher = Watcher(load.books, self.marks, self.loop.time, surely_kept_s)
        self.schedules = ScheduleChecks(self.marks)
        self.broker.on_landed = self._on_landed
        copies, standbys = self.draw.random() < 0.5, self.draw.choice([0, 0, 0, 1, 2])
        surroundings = Surroundings(
            self.loop,
            self.broker,
            self.draw,
            registries,
            self.payloads,
            self.retention_ms,
            standbys,
            copies,
            "old disk" not in shape.without,
            self.errors,
        )
        self.workers = [Worker(surroundings, f"worker-{number}") for number in range(self.draw.choice([1, 2, 3]))]
        self.queue = QueueWorkers(seed, self.broker, next(iter(registries.values())), self.payloads, FAULTS_S)
        self.starts = Starts(self.draw, self.broker, self.payloads, self.watcher, "repeats" not in shape.without)
        self.watcher.version_of = lambda: self.broker.version
        self.deploys = deploys.Deploys(random.Random(seed), self.broker, self.workers, self.watcher.orders)
        for worker in self.workers:
            worker.version = self.deploys.first
        self.dark = Darkness(seed, self.broker, "dark" not in shape.without, FAULTS_S)
        self.healed = False

    @property
    def _clock_error_ms(self) -> int:
        """docs/guarantees.md: two clocks differ by a fifth of that at most."""
        return int(self.broker.tombstones_kept_s * 100)

    def _on_blob(self) -> None:
        """The store of blobs is called. By a worker: in a thread, never on its loop, whatever the call is for. Clients
        are no processes here, and call it as they like."""
        process = current.get()
        if process is not None and not self.loop.is_in_thread:
            self.errors.append(f"{process.name} calls the store of blobs on its loop")

    def _on_landed(self, record: Record) -> None:
        """A record of any topic, of owners and of those that do not know yet that they are none: every blob that it
        names is stored, unless its run was deleted."""
        self.errors += [
            f"{record.topic}@{record.offset} names a blob that is missing: {blob}" for blob in self.blobs.lacks(record)
        ]
        self.watcher.landed(record)
        self.dark.landed(record)
        self.schedules.landed(record)

    # What happens

    def _next_fault(self) -> None:
        if self.healed:
            return
        draw = self.draw
        worker = draw.choice(self.workers)
        what = draw.choice(WHAT_HAPPENS)
        if what in self.shape.without:
            pass
        elif what == "crash" and worker.process.alive:
            worker.process.crash_in = draw.randint(0, 400)
        elif what == "stop" and worker.process.alive and not worker.process.stopped:
            self._stop(worker.process)
        elif what == "outage":
            self._lose_all()
        elif what == "clock":
            self.marks["clock jump"] += 1
            worker.process.clock_offset_ms = draw.choice([-1, 0, 1]) * self._clock_error_ms
        self.broker.later(draw.expovariate(1 / 4.0), self._next_fault)

    def _lose_all(self) -> None:
        """All workers are away for longer than closed runs are kept, while clients ask again."""
        self.marks["outage"] += 1
        self.starts.ask_again(7.0)
        for worker in self.workers:
            if worker.process.alive:
                worker.away_s = self.draw.uniform(10.0, 20.0)
                worker.process.kill()

    def _clean(self, every_s: float) -> None:
        if not self.healed:
            self.broker.clean()
            self.broker.later(self.draw.expovariate(1 / every_s), self._clean, every_s)

    def _reach(self, point: str) -> None:
        """A process has come to a named place: it may die there, or fall asleep."""
        process = current.get()
        if process is None or not process.alive or self.draw.random() >= self.broker.faults.crash_point:
            return
        if self.draw.random() < 0.3:
            self._stop(process)
        else:
            self.marks[f"crash {point}"] += 1
            process.kill()
            raise Died

    def _stop(self, process: Process) -> None:
        self.marks["stop"] += 1
        process.stop()
        self.broker.later(self.draw.choice([0.5, 3.0, 15.0, 30.0]), self._wake, process)

    def _wake(self, process: Process) -> None:
        if process.alive and process.stopped:
            process.wake()

    def _heal(self) -> None:
        """From here on nothing goes wrong any more."""
        self.healed = True
        self.broker.faults.heal()
        for worker in self.workers:
            worker.process.crash_in = -1
            worker.process.clock_offset_ms = 0
            self.broker.later(0, self._wake, worker.process)  # not inside of this task

    # Running

    def run(self) -> Report:
        """The whole of it."""
        gc.collect()
        gc.disable()
        asyncio.set_event_loop(None)
        crash_points.arm(self._reach)
        noting = mock.patch.object(Guard, "lose", self._noting(Guard.lose))
        noting.start()
        main = self.loop.create_task(self._main(), context=OUTSIDE.copy())
        try:
            self.loop.run_until_complete(main)
            violations = self.errors + self.watcher.finish() + compare(self.broker, self.draw, self._owners())
            violations += self.schedules.finish() + left_standing(self._owners().values())
            left = self.blobs.kept.keys() - self.blobs.deleted
            violations += [f"blobs of {run_id} are left" for run_id in self.watcher.gone() if run_id in left]
        except RuntimeError as error:
            violations = [*self.errors, f"{error}"]
        finally:
            for process in [*(worker.process for worker in self.workers), *self.queue.processes]:
                process.on_crash = lambda: None
                process.kill()
            self.loop.close()
            crash_points.disarm()
            noting.stop()
            gc.enable()
        return Report(self.seed, violations, self.marks)

    def _noting(self, lose: Callable[[Guard, Lost], None]) -> Callable[[Guard, Lost], None]:
        """What nobody expected is a mistake of the product, unless it was raised here."""

        def noting(guard: Guard, lost: Lost) -> None:
            process = current.get()
            injected = INJECTED in lost.text
            if lost.kind in (Kind.ENGINE, Kind.INPUT, Kind.RUN) and not injected and (process is None or process.alive):
                self.errors.append(f"{lost}")
            lose(guard, lost)

        return noting

    async def _main(self) -> None:
        for worker in self.workers:
            worker.start()
        self.starts.begin(self.shape.runs, FAULTS_S)
        begin_clients(self.seed, self.broker, self.watcher, "repeats" not in self.shape.without, FAULTS_S)
        if "deploy" not in self.shape.without:
            self.deploys.begin(FAULTS_S)
        self.broker.later(1.0, self._next_fault)
        if "clean" not in self.shape.without:
            self._clean(self.draw.choice([1.0, 10.0]))
        await asyncio.sleep(FAULTS_S)
        self._heal()
        for second in range(int(QUIET_S)):
            if second % 30 == 0:  # an owner that appends nothing does not notice what a zombie has left behind
                self._nudge(second)
            await asyncio.sleep(0.97)  # out of step with what owners do every second
            if self.deploys.settle(self.loop.now_s) and self._is_quiet():
                return
        self.errors.append(f"not quiet {QUIET_S:g} s after the last fault")

    def _nudge(self, number: int) -> None:
        """A command for every partition that leads to a record: a refusal. A person has another try at quarantined runs."""
        for partition in range(self.broker.partitions):
            cancel = CancelRun(f"nudge-{number}-{partition}", f"nobody-{partition}", "", "client", 0)
            self.broker.land(COMMANDS, partition, b"nobody", encode(cancel))
        for workflow_id in self.watcher.quarantined():
            retry = RetryRun(f"retry-{number}-{workflow_id}", workflow_id, "client", 0)
            partition = partition_of(workflow_id, self.broker.partitions)
            self.broker.land(COMMANDS, partition, workflow_id.encode(), encode(retry))

    def _is_quiet(self) -> bool:
        """Every run has ended and, if its time is over, is retired; every partition has exactly one owner that has seen all there is."""
        owners = self._owners()
        return (
            len(owners) == self.broker.partitions
            and all(run.terminal is not None for run in self.watcher.runs.values())
            and all(
                one.in_flight == 0
                and one.rooms.outbox.is_empty
                and one.progress.settled == tuple(len(self.broker.records(t, one.number)) for t in (COMMANDS, RESULTS))
                and one.rows.acknowledged.meta.next_offset == len(self.broker.records(HISTORY, one.number))
                and (self.retention_ms > QUIET_S * 1_000 or not any(one.rows.acknowledged.scan(b"h/")))
                for one in owners.values()
            )
        )

    def _owners(self) -> dict[int, Partition]:
        live: dict[int, Partition] = {}
        for worker in self.workers:
            if worker.host is not None and worker.process.alive and hasattr(worker.host, "failed"):
                for one in worker.host.live:
                    if not one.lost.done() and one.epoch == self.watcher._epochs.get(one.number):
                        live[one.number] = one
        return live


def run_seed(seed: int, shape: Shape = WHOLE) -> Report:
    """Runs one seed."""
    logging.disable(logging.CRITICAL)
    try:
        with holders.hurried():
            return World(seed, shape).run()
    finally:
        logging.disable(logging.NOTSET)
