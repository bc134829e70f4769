"""The environment of a test: a worker and a client in the test's own process, on a clock that does not wait.

::

    async with Environment(workflows=[fulfil_order], activities=[reserve_stock, charge_card]) as env:
        env.stand_in(charge_card, declined)
        with pytest.raises(RunError):
            await env.execute(fulfil_order, order)
        assert (await env.history("run-1")).activities == ["reserve_stock", "charge_card", "release_stock"]
"""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple, ParamSpec, TypeVar, overload

from sagaline._log import Log, open_log
from sagaline._log.memory import MemoryLog
from sagaline._log.urls import parse_url
from sagaline._payloads import NO_CODECS, Payloads
from sagaline._runtime.definitions import Registry
from sagaline._runtime.durations import Duration, milliseconds
from sagaline._runtime.registration import registry_of
from sagaline._system.registry import SYSTEM_WORKFLOWS
from sagaline.activity import Activity
from sagaline.client import Client, RunHandle, checks
from sagaline.client.requests import Asking
from sagaline.errors import SagalineError
from sagaline.testing.clock import Clock, Outside, World, drive, give_up
from sagaline.testing.hash_seeds import replay_under, seeds_in
from sagaline.testing.history import History
from sagaline.testing.stand_ins import Call, Fault, StandIns, attempts_in
from sagaline.testing.watched_log import WatchedLog
from sagaline.testing.worker import HostedWorker
from sagaline.workflow import Workflow

P = ParamSpec("P")
R = TypeVar("R")
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class EnvironmentOptions:
    """How an environment behaves.

    Arguments:
        log: the log's URL. ``memory`` (the default) and ``sqlite:///FILE`` need nothing else; on
            ``kafka://host:port`` each environment has a namespace of its own.
        replay_always: no run is kept in memory: each is replayed from its history each time that it goes on, so that
            code that is not deterministic parks its run.
        hash_seeds: when the environment closes, all of its runs are replayed by other processes with these values of
            PYTHONHASHSEED: finds code that goes by the order of a set.
        start: what the clock says at first.
    """

    log: str = "memory"
    replay_always: bool = False
    hash_seeds: Iterable[int] = ()
    start: datetime = START


