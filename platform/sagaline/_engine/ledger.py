"""The ledger of a run, out of its history: which steps have had an effect, what undoes them, and how far that is.

History alone says it: no code of the workflow is needed, so it is there for closed runs, for runs whose code is gone,
and for readers in other processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from sagaline._engine.ledger_entries import COMPLETED as COMPLETED
from sagaline._engine.ledger_entries import FAILED, UNKNOWN, ChildEntry, Entry, ScopeEntry
from sagaline._engine.ledger_entries import OPEN as OPEN
from sagaline._engine.ledger_entries import PARKED as PARKED
from sagaline._engine.ledger_entries import ROOT as ROOT
from sagaline._model.activities import PIVOT, ActivityRepaired, ActivityScheduled
from sagaline._model.events import (
    COMMANDS,
    ActivityCompleted,
    ActivityFailed,
    ActivityParked,
    ChildBegan,
    ChildEnded,
    ChildRequested,
    Event,
    Fork,
    LedgerInherited,
    RunStarted,
    SagaBegan,
    SagaEnded,
)
from sagaline._model.records import History
from sagaline._model.undo_order import batches


@dataclass
class UndoPlan:
    """``groups``: by scope, its batches, one after the other; of a child the steps are undone newest first.
    ``waits_for``: what has not ended; its outcome comes first, and decides whether it is undone. ``pivot``: the step
    behind which nothing is undone."""

    groups: list[tuple[int, list[list[Entry | ChildEntry]]]]
    waits_for: list[Entry | ChildEntry]
    pivot: str = ""


class RunLedger:
    """``entries`` and ``children`` by number. ``inherited`` is the payload with what the runs before have left to undo,
    ``carried`` how many steps are in it, ``undos`` what undoes that, by run and step. ``calls`` are all activities by
    number, ``count`` is the last number that the code has given."""

    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        self.children: dict[int, ChildEntry] = {}
        self.scopes: dict[int, ScopeEntry] = {}
        self.inherited: bytes | None = None
        self.carried = 0
        self.undos: dict[tuple[str, int], Entry] = {}
        self.calls: dict[int, Entry] = {}
        self.count = 0
        self._fork: Fork | None = None

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
            self.read_event(record, event_id, event)

    def read_event(self, record: History, event_id: int, event: Event) -> None:
        """The next event of the run, and the record that has it."""
        if type(event) in COMMANDS:
            self.count = max(self.count, getattr(event, "step", 0))
        match event:
            case RunStarted():
                self._fork = event.fork
            case LedgerInherited():
                self.inherited, self.carried = event.ledger, event.steps
            case SagaBegan():
                self.scopes[event.step] = ScopeEntry(event.step, event.parent, event.parallel, event.limit)
                if event.parent == ROOT:
                    self.scopes.setdefault(ROOT, ScopeEntry(ROOT))
            case SagaEnded() if event.step in self.scopes:
                self.scopes[event.step].outcome = event.outcome
            case ActivityScheduled():
                self._schedule(record, event_id, event)
            case ChildRequested(wants_ledger=True) if event.scope >= ROOT:
                self._ask(record, event_id, event)
            case ChildBegan() if event.step in self.children:
                self.children[event.step].child_run = event.run_id
            case ChildEnded() | ActivityCompleted() | ActivityFailed():
                self.settle(event)
            case ActivityParked() if event.step in self.calls:
                self.calls[event.step].outcome, self.calls[event.step].failure = PARKED, event.failure
            case ActivityRepaired() if event.step in self.calls:
                self._repair(record.at, event)
            case _:
                pass

    def _schedule(self, record: History, event_id: int, event: ActivityScheduled) -> None:
        of_run = (self._fork.run_at(event_id) if self._fork is not None else "") or record.run_id
        call = Entry(record.run_id, event.step, event, event_id, record.at, of_run=of_run)
        self.calls[event.step] = call
        if event.compensates is not None:
            place, undone = (event.compensates_run, event.compensates), self.entries.get(event.compensates)
            if event.of_child in self.children:
                self.children[event.of_child].undos[place] = call
            elif undone is not None and undone.of_run == (event.compensates_run or of_run):
                undone.undo = call
            elif event.compensates_run:
                self.undos[place] = call
        elif event.saga is not None:
            self.entries[event.step] = call
            self._place(call)
            if event.saga.kind == PIVOT:
                for around in self.outward(event.saga.scope):
                    around.pivot_open = event.activity

    def _ask(self, record: History, event_id: int, event: ChildRequested) -> None:
        child = ChildEntry(record.run_id, event.step, event, event_id, record.at)
        self.children[event.step] = child
        self._place(child)

    def _place(self, entry: Entry | ChildEntry) -> None:
        """What its scope says of it."""
        if entry.scope == ROOT:
            self.scopes.setdefault(ROOT, ScopeEntry(ROOT))
        scope = self.scopes.get(entry.scope)
        if scope is not None:
            entry.parallel, entry.limit = scope.parallel, scope.limit

    def settle(self, event: ActivityCompleted | ActivityFailed | ChildEnded) -> None:
        """The outcome of a step, or of a child, is known."""
        if isinstance(event, ChildEnded):
            if (child := self.children.get(event.step)) is not None:
                child.outcome, child.ended_at = event.status, self.count
                child.ledger, child.steps, child.pivot = event.ledger, event.steps, event.pivot
            return
        call = self.calls.get(event.step)
        if call is None:
            return
        call.ended_at = self.count
        if isinstance(event, ActivityCompleted):
            call.outcome, call.result, call.failure = COMPLETED, event.result, None
        else:
            call.outcome, call.result, call.failure = FAILED if event.failure.clean else UNKNOWN, None, event.failure
        if call.kind == PIVOT and event.step in self.entries:
            for around in self.outward(call.scope):
                around.pivot_open = ""
                if call.outcome == COMPLETED:
                    around.pivot = around.pivot or call.scheduled.activity

    def _repair(self, at: int, event: ActivityRepaired) -> None:
        call = self.calls[event.step]
        call.outcome = OPEN
        call.repairs.append((at, event))
        if event.action == "edit":
            call.scheduled = msgspec.structs.replace(call.scheduled, input=event.payload)

    # What is left to do

    def all_entries(self) -> list[Entry | ChildEntry]:
        """Steps and children, in the order of their start."""
        return sorted([*self.entries.values(), *self.children.values()], key=lambda entry: entry.number)

    def to_undo(self, number: int) -> list[Entry | ChildEntry]:
        """What a rollback of a scope undoes, in the order of its start: its own, and that of scopes within that have
        ended well."""
        return [
            entry
            for entry in self.all_entries()
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
