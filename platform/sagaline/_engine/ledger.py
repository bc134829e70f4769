"""The ledger of a run, out of its history: which steps have had an effect, what undoes them, and how far that is.

History alone says it: no code of the workflow is needed, so it is there for closed runs, for runs whose code is gone,
and for readers in other processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from sagaline._model.activities import PIVOT, ActivityRepaired, ActivityScheduled
from sagaline._model.events import (
    COMMANDS,
    ActivityCompleted,
    ActivityFailed,
    ActivityParked,
    Event,
    LedgerInherited,
    SagaBegan,
    SagaEnded,
)
from sagaline._model.failure import Failure
from sagaline._model.records import History
from sagaline._model.undo_order import batches

OPEN, COMPLETED, FAILED, UNKNOWN, PARKED = "open", "completed", "failed", "unknown", "parked"
"""Outcomes of a step, and of what undoes it. ``failed``: provably without effect. ``parked``: it waits for a person."""
ROOT = 0


@dataclass
class Entry:
    """A step of a saga.

    ``event_id`` is that of its ActivityScheduled; ``ended_at`` the number of the last step that had been asked for when
    it ended. ``undo`` is the step that undoes it. ``repairs``: what people have said of it, with the times.
    """

    run_id: str
    number: int
    scheduled: ActivityScheduled
    event_id: int
    at: int
    outcome: str = OPEN
    ended_at: int = 0
    result: bytes | None = None
    failure: Failure | None = None
    undo: Entry | None = None
    parallel: bool = False
    limit: int = 0
    repairs: list[tuple[int, ActivityRepaired]] = field(default_factory=list[tuple[int, ActivityRepaired]])

    @property
    def kind(self) -> str:
        """The class of the step; "" for one that its compensation undoes."""
        return "" if self.scheduled.saga is None else self.scheduled.saga.kind

    @property
    def scope(self) -> int:
        """The scope that it was called in."""
        return ROOT if self.scheduled.saga is None else self.scheduled.saga.scope

    @property
    def undone(self) -> str:
        """How far it is undone."""
        return "" if self.undo is None else self.undo.outcome

    @property
    def may_be_undone(self) -> bool:
        """True when a rollback of its scope undoes it, as far as is known."""
        compensated = not self.kind and self.scheduled.compensation is not None
        return compensated and self.outcome != FAILED and self.undone != COMPLETED


@dataclass
class ScopeEntry:
    """A part of the run that undoes its own steps. ``parent``: -1 for none. ``outcome``: "open", "committed",
    "compensated"; that of the run's own scope is always open. ``pivot``: what has made it impossible to undo."""

    number: int
    parent: int = -1
    parallel: bool = False
    limit: int = 0
    outcome: str = OPEN
    pivot: str = ""
    pivot_open: str = ""


@dataclass
class UndoPlan:
    """``groups``: by scope, its batches, one after the other. ``waits_for``: steps whose outcome comes first, and
    decides whether they are undone. ``pivot``: the step behind which nothing is undone."""

    groups: list[tuple[int, list[list[Entry]]]]
    waits_for: list[Entry]
    pivot: str = ""


