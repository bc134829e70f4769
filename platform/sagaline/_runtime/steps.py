"""The steps of a run: everything its code waits for, with number, intent and outcome. For a saga, the ledger."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from sagaline._model.events import AttributesGiven, Event, LedgerCarried, LedgerReported
from sagaline._model.failure import Failure
from sagaline._runtime.bugs import UnknownStep
from sagaline._runtime.definitions import ActivityDefinition
from sagaline._runtime.loop import WorkflowTimer
from sagaline._runtime.messages.mailbox import Mailbox
from sagaline._runtime.sagas.scopes import Scope
from sagaline._runtime.undo import Undo as Undo

COMPLETED = "completed"
FAILED = "failed"
UNKNOWN = "unknown"
INHERITED = 0
"""In place of a child's number: what the runs before have left."""


class Step(msgspec.Struct):
    """One activity call. ``outcome`` is None until it is recorded.

    ``failed`` means: provably without effect. Anything else that is not ``completed`` is ``unknown``. ``ended_at`` is
    the number of the last step that had been asked for by then. ``undo`` is the call that undoes it, ``undone`` when
    that is done.
    """

    number: int
    activity: ActivityDefinition
    input: bytes
    future: asyncio.Future[Any]
    outcome: str | None = None
    result: bytes | None = None
    scope: Scope | None = None
    ended_at: int = 0
    undo: Step | None = None
    undone: bool = False
    waiters: list[asyncio.Future[None]] | None = None

    def wake(self) -> None:
        """Wakes the rollbacks that wait for its outcome."""
        for waiter in self.waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    @property
    def is_known(self) -> bool:
        """Its outcome is."""
        return self.outcome is not None

    def next_undo(self, run_id: str) -> Undo:
        """How it is undone. Contract: its outcome is known, and it has a compensation."""
        return undo_of(self, run_id)

    def note_undone(self) -> None:
        """It is undone."""
        self.undone = True

    def is_of(self, scope: Scope) -> bool:
        """Whether the scope, or one in it, undoes the step."""
        return self.scope is not None and self.scope.is_within(scope)

    @property
    def parallel(self) -> bool:
        """It may be undone beside steps that ran beside it."""
        return self.scope is not None and self.scope.parallel

    @property
    def limit(self) -> int:
        """How many of those at a time; 0: any number."""
        return 0 if self.scope is None else self.scope.limit


class HandedLedger(msgspec.Struct):
    """What another run has done and left to be undone: a child that has ended, ``number`` is its step; or the runs
    before (INHERITED). The last of ``left`` is undone next, by the call ``undo`` when that has begun. ``ended_at``: the
    last step that this run had asked for when the child ended."""

    number: int
    left: list[Undo]
    scope: Scope | None = None
    ended_at: int = 0
    undo: Step | None = None

    @property
    def is_known(self) -> bool:
        """Its outcome is: it has ended."""
        return True

    @property
    def undone(self) -> bool:
        """All of it."""
        return not self.left

    def next_undo(self, run_id: str) -> Undo:
        """What is undone next. Contract: it is not undone yet."""
        return self.left[-1]

    def note_undone(self) -> None:
        """The newest step is undone."""
        self.left.pop()
        self.undo = None

    def is_of(self, scope: Scope) -> bool:
        """Whether the scope, or one in it, undoes it."""
        return self.scope is not None and self.scope.is_within(scope)

    @property
    def parallel(self) -> bool:
        """It may be undone beside steps that ran beside it."""
        return self.scope is not None and self.scope.parallel

    @property
    def limit(self) -> int:
        """How many of those at a time; 0: any number."""
        return 0 if self.scope is None else self.scope.limit


class Others:
    """What a run has under way to others. ``messages``: to be settled, by number. ``wills``: targets of what is sent at
    its end, by run and step. ``locks``: its requests for locks that stand, by id. ``gate``: that of its steps that have
    limits."""

    __slots__ = ("gate", "locks", "messages", "wills")

    def __init__(self) -> None:
        self.messages: dict[int, asyncio.Future[Failure | None]] = {}
        self.wills: dict[tuple[str, int], str] = {}
        self.locks: dict[str, Any] = {}
        self.gate: Any = None  # a ``flow.steps.Gate``


