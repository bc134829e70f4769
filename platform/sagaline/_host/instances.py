"""Workflow instances in memory, a bounded number; one that is not there is rebuilt from its history."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from sagaline._engine.rows import RunRow
from sagaline._model.codec import decode
from sagaline._model.events import Command, Event, RunStarted
from sagaline._model.records import History
from sagaline._runtime.definitions import Registry, WorkflowDefinition
from sagaline._runtime.instance import Instance, WorkflowBug, bug, new_instance
from sagaline._runtime.replay import Replay, replay


class Instances:
    """``activate`` is the way into workflow code. WorkflowBug leaves it as the runtime raised it."""

    def __init__(self, registry: Registry, history: Callable[[str], list[bytes]], bound: int) -> None:
        self._registry, self._history, self._bound = registry, history, bound
        self._cached: OrderedDict[str, Instance] = OrderedDict()

    def prepare(self, workflow: WorkflowDefinition, workflow_id: str, run_id: str, payload: bytes) -> None:
        """Keeps an instance for a run that is about to start. Raises InvalidInput."""
        instance = new_instance(workflow, self._registry, workflow_id, run_id)
        instance.take_input(payload)
        self._remember(run_id, instance)

    def activate(self, run: RunRow, jobs: Sequence[Event], at_ms: int) -> list[Command]:
        """Gives a run's code its jobs; returns what it asks for."""
        instance = self._cached.pop(run.run_id, None)
        if instance is None:
            instance = self._begin(run, jobs[0]) or self.rebuild(run).instance
        return self._step(instance, run, jobs, at_ms)

    def resume(self, found: Replay, run: RunRow, at_ms: int) -> list[Command]:
        """The same for a parked run that was rebuilt: what has arrived meanwhile is the activation."""
        return self._step(found.instance, run, found.pending, at_ms)

    def keep(self, found: Replay, run: RunRow) -> None:
        """Keeps a rebuilt instance."""
        self._remember(run.run_id, found.instance)

    def rebuild(self, run: RunRow) -> Replay:
        """Replays a run's history."""
        records: list[History] = []
        for value in self._history(run.run_id):
            record = decode(value)
            assert isinstance(record, History), "only history is kept for replay"
            records.append(record)
        return replay(self._registry, records)

    def forget(self, run_id: str) -> None:
        """The run has ended or is of no use any more."""
        instance = self._cached.pop(run_id, None)
        if instance is not None:
            instance.evict()

    def close(self) -> None:
        """Puts all instances away."""
        for run_id in list(self._cached):
            self.forget(run_id)

    def _begin(self, run: RunRow, job: Event) -> Instance | None:
        if not isinstance(job, RunStarted):
            return None
        return new_instance(self._registry.workflows[run.workflow], self._registry, run.workflow_id, run.run_id)

    def _step(self, instance: Instance, run: RunRow, jobs: Sequence[Event], at_ms: int) -> list[Command]:
        try:
            commands = instance.activate(jobs, at_ms)
        except WorkflowBug:
            instance.evict()
            raise
        except Exception as error:  # a bug of the runtime's: it costs this run, not the partition
            instance.evict()
            raise bug(error) from error
        if not instance.finished:
            self._remember(run.run_id, instance)
        return commands

    def _remember(self, run_id: str, instance: Instance) -> None:
        self._cached[run_id] = instance
        if len(self._cached) > self._bound:
            _, oldest = self._cached.popitem(last=False)
            oldest.evict()
