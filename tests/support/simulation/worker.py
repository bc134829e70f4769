"""A worker process of the simulation: its disk, which may come back older or empty, and the production host on it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from sagaline._host.host import Host
from sagaline._host.options import HostOptions
from sagaline._payloads import Payloads, Sealer
from sagaline._runtime.definitions import Registry
from sagaline._store import Identity, StoreUnavailable
from sagaline._store.memory import MemoryStore
from sagaline.telemetry.metrics import Metrics
from simulation.broker import Broker
from simulation.log import SimLog
from simulation.loop import Process, VirtualLoop

EPOCH_MS = 1_764_000_000_000
_GRACE_S = 15.0
"""A worker that has not stopped by then is killed."""
_COPIES = 40
"""Earlier states of a store that are kept, for a disk that comes back older."""


class Surroundings(NamedTuple):
    """What all workers of a world share."""

    loop: VirtualLoop
    broker: Broker
    draw: random.Random
    registries: dict[str, Registry]
    """By the version of the code."""
    payloads: Payloads
    retention_ms: int
    standbys: int
    copies: bool
    old_disks: bool
    errors: list[str]

    @property
    def marks(self) -> Counter[str]:
        """What has happened, counted."""
        return self.broker.marks


class Disk:
    """A worker's state directory: it survives the process, and may come back older, or empty."""

    def __init__(self) -> None:
        self.stores: dict[int, MemoryStore] = {}
        self.copies: dict[int, list[dict[bytes, bytes]]] = {}


class SimStore(MemoryStore):
    """A store that a dead process cannot write, on a disk that sometimes fails."""

    def __init__(
        self, process: Process, broker: Broker, below: MemoryStore, copies: list[dict[bytes, bytes]] | None
    ) -> None:
        """``copies``: where earlier states are kept, if they are."""
        self._rows, self.rows = below._rows, below.rows
        self._process, self._broker, self._copies = process, broker, copies

    def get(self, key: bytes) -> bytes | None:
        self._fail("store_read")
        return super().get(key)

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        self._fail("store_read")
        return super().scan(prefix, after)

    def write(self, writes: Any) -> None:
        self._fail("store_write")
        if self._process.alive:
            super().write(writes)
            if self._copies is not None and len(self._copies) < _COPIES:
                self._copies.append(dict(self.rows))

    def _fail(self, what: str) -> None:
        if not self._process.alive:
            return
        share = getattr(self._broker.faults, what)
        if share and self._broker.draw.random() < share:
            self._broker.marks[f"{what.replace('_', ' ')} failed"] += 1
            raise StoreUnavailable(f"a disk error at a {what.replace('_', ' ')} (simulation)")
        self._broker.unexpected()


class SimStores:
    """The stores port over a Disk."""

    def __init__(self, process: Process, broker: Broker, disk: Disk, copy: bool) -> None:
        self._process, self._broker, self._disk, self._copy = process, broker, disk, copy

    def open(self, partition: int, identity: Identity) -> SimStore:
        below = self._disk.stores.setdefault(partition, MemoryStore())
        copies = self._disk.copies.setdefault(partition, []) if self._copy else None
        return SimStore(self._process, self._broker, below, copies)

    def wipe(self, partition: int) -> None:
        if self._process.alive:
            self._disk.stores[partition] = MemoryStore()

    def close(self) -> None: ...


class Worker:
    """A worker process that is started again when it dies."""

    def __init__(self, world: Surroundings, name: str) -> None:
        self.world, self.name = world, name
        self.disk = Disk()
        self.version = ""
        self.away_s = 0.0  # if it is to come back at a certain time
        self.process = Process(name)
        self.host: Host | None = None

    @property
    def is_measured(self) -> bool:
        """Every other worker has metrics."""
        return self.name.endswith(("0", "2", "4"))

    def start(self) -> None:
        world = self.world
        self.process = process = Process(f"{self.name}-{world.loop.callbacks}", self.version)
        process.on_crash = self._on_crash
        log = SimLog(world.broker, process)

        def clock() -> int:
            return EPOCH_MS + int(world.loop.now_s * 1_000) + process.clock_offset_ms

        stores = SimStores(process, world.broker, self.disk, world.copies)
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
            in_flight_s=6.0,
            superseded_wait_s=2.0,
            claim_retry_max_s=1.0,
            standbys=world.standbys,
            standby_check_s=0.5,
            payloads=Sealer(world.payloads),
            clock=clock,
            hooks=Metrics(clock) if self.is_measured else None,
        )
        self.host = Host(log, stores, world.registries[self.version], options)
        world.loop.create_task(self._run(self.host), context=process.context)

    async def _run(self, host: Host) -> None:
        await host.start()
        error = await host.failed
        self.world.errors.append(f"{self.name} failed: {error!r}")

    def deploy(self, version: str, kills: bool) -> None:
        """The worker stops, within its grace or at once, and comes back with other code."""
        self.version = version
        process, host = self.process, self.host
        if not process.alive:
            return
        if kills or host is None or process.stopped:
            process.kill()
            return
        self.world.marks["told to stop"] += 1
        self.world.loop.create_task(self._stop(host, process), context=process.context)
        self.world.broker.later(_GRACE_S, process.kill)

    async def _stop(self, host: Host, process: Process) -> None:
        await host.stop()
        self.world.marks["stopped in time"] += 1
        process.kill()

    def _on_crash(self) -> None:
        self.world.marks["crash"] += 1
        self.host = None
        away_s, self.away_s = self.away_s or self.world.draw.choice([0.05, 1.0, 9.0, 25.0]), 0.0
        self.world.broker.later(away_s, self._restart)

    def _restart(self) -> None:
        draw = self.world.draw
        what = draw.random() if self.world.old_disks else 1.0
        if what < 0.1:
            self.world.marks["disk lost"] += 1
            self.disk = Disk()
        elif what < 0.35:
            for partition, copies in self.disk.copies.items():
                if copies:
                    self.world.marks["old disk"] += 1
                    store = self.disk.stores[partition] = MemoryStore()
                    store.write(draw.choice(copies).items())
        self.start()