class Environment:
    """A worker and its client around a test. Raises ConfigurationError for what a Worker would not take.

    ``workflows`` and ``activities`` are those of a Worker. An activity that has a stand-in need not be among them.
    """

    def __init__(
        self,
        *,
        workflows: Iterable[Workflow[Any, Any] | type[Any]],
        activities: Iterable[Activity[Any, Any]] = (),
        options: EnvironmentOptions = EnvironmentOptions(),
        payloads: Payloads = NO_CODECS,
    ) -> None:
        self._options, self._payloads = options, payloads
        self._registry = registry_of(workflows, activities, SYSTEM_WORKFLOWS)
        self._seeds = seeds_in(options.hash_seeds)
        self._clock = Clock(options.start)
        self._worker = HostedWorker(self._clock, payloads, options.replay_always)
        self._parts = StandIns(self._registry, self._worker.expire)
        self._numbers = itertools.count(1)
        self._open: Inside | None = None

    # Life

    async def __aenter__(self) -> Environment:
        url = _url_of(self._options.log)
        self._parts.loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            log = open_log(url)
            await log.open()
            stack.push_async_callback(_close, log)
            await self._worker.start(log, self._registry)
            stack.push_async_callback(self._worker.stop)
            watched = WatchedLog(open_log(url))
            client = _Client(watched.as_log(), self._payloads)
            await client.connected()
            stack.push_async_callback(client.close)
            outside = Outside(parse_url(url).scheme, client.unanswered, watched)
            world = World(self._clock, log, outside, lambda: self._worker.host)
            driver = asyncio.ensure_future(drive(self._clock, world, self._worker.jump))
            driver.add_done_callback(partial(give_up, world))
            stack.callback(driver.cancel)
            self._open = Inside(log, client, world, stack.pop_all())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        inside = self.inside
        async with inside.close:
            if error is None and self._seeds:
                await replay_under(self._seeds, inside.client, self._registry.users.values())
            self._open = None

    async def deploy(
        self, *, workflows: Iterable[Workflow[Any, Any] | type[Any]], activities: Iterable[Activity[Any, Any]] = ()
    ) -> None:
        """Stops the worker and starts one of other code, on the same log, with an empty disk. Stand-ins stay."""
        registry = registry_of(workflows, activities, SYSTEM_WORKFLOWS)
        await self._replace(registry)

    async def restart(self, *, kills: bool = False) -> None:
        """Stops the worker and starts another of the same code: all of its memory is gone, as after a crash.

        Attempts that run may end, for a moment; ``kills``: nobody hears of them, and they are made again.
        """
        await self._replace(self._registry, kills)

    async def _replace(self, registry: Registry, kills: bool = False) -> None:
        """Another worker takes over, and is told what the client of the first one waits for."""
        await self._worker.stop(kills=kills)
        if registry is not self._registry:
            self._registry = registry
            self._parts.use(registry)
        await self._worker.start(self.inside.log, registry)
        for asking in self.inside.client.unanswered():
            asking.repeat()

    @property
    def inside(self) -> Inside:
        """Its log, client and world while it is open, for helpers. Raises SagalineError when it is not."""
        if self._open is None:
            raise SagalineError("Expected an environment that is open, as in `async with Environment(...) as env:`.")
        return self._open

    # Runs

    @property
    def client(self) -> Client:
        """A client of the environment's log. Waiting for an answer lets the clock jump."""
        return self.inside.client

    async def start(
        self, workflow: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> RunHandle[R]:
        """Starts a run under the next of the ids ``run-1``, ``run-2``, ...; for another id there is ``client``."""
        ordered = checks.definition_of(workflow).signature.ordered(args, kwargs)
        code: Callable[..., Coroutine[Any, Any, R]] = workflow
        return await self.client.start(code, *ordered, id=f"run-{next(self._numbers)}")

    async def execute(self, workflow: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Starts a run, as ``start`` does, and waits for its result. Raises RunError; Stuck when it cannot end."""
        handle = await self.start(workflow, *args, **kwargs)
        return await handle.result()

    async def history(self, run: str | RunHandle[Any]) -> History:
        """What a run has done: of a workflow id the newest."""
        handle = self.client.handle(run) if isinstance(run, str) else run
        return History(await handle.history())

    # The clock

    @property
    def now(self) -> datetime:
        """What the clock says, in UTC."""
        return self._clock.now

    async def advance(self, duration: Duration) -> None:
        """Moves the clock on by a duration, from timer to timer, and waits until all that they set off is done.

        Raises Stuck when that takes longer than a minute.
        """
        target_ms = self._clock() + milliseconds(duration, "duration")
        world = self.inside.world
        async with self._clock.held():
            await world.until_still()
            while (due_ms := world.next_due_ms()) is not None and due_ms <= target_ms:
                self._worker.jump(due_ms)
                await world.until_still()
            self._worker.jump(target_ms)
            await world.until_still()

    # Activities

    @overload
    def stand_in(self, activity: Activity[P, R], fn: Callable[P, Awaitable[R]], /) -> None: ...
    @overload
    def stand_in(self, activity: Activity[P, R], fn: Callable[P, R], /) -> None: ...
    def stand_in(self, activity: Activity[Any, Any], fn: Callable[..., Any], /) -> None:
        """From now on calls of the activity call ``fn``, which takes the same arguments and runs on the event loop.

        Arguments and results are checked as those of the activity are. Raises ConfigurationError when ``fn`` takes
        other arguments.
        """
        self._parts.stand_in(activity.definition, fn)

    def fail(self, activity: Activity[..., Any], error: Exception, /, *, attempts: Iterable[int] | None = None) -> None:
        """Attempts raise ``error`` instead of calling the activity: all, or those of the numbers given, from 1."""
        self._parts.add_fault(activity.definition, Fault("error", error, attempts_in(attempts)))

    def time_out(self, activity: Activity[..., Any], /, *, attempts: Iterable[int] | None = None) -> None:
        """Attempts time out, at once, without calling the activity: nothing was done, and nobody knows."""
        self._parts.add_fault(activity.definition, Fault("time_out", hits=attempts_in(attempts)))

    def lose_result(self, activity: Activity[..., Any], /, *, attempts: Iterable[int] | None = None) -> None:
        """Attempts call the activity and then time out: its effect is there, and nobody knows."""
        self._parts.add_fault(activity.definition, Fault("lost", hits=attempts_in(attempts)))

    @property
    def parts(self) -> StandIns:
        """The activities behind their stand-ins, for helpers that inject faults of their own."""
        return self._parts

    def calls(self, activity: Activity[..., R], /) -> list[Call[R]]:
        """The attempts of an activity so far, in order."""
        return [call for call in self._parts.calls if call.activity == activity.name]


class _Client(Client):
    """A client that tells what it waits for."""

    async def connected(self) -> None:
        """Connects."""
        await self._requests.open()

    def unanswered(self) -> set[Asking]:
        """Requests without their answer."""
        return self._requests.unanswered


class Inside(NamedTuple):
    """What there is while the environment is open."""

    log: Log
    client: _Client
    world: World
    close: AsyncExitStack


async def _close(log: Log) -> None:
    await log.close()
    if isinstance(log, MemoryLog):
        log.forget()


def _url_of(log: str) -> str:
    """The URL of a log that nobody else uses, with one partition unless it says otherwise."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    if log in ("memory", "memory://"):
        return f"memory://{name}?partitions=1"
    place, _, options = log.partition("?")
    if place.startswith("kafka://"):
        place = f"{place.rstrip('/')}/{name}" if "/" not in place.removeprefix("kafka://").rstrip("/") else place
    if place.startswith("sqlite:") and "namespace" not in options:
        options = f"namespace={name}{'&' if options else ''}{options}"
    if "partitions" not in options:
        options = f"partitions=1{'&' if options else ''}{options}"
    return f"{place}?{options}"