class Steps:
    """Activities and timers of a run, numbered together; and its mailbox."""

    __slots__ = (
        "activities",
        "attributes",
        "carried",
        "children",
        "count",
        "ledgers",
        "mailbox",
        "open",
        "others",
        "timers",
    )

    def __init__(self) -> None:
        self.count = 0
        self.activities: dict[int, Step] = {}  # by number, in the order they started
        self.open: dict[int, Step] = {}
        self.timers: dict[int, WorkflowTimer] = {}
        self.children: dict[int, Any] = {}  # ``children.Child`` by number: those that have not ended
        self.ledgers: dict[int, HandedLedger] = {}  # what others have left to undo: ended children by number, INHERITED
        self.carried: LedgerCarried | LedgerReported | None = None  # all that is left, said just before the run's end
        self.attributes: AttributesGiven | None = None  # memo and search attributes, as they are now
        self.others: Others | None = None  # of a run that tells others something
        self.mailbox: Mailbox | None = None  # of a run that has to do with messages

    def next_number(self) -> int:
        """The number of a new step."""
        self.count += 1
        return self.count

    def to_others(self) -> Others:
        """What it has under way to others, when it has to do with any."""
        self.others = self.others or Others()
        return self.others

    def add_activity(self, step: Step) -> Step:
        """An activity was asked for."""
        self.activities[step.number] = self.open[step.number] = step
        return step

    def settle(self, job: Event, number: int, outcome: str, result: bytes | None = None) -> Step:
        """The activity's outcome is known. Raises UnknownStep when the code never asked for it."""
        step = self.open.pop(number, None)
        if step is None:
            raise UnknownStep(job)
        step.outcome, step.result, step.ended_at = outcome, result, self.count
        if step.waiters is not None:
            step.wake()
        return step

    def add_timer(self, handle: WorkflowTimer) -> int:
        """A timer was asked for; returns its number."""
        handle.number = number = self.next_number()
        self.timers[number] = handle
        return number

    def fire_timer(self, job: Event, number: int) -> WorkflowTimer:
        """The timer's callback is to run. Raises UnknownStep when the code never asked for it."""
        handle = self.timers.pop(number, None)
        if handle is None:
            raise UnknownStep(job)
        return handle

    def stop_timer(self, handle: WorkflowTimer) -> bool:
        """True when the timer was still to fire."""
        return self.timers.pop(handle.number, None) is not None

    def undoable(self, scope: Scope, after: int = 0) -> list[Step | HandedLedger]:
        """What a rollback of the scope has to undo, steps and children in the order in which they started, with steps
        of which that is not known yet. ``after``: only what is behind this step."""
        steps = [step for step in self.compensatable() if step.number > after and step.is_of(scope)]
        ledgers = [ledger for ledger in self.ledgers.values() if ledger.number > after and ledger.is_of(scope)]
        return in_order(steps, ledgers)

    def inherited(self) -> list[HandedLedger]:
        """What the runs before this one have left to undo."""
        ledger = self.ledgers.get(INHERITED)
        return [] if ledger is None or ledger.undone else [ledger]

    def compensatable(self) -> list[Step]:
        """The steps, of whichever scope, that have a compensation and may have had an effect."""
        return [
            step
            for step in self.activities.values()
            if step.activity.compensation
            and not step.activity.options.kind
            and step.outcome != FAILED
            and not step.undone
        ]

    def clear(self) -> None:
        """Drops everything that refers back to the run's loop, so that no garbage collection has to find it."""
        self.activities.clear()
        self.open.clear()
        self.timers.clear()
        self.children.clear()
        self.ledgers.clear()
        if self.others is not None:
            self.others.messages.clear()
            self.others.locks.clear()
            self.others.gate = None
        if self.mailbox is not None:
            self.mailbox.clear()


def in_order(steps: list[Step], ledgers: list[HandedLedger]) -> list[Step | HandedLedger]:
    """What there is to undo, in the order in which it was asked for."""
    left = [ledger for ledger in ledgers if not ledger.undone]
    return sorted([*steps, *left], key=lambda one: one.number) if left else list(steps)


def outcome_of(failure: Failure) -> str:
    """Whether a step that failed may have left an effect behind."""
    return FAILED if failure.clean else UNKNOWN


def undo_of(step: Step, run_id: str) -> Undo:
    """How a step of a run is undone. Contract: its outcome is known, and it has a compensation."""
    compensation = step.activity.compensation
    if compensation is None or step.outcome is None:
        raise ValueError(f"Expected a step that can be undone but got step {step.number} ({step.activity.name})")
    arguments, fallback = msgspec.Raw(compensation_input(step)), compensation.compensation
    return Undo(
        run_id,
        step.number,
        step.activity.name,
        step.outcome,
        compensation.name,
        arguments,
        "" if fallback is None else fallback.name,
    )


def compensation_input(step: Step) -> bytes:
    """The arguments of a step's compensation: those of the step, and its result or null if it takes one more.

    Made of the JSON as it is: the ledger is data, never a closure.
    """
    if not step.activity.link.takes_result:
        return step.input
    comma = b"," if step.activity.signature.parameters else b""
    return step.input[:-1] + comma + (step.result or b"null") + b"]"