class RunLedger:
    """``entries`` by number; ``inherited`` is the payload with what the runs before have left to undo."""

    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        self.scopes: dict[int, ScopeEntry] = {}
        self.inherited: bytes | None = None
        self.undone_inherited: set[tuple[str, int]] = set()
        self._calls: dict[int, Entry] = {}
        self._count = 0

    @property
    def is_saga(self) -> bool:
        """True when the run itself is one, as far as its history says it."""
        return ROOT in self.scopes or self.inherited is not None

    def outward(self, number: int) -> Iterator[ScopeEntry]:
        """A scope and those around it."""
        while number in self.scopes:
            yield self.scopes[number]
            number = self.scopes[number].parent

    def read(self, record: History) -> None:
        """The next record of the run."""
        for event_id, event in enumerate(record.events, record.first_event_id):
            self._read(record, event_id, event)
            if type(event) in COMMANDS:
                self._count = max(self._count, getattr(event, "step", 0))

    def _read(self, record: History, event_id: int, event: Event) -> None:
        match event:
            case LedgerInherited():
                self.inherited = event.ledger
            case SagaBegan():
                self.scopes[event.step] = ScopeEntry(event.step, event.parent, event.parallel, event.limit)
                if event.parent == ROOT:
                    self.scopes.setdefault(ROOT, ScopeEntry(ROOT))
            case SagaEnded() if event.step in self.scopes:
                self.scopes[event.step].outcome = event.outcome
            case ActivityScheduled():
                self._schedule(record, event_id, event)
            case ActivityCompleted():
                self._settle(event.step, COMPLETED, result=event.result)
            case ActivityFailed():
                self._settle(event.step, FAILED if event.failure.clean else UNKNOWN, failure=event.failure)
            case ActivityParked() if event.step in self._calls:
                self._calls[event.step].outcome, self._calls[event.step].failure = PARKED, event.failure
            case ActivityRepaired() if event.step in self._calls:
                self._repair(record.at, event)
            case _:
                pass

    def _schedule(self, record: History, event_id: int, event: ActivityScheduled) -> None:
        call = Entry(record.run_id, event.step, event, event_id, record.at)
        self._calls[event.step] = call
        if event.compensates is not None:
            if event.compensates_run and event.compensates_run != record.run_id:
                self.undone_inherited.add((event.compensates_run, event.compensates))
            elif event.compensates in self.entries:
                self.entries[event.compensates].undo = call
        elif event.saga is not None:
            self.entries[event.step] = call
            if event.saga.scope == ROOT:
                self.scopes.setdefault(ROOT, ScopeEntry(ROOT))
            scope = self.scopes.get(event.saga.scope)
            if scope is not None:
                call.parallel, call.limit = scope.parallel, scope.limit
            if event.saga.kind == PIVOT:
                for around in self.outward(event.saga.scope):
                    around.pivot_open = event.activity

    def _settle(self, number: int, outcome: str, result: bytes | None = None, failure: Failure | None = None) -> None:
        call = self._calls.get(number)
        if call is None:
            return
        call.outcome, call.result, call.failure, call.ended_at = outcome, result, failure, self._count
        if call.kind == PIVOT and number in self.entries:
            for around in self.outward(call.scope):
                around.pivot_open = ""
                if outcome == COMPLETED:
                    around.pivot = around.pivot or call.scheduled.activity

    def _repair(self, at: int, event: ActivityRepaired) -> None:
        call = self._calls[event.step]
        call.outcome = OPEN
        call.repairs.append((at, event))
        if event.action == "edit":
            call.scheduled = msgspec.structs.replace(call.scheduled, input=event.payload)

    # What is left to do

    def to_undo(self, number: int) -> list[Entry]:
        """The steps that a rollback of a scope undoes, in the order of their start: its own, and those of scopes within
        that have ended well."""
        return [
            entry
            for entry in self.entries.values()
            if entry.may_be_undone and any(scope.number == number for scope in self._handed_on(entry.scope))
        ]

    def _handed_on(self, number: int) -> Iterator[ScopeEntry]:
        """A scope, and while they have ended those around it: the last is the one that undoes its steps."""
        for scope in self.outward(number):
            yield scope
            if scope.outcome == OPEN:
                return

    def plan(self) -> UndoPlan:
        """What a cancellation undoes now, as far as outcomes are known: the open scopes from the inside out."""
        plan = UndoPlan([], [])
        for scope in self.open_scopes():
            if pivot := scope.pivot or scope.pivot_open:
                plan.pivot = pivot
                break
            steps = self.to_undo(scope.number)
            plan.waits_for += [step for step in steps if step.outcome in (OPEN, PARKED)]
            known = [step for step in steps if step.outcome not in (OPEN, PARKED)]
            plan.groups.append((scope.number, batches(known)))
        return plan

    def open_scopes(self) -> list[ScopeEntry]:
        """Those that a cancellation undoes, the innermost first."""
        depth = {number: sum(1 for _ in self.outward(number)) for number in self.scopes}
        found = [scope for scope in self.scopes.values() if scope.outcome == OPEN]
        return sorted(found, key=lambda scope: (-depth[scope.number], -scope.number))


def ledger_of(history: Iterable[History]) -> RunLedger:
    """The ledger that a run's records make."""
    ledger = RunLedger()
    for record in history:
        ledger.read(record)
    return ledger
