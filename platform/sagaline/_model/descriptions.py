"""What answers to readers hold as JSON: a run in detail, and runs in a list. The owner writes it, clients read it.

Times are milliseconds since 1970. Fields are only ever added, with defaults: a client may be older or newer than the
worker that answers.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sagaline._model.attributes import SearchAttribute
from sagaline._model.forks import Fork

ACTIVITY = "activity"
TIMER = "timer"
CHILD = "child"
MESSAGE = "message"
LIMIT = "limit"


SLOT, CONCURRENCY, RATE, QUEUE = "slot", "concurrency", "rate", "queue"
"""What an attempt may wait for: a slot of its worker, one of those that its kind has, its turn, a worker of a queue."""


class Wait(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an attempt waits for before it begins. ``kind``: one of those above, or one that is not known here."""

    kind: str
    name: str = ""
    """Of what: the slots ("threads"), the activity that has the limit, the queue."""
    limit: str = ""
    """How much of it there is."""
    since_ms: int = 0
    before: int | None = None
    """How many are before it."""


class OpenStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a run waits for: an activity's outcome, or a time."""

    step: int
    kind: str
    """``ACTIVITY``, ``TIMER``; ``CHILD``, ``MESSAGE`` or ``LIMIT``, whose ``activity`` is the workflow id of the other
    run."""
    at_ms: int = 0
    """When the timer is due, or the next attempt starts; 0 for an attempt that may run now."""
    activity: str = ""
    attempt: int = 0
    """The attempt that runs or comes next."""
    compensates: int | None = None
    """The step that this one undoes."""
    cancel_requested: bool = False
    failure_type: str = ""
    failure_message: str = ""
    """What the attempt before came to, in short."""
    queue: str = ""
    """The task queue whose workers run it."""
    queued_at_ms: int = 0
    """When the attempt was sent there."""
    started_at_ms: int = 0
    """When a worker said that it has begun it; 0: none has, or it is still on its way."""
    parked_at_ms: int = 0
    """Since when it waits for a person; 0: it does not."""
    waits_for: Wait | None = None
    """What its attempt waits for; None: it runs, or is to wait for its time."""


class SagaCounts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How far a saga is, in short. ``done`` and ``unknown`` count its steps by outcome, ``undone`` the compensations
    that are done; ``pivot`` is the step behind which nothing is undone, once that is done."""

    done: int = 0
    undone: int = 0
    unknown: int = 0
    pivot: str = ""


class RunDescription(msgspec.Struct, frozen=True):
    """One run. Its ids, status and failure are in the reply that holds this."""

    workflow: str
    started_at_ms: int
    last_at_ms: int
    closed_at_ms: int | None
    events: int
    open_steps: int
    cancel_requested: bool
    result: Any = None
    """The result, when it is not sealed: written as msgspec.Raw, read as the value of JSON."""
    sealed_result: bytes | None = None
    parked_at_ms: int | None = None
    waits_for: tuple[OpenStep, ...] = ()
    """The first of the ``open_steps``."""
    patches: dict[str, bool] | None = None
    continued_from: str = ""
    continued_to: str = ""
    first_run_id: str = ""
    signals_waiting: int = 0
    """Signals that the code has not begun to handle; of a run that has ended, those that it never will."""
    signals_left: dict[str, int] | None = None
    """Of a run that has ended: how many of them by name, the first names."""
    paused_at_ms: int | None = None
    pause_reason: str = ""
    paused_by: str = ""
    memo: bytes | None = None
    """As it stands in a record."""
    search_attributes: tuple[SearchAttribute, ...] = ()
    reset: Fork | None = None
    """What the run is a fork of."""
    reset_to: str = ""
    """The newest run that a reset has made of it."""
    undoes: str = ""
    """The run that this one undoes; its own id when it is undone itself, without its code."""
    undone_by: str = ""
    """The run that undoes this one, or has."""
    undo_reason: str = ""
    undo_by: str = ""
    locks: tuple[str, ...] = ()
    """Names of those that it holds or waits for."""
    limits: tuple[str, ...] = ()
    """Workflow ids of the runs that keep them."""
    saga: SagaCounts | None = None
    """Of a saga of which a step has ended."""
    parked_steps: int = 0


class RunSummary(msgspec.Struct, frozen=True):
    """One run of a list. ``failure_message`` is in short: why it is parked, or did not complete."""

    workflow_id: str
    run_id: str
    workflow: str
    status: str
    started_at_ms: int
    last_at_ms: int
    closed_at_ms: int | None
    events: int
    parked_at_ms: int | None = None
    failure_type: str = ""
    failure_message: str = ""
    patches: dict[str, bool] | None = None
    """The patches that it has, and whether each is deprecated."""
    paused_at_ms: int | None = None
    pause_reason: str = ""
    paused_by: str = ""
    search_attributes: tuple[SearchAttribute, ...] = ()


class ParkedRun(msgspec.Struct, frozen=True):
    """One run of the list of version 1, which asked for parked runs only."""

    workflow_id: str
    run_id: str
    workflow: str
    parked_at_ms: int
    event: int
    type: str
    cause: str
