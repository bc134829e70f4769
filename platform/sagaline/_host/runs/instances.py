"""Workflow instances in memory, a bounded number; one that is not there is rebuilt from its history."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sagaline._engine.tables.runs import RunView
from sagaline._host.options import HostOptions
from sagaline._host.runs.replays import Replays
from sagaline._host.runs.sealing import open_events, setup_of
from sagaline._host.runs.watched import in_code, put_away
from sagaline._model.events import Command, Event, RunStarted
from sagaline._payloads import BlobsUnavailable, input_of
from sagaline._runtime.bugs import ChangedByLook, WorkflowBug, bug
from sagaline._runtime.definitions import Registry, WorkflowDefinition
from sagaline._runtime.instance import Instance
from sagaline._runtime.replay import Replay
from sagaline._runtime.run import RunInfo
from sagaline._runtime.undoing import undoing
from sagaline.errors import InvalidInput, PayloadUnavailable

_EVENTS_A_REPLAY = 20
_INSTANCE_BYTES = 5_000  # a loop, a task or two, futures, contexts


class Instances:
    """``activate`` is the way into workflow code. WorkflowBug leaves it as the runtime raised it."""

    def __init__(
        self, registry: Registry, history: Callable[[str, int], Iterable[bytes]], options: HostOptions
    ) -> None:
        self._options, self._setup = options, setup_of(registry, options.payloads)
        self._replays = Replays(self._setup, history, options)
        self.resize(1.0)
        self._cached: OrderedDict[str, Instance] = OrderedDict()
        self._weight = 0  # of those in memory together, and of the one that is at work

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
            in_code(self._options.running, workflow_id, run_id, instance.take_input, payload)
        except WorkflowBug as blocked:
            raise InvalidInput(blocked.failure.message) from blocked
        self._keep(run_id, instance, _INSTANCE_BYTES)

    def activate(self, run: RunView, jobs: Sequence[Event], at_ms: int) -> list[Command]:
        """Gives a run's code its jobs; returns what it asks for."""
        instance = self._cached.pop(run.run_id, None) or self._begin(run, jobs[0])
        if instance is None:
            found = self.rebuild(run)
            instance = found.instance
            self._grow(instance, _INSTANCE_BYTES + found.weight)
        return self._step(instance, run, jobs, at_ms)

    def grow(self, run_id: str, weight: int) -> None:
        """What the instance of a run has been given, and has asked for, weighs so much: it keeps both."""
        instance = self._cached.get(run_id)
        if instance is not None:
            instance.weight += weight
            self._weight += weight
            if self._weight > self._bytes or len(self._cached) > self._bound:
                self._make_room()

    def resume(self, found: Replay, run: RunView, at_ms: int) -> list[Command]:
        """The same for a parked run that was rebuilt: what has arrived meanwhile is the activation."""
        self._grow(found.instance, _INSTANCE_BYTES + found.weight)
        return self._step(found.instance, run, found.pending, at_ms, opened=True)

    def keep(self, found: Replay, run: RunView) -> None:
        """Keeps a rebuilt instance."""
        self._keep(run.run_id, found.instance, _INSTANCE_BYTES + found.weight)

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
            return in_code(self._options.running, run.workflow_id, run.run_id, instance.look, what, code)
        except (ChangedByLook, WorkflowBug):
            self.forget(run.run_id)
            raise
        finally:
            if run.run_id not in self._cached:
                put_away(self._options.running, instance)

    def rebuild(self, run: RunView, lingers: bool = False) -> Replay:
        """Replays a run's history. ``lingers``: also when the run has ended. Raises WorkflowBug, BlobsUnavailable."""
        return self._replays.rebuild(run, lingers)

    def ready(self, run: RunView, anew: bool = False, undoes: bool = False) -> None:
        """What ``activate`` will need is in memory, or with ``anew`` what ``rebuild`` will; with ``undoes`` of a run
        whose code is to be called no more. Raises NotResident."""
        if anew or run.run_id not in self._cached:
            found = self._replays.ready(run, undoes)
            if found is not None and self._options.cached_instances and not (anew or run.more or found.pending):
                self.keep(self._replays.rebuild(run), run)

    def forget(self, run_id: str) -> None:
        """The run has ended or is of no use any more."""
        instance = self._cached.pop(run_id, None)
        if instance is not None:
            self._drop(instance)

    def _drop(self, instance: Instance) -> None:
        self._weight -= instance.weight
        put_away(self._options.running, instance)

    def close(self) -> None:
        """Puts all instances away."""
        for run_id in list(self._cached):
            self.forget(run_id)
        self._replays.close()

    def _begin(self, run: RunView, job: Event) -> Instance | None:
        if not isinstance(job, RunStarted):
            return None
        if run.undo is not None:
            instance: Instance = undoing(self._setup, run.workflow, (run.workflow_id, run.run_id))
        else:
            workflow = self._setup.registry.workflows[run.workflow]
            instance = Instance(RunInfo(workflow, run.workflow_id, run.run_id), self._setup)
        self._grow(instance, _INSTANCE_BYTES)
        return instance

    def _step(
        self, instance: Instance, run: RunView, jobs: Sequence[Event], at_ms: int, opened: bool = False
    ) -> list[Command]:
        try:
            plain = jobs if opened else open_events(self._options.payloads, run.run_id, jobs)
            commands = in_code(self._options.running, run.workflow_id, run.run_id, instance.activate, plain, at_ms)
        except (WorkflowBug, BlobsUnavailable):
            self._drop(instance)
            raise
        except Exception as error:  # a bug of the runtime's: it costs this run, not the partition
            self._drop(instance)
            raise bug(error) from error
        if instance.finished:
            self._weight -= instance.weight
        elif instance.sleeps and instance.sleeps_beyond(at_ms + self._asleep_ms(run)):
            self._drop(instance)
        else:
            self._remember(run.run_id, instance)  # ``grow`` follows, and makes room
        return commands

    def _asleep_ms(self, run: RunView) -> int:
        """A longer sleep takes the instance out of memory: the longer its history the longer, for all of it is
        replayed when the run wakes. So many sleeps cost no more processor time than a share of what they last."""
        return self._options.asleep_ms * (1 + run.next_event_id // _EVENTS_A_REPLAY)

    def _keep(self, run_id: str, instance: Instance, weight: int) -> None:
        if run_id in self._cached:
            self.forget(run_id)
        self._grow(instance, weight)
        self._remember(run_id, instance)
        self._make_room()

    def _remember(self, run_id: str, instance: Instance) -> None:
        self._cached[run_id] = instance

    def _grow(self, instance: Instance, weight: int) -> None:
        instance.weight += weight
        self._weight += weight

    def _make_room(self) -> None:
        kept = 1 if self._options.cached_instances else 0  # the newest stays, however large it is
        while (len(self._cached) > self._bound or self._weight > self._bytes) and len(self._cached) > kept:
            self.forget(next(iter(self._cached)))
