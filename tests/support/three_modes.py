"""Runs a scenario normally, with a cache of zero, and with its worker killed after each record of history in turn.

::

    WORKERS = Code([order], [charge])

    async def scenario(client: Client) -> Any:
        return await client.execute(order, id="o")

    outcomes = in_each_mode(WORKERS, scenario)      # all the same, or AssertionError which names the mode

The production host runs on the simulation's processes, on a virtual clock, with nothing going wrong but the kill: the
process is dropped as soon as the record has landed, before it hears of it, and nothing that it had on its way lands
any more. Another takes over, with its disk or with an empty one. The client lives outside and asks again, as clients
do. ``on_real_logs`` is the same on SQLite and Kafka, with real processes; ``run_on`` a worker in the same process.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import msgspec
import scenario_book
from harness import running
from simulation.broker import Broker, Faults
from simulation.log import SimLog
from simulation.loop import Process, VirtualLoop
from simulation.worker import Disk, SimStores

from sagaline import Activity, Client, Workflow
from sagaline._host.host import Host
from sagaline._host.options import HostOptions
from sagaline._log import HISTORY, Log, Record, open_log
from sagaline._model import events as e
from sagaline._model.codec import decode
from sagaline._model.failure import Failure
from sagaline._model.records import History
from sagaline._payloads import NO_CODECS
from sagaline._runtime.registration import registry_of

Scenario = Callable[[Client], Awaitable[Any]]
_EPOCH_MS = 1_764_000_000_000
_RESTART_S = 0.05
_DECISIONS = tuple(e.COMMANDS - {e.SignalsHandled} | {e.RunTerminated, e.RunReplaced})
"""Events that say what a run's code has asked for, and how it ended; how signals were batched is not compared."""
_DIFFERENT_BY_MODE = {"due_at", "step", "number", "compensates", "retry", "request_id", "version"}
"""Fields that are not compared: times, and numbers, which parallel branches get as results come in."""


Workflows = Sequence[Workflow[Any, Any] | type[Any]]


class Code(NamedTuple):
    """What the workers know; ``after_kills`` are the workflows of those that come after each kill, if others."""

    workflows: Workflows
    activities: Sequence[Activity[Any, Any]] = ()
    after_kills: Sequence[Workflows] = ()

    def known_after(self, kills: int) -> Workflows:
        """The workflows of the worker that comes after so many kills; the last ones stay."""
        return [self.workflows, *self.after_kills][min(kills, len(self.after_kills))]


class Mode(NamedTuple):
    """How a scenario is run. ``kill_after``: the counts of records of history, of all partitions together, at which
    the worker is killed."""

    name: str
    cached_instances: int = HostOptions.cached_instances
    kill_after: tuple[int, ...] = ()
    keeps_disk: bool = True


class Outcome(NamedTuple):
    """What is compared: what the scenario returned, and by workflow id what the runs asked for, in no order.
    ``effects``: how many idempotency keys an activity was called with."""

    returned: Any
    decisions: dict[str, list[tuple[str, str]]]
    effects: dict[str, int]


NORMAL = Mode("normal")
CACHE_OF_ZERO = Mode("cache of zero", cached_instances=0)


def killed(*after: int) -> Mode:
    """The worker is killed after these records; the next one has its disk, or an empty one, in turn."""
    name = f"killed after record {' and '.join(map(str, after))}"
    return Mode(name, kill_after=after, keeps_disk=after[0] % 2 == 0)


class World:
    """A namespace with one worker that is started again when it dies."""

    def __init__(self, loop: VirtualLoop, code: Code, mode: Mode, partitions: int) -> None:
        self._loop, self._code, self.mode = loop, code, mode
        self.broker = Broker(loop, random.Random(0), partitions, frozenset(Faults.CHOICES))
        self.broker.on_landed = self._landed
        self.records = self.kills = 0
        self._disk = Disk()
        self._start()

    def _start(self) -> None:
        loop, process = self._loop, Process(f"worker-{self.kills}")
        self._process = process
        stores = SimStores(process, self.broker, self._disk, False)
        options = HostOptions(
            "worker",
            cached_instances=self.mode.cached_instances,
            clock=lambda: _EPOCH_MS + int(loop.now_s * 1_000),
        )
        registry = registry_of(self._code.known_after(self.kills), self._code.activities)
        self.host = Host(SimLog(self.broker, process), stores, registry, options)
        loop.create_task(self._run(self.host), context=process.context)

    async def _run(self, host: Host) -> None:
        await host.start()
        raise await host.failed

    def _landed(self, record: Record) -> None:
        if record.topic == HISTORY and record.value is not None and isinstance(decode(record.value), History):
            self.records += 1
            if self.records in self.mode.kill_after:
                self.kills += 1
                self._process.kill()
                for partition in range(self.broker.partitions):
                    self.broker.lose_leader(partition)
                self.broker.later(_RESTART_S, self._take_over)

    def _take_over(self) -> None:
        if not self.mode.keeps_disk:
            self._disk = Disk()
        self._start()

    def client_log(self) -> SimLog:
        """The log as a client sees it that nobody kills."""
        return SimLog(self.broker, Process("client"))

    def history(self) -> list[Record]:
        """All records of history."""
        broker = self.broker
        return [record for number in range(broker.partitions) for record in broker.records(HISTORY, number)]


