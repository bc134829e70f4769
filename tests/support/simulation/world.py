"""One seed: workers, their disks, a broker, clients; faults for a while, then quiet, then everything is checked."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
from collections import Counter
from typing import Any, NamedTuple

import msgspec
from compaction import compacted
from harness import state_rows

from sagaline._engine.decide import run_id_of
from sagaline._engine.rows import META_KEY
from sagaline._host import crash_points
from sagaline._host.host import Host
from sagaline._host.options import HostOptions
from sagaline._host.partition.partition import Partition
from sagaline._host.recovery.restore import Restore
from sagaline._log import COMMANDS, HISTORY, RESULTS, Record
from sagaline._model.codec import encode
from sagaline._model.keys import partition_of
from sagaline._model.records import CancelRun, StartRun, TerminateRun
from sagaline._payloads import BlobsUnavailable, Payloads, Sealer
from sagaline._runtime.signatures import Signature
from sagaline._store import Identity
from sagaline._store.memory import MemoryStore
from simulation import load
from simulation.broker import Broker, Faults, SimBlobs, SimLog
from simulation.checkers import Watcher, commands_of
from simulation.load import Books
from simulation.loop import OUTSIDE, Died, Process, VirtualLoop, current

FAULTS_S = 60.0
QUIET_S = 400.0
EPOCH_MS = 1_764_000_000_000


class Report(NamedTuple):
    """What came of a seed."""

    seed: int
    violations: list[str]
    marks: Counter[str]


class Shape(NamedTuple):
    """What is left out of a seed, to find out what a failure needs."""

    without: frozenset[str] = frozenset()
    runs: int = 20


FAULTS = ("crash", "stop", "clock", "clean", "old disk", "repeats", *Faults.CHOICES)


class Disk:
    """A worker's state directory: it survives the process, and may come back older, or empty."""

    def __init__(self) -> None:
        self.stores: dict[int, MemoryStore] = {}
        self.copies: dict[int, list[dict[bytes, bytes]]] = {}


class SimStore(MemoryStore):
    """A store that a dead process cannot write."""

    def __init__(self, process: Process, below: MemoryStore, copies: list[dict[bytes, bytes]], copy: bool) -> None:
        self.rows = below.rows
        self._process, self._copies, self._copy = process, copies, copy

    def write(self, writes: Any) -> None:
        if self._process.alive:
            super().write(writes)
            if self._copy and len(self._copies) < 40:
                self._copies.append(dict(self.rows))


class SimStores:
    """The stores port over a Disk."""

    def __init__(self, process: Process, disk: Disk, copy: bool) -> None:
        self._process, self._disk, self._copy = process, disk, copy

    def open(self, partition: int, identity: Identity) -> SimStore:
        below = self._disk.stores.setdefault(partition, MemoryStore())
        return SimStore(self._process, below, self._disk.copies.setdefault(partition, []), self._copy)

    def wipe(self, partition: int) -> None:
        if self._process.alive:
            self._disk.stores[partition] = MemoryStore()

    def close(self) -> None: ...


