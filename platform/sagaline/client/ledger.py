"""The ledger of a saga for people: what it has done, what undoes it, and what a rollback would do now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec

from sagaline._engine.beginnings import decoded
from sagaline._engine.ledger import PARKED, ROOT, Entry, RunLedger, ledger_of
from sagaline._model.failure import Failure
from sagaline._payloads import ledger_of as ledger_place
from sagaline._payloads import step_input, step_result
from sagaline.client.events import at_ms
from sagaline.client.payloads import ClientPayloads

Outcome = Literal["open", "completed", "failed", "unknown", "parked"]
Kind = Literal["compensatable", "read_only", "irreversible", "pivot", "retriable"]


@dataclass(frozen=True)
class StepRepair:
    """What a person has said of a parked step: ``action`` is "retry", "edit", "done" or "skip"."""

    action: str
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class LedgerEntry:
    """A step of a saga.

    ``outcome`` is "open" while it is attempted, "failed" when it has provably no effect, "unknown" when it has failed
    and may have one, "parked" while it waits for a person. ``compensation`` undoes it; ``undone`` says how far that is,
    None when nothing has begun to, and ``undo_step`` is the step that does. ``run_id`` is that of an earlier run for
    what a saga has taken along when it continued as new. ``repairs`` are those of the step and of what undoes it.
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
    """The steps of a run that matter to its saga, in the order in which they started, those of earlier runs first."""

    workflow_id: str
    run_id: str
    entries: tuple[LedgerEntry, ...]
    parts: tuple[SagaPart, ...]

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
    """What a cancellation would undo now. Nothing has been changed.

    ``batches`` run one after the other, the calls of one beside each other. ``waits_for`` are steps that are under way:
    their outcome is waited for, and decides whether they are undone. ``pivot``: the step that is done, or under way,
    behind which nothing is undone.
    """

    batches: tuple[tuple[UndoCall, ...], ...]
    waits_for: tuple[LedgerEntry, ...] = ()
    pivot: str | None = None


_CALL = ("step", "activity", "compensation", "input", "run_id")
"""Fields of an inherited entry, as UndoCall has them."""


class LedgerReader:
    """The ledger in a run's records. Payloads that cannot be opened here are shown in words."""

    def __init__(self, workflow_id: str, run_id: str, records: Sequence[bytes], payloads: ClientPayloads) -> None:
        self._workflow_id, self._run_id, self._payloads = workflow_id, run_id, payloads
        self._ledger: RunLedger = ledger_of(decoded(records))

    async def ledger(self) -> SagaLedger:
        """All of it."""
        entries = [await self._entry(entry) for entry in self._ledger.entries.values()]
        before = [
            LedgerEntry(
                undo["step"],
                undo["activity"],
                "compensatable",
                undo["outcome"],
                undo["input"],
                compensation=undo["compensation"],
                undone="open" if (undo["run_id"], undo["step"]) in self._ledger.undone_inherited else None,
                run_id=undo["run_id"],
            )
            for undo in await self._inherited()
        ]
        parts = [
            SagaPart(
                scope.number,
                None if scope.parent < 0 else scope.parent,
                scope.outcome,  # type: ignore[arg-type]  # a word of the engine's
                scope.pivot or None,
            )
            for scope in sorted(self._ledger.scopes.values(), key=lambda scope: scope.number)
        ]
        return SagaLedger(self._workflow_id, self._run_id, (*before, *entries), tuple(parts))

    async def preview(self) -> UndoPreview:
        """What a cancellation undoes now: the open parts from the inside out, the run itself last."""
        plan = self._ledger.plan()
        calls = [tuple([await self._undo(step) for step in batch]) for _, batched in plan.groups for batch in batched]
        waits = tuple([await self._entry(step) for step in plan.waits_for])
        if self._ledger.is_saga and not plan.pivot:
            for undo in reversed(await self._inherited()):
                if (undo["run_id"], undo["step"]) not in self._ledger.undone_inherited:
                    calls.append((UndoCall(*(undo[name] for name in _CALL)),))
        return UndoPreview(tuple(calls), waits, plan.pivot or None)

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
            tuple(StepRepair(event.action, event.by, event.reason, at_ms(at)) for at, event in repairs),
        )

    async def _undo(self, entry: Entry) -> UndoCall:
        scheduled = entry.scheduled
        arguments: Any = await self._input(entry)
        if scheduled.saga is not None and scheduled.saga.takes_result and isinstance(arguments, list):
            taken: list[Any] = arguments  # pyright: ignore[reportUnknownVariableType]
            arguments = [*taken, await self._result(entry)]
        return UndoCall(entry.number, scheduled.activity, scheduled.compensation or "", arguments)

    async def _input(self, entry: Entry) -> Any:
        return await self._payloads.shown(step_input(entry.run_id, entry.number), entry.scheduled.input)

    async def _result(self, entry: Entry) -> Any:
        if entry.result is None:
            return None
        return await self._payloads.shown(step_result(entry.run_id, entry.number), entry.result)

    async def _inherited(self) -> list[dict[str, Any]]:
        payload = self._ledger.inherited
        if payload is None:
            return []
        shown = await self._payloads.shown(ledger_place(self._run_id), payload)
        return msgspec.convert(shown, list[dict[str, Any]]) if isinstance(shown, list) else []
