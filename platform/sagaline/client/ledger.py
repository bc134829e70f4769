"""The ledger of a saga for people: what it has done, what undoes it, and what a rollback would do now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec

from sagaline._engine.beginnings import TERMINAL, decoded
from sagaline._engine.ledger import RunLedger, ledger_of
from sagaline._engine.ledger_entries import COMPLETED, OPEN, PARKED, ROOT, ChildEntry, Entry
from sagaline._engine.undoing import armed, pivot_of
from sagaline._model.activities import ActivityRepaired
from sagaline._model.events import UndoRequested
from sagaline._model.failure import Failure
from sagaline._model.ids import child_run_id
from sagaline._payloads import Place, input_of, step_input, step_ledger, step_result
from sagaline._payloads import ledger_of as ledger_place
from sagaline.client.events import at_ms
from sagaline.client.payloads import ClientPayloads

Outcome = Literal["open", "completed", "failed", "unknown", "parked"]
Kind = Literal["compensatable", "read_only", "irreversible", "pivot", "retriable", "child"]


@dataclass(frozen=True)
class StepRepair:
    """What a person has said of a parked step: ``action`` is "retry", "edit", "done" or "skip"."""

    action: str
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class LedgerChild:
    """A child in a ledger: its run, and how it has ended. ``steps`` of it can be undone. ``pivot``: behind that it
    could not be undone any more, so that a rollback goes past it."""

    workflow_id: str
    run_id: str
    status: str
    steps: int
    pivot: str | None = None


@dataclass(frozen=True)
class LedgerEntry:
    """A step of a saga, or a child that it has started; the steps of a child follow it.

    ``outcome`` is "open" while it is attempted, "failed" when it has provably no effect, "unknown" when it has failed
    and may have one, "parked" while it waits for a person. ``compensation`` undoes it; ``undone`` says how far that is,
    None when nothing has begun to, and ``undo_step`` is the step that does. ``repairs`` are those of the step and of
    what undoes it. ``run_id`` is that of another run whose step it is: of an earlier one, for what a saga has taken
    along when it continued as new; or of the child that is step ``of_child``. ``input`` is then that of the
    compensation.

    A child is "open" while it runs, "completed", "unknown" when it was terminated, which undoes nothing, or "failed":
    then a child that is a saga has undone itself. ``child`` says more.
    """

    step: int
    activity: str
    kind: Kind
    outcome: Outcome
    input: Any
    result: Any = None
    failure: Failure | None = None
    scope: int = ROOT
    at: datetime | None = None
    compensation: str | None = None
    undone: Outcome | None = None
    undo_step: int | None = None
    undo_failure: Failure | None = None
    repairs: tuple[StepRepair, ...] = ()
    run_id: str = ""
    of_child: int | None = None
    child: LedgerChild | None = None


@dataclass(frozen=True)
class SagaPart:
    """A part of the run that undoes its own steps, ``async with saga():``; 0 is the run itself. ``parent`` is None for
    the outermost. ``pivot``: the step behind which nothing of it is undone, once that is done."""

    number: int
    parent: int | None
    outcome: Literal["open", "committed", "compensated"]
    pivot: str | None = None


@dataclass(frozen=True)
class SagaLedger:
    """The steps of a run that matter to its saga, in the order in which they started, those of earlier runs first.
    ``undoes``: the run that this one undoes, its own id when it is undone itself without its code."""

    workflow_id: str
    run_id: str
    entries: tuple[LedgerEntry, ...]
    parts: tuple[SagaPart, ...]
    undoes: str | None = None

    @property
    def parked(self) -> tuple[LedgerEntry, ...]:
        """Those that wait for a person, or whose compensation does."""
        return tuple(entry for entry in self.entries if PARKED in (entry.outcome, entry.undone))


@dataclass(frozen=True)
class UndoCall:
    """A compensation that would run: of which step, with which arguments."""

    step: int
    activity: str
    compensation: str
    input: Any
    run_id: str = ""


@dataclass(frozen=True)
class UndoPreview:
    """What a cancellation would undo now; of a run that has ended, what ``undo`` would. Nothing has been changed.

    ``batches`` run one after the other, the calls of one beside each other, but those of one child in their order.
    ``waits_for`` are steps that are under way: their outcome is waited for, and decides whether they are undone;
    children that run are stopped, and what they have done and not undone by then is. ``pivot``: the step that is done,
    or under way, behind which nothing is undone.
    """

    batches: tuple[tuple[UndoCall, ...], ...]
    waits_for: tuple[LedgerEntry, ...] = ()
    pivot: str | None = None


_OF_CHILDREN: dict[str, Outcome] = {OPEN: "open", "completed": "completed", "terminated": "unknown"}
_CALL = ("step", "activity", "compensation", "input", "run_id")
"""Fields of an entry of another run, as UndoCall has them."""


class LedgerReader:
    """The ledger in a run's records. Payloads that cannot be opened here are shown in words."""

    def __init__(self, workflow_id: str, run_id: str, records: Sequence[bytes], payloads: ClientPayloads) -> None:
        self._workflow_id, self._run_id, self._payloads = workflow_id, run_id, payloads
        history = list(decoded(records))
        self._ledger: RunLedger = ledger_of(history)
        events = [event for record in history for event in record.events]
        self.has_ended = bool(events) and isinstance(events[-1], TERMINAL)
        requested = next((event for event in events if isinstance(event, UndoRequested)), None)
        self._undoes = None if requested is None else requested.run_id or run_id

    async def ledger(self) -> SagaLedger:
        """All of it."""
        entries = [shown for entry in self._ledger.all_entries() for shown in await self._shown(entry)]
        before = [_of_other(undo, self._ledger.undos) for undo in await self._inherited()]
        parts = [
            SagaPart(
                scope.number,
                None if scope.parent < 0 else scope.parent,
                scope.outcome,  # type: ignore[arg-type]  # a word of the engine's
                scope.pivot or None,
            )
            for scope in sorted(self._ledger.scopes.values(), key=lambda scope: scope.number)
        ]
        return SagaLedger(self._workflow_id, self._run_id, (*before, *entries), tuple(parts), self._undoes)

    async def preview(self) -> UndoPreview:
        """What a cancellation undoes now: the open parts from the inside out, the run itself last. Of a run that has
        ended, or that is undone, the steps that are not undone yet, one by one."""
        if self.has_ended or self._undoes is not None:
            return await self._preview_of_undo()
        plan = self._ledger.plan()
        calls: list[tuple[UndoCall, ...]] = []
        for batch in (batch for _, batched in plan.groups for batch in batched):
            undoing = [await self._undo(step) for step in batch]
            if len(batch) == 1:  # a child by itself: its steps one after the other
                calls += [(call,) for call in undoing[0]]
            else:
                calls.append(tuple(call for of_step in undoing for call in of_step))
        waits = tuple([(await self._shown(step))[0] for step in plan.waits_for])
        if self._ledger.is_saga and not plan.pivot:
            calls += [(call,) for call in _left(await self._inherited(), self._ledger.undos)]
        return UndoPreview(tuple(calls), waits, plan.pivot or None)

    async def _shown(self, entry: Entry | ChildEntry) -> list[LedgerEntry]:
        if isinstance(entry, Entry):
            return [await self._entry(entry)]
        of_child = [_of_other(undo, entry.undos, entry.number) for undo in await self._left_by(entry)]
        return [await self._child(entry), *of_child]

    async def _child(self, entry: ChildEntry) -> LedgerEntry:
        asked = entry.requested
        run_id = entry.child_run or child_run_id(entry.run_id, entry.number, asked.child_id)
        child = LedgerChild(asked.child_id, run_id, entry.outcome, entry.steps, entry.pivot or None)
        payload = await self._payloads.shown(input_of(run_id), asked.input)
        outcome = _OF_CHILDREN.get(entry.outcome, "failed")
        return LedgerEntry(
            entry.number,
            asked.workflow,
            "child",
            outcome,
            payload,
            scope=entry.scope,
            at=at_ms(entry.at),
            child=child,
        )

    async def _left_by(self, entry: ChildEntry) -> list[dict[str, Any]]:
        """What a child has left to be undone."""
        return await self._opened(step_ledger(entry.run_id, entry.number), entry.ledger) if entry.ledger else []

    async def _preview_of_undo(self) -> UndoPreview:
        if pivot := pivot_of(self._ledger):
            return UndoPreview((), pivot=pivot)
        calls = [call for entry in reversed(armed(self._ledger)) for call in await self._undo(entry)]
        calls += _left(await self._inherited(), self._ledger.undos)
        return UndoPreview(tuple((call,) for call in calls))

    async def _entry(self, entry: Entry) -> LedgerEntry:
        undo = entry.undo
        repairs = [*entry.repairs, *(undo.repairs if undo is not None else ())]
        return LedgerEntry(
            entry.number,
            entry.scheduled.activity,
            entry.kind or "compensatable",  # type: ignore[arg-type]  # words of the model's
            entry.outcome,  # type: ignore[arg-type]
            await self._input(entry),
            await self._result(entry),
            entry.failure,
            entry.scope,
            at_ms(entry.at),
            entry.scheduled.compensation,
            None if undo is None else undo.outcome,  # type: ignore[arg-type]
            None if undo is None else undo.number,
            None if undo is None else undo.failure,
            _repairs(repairs),
        )

    async def _undo(self, entry: Entry | ChildEntry) -> list[UndoCall]:
        if isinstance(entry, ChildEntry):
            return _left(await self._left_by(entry), entry.undos)
        scheduled = entry.scheduled
        arguments: Any = await self._input(entry)
        if scheduled.saga is not None and scheduled.saga.takes_result and isinstance(arguments, list):
            taken: list[Any] = arguments  # pyright: ignore[reportUnknownVariableType]
            arguments = [*taken, await self._result(entry)]
        return [UndoCall(entry.number, scheduled.activity, scheduled.compensation or "", arguments)]

    async def _input(self, entry: Entry) -> Any:
        return await self._payloads.shown(step_input(entry.run_id, entry.number), entry.scheduled.input)

    async def _result(self, entry: Entry) -> Any:
        if entry.result is None:
            return None
        return await self._payloads.shown(step_result(entry.run_id, entry.number), entry.result)

    async def _inherited(self) -> list[dict[str, Any]]:
        payload = self._ledger.inherited
        return [] if payload is None else await self._opened(ledger_place(self._run_id), payload)

    async def _opened(self, place: Place, payload: bytes) -> list[dict[str, Any]]:
        shown = await self._payloads.shown(place, payload)
        return msgspec.convert(shown, list[dict[str, Any]]) if isinstance(shown, list) else []