class Worker:
    """A worker process that is started again when it dies."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.disk = Disk()
        self.process = Process(name)
        self.host: Host | None = None

    def start(self) -> None:
        world = self.world
        self.process = process = Process(f"{self.name}-{world.loop.callbacks}")
        process.on_crash = self._on_crash
        log = SimLog(world.broker, process)
        stores = SimStores(process, self.disk, world.copies)
        options = HostOptions(
            self.name,
            cached_instances=world.draw.choice([1, 3, 1_000]),
            asleep_ms=world.draw.choice([100, 10_000]),
            cached_instance_bytes=world.draw.choice([2_000, 1_000_000]),
            activity_bytes=world.draw.choice([20, 1_000_000]),
            timer_window=world.draw.choice([1, 3, 4_000]),
            cached_runs=world.draw.choice([0, 2, 1_000]),
            retention_ms=world.retention_ms,
            sweep_s=1.0,
            superseded_wait_s=2.0,
            standbys=world.standbys,
            standby_check_s=0.5,
            payloads=Sealer(world.payloads),
            clock=lambda: EPOCH_MS + int(world.loop.now_s * 1_000) + process.clock_offset_ms,
        )
        self.host = Host(log, stores, world.registry, options)
        world.loop.create_task(self._run(self.host), context=process.context)

    async def _run(self, host: Host) -> None:
        await host.start()
        error = await host.failed
        self.world.errors.append(f"{self.name} failed: {error!r}")

    def _on_crash(self) -> None:
        self.world.marks["crash"] += 1
        self.host = None
        self.world.broker.later(self.world.draw.choice([0.05, 1.0, 9.0, 25.0]), self._restart)

    def _restart(self) -> None:
        draw = self.world.draw
        what = 1.0 if "old disk" in self.world.shape.without else draw.random()
        if what < 0.1:
            self.world.marks["disk lost"] += 1
            self.disk = Disk()
        elif what < 0.35:
            for partition, copies in self.disk.copies.items():
                if copies:
                    self.world.marks["old disk"] += 1
                    self.disk.stores[partition].rows = dict(draw.choice(copies))
        self.start()


class World:
    """Builds everything from the seed and runs it."""

    def __init__(self, seed: int, shape: Shape) -> None:
        self.seed, self.shape = seed, shape
        self.draw = random.Random(seed)
        self.loop = VirtualLoop()
        self.broker = Broker(self.loop, self.draw, self.draw.choice([1, 2, 3]), shape.without)
        self.marks = self.broker.marks
        self.errors = self.loop.errors
        load.books = Books(self.draw)
        self.registry = load.registry()
        self.blobs = SimBlobs(self.broker)
        self.payloads = Payloads(blobs=self.draw.choice([None, self.blobs]), threshold_bytes=60)
        self.retention_ms = self.draw.choice([15_000, 15_000, 10**12])
        surely_kept_s = self.retention_ms / 1_000 - 2 * self._clock_error_ms / 1_000
        self.watcher = Watcher(load.books, self.marks, self.loop.time, surely_kept_s)
        self.broker.on_landed = self.watcher.landed
        self.copies = self.draw.random() < 0.5
        self.standbys = self.draw.choice([0, 0, 0, 1, 2])
        self.workers = [Worker(self, f"worker-{number}") for number in range(self.draw.choice([1, 2, 3]))]
        self.started = 0
        self.healed = False

    @property
    def _clock_error_ms(self) -> int:
        """docs/guarantees.md: two clocks differ by a fifth of that at most."""
        return int(self.broker.tombstones_kept_s * 100)

    # What happens

    def _start_runs(self) -> None:
        draw = self.draw
        for _ in range(min(draw.randint(6, 20), self.shape.runs)):
            at = draw.uniform(0, FAULTS_S * draw.choice([0.2, 0.9]))
            self.broker.later(at, self._start_run, self.started)
            self.started += 1
            if draw.random() < 0.1:
                self.broker.later(at, self._poison, self.started)

    def _start_run(self, number: int) -> None:
        draw = self.draw
        workflow_id = f"run-{number}" if draw.random() < 0.95 else "run-0"
        fn = draw.choice([load.plain, load.undoing, load.undoing])
        signature: Signature = fn.definition.signature
        payload = signature.encode_input((load.make_plan(draw),), {})
        reply_when = draw.choice(["accepted", "closed"])
        name = fn.name if draw.random() < 0.97 else "unknown"
        request = StartRun(f"request-{number}", workflow_id, name, payload, "client", 0, reply_when)
        if self.payloads.blobs is not None:
            request = msgspec.structs.replace(request, input=self._sealed(run_id_of(request), payload))
        self._command(workflow_id, request)
        while draw.random() < 0.2 and "repeats" not in self.shape.without:  # the client asks again
            self.marks["start repeated"] += 1
            within_s = draw.choice([4, 15]) if self.payloads.blobs is None else 4  # a late one's blob may be gone
            self.broker.later(draw.uniform(0, within_s), self._command, workflow_id, request)
        if draw.random() < 0.15:
            cancel = CancelRun(f"cancel-{number}", workflow_id, "why not", "client", 0)
            self.broker.later(draw.uniform(0, 5), self._command, workflow_id, cancel)
        if draw.random() < 0.05:
            terminate = TerminateRun(f"terminate-{number}", workflow_id, "enough", "client", 0)
            self.broker.later(draw.uniform(0, 5), self._command, workflow_id, terminate)

    def _sealed(self, run_id: str, payload: bytes) -> bytes:
        while True:
            try:
                return Sealer(self.payloads).seal(run_id, payload)
            except BlobsUnavailable:
                pass  # the client tries again

    def _poison(self, number: int) -> None:
        """Bytes that are no record of ours."""
        topic, partition = self.draw.choice([COMMANDS, RESULTS]), self.draw.randrange(self.broker.partitions)
        value = f"poison {number}".encode()
        self.broker.land(topic, partition, b"poison", value)
        self.watcher.poison.add(value)

    def _command(self, workflow_id: str, command: Any) -> None:
        partition = partition_of(workflow_id, self.broker.partitions)
        self.broker.land(COMMANDS, partition, workflow_id.encode(), encode(command))

    def _next_fault(self) -> None:
        if self.healed:
            return
        draw = self.draw
        worker = draw.choice(self.workers)
        what = draw.choice(["crash", "crash", "crash", "stop", "clock"])
        if what in self.shape.without:
            pass
        elif what == "crash" and worker.process.alive:
            worker.process.crash_in = draw.randint(0, 400)
        elif what == "stop" and worker.process.alive and not worker.process.stopped:
            self._stop(worker.process)
        elif what == "clock":
            self.marks["clock jump"] += 1
            worker.process.clock_offset_ms = draw.choice([-1, 0, 1]) * self._clock_error_ms
        self.broker.later(draw.expovariate(1 / 4.0), self._next_fault)

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
        main = self.loop.create_task(self._main(), context=OUTSIDE.copy())
        try:
            self.loop.run_until_complete(main)
            violations = self.errors + self.watcher.finish(commands_of(self.broker.full)) + self._compare()
            violations += [f"blobs of {run_id} are left" for run_id in self.watcher.gone() if run_id in self.blobs.kept]
        except RuntimeError as error:
            violations = [*self.errors, f"{error}"]
        finally:
            for worker in self.workers:
                worker.process.on_crash = lambda: None
                worker.process.kill()
            self.loop.close()
            crash_points.disarm()
            gc.enable()
        return Report(self.seed, violations, self.marks)

    async def _main(self) -> None:
        for worker in self.workers:
            worker.start()
        self._start_runs()
        self.broker.later(1.0, self._next_fault)
        if "clean" not in self.shape.without:
            self._clean(self.draw.choice([1.0, 10.0]))
        await asyncio.sleep(FAULTS_S)
        self._heal()
        for second in range(int(QUIET_S)):
            if second % 30 == 0:  # an owner that appends nothing does not notice what a zombie has left behind
                self._nudge(second)
            await asyncio.sleep(0.97)  # out of step with what owners do every second
            if self._is_quiet():
                return
        self.errors.append(f"not quiet {QUIET_S:g} s after the last fault")

    def _nudge(self, number: int) -> None:
        """A command for every partition that leads to a record: a refusal."""
        for partition in range(self.broker.partitions):
            cancel = CancelRun(f"nudge-{number}-{partition}", f"nobody-{partition}", "", "client", 0)
            self.broker.land(COMMANDS, partition, b"nobody", encode(cancel))

    def _is_quiet(self) -> bool:
        """Every run has ended and, if its time is over, is retired; every partition has exactly one owner that has seen all there is."""
        owners = self._owners()
        return (
            len(owners) == self.broker.partitions
            and all(run.terminal is not None for run in self.watcher.runs.values())
            and all(
                one.in_flight == 0
                and not one._outbox._waiting
                and one._intake.settled == tuple(len(self.broker.records(t, one.number)) for t in (COMMANDS, RESULTS))
                and one._write_back.meta.next_offset == len(self.broker.records(HISTORY, one.number))
                and (self.retention_ms > QUIET_S * 1_000 or not any(one._write_back.scan(b"h/")))
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

    def _compare(self) -> list[str]:
        """Replay of the log, whole and as the cleaner may leave it, against the state that the owner lives with."""
        wrong: list[str] = []
        owners = self._owners()
        if len(owners) < self.broker.partitions:
            return [f"only {len(owners)} of {self.broker.partitions} partitions have an owner in the end"]
        for number, owner in owners.items():
            records = self.broker.records(HISTORY, number)
            live = _rows(owner._write_back)
            end = owner._write_back.meta.next_offset
            if end != len(records):
                wrong.append(f"partition {number}: the owner has seen {end} of {len(records)} records")
                continue
            for below, dropped in [(0, 0), *(self._cut(len(records)) for _ in range(3))]:
                found = _replay(compacted(records, below, dropped))
                if found.rows != live:
                    different = {key for key in live.keys() | found.rows.keys() if live.get(key) != found.rows.get(key)}
                    wrong.append(
                        f"partition {number}, compacted below {below}/{dropped}: {sorted(different)[:5]} differ"
                    )
                    break
            wrong += self._compare_prefixes(number, records)
        return wrong

    def _compare_prefixes(self, number: int, records: list[Record]) -> list[str]:
        """At any moment of the past, whatever was compacted by then: the same live runs and positions."""
        tombs = [record.offset for record in records if record.value is None]
        for _ in range(3):
            end = self.draw.choice(tombs) + 1 if tombs else self.draw.randint(1, len(records))
            prefix = records[:end]
            whole = _replay(prefix)
            for cut in (self._cut(end + 1), (end, self._cut(end + 1)[0])):
                found = _replay(compacted(prefix, *cut))
                if found.promise != whole.promise:
                    return [
                        f"partition {number}: at {end}, compacted below {cut}, a reader sees other runs or positions"
                    ]
        return []

    def _cut(self, end: int) -> tuple[int, int]:
        below = self.draw.randint(0, max(0, end - 1))  # the newest record stays: it says how far history goes
        return below, self.draw.randint(0, below)


def _rows(rows: Any) -> dict[bytes, bytes]:
    """The state without how far it has come: a compacted log may end earlier."""
    return {key: value for key, value in state_rows(rows).items() if key != META_KEY}


class _Replayed(NamedTuple):
    rows: dict[bytes, bytes]
    positions: tuple[int, int]

    @property
    def promise(self) -> Any:
        """What must not depend on compaction, not even while runs are being retired."""
        live = {key: value for key, value in self.rows.items() if key[:2] in (b"r/", b"a/", b"w/", b"t/", b"u/")}
        return live, self.positions


def _replay(records: list[Record]) -> _Replayed:
    store = MemoryStore()
    restore = Restore(store, lambda record, cause: None)
    restore.apply(records)
    return _Replayed(_rows(store), (restore.meta.commands_position, restore.meta.results_position))


WHOLE = Shape()


def run_seed(seed: int, shape: Shape = WHOLE) -> Report:
    """Runs one seed."""
    logging.disable(logging.CRITICAL)
    try:
        return World(seed, shape).run()
    finally:
        logging.disable(logging.NOTSET)


def shrink(seed: int) -> tuple[Shape, Report]:
    """The smallest shape of a failing seed that still fails: faults are left out one by one, then runs."""
    shape, report = Shape(), run_seed(seed)
    for name in FAULTS:
        smaller = shape._replace(without=shape.without | {name})
        if (found := run_seed(seed, smaller)).violations:
            shape, report = smaller, found
    while shape.runs > 1:
        smaller = shape._replace(runs=shape.runs // 2)
        if not (found := run_seed(seed, smaller)).violations:
            break
        shape, report = smaller, found
    return shape, report
