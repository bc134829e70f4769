"""Replays of whole histories, and how a replay begins: with the run's code, or with the platform's that undoes it."""

from __future__ import annotations

from collections.abc import Iterable

from sagaline._model import events
from sagaline._model.records import History
from sagaline._runtime.bugs import MISMATCH, NEWER, UNKNOWN_WORKFLOW, stopped
from sagaline._runtime.flags import KNOWN
from sagaline._runtime.instance import Instance
from sagaline._runtime.replay import Replay
from sagaline._runtime.run import RunInfo
from sagaline._runtime.setup import Setup
from sagaline._runtime.undoing import Past, UndoReplay, undoing


def replay(setup: Setup, history: Iterable[History]) -> Replay:
    """Replays a run from its first record; raises WorkflowBug when the code cannot follow."""
    records = list(history)
    undoes = any(isinstance(event, events.UndoRequested) for record in records for event in record.events)
    begun = begin(setup, records[0], undoes)
    for record in records:
        begun.feed(record)
    begun.finish(decides=False)
    return begun


def begin(setup: Setup, first: History, undoes: bool = False) -> Replay:
    """An instance for the run that ``first`` begins, before that record. ``undoes``: somebody has it undone, so that
    its own code is called no more. Raises WorkflowBug when there is no code for it."""
    started = first.events[0]
    if not isinstance(started, events.RunStarted):
        message = f"Expected a history that begins with RunStarted but its first event is {type(started).__name__}."
        raise stopped("HistoryMismatch", message, MISMATCH)
    if undoes:
        past = Past()
        return UndoReplay(undoing(setup, started.workflow, (first.workflow_id, first.run_id), past), past)
    registry = setup.registry
    workflow = registry.workflows.get(started.workflow)
    if workflow is None:
        known = ", ".join(sorted(registry.users)) or "none"
        message = f"Expected workflow {started.workflow!r} to be registered with the worker but it has: {known}."
        raise stopped("UnknownWorkflow", message, UNKNOWN_WORKFLOW)
    if not KNOWN.issuperset(first.flags):
        message = (
            f"Expected a run of this version or an older one but it was started by a newer one (behaviours "
            f"{sorted(set(first.flags) - KNOWN)}). Upgrade this worker, and it goes on by itself."
        )
        raise stopped("NewerRun", message, NEWER)
    stands_for = "" if started.fork is None else started.fork.run_at(1)
    run = RunInfo(workflow, first.workflow_id, first.run_id, first.flags, stands_for=stands_for)
    return Replay(Instance(run, setup), started.fork)