def _left(undos: list[dict[str, Any]], begun: Mapping[tuple[str, int], Entry]) -> list[UndoCall]:
    """What is still to be undone of another run's steps, newest first."""
    left = [undo for undo in undos if (call := begun.get(_place(undo))) is None or call.outcome != COMPLETED]
    return [UndoCall(*(undo[name] for name in _CALL)) for undo in reversed(left)]


def _of_other(undo: dict[str, Any], begun: Mapping[tuple[str, int], Entry], of_child: int | None = None) -> LedgerEntry:
    """A step of another run."""
    call = begun.get(_place(undo))
    return LedgerEntry(
        undo["step"],
        undo["activity"],
        "compensatable",
        undo["outcome"],
        undo["input"],
        compensation=undo["compensation"],
        undone=None if call is None else call.outcome,  # type: ignore[arg-type]  # a word of the engine's
        undo_step=None if call is None else call.number,
        undo_failure=None if call is None else call.failure,
        repairs=() if call is None else _repairs(call.repairs),
        run_id=undo["run_id"],
        of_child=of_child,
    )


def _place(undo: dict[str, Any]) -> tuple[str, int]:
    return undo["run_id"], undo["step"]


def _repairs(repairs: Sequence[tuple[int, ActivityRepaired]]) -> tuple[StepRepair, ...]:
    return tuple(StepRepair(event.action, event.by, event.reason, at_ms(at)) for at, event in repairs)
