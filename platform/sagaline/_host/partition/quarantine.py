"""What has made the engine fail, kept while the partition is claimed anew, so that it is not tried for ever.

Whoever was at work when something unexpected was raised is a suspect: a disk or the memory may have failed, so the
partition is claimed anew and the same is tried once more. The second time the suspect is the culprit. An input becomes
a dead letter. A run is parked, with the quarantine as the reason, and its inputs are left alone until somebody retries
it or another process owns the partition.
"""

from __future__ import annotations

from functools import partial
from typing import TypeVar

from sagaline._host.partition.guard import Isolate
from sagaline._host.partition.lost import Kind, Lost
from sagaline._log import Record
from sagaline._model import limits

_Key = TypeVar("_Key")
_Note = TypeVar("_Note")
_KEPT = 10_000
"""Culprits of each kind; of more the oldest are tried again."""


class Quarantine:
    """Of one partition, for as long as the process lives."""

    def __init__(self) -> None:
        self._suspects: dict[str, None] = {}
        self._inputs: dict[tuple[str, int], str] = {}  # topic and offset, with the cause
        self._to_park: dict[str, str] = {}  # workflow ids, with the cause
        self._left_alone: dict[str, None] = {}  # workflow ids
        self._skipped: dict[str, str] = {}  # run ids that could not be taken up, with the cause

    def input(self, record: Record) -> Isolate:
        """How the guard sets an input aside."""
        return partial(self._on_input, record.topic, record.offset)

    def _on_input(self, topic: str, offset: int, cause: str) -> Lost:
        if self._is_culprit(f"{topic}@{offset}"):
            _keep(self._inputs, (topic, offset), _failed(cause))
        return Lost(Kind.INPUT, f"{topic}@{offset} made the engine fail ({cause})")

    def run(self, workflow_id: str) -> Isolate:
        """How the guard sets the run of a workflow id aside."""
        return partial(self._on_run, workflow_id)

    def _on_run(self, workflow_id: str, cause: str) -> Lost:
        if self._is_culprit(f"workflow {workflow_id}"):
            _keep(self._to_park, workflow_id, _failed(cause))
        return Lost(Kind.RUN, f"a run of {_short(workflow_id)} made the engine fail ({cause})")

    def resumption(self, workflow_id: str, run_id: str) -> Isolate:
        """How the guard sets a run aside that cannot even be taken up: it stays as it is."""
        return partial(self._on_resumption, workflow_id, run_id)

    def _on_resumption(self, workflow_id: str, run_id: str, cause: str) -> Lost:
        if self._is_culprit(f"run {run_id}"):
            _keep(self._skipped, run_id, _failed(cause))
        return Lost(Kind.RUN, f"a run of {_short(workflow_id)} could not be taken up ({cause})")

    def _is_culprit(self, suspect: str) -> bool:
        """True the second time."""
        if suspect in self._suspects:
            del self._suspects[suspect]
            return True
        _keep(self._suspects, suspect, None)
        return False

    def cause(self, topic: str, offset: int) -> str | None:
        """Why an input is a dead letter."""
        return self._inputs.get((topic, offset)) if self._inputs else None

    def leaves_alone(self, workflow_id: str) -> bool:
        """True when nothing of the run is decided for now."""
        return workflow_id in self._left_alone

    def skips(self, run_id: str) -> str | None:
        """Why the run is not to be taken up, or None."""
        return self._skipped.get(run_id)

    def take_runs_to_park(self) -> dict[str, str]:
        """The workflow ids whose runs are to be parked now, with the cause; from here on they are left alone."""
        runs, self._to_park = self._to_park, {}
        for workflow_id in runs:
            _keep(self._left_alone, workflow_id, None)
        return runs

    def release(self, workflow_id: str, run_id: str) -> None:
        """The run is tried again."""
        self._to_park.pop(workflow_id, None)
        self._left_alone.pop(workflow_id, None)
        self._skipped.pop(run_id, None)


def _keep(notes: dict[_Key, _Note], key: _Key, note: _Note) -> None:
    notes[key] = note
    while len(notes) > _KEPT:
        del notes[next(iter(notes))]


def _failed(cause: str) -> str:
    return f"The engine failed: {cause}"


def _short(workflow_id: str) -> str:
    return limits.cut(workflow_id, limits.NAME_BYTES)
