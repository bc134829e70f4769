"""The worker: runs workflows and activities inside any asyncio program.

::

    async with Worker("kafka://broker:9092/orders", workflows=[fulfil_order], activities=[...], state_dir="state"):
        await asyncio.Event().wait()
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagaline._host.crash_points import arm_from
from sagaline._host.host import Host
from sagaline._host.options import HostOptions
from sagaline._host.watchdog.marks import Marks
from sagaline._host.watchdog.running import Running
from sagaline._host.watchdog.watchdog import StallBounds, Watchdog, Watched
from sagaline._log import open_log
from sagaline._payloads import NO_CODECS, Payloads, Sealer
from sagaline._runtime.definitions import Registry
from sagaline._runtime.durations import Duration, milliseconds
from sagaline._store import open_stores
from sagaline.activity import Activity
from sagaline.errors import ConfigurationError, LogUnavailable
from sagaline.workflow import Workflow

__all__ = ["Worker", "WorkerOptions"]

_log = logging.getLogger("sagaline.worker")
_RECONNECT_S = 2.0


@dataclass(frozen=True)
class WorkerOptions:
    """How a worker behaves. Give all workers of a namespace the same ``retention`` and ``standbys``."""

    concurrent_activities: int = 1_000
    """Attempts of activities that run at once."""
    activity_threads: int = 16
    """Threads for activities that are ordinary functions."""
    stop_grace_s: float = 10.0
    """Seconds that running activities get when the worker stops."""
    retention: Duration = "7d"
    """How long a closed run stays in the log and can be read."""
    standbys: int = 0
    """How many other workers keep a warm copy of each partition, so that a takeover reads only the tail."""
    memory_mb: int = 256
    """Bound on what piles up in a flood: payloads of instances, of open activities, and of appends on their way; and
    half as much for RocksDB. docs/operations.md says what a process takes in all."""
    stall_warning: Duration = "5s"
    """The event loop has stood still for so long: the log says where."""
    stall_interrupt: Duration = "30s"
    """After so long workflow code is interrupted, if it can be, and its run parked."""
    stall_give_up: Duration = "60s"
    """After so long the worker lets go of its partitions. docs/operations.md, "When a worker stands still"."""
    end_when_stalled: bool = False
    """End the process then, with exit code 75, so that its supervisor starts another. ``sagaline worker`` does."""

    def __post_init__(self) -> None:
        if self.memory_mb < 32:
            raise ConfigurationError(f"Expected memory_mb to be at least 32 but got {self.memory_mb}.")


class Worker:
    """Works on its share of the namespace's partitions while the context is open.

    ``state_dir`` holds RocksDB: a cache of the log, kept so that a restart reads only what is new. Without it the
    state is kept in memory. ``id`` is the worker's static id in the group; by default it is kept in the state
    directory, so that a restarted worker has its partitions back at once. Compensations are registered with their
    activities.
    """

    def __init__(
        self,
        url: str,
        *,
        workflows: Iterable[Workflow[Any, Any]],
        activities: Iterable[Activity[Any, Any]] = (),
        state_dir: str | Path | None = None,
        id: str | None = None,
        options: WorkerOptions = WorkerOptions(),  # frozen
        payloads: Payloads = NO_CODECS,
    ) -> None:
        self._url = url
        self._registry = Registry(
            [one.definition for one in workflows],
            [one.definition for one in activities],
        )
        self._state_dir = None if state_dir is None else Path(state_dir)
        self._id = id
        self._options = options
        self._payloads = Sealer(payloads)
        self._retention_ms = milliseconds(options.retention)
        self._bounds = _stall_bounds(options)
        self._running = Running()

    async def __aenter__(self) -> Worker:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Connects, with patience: while no broker answers it says so and tries again.

        Raises ConfigurationError and its kinds when something has to be set right first.
        """
        if setting := os.environ.get("SAGALINE_CRASH"):
            arm_from(setting)
        self._log = open_log(self._url)
        self._stores = open_stores(self._state_dir, self._options.memory_mb * 1_000_000 // 2)
        try:
            await self._connect()
        except BaseException:
            self._stores.close()
            raise
        folder = None if self._state_dir is None else self._state_dir / "watchdog"
        self._marks = Marks(folder)
        self._host = Host(self._log, self._stores, self._registry, self._host_options())
        watched = Watched(asyncio.get_running_loop(), self._running, self._marks, self._host.suspend, self._host.rejoin)
        self._watchdog = Watchdog(watched, self._bounds, folder)
        self._watchdog.start()  # first: it finds the marks of an earlier process
        await self._host.start()

    def _host_options(self) -> HostOptions:
        options = self._options
        share = options.memory_mb * 1_000_000 // 8
        return HostOptions(
            self._id or self._default_id(),
            concurrent_activities=options.concurrent_activities,
            activity_threads=options.activity_threads,
            stop_grace_s=options.stop_grace_s,
            retention_ms=self._retention_ms,
            sweep_s=min(10.0, self._retention_ms / 1_000),
            standbys=options.standbys,
            payloads=self._payloads,
            cached_instance_bytes=2 * share,
            cached_runs=80 * options.memory_mb,
            write_back_bytes=share // 2,
            bytes_in_flight=share,
            activity_bytes=2 * share,
            running=self._running,
            marks=self._marks,
        )

    async def _connect(self) -> None:
        while True:
            try:
                await self._log.open()
                return
            except LogUnavailable as error:
                _log.error("%s Trying again.", error)
                await asyncio.sleep(_RECONNECT_S)

    def _default_id(self) -> str:
        if self._state_dir is None:
            return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        kept = self._state_dir / "member-id"
        if not kept.exists():
            kept.write_text(f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}", "utf-8")
        return kept.read_text("utf-8")

    async def ready(self) -> None:
        """Waits until this worker works on at least one partition. Raises what stops it."""
        live = asyncio.ensure_future(self._host.wait_live(1))
        waiting: list[asyncio.Future[Any]] = [live, self._host.failed]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        live.cancel()
        if self._host.failed.done():
            raise self._host.failed.result()

    async def wait(self) -> None:
        """Waits for ever; raises MemberIdInUse, or what else makes it impossible to go on."""
        raise await asyncio.shield(self._host.failed)

    async def stop(self) -> None:
        """Stops gracefully: running activities get their grace, what they did is recorded, the rest goes elsewhere."""
        await self._host.stop()
        self._watchdog.stop()
        await self._log.close()
        self._stores.close()


def _stall_bounds(options: WorkerOptions) -> StallBounds:
    warn_s, interrupt_s, give_up_s = (
        milliseconds(bound) / 1_000 for bound in (options.stall_warning, options.stall_interrupt, options.stall_give_up)
    )
    if not warn_s <= interrupt_s < give_up_s:
        raise ConfigurationError(
            f"Expected stall_warning <= stall_interrupt < stall_give_up but they are {options.stall_warning}, "
            f"{options.stall_interrupt} and {options.stall_give_up}."
        )
    return StallBounds(warn_s, interrupt_s, give_up_s, options.end_when_stalled)
