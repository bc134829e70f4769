"""What a processor may say to an input."""

from __future__ import annotations

import msgspec

from sagaline._engine.ledger import RunLedger
from sagaline._model.events import Event, Fork, RunReplaced, RunReset, RunStarted, UndoRequested
from sagaline._model.failure import Failure


class TimerDue(msgspec.Struct, frozen=True, gc=False):
    """A timer's time has come, by the owner's clock."""

    workflow_id: str
    run_id: str
    step: int


class ActivityDue(msgspec.Struct, frozen=True, gc=False):
    """A time has come at which an open activity may have taken too long, by the owner's clock. ``has_begun``: its
    attempt has a slot with this owner."""

    workflow_id: str
    run_id: str
    step: int
    has_begun: bool


class ParkRun(msgspec.Struct, frozen=True, gc=False):
    """A run must not go on by itself. An input of the owner's own; it comes before any other of the run."""

    workflow_id: str
    run_id: str
    reason: str
    failure: Failure


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """The input is not accepted; ``failure`` says what was expected and what came. ``run_id``: of a start, the run that
    was there, or has begun, and has refused the update."""

    request_id: str
    workflow_id: str
    failure: Failure
    run_id: str = ""


class Joined(msgspec.Struct, frozen=True, gc=False):
    """A start is answered with a run that is there already.

    ``unless_same``: only when the run began with the same input, or, of a chain of runs, its first one, while that is
    there; with another the start is rejected with this failure. Payloads may be sealed, so the host compares them,
    opened. None: whatever the input is.
    """

    workflow_id: str
    run_id: str
    unless_same: Failure | None = None


class Replaced(msgspec.Struct, frozen=True, gc=False):
    """A start ends the open run of its id and begins another, in two records.

    1. The record of ``replaced`` for the open run. It carries the positions from before the start, so that a crash
       between the two reads the start again: the processor knows the run that this request has ended.
    2. The record of ``started`` for the new run, whose id is ``run_id_of(start)``, with the positions behind it.

    The host must know that the start can be accepted (workflow, input) before it does the first.
    """

    replaced: RunReplaced
    started: RunStarted


class Forked(msgspec.Struct, frozen=True, gc=False):
    """A reset begins the run ``run_id_of(reset)`` with the beginning of another's history.

    ``reset`` is the end of the open run of the id, and its successor is there with it. None: there is no open run, and
    the first record of the new one is the first that says anything.
    """

    fork: Fork
    reset: RunReset | None


class Undone(msgspec.Struct, frozen=True, gc=False):
    """Run ``run_id``, which has ended, is undone by a new run, ``undo_run_of`` it, with what its ledger says."""

    run_id: str
    requested: UndoRequested
    ledger: RunLedger
    elsewhere: frozenset[tuple[str, int]]
    """Steps, by run and number, that another run has undone which has them too."""


Decision = list[Event] | Rejected
StartDecision = list[Event] | Rejected | Joined | Replaced
ResetDecision = Rejected | Joined | Forked
UndoDecision = list[Event] | Rejected | Joined | Undone


def rejected(request_id: str, workflow_id: str, name: str, message: str) -> Rejected:
    """A refusal that is final."""
    return Rejected(request_id, workflow_id, Failure(name, message, retryable=False))
