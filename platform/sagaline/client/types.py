"""What the client gives: a run as it stands, its history, and the words of its options. All of it is plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Required, TypedDict

from sagaline._model.failure import Failure
from sagaline._runtime.attributes import SearchValue
from sagaline._runtime.durations import Duration
from sagaline.handlers import SignalCall

__all__ = [
    "Description",
    "Failure",
    "HistoryEvent",
    "IdConflict",
    "IdReuse",
    "OpenStep",
    "PatchUse",
    "RunSummary",
    "SagaSummary",
    "Status",
    "StepWait",
]

IdConflict = Literal["join", "use_existing", "fail", "terminate_existing"]
"""What a start does when a run of its id is open. ``join``: it is given that run if workflow and input are the same,
else it is refused; ``use_existing``: it is given that run whatever it is; ``fail``: it is refused;
``terminate_existing``: that run is ended, without undoing anything, and a new one begins."""

IdReuse = Literal["join", "allow", "if_failed", "reject"]
"""What a start does when the newest run of its id has ended. ``join``: it is given that run if workflow and input are
the same, else it is refused; ``allow``: a new run begins; ``if_failed``: a new run begins unless that one completed;
``reject``: it is refused."""

OnParked = Literal["wait", "raise"]
"""What waiting for a result does when the run parks: ``wait`` until somebody takes it up again, or ``raise``
RunParkedError at once."""


class AttributeOptions(TypedDict, total=False):
    """What a run is given for those who read and search. ``memo``: notes, any values of JSON by their keys (32,000
    bytes in all), in ``describe()`` and ``sagaline show``. ``search_attributes``: by what it is found
    (``Client.runs``): a str, int, float, bool, datetime with a time zone, or list of str by its name; 50 of them, 8,000
    bytes in all. Both go on with a run that continues as new; workflow code may change them."""

    memo: Mapping[str, Any] | None
    search_attributes: Mapping[str, SearchValue] | None


class TimeOptions(AttributeOptions, total=False):
    """When a run begins and how long it may take. ``delay``: its code begins so long after the start; the id is taken
    at once. ``run_timeout``: so long after that it is cancelled and has failed, or is compensated; of runs that
    continue as new it is the time of all together."""

    delay: Duration | None
    run_timeout: Duration | None


class IdOptions(TypedDict, total=False):
    """The id of a run that is to begin, and what happens when it is taken."""

    id: Required[str]
    id_conflict: IdConflict
    id_reuse: IdReuse


class WithStartOptions(IdOptions, total=False):
    """The options of ``Client.with_start``: those of a start that begins at once."""

    run_timeout: Duration | None


class StartOptions(IdOptions, TimeOptions, total=False):
    """The options of ``Client.start``."""

    signal: SignalCall | None
    timeout: Duration | None


class ExecuteOptions(StartOptions, total=False):
    """The options of ``Client.execute``."""

    on_parked: OnParked


class Status(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    """It goes on, or waits for a step or a timer."""
    PARKED = "parked"
    """It waits for a person, or for a worker whose code is right."""
    COMPLETED = "completed"
    """It has ended with a result."""
    FAILED = "failed"
    """It has ended with a failure; nothing was undone."""
    COMPENSATED = "compensated"
    """It has ended with a failure, and what it had done is undone."""
    CANCELLED = "cancelled"
    """It has stopped as asked; a saga has undone what it had done."""
    TERMINATED = "terminated"
    """It was ended from outside; nothing was undone."""
    CONTINUED = "continued"
    """It goes on as another run of the same workflow id."""

    @property
    def is_open(self) -> bool:
        """True while the run has not ended."""
        return self in (Status.RUNNING, Status.PARKED)


@dataclass(frozen=True)
class LimitName:
    """Which limit of the namespace, and which key of it; None where all keys have one."""

    kind: Literal["concurrency", "rate"]
    name: str
    key: str | None = None

    def __str__(self) -> str:
        what = "limit" if self.kind == "concurrency" else "rate"
        return f"{what} {self.name}" if self.key is None else f"{what} {self.name} of {self.key}"


@dataclass(frozen=True)
class StepWait:
    """What an attempt of an activity waits for before it begins. ``kind`` is "slot": all slots of its worker are taken,
    ``name`` are which ("threads"); "concurrency" or "rate": the activity ``name`` has that limit; "queue": a worker of
    that task queue. There may be others. ``limit`` says how much of it there is ("16", "10/s"), ``place`` is its place
    among those that wait for the same, 1 for the next."""

    kind: str
    name: str
    limit: str = ""
    since: datetime | None = None
    place: int | None = None


@dataclass(frozen=True)
class OpenStep:
    """Something that a run waits for: an activity (``name`` says which), a timer, a child (``name`` is its id), or a
    limit of the namespace that a step, or the run, has to wait for (``name`` says which; ``client.limits.of`` says who
    has it, and at which place of its queue the run is).

    ``attempt`` is the one that runs or comes next, ``failure`` why the one before it failed. ``due_at`` is when the
    next attempt begins or the timer fires; None while an attempt is under way. ``queue`` is the task queue of an
    activity that workers of a queue run, ``queued_since`` when the attempt was sent there, and ``started_at`` when a
    worker said that it has begun it: None while it waits for one, and for attempts that have only just begun.
    ``parked_at`` is set while the step waits for a person (``handle.saga``), ``waits_for`` while an attempt could begin
    and has not.
    """

    step: int
    kind: Literal["activity", "timer", "child", "message", "limit"]
    name: str
    attempt: int = 1
    failure: Failure | None = None
    due_at: datetime | None = None
    compensates: int | None = None
    queue: str | None = None
    queued_since: datetime | None = None
    started_at: datetime | None = None
    parked_at: datetime | None = None
    waits_for: StepWait | None = None


@dataclass(frozen=True)
class RunSummary:
    """A run in a list. ``failure`` says why it is parked or did not complete, ``changed_at`` when it last went on.

    ``patches`` are those that the run has, by id: True for one that is deprecated. ``paused_at`` is set while it is
    paused, with who has done it and why. ``search_attributes`` are those that it has now.
    """

    workflow_id: str
    run_id: str
    workflow: str
    status: Status
    started_at: datetime
    changed_at: datetime
    closed_at: datetime | None = None
    parked_at: datetime | None = None
    events: int = 0
    failure: Failure | None = None
    patches: dict[str, bool] = field(default_factory=dict[str, bool])
    paused_at: datetime | None = None
    pause_reason: str = ""
    paused_by: str = ""
    search_attributes: dict[str, SearchValue] = field(default_factory=dict[str, SearchValue])


@dataclass(frozen=True)
class SagaSummary:
    """How far the saga of a run is: how many of its steps are ``done``, and how many may have had an effect though they
    have failed (``unknown``); how many are ``undone``, and how many, or what undoes them, wait for a person
    (``parked``). ``pivot`` is the step behind which nothing is undone, when that is done. ``handle.saga.ledger()``
    says which they are."""

    done: int
    undone: int
    unknown: int
    parked: int
    pivot: str | None


@dataclass(frozen=True)
class Reset:
    """Why a run began with the beginning of another's history: run ``run_id`` up to ``to_event``; who, when and why."""

    run_id: str
    to_event: int
    at: datetime
    reason: str
    by: str


