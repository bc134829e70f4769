"""What a host tells whoever listens: metrics, and later traces. Nobody is called by name here, and without a listener
nothing of this is made: the recorder and the runner that tell are classes of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from sagaline._engine.changes import Effect
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunView
from sagaline._host.activities.attempts import Attempt
from sagaline._host.activities.outcomes import Outcome
from sagaline._model.events import Event
from sagaline._model.records import PARKED


class WaitingStep(NamedTuple):
    """A step that waits for a person, and since when in milliseconds since 1970."""

    activity: str
    since: int


class RunFacts(NamedTuple):
    """A run as it stands; times in milliseconds since 1970. ``saga_began_at`` is positive of a saga alone,
    ``rollback_at`` of one that is being undone, or was. ``parked_at``: 0 when it does not wait for a person."""

    workflow_id: str
    run_id: str
    workflow: str
    status: str
    started_at: int
    saga_began_at: int
    rollback_at: int
    parked_at: int
    waiting: tuple[WaitingStep, ...]


class Recorded(Effect, frozen=True, gc=False):
    """A record of a run is durable; ``facts`` are those behind it. ``events`` are those of the kinds that are told of,
    none when they are copied ones."""

    at: int
    events: Sequence[Event]
    facts: RunFacts


class PartitionHooks(Protocol):
    """Who listens to one claimed partition, on the event loop.

    Contract: ``recorded`` is told of records that begin or end a run or a saga, or change what of it waits for a
    person. What stood before the claim is told by ``parked`` and ``open``, beside the work: all parked runs, then the
    open ones in the order of ``key``, each page of them before ``surveyed`` says how far that is; b"" is all.
    """

    def recorded(self, recorded: Recorded) -> None:
        """A record is durable."""
        ...

    def parked(self, facts: RunFacts) -> None:
        """A run that waits for a person as of now."""
        ...

    def open(self, workflow: str) -> None:
        """A run that has begun and not ended as of now."""
        ...

    def surveyed(self, key: bytes) -> None:
        """All open runs up to this key have been told."""
        ...

    def close(self) -> None:
        """The partition is this worker's no more."""
        ...


class Hooks(Protocol):
    """Who listens to a worker, on its event loop. What they raise is the partition's loss: they raise nothing."""

    def partition(self, number: int) -> PartitionHooks:
        """A partition is claimed."""
        ...

    def attempt_began(self, attempt: Attempt, waited_s: float) -> None:
        """An attempt begins, and has waited for a slot for so long."""
        ...

    def attempt_ended(self, attempt: Attempt, outcome: Outcome, took_s: float) -> None:
        """An attempt has come to this."""
        ...


def facts_of(state: State, run: RunView) -> RunFacts:
    """A run as it stands."""
    tally, waiting = run.tally, tuple[WaitingStep, ...]()
    if run.parked_steps and not run.closed:
        rows = (effect.row for effect in state.activities.of(run.run_id))
        waiting = tuple(WaitingStep(row.scheduled.activity, row.parked_at) for row in rows if row.parked_at)
    return RunFacts(
        run.workflow_id,
        run.run_id,
        run.workflow,
        run.status,
        run.started_at,
        0 if tally is None else tally.began_at or run.started_at,
        0 if tally is None else tally.rollback_at,
        (run.parked_at or run.last_at) if run.standing == PARKED and not run.closed else 0,
        waiting,
    )
