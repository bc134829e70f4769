"""Replays a recorded history against the code that is here: what ``sagaline replay`` does, for tests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sagaline._host import forbidden
from sagaline._host.runs.sealing import open_record, setup_of
from sagaline._model.limits import cut
from sagaline._payloads import NO_CODECS, BlobsUnavailable, Payloads, Sealer
from sagaline._runtime.bugs import Difference, WorkflowBug
from sagaline._runtime.definitions import ActivityDefinition
from sagaline._runtime.registration import registry_of
from sagaline._runtime.replaying import replay as follow_history
from sagaline.activity import activity
from sagaline.client.exported import ExportedRun, read_exported
from sagaline.errors import ConfigurationError, PayloadUnavailable
from sagaline.workflow import Workflow

_PAYLOAD = "payload"


class ReplayMismatch(AssertionError):
    """The code cannot follow a recorded history: a worker with this code would park the run.

    ``expected`` is what the history has at ``event_id``, ``actual`` what the code asks for there, ``place`` its file
    and line. Of code that raises in replay ``actual`` is the error.
    """

    def __init__(self, run: ExportedRun, bug: WorkflowBug) -> None:
        difference = bug.difference or _raised(bug)
        self.workflow, self.workflow_id, self.run_id = run.workflow, run.workflow_id, run.run_id
        self.event_id, self.expected, self.actual, self.place = difference
        at = f" at {self.place}" if self.place else ""
        where = f" (event {self.event_id})" if self.event_id else ""
        super().__init__(
            f"Expected the code to follow the history of {run} but it does not:\n"
            f"- history: {self.expected}{where}\n"
            f"+ code:    {self.actual}{at}"
        )


def _raised(bug: WorkflowBug) -> Difference:
    failure = bug.failure
    stack = cut(failure.stack, 2_000) if failure.stack else ""
    return Difference(0, "goes on", f"{failure.type}: {failure.message}" + (f"\n{stack}" if stack else ""), "")


class _EveryActivity(dict[str, ActivityDefinition]):
    """Replay calls no activity, so it does not matter which a worker would have."""

    def __missing__(self, name: str) -> ActivityDefinition:
        definition = self[name] = activity(name=name)(_nothing).definition
        return definition


async def _nothing() -> None: ...


class Replayer:
    """Replays histories against workflows. Raises ConfigurationError for workflows that a worker would not take."""

    def __init__(self, workflows: Iterable[Workflow[Any, Any] | type[Any]], payloads: Payloads = NO_CODECS) -> None:
        registry = registry_of(workflows, [])
        registry.activities = _EveryActivity()
        forbidden.watch(registry)
        self._sealer = Sealer(payloads)
        self._setup = setup_of(registry, self._sealer)
        self.workflows = dict(registry.workflows)
        """By their names."""

    def replay(self, run: ExportedRun) -> None:
        """Replays a run. Raises ReplayMismatch; PayloadUnavailable when a payload cannot be opened here."""
        try:
            records = [open_record(self._sealer, record) for record in run.records]
            follow_history(self._setup, records).instance.evict()
        except BlobsUnavailable as error:
            raise PayloadUnavailable(f"Expected the payloads of {run} but the store of blobs: {error}.") from error
        except WorkflowBug as bug:
            if bug.reason == _PAYLOAD:
                raise PayloadUnavailable(f"Expected the payloads of {run} but {bug.failure.message}") from bug
            raise ReplayMismatch(run, bug) from bug


def replay(
    history: bytes | str | Path, workflow: Workflow[Any, Any] | type[Any], /, *, payloads: Payloads = NO_CODECS
) -> None:
    """Replays a history that ``sagaline export`` or ``handle.export()`` has made against a workflow.

    Nothing is called and nothing is changed: the workflow's code runs, is given the recorded results, and has to ask
    for the same steps in the same order.

    Arguments:
        history: the file's path, or its content as bytes.
        workflow: the workflow, of the name that the history has.
        payloads: as the workers had them, where payloads are sealed.

    Raises:
        ReplayMismatch: the code asks for something else; with step, expected, actual, file and line.
        ConfigurationError: the history is not one of ours, or is of another workflow.
        PayloadUnavailable: a payload cannot be opened here.
    """
    run = read_exported(history)
    replayer = Replayer([workflow], payloads)
    if run.workflow not in replayer.workflows:
        raise ConfigurationError(f"Expected a history of {', '.join(replayer.workflows)} but it is of {run}.")
    replayer.replay(run)