@dataclass(frozen=True)
class Description(RunSummary):
    """A run as it stands: what it waits for, and its result when it has completed.

    ``open_steps`` counts what it waits for, ``waits_for`` are the first of those. ``unowned_since`` is set when no
    worker answered, so that this was read from the log itself: it is when a worker last took the run's partition over.
    ``continued_from`` and ``continued_to`` are the ids of the runs before and behind it, ``first_run_id`` is that of
    the first of them all, when a run continues as new. ``signals_waiting`` counts the signals that were acknowledged
    and that the code has not received; when the run has ended it never will, and ``signals_left`` says how many there
    were of each name (of the first 20 names). Of a run that continues as new they have gone on with it. ``memo`` is as
    it is now; one that cannot be opened here is told under the key "". ``reset_from`` says what a run that a reset has
    begun is made of, ``reset_to`` is the newest run that was made of this one. ``locks`` are names of those that it
    holds or waits for (``client.locks.of`` says which, and who has them), ``limits`` are those that it, or a step of
    it, has a slot of or waits for (``client.limits.of``). ``saga`` says in short how far its saga is, once a step of it
    has ended or waits for a person. ``undoes`` is the run that this one undoes, or the run
    itself when it is undone without its code, with why and by whom; ``undone_by`` is the run that undoes this one, or
    has.
    """

    open_steps: int = 0
    waits_for: tuple[OpenStep, ...] = ()
    cancel_requested: bool = False
    result: Any = None
    unowned_since: datetime | None = None
    continued_from: str | None = None
    continued_to: str | None = None
    first_run_id: str | None = None
    signals_waiting: int = 0
    signals_left: dict[str, int] = field(default_factory=dict[str, int])
    memo: dict[str, Any] = field(default_factory=dict[str, Any])
    reset_from: Reset | None = None
    reset_to: str | None = None
    locks: tuple[str, ...] = ()
    limits: tuple[LimitName, ...] = ()
    saga: SagaSummary | None = None
    undoes: str | None = None
    undone_by: str | None = None
    undo_reason: str = ""
    undo_by: str = ""


@dataclass(frozen=True)
class PatchUse:
    """A patch of a workflow, and how many of its open runs have it: ``patched``, or ``deprecated``, or are ``without``.

    ``advice``: ``keep`` ``workflow.patched``, for runs without the patch may still need the old branch; ``deprecate``:
    all open runs have it, the old branch may go and ``deprecate_patch`` takes the place of ``patched``; ``remove`` that
    too, no open run needs it.
    """

    workflow: str
    patch: str
    patched: int
    deprecated: int
    without: int
    advice: Literal["keep", "deprecate", "remove"]


@dataclass(frozen=True)
class HistoryEvent:
    """One event of a run's history.

    ``id`` counts from 1, ``type`` says in words what happened ("activity scheduled", "run completed"), ``details``
    what it was about: values of JSON, and times as datetimes.
    """

    id: int
    at: datetime
    type: str
    details: dict[str, Any]
    is_reset_point: bool = False
    """Whether a run may be reset to this event: it is the last of an activation."""