class Run(NamedTuple):
    """A scenario that has been run; ``kills`` of workers. ``histories``: its records, by partition and in order."""

    outcome: Outcome
    kills: int
    histories: list[History]

    @property
    def records(self) -> int:
        """How many."""
        return len(self.histories)

    @property
    def order(self) -> list[str]:
        """Of which workflow id each record is."""
        return [record.workflow_id for record in self.histories]


def run_in(mode: Mode, code: Code, scenario: Scenario, partitions: int = 1) -> Run:
    """Runs the scenario in one mode. What nobody handled on the loop fails it.

    It has a thread of its own, and what dead processes leave suspended is collected there: ended elsewhere, it spoils
    CPython 3.11's count of recursions.
    """
    gc.freeze()  # so that only what comes now is looked through
    try:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(_run_and_collect, mode, code, scenario, partitions).result()
    finally:
        gc.unfreeze()


def _run_and_collect(mode: Mode, code: Code, scenario: Scenario, partitions: int) -> Run:
    gc.disable()
    try:
        return _run_in(mode, code, scenario, partitions)
    finally:
        gc.collect()
        gc.enable()


def _run_in(mode: Mode, code: Code, scenario: Scenario, partitions: int) -> Run:
    scenario_book.clear()
    loop = VirtualLoop()
    try:
        world = World(loop, code, mode, partitions)
        task = loop.create_task(_played(world, scenario), context=contextvars.Context())
        returned = loop.run_until_complete(task)
        if loop.errors:
            raise AssertionError(f"in mode {mode.name!r}: {loop.errors}")
        histories = histories_in(world.history())
        return Run(outcome_of(returned, histories), world.kills, histories)
    finally:
        loop.close()


async def _played(world: World, scenario: Scenario) -> Any:
    client = Client(world.client_log(), NO_CODECS)
    await client._requests.open()
    try:
        returned = await scenario(client)
        await asyncio.sleep(1)  # virtual: what other runs have decided by now lands too
        return returned
    finally:
        await client.close()


async def run_on(url: str, code: Code, scenario: Scenario, mode: Mode = NORMAL) -> Run:
    """Runs the scenario on a log with a worker in this process, on the real clock, without a kill."""
    scenario_book.clear()
    replays = mode.cached_instances == 0
    async with running(url, code.workflows, code.activities, replay_always=replays, check_code=False) as (_, client):
        returned = await scenario(client)
    histories = await histories_at(url)
    return Run(outcome_of(returned, histories), 0, histories)


async def histories_at(url: str) -> list[History]:
    """All records of history that a log has of runs."""
    log: Log = open_log(url)
    await log.open()
    try:
        bounds = [(number, *await log.bounds(HISTORY, number)) for number in range(log.partitions)]
        return histories_in(
            [
                record
                for number, start, end in bounds
                async for batch in log.read(HISTORY, number, start, end)
                for record in batch
            ]
        )
    finally:
        await log.close()


def histories_in(records: Iterable[Record]) -> list[History]:
    """The records of runs among all that history holds."""
    decoded = [decode(record.value) for record in records if record.value is not None]
    return [record for record in decoded if isinstance(record, History)]


def outcome_of(returned: Any, histories: Sequence[History]) -> Outcome:
    """What is compared of a scenario that has been run."""
    runs: dict[str, dict[str, str]] = {}  # names of runs in the order of their start, for their ids are random
    for record in histories:
        of_id = runs.setdefault(record.workflow_id, {})
        of_id.setdefault(record.run_id, f"run {len(of_id)} of {record.workflow_id}")
    names = {run_id: name for of_id in runs.values() for run_id, name in of_id.items()}
    decisions: dict[str, list[tuple[str, str]]] = {}
    for record in histories:
        wanted = [event for event in record.events if isinstance(event, _DECISIONS)]
        decisions.setdefault(record.workflow_id, []).extend((type(one).__name__, _what(one, names)) for one in wanted)
    named = {_renamed(run, names): sorted(asked) for run, asked in sorted(decisions.items())}
    return Outcome(returned, named, {name: len(keys) for name, keys in sorted(scenario_book.done().items())})


def _what(event: e.Event, names: dict[str, str]) -> str:
    fields = msgspec.structs.asdict(event)
    if isinstance(failure := fields.get("failure"), Failure):
        fields["failure"] = (failure.type, failure.message)
    return _renamed(str({name: field for name, field in fields.items() if name not in _DIFFERENT_BY_MODE}), names)


def _renamed(text: str, names: dict[str, str]) -> str:
    for run_id, name in names.items():
        text = text.replace(run_id, name)
    return text


def in_each_mode(code: Code, scenario: Scenario, partitions: int = 1, every: int = 1) -> dict[str, Outcome]:
    """The outcome by mode. Raises AssertionError with the modes that differ from the normal one, or where no worker
    was killed. ``every``: a crash after each so-manieth record, where a history is long."""
    normal = run_in(NORMAL, code, scenario, partitions)
    zero = run_in(CACHE_OF_ZERO, code, scenario, partitions)
    outcomes = {NORMAL.name: normal.outcome, CACHE_OF_ZERO.name: zero.outcome}
    for number in range(1, normal.records + 1, every):
        mode = killed(number)
        run = run_in(mode, code, scenario, partitions)
        assert run.kills == 1, f"{mode.name}: nobody was killed"
        outcomes[mode.name] = run.outcome
    different = {name: outcome for name, outcome in outcomes.items() if outcome != normal.outcome}
    assert not different, f"normal: {normal.outcome}\ndifferent: {different}"
    return outcomes
