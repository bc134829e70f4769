"""Workflow instances in memory, a bounded number; one that is not there is rebuilt from its history."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar, TypeVarTuple

from sagaline._engine.tables.runs import RunView
from sagaline._host.options import HostOptions
from sagaline._host.runs.sealing import open_events, open_record, setup_of
from sagaline._host.runs.stalled import stalled
from sagaline._host.runs.weights import weight
from sagaline._model.codec import decode
from sagaline._model.events import Command, Event, RunStarted
from sagaline._model.records import History
from sagaline._payloads import BlobsUnavailable, input_of
from sagaline._runtime.bugs import ChangedByLook, WorkflowBug, bug
from sagaline._runtime.definitions import Registry, WorkflowDefinition
from sagaline._runtime.instance import Instance
from sagaline._runtime.replay import Replay, begin
from sagaline._runtime.run import RunInfo
from sagaline.errors import InvalidInput, PayloadUnavailable

_log = logging.getLogger("sagaline.partition")
Args = TypeVarTuple("Args")
T = TypeVar("T")
_EVENTS_A_REPLAY = 20
_INSTANCE_BYTES = 5_000  # a loop, a task or two, futures, contexts


class Instances:
    """``activate`` is the way into workflow code. WorkflowBug leaves it as the runtime raised it."""

    def __init__(self, registry: Registry, history: Callable[[str], Iterable[bytes]], options: HostOptions) -> None:
        self._history, self._options = history, options
        self._setup = setup_of(registry, options.payloads)
        self.resize(1.0)
        self._cached: OrderedDict[str, Instance] = OrderedDict()
        self._weights: dict[str, int] = {}  # bytes of the payloads that an instance has been given
        self._weight = 0

    def resize(self, share: float) -> None:
        """``share``: how much of what the worker may keep is for this partition."""
        self._bound = int(self._options.cached_instances * share)
        self._bytes = int(self._options.cached_instance_bytes * share)

    def prepare(self, workflow: WorkflowDefinition, workflow_id: str, run_id: str, payload: bytes) -> None:
        """Keeps an instance for a run that is about to start. Raises InvalidInput."""
        if self._options.marks.find(run_id) is not None:
            return  # it starts, and is parked
        try:
            payload = self._options.payloads.open(input_of(run_id), payload)
        except (PayloadUnavailable, BlobsUnavailable):
            return  # the run starts, and is parked until it can be opened
        instance = Instance(RunInfo(workflow, workflow_id, run_id), self._setup)
        try:
            self._in_code(workflow_id, run_id, instance.take_input, payload)
        except WorkflowBug as blocked:
            raise InvalidInput(blocked.failure.message) from blocked
        self._remember(run_id, instance, 0)

    def activate(self, run: RunView, jobs: Sequence[Event], at_ms: int) -> list[Command]:
        """Gives a run's code its jobs; returns what it asks for."""
        instance = self._cached.pop(run.run_id, None)
        if instance is None:
            instance = self._begin(run, jobs[0])
        if instance is None:
            found = self.rebuild(run)
            instance = found.instance
            self._weigh(run.run_id, found.weight)
        return self._step(instance, run, jobs, at_ms)

    def resume(self, found: Replay, run: RunView, at_ms: int) -> list[Command]:
        """The same for a parked run that was rebuilt: what has arrived meanwhile is the activation."""
        return self._step(found.instance, run, found.pending, at_ms, opened=True)

    def keep(self, found: Replay, run: RunView) -> None:
        """Keeps a rebuilt instance."""
        self._remember(run.run_id, found.instance, found.weight)

    def look(self, run: RunView, what: str, code: Callable[[Any], Any]) -> Any:
        """Calls code that only looks at a run's object, also of one that has ended; NOT_BEGUN when it has none.

        Raises what the code raises; WorkflowBug when the run cannot be rebuilt, or the code had to be interrupted.
        """
        instance = self._cached.get(run.run_id)
        if instance is None:
            found = self.rebuild(run, lingers=True)
            instance = found.instance
            if not (run.closed or found.pending or found.unwritten):
                self.keep(found, run)
        try:
            return self._in_code(run.workflow_id, run.run_id, instance.look, what, code)
        except (ChangedByLook, WorkflowBug):
            self.forget(run.run_id)
            raise
        finally:
            if run.run_id not in self._cached:
                self._evict(instance)

    def rebuild(self, run: RunView, lingers: bool = False) -> Replay:
        """Replays a run's history, a record at a time: of what is replayed nothing stays but the instance. ``lingers``:
        also when the run has ended."""
        begun: Replay | None = None
        weight = 0
        for value in self._history(run.run_id):
            weight += len(value)
            record = decode(value)
            if not isinstance(record, History):
                raise ValueError(f"Expected a record of history but the rows have a {type(record).__name__}")
            record = open_record(self._options.payloads, record)
            if begun is None:
                begun = begin(self._setup, record)
                if lingers:
                    begun.instance.linger()
            self._in_code(run.workflow_id, run.run_id, begun.feed, record)
        if begun is None:
            raise ValueError(f"Expected a history of run {run.run_id} but there is none")
        self._in_code(run.workflow_id, run.run_id, partial(begun.finish, decides=True))
        begun.weight = weight
        return begun

    def forget(self, run_id: str) -> None:
        """The run has ended or is of no use any more."""
        instance = self._cached.pop(run_id, None)
        self._unweigh(run_id)
        if instance is not None:
            self._evict(instance)

    def _evict(self, instance: Instance) -> None:
        try:
            self._in_code(instance.info.workflow_id, instance.info.run_id, instance.evict)
        except WorkflowBug as blocked:
            _log.error(
                "Run of %s, put away: %s\n%s", instance.info.workflow_id, blocked.failure.message, blocked.failure.stack
            )

    def _in_code(self, workflow_id: str, run_id: str, code: Callable[[*Args], T], *args: *Args) -> T:
        """Calls workflow code, watched. Raises WorkflowBug when it had to be interrupted, whatever came of it."""
        running = self._options.running
        running.begin((workflow_id, run_id, ""))
        try:
            return code(*args)
        finally:
            running.leave()
            if running.interrupted:
                raise stalled(running.interrupted)

    def close(self) -> None:
        """Puts all instances away."""
        for run_id in list(self._cached):
            self.forget(run_id)

    def _begin(self, run: RunView, job: Event) -> Instance | None:
        if not isinstance(job, RunStarted):
            return None
        workflow = self._setup.registry.workflows[run.workflow]
        return Instance(RunInfo(workflow, run.workflow_id, run.run_id), self._setup)

    def _step(
        self, instance: Instance, run: RunView, jobs: Sequence[Event], at_ms: int, opened: bool = False
    ) -> list[Command]:
        try:
            plain = jobs if opened else open_events(self._options.payloads, run.run_id, jobs)
            commands = self._in_code(run.workflow_id, run.run_id, instance.activate, plain, at_ms)
        except (WorkflowBug, BlobsUnavailable):
            self._unweigh(run.run_id)
            self._evict(instance)
            raise
        except Exception as error:  # a bug of the runtime's: it costs this run, not the partition
            self._unweigh(run.run_id)
            self._evict(instance)
            raise bug(error) from error
        if instance.finished:
            self._unweigh(run.run_id)
        elif instance.sleeps_beyond(at_ms + self._asleep_ms(run)):
            self._unweigh(run.run_id)
            self._evict(instance)
        else:
            self._remember(run.run_id, instance, sum(map(weight, jobs)) + sum(map(weight, commands)))  # both are kept
        return commands

    def _asleep_ms(self, run: RunView) -> int:
        """A longer sleep takes the instance out of memory: the longer its history the longer, for all of it is
        replayed when the run wakes. So many sleeps cost no more processor time than a share of what they last."""
        return self._options.asleep_ms * (1 + run.next_event_id // _EVENTS_A_REPLAY)

    def _remember(self, run_id: str, instance: Instance, grown: int) -> None:
        self._cached[run_id] = instance
        self._weigh(run_id, grown)
        kept = 1 if self._options.cached_instances else 0  # the newest stays, however large it is
        while len(self._cached) > kept and (len(self._cached) > self._bound or self._weight > self._bytes):
            self.forget(next(iter(self._cached)))

    def _weigh(self, run_id: str, grown: int) -> None:
        before = self._weights.get(run_id)
        if before is None:
            before, grown = 0, grown + _INSTANCE_BYTES
        self._weights[run_id] = before + grown
        self._weight += grown

    def _unweigh(self, run_id: str) -> None:
        self._weight -= self._weights.pop(run_id, 0)
