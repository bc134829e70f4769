"""The worker: runs workflows and activities inside any asyncio program.

::

    async with Worker("kafka://broker:9092/orders", workflows=[fulfil_order], activities=[...], state_dir="state"):
        await asyncio.Event().wait()
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import socket
import sys
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sagaline._host.crash_points import arm_from
from sagaline._host.host import Host
from sagaline._host.options import HostOptions, wall_clock_ms
from sagaline._host.partition.guard import await_logged, call_logged
from sagaline._host.queues.host import QueueHost
from sagaline._host.watchdog.marks import Marks
from sagaline._host.watchdog.running import Running
from sagaline._host.watchdog.watchdog import Watchdog, Watched
from sagaline._host.worker_options import DEFAULTS, WorkerOptions
from sagaline._log import open_log
from sagaline._model.limits import NAME_BYTES, size
from sagaline._payloads import NO_CODECS, Payloads, Sealer
from sagaline._runtime.checks import queue_name, shown
from sagaline._runtime.definitions import Registry
from sagaline._runtime.durations import milliseconds, seconds
from sagaline._runtime.registration import registry_of
from sagaline._store import open_stores
from sagaline._system.registry import SYSTEM_WORKFLOWS
from sagaline.activity import Activity
from sagaline.checker import warn_in_background
from sagaline.errors import ConfigurationError, LogUnavailable, SagalineError
from sagaline.telemetry.serving import Telemetry
from sagaline.workflow import Workflow

__all__ = ["Worker", "WorkerOptions"]

_log = logging.getLogger("sagaline.worker")
_REPLAY_ALWAYS = "SAGALINE_REPLAY_ALWAYS"
_RECONNECT_S = 2.0


class _Member(NamedTuple):
    """What a worker is in its group: its static id, and the task queue that it works, if it has them."""

    id: str | None
    queue: str | None


@dataclass
class _Beside:
    """What looks at a worker while it works."""

    watchdog: Watchdog | None = None
    telemetry: Telemetry | None = None


class Worker:
    """Works on its share of the namespace's partitions while the context is open.

    ``state_dir`` holds RocksDB, a cache of the log, kept so that a restart reads only what is new; and marks of runs
    that have blocked a worker. Without it the state is kept in memory. ``id`` is the worker's static id in the group;
    by default it is kept in the state directory, so that a restarted worker has its partitions back at once.
    With ``queue`` it works that task queue instead: it runs activities that are sent there, and no workflows. Then it
    needs no state directory, and an ``id`` only to have its partitions back after a restart.
    Compensations are registered with their activities. Raises ConfigurationError for what cannot work.
    """

    def __init__(
        self,
        url: str,
        *,
        workflows: Iterable[Workflow[Any, Any] | type[Any]] = (),
        activities: Iterable[Activity[Any, Any]] = (),
        queue: str | None = None,
        state_dir: str | Path | None = None,
        id: str | None = None,
        options: WorkerOptions = DEFAULTS,
        payloads: Payloads = NO_CODECS,
    ) -> None:
        _require(url, str, "url", "a log's URL such as kafka://broker:9092/orders")
        _require(options, WorkerOptions, "options", "a WorkerOptions")
        _require(payloads, Payloads, "payloads", "a sagaline.payloads.Payloads")
        self._url, self._options, self._payloads = url, options, Sealer(payloads)
        self._registry = _registry(workflows, activities, queue)
        self._state_dir = _folder(state_dir)
        self._member = _Member(_member_id(id), None if queue is None else queue_name(queue, "Worker"))
        self._host: Host | QueueHost | None = None
        self._beside = _Beside()
        if options.metrics_port is not None:
            at = (options.metrics_host, options.metrics_port)
            self._beside.telemetry = Telemetry(*at, wall_clock_ms, self._member.queue or "")

    async def __aenter__(self) -> Worker:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Connects, with patience: while no broker answers it says so and tries again.

        Raises ConfigurationError and its kinds when something has to be set right first.
        """
        if self._host is not None:
            raise SagalineError("Expected start() once but this worker has been started. Make another Worker.")
        if setting := os.environ.get("SAGALINE_CRASH"):
            arm_from(setting)
        for warning in self._registry.warnings:
            _log.warning("%s", warning)
        if self._options.check_code:
            warn_in_background(_files(self._registry))
        self._log = open_log(self._url)
        folder = None if self._member.queue is not None else self._state_dir
        self._stores = open_stores(folder, self._options.memory_mb * 1_000_000 // 2)
        try:
            if self._beside.telemetry is not None:
                self._beside.telemetry.open(self._log.namespace)
            await self._connect()
        except BaseException:
            self._stores.close()
            await self._stop_telemetry()
            raise
        folder = None if self._state_dir is None else self._state_dir / "watchdog"
        running, marks = Running(), Marks(folder)
        host = self._host = self._new_host(self._host_options(running, marks))
        watched = Watched(asyncio.get_running_loop(), running, marks, host.suspend, host.rejoin)
        self._beside.watchdog = Watchdog(watched, self._options.stall_bounds(), folder)
        self._beside.watchdog.start()  # first: it finds the marks of an earlier process
        try:
            await host.start()
        except BaseException:
            await self._let_go()
            raise

    def _new_host(self, options: HostOptions) -> Host | QueueHost:
        if self._member.queue is not None:
            return QueueHost(self._log, self._member.queue, self._registry, options, self._member.id)
        return Host(self._log, self._stores, self._registry, options)

    def _host_options(self, running: Running, marks: Marks) -> HostOptions:
        options = self._options
        share = options.memory_mb * 1_000_000 // 8
        replays = options.replay_always or os.environ.get(_REPLAY_ALWAYS) == "1"
        return HostOptions(
            self._member.id or self._default_id(),
            cached_instances=0 if replays else HostOptions.cached_instances,
            concurrent_activities=options.concurrent_activities,
            activity_threads=options.activity_threads,
            activity_processes=options.activity_processes or os.cpu_count() or 1,
            stop_grace_s=seconds(options.stop_grace, least_ms=0),
            retention_ms=milliseconds(options.retention),
            sweep_s=min(10.0, seconds(options.retention)),
            in_flight_s=min(120.0, seconds(options.retention)),
            standbys=options.standbys,
            payloads=self._payloads,
            cached_instance_bytes=2 * share,
            cached_runs=80 * options.memory_mb,
            write_back_bytes=share // 2,
            bytes_in_flight=share,
            activity_bytes=2 * share,
            running=running,
            marks=marks,
            hooks=None if self._beside.telemetry is None else self._beside.telemetry.metrics,
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
        """Waits until this worker works on at least one partition, of its queue if it has one. Raises what stops it."""
        host = self._started("ready")
        live = asyncio.ensure_future(host.wait_live(1))
        waiting: list[asyncio.Future[Any]] = [live, host.failed]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        live.cancel()
        if host.failed.done():
            raise host.failed.result()

    async def wait(self) -> None:
        """Waits for ever; raises MemberIdInUse, or what else makes it impossible to go on."""
        raise await asyncio.shield(self._started("wait").failed)

    async def stop(self) -> None:
        """Stops gracefully: running activities get their grace, what they did is recorded, the rest goes elsewhere.

        Code of activities that does not end within the grace is left behind: async code does not run again, a thread
        goes on until its call returns, and keeps nothing alive.
        """
        if self._host is None:
            return
        await self._host.stop()
        await self._let_go()

    async def _let_go(self) -> None:
        if self._beside.watchdog is not None:
            self._beside.watchdog.stop()
        await self._stop_telemetry()
        await await_logged("Stopping", self._log.close())
        call_logged("Stopping", self._stores.close)

    async def _stop_telemetry(self) -> None:
        if self._beside.telemetry is not None:
            await await_logged("Stopping", self._beside.telemetry.close())

    @property
    def metrics_port(self) -> int | None:
        """The port at which metrics are served; None when they are not. Of port 0 the real one, once started."""
        return None if self._beside.telemetry is None else self._beside.telemetry.port

    def _started(self, method: str) -> Host | QueueHost:
        if self._host is None:
            raise SagalineError(
                f"Expected {method}() on a worker that has been started, as in `async with Worker(...)`."
            )
        return self._host


def _registry(workflows: object, activities: object, queue: str | None) -> Registry:
    if queue is None:
        return registry_of(workflows, activities, SYSTEM_WORKFLOWS)
    registry = registry_of(workflows, activities)
    if registry.workflows:
        raise ConfigurationError(
            f"Expected a worker of queue {queue!r} without workflows but got {', '.join(registry.workflows)}: workers "
            f"without a queue run those."
        )
    if not registry.activities:
        raise ConfigurationError(f"Expected activities for the worker of queue {queue!r} but got none.")
    return registry


def _files(registry: Registry) -> list[Path]:
    """The files of the user's workflows."""
    functions: list[Any] = [workflow.fn for workflow in registry.users.values()]
    modules = [sys.modules.get(function.__module__) for function in functions]
    codes = [getattr(inspect.unwrap(function), "__code__", None) for function in functions]
    names = [getattr(module, "__file__", None) for module in modules] + [getattr(c, "co_filename", None) for c in codes]
    return [Path(name) for name in names if isinstance(name, str)]


# What the constructor takes


def _require(given: object, kind: type, name: str, expected: str) -> None:
    if not isinstance(given, kind):
        raise ConfigurationError(f"Expected {name} to be {expected} but got {shown(given)}.")


def _folder(given: object) -> Path | None:
    if given is None:
        return None
    if not isinstance(given, str | Path) or not str(given):
        raise ConfigurationError(f"Expected state_dir to be a directory's path but got {shown(given)}.")
    return Path(given)


def _member_id(given: object) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or not given.strip() or not given.isprintable() or size(given) > NAME_BYTES:
        raise ConfigurationError(
            f"Expected id to be 1 to {NAME_BYTES} bytes of printable text, the same after each restart, "
            f"but got {shown(given)}."
        )
    return given
