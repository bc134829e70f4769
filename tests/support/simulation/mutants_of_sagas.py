"""Rollbacks and repairs, broken on purpose."""

from __future__ import annotations

from typing import Any

import msgspec

from sagaline._engine.appliers import activity_repaired
from sagaline._engine.ledger_entries import FAILED, Entry
from sagaline._engine.parking import attempt_again
from sagaline._engine.processors import child_report
from sagaline._model import children
from sagaline._runtime.sagas import blocks, rollback
from sagaline._runtime.sagas.scopes import Sagas
from sagaline._runtime.steps import HandedLedger, Step
from sagaline._runtime.undoing import Past
from simulation.mutant_registry import Patch, mutant


@mutant
def attempts_what_was_repaired_under_its_old_number() -> list[Patch]:
    def again(state: Any, run: Any, row: Any, payload: bytes) -> None:
        attempt_again(state, run, msgspec.structs.replace(row, attempt=row.attempt - 1), payload)

    return [(activity_repaired, "attempt_again", again)]


@mutant
def forgets_the_steps_of_parts_that_ended_well() -> list[Patch]:
    return [(Step, "is_of", lambda self, scope: self.scope is scope)]


@mutant
def cancels_a_run_at_its_pivot() -> list[Patch]:
    return [(Sagas, "keep_on", property(lambda self: False))]


@mutant
def forgets_what_a_child_has_left() -> list[Patch]:
    original = children.ChildEnded

    def ended(*fields: Any) -> Any:
        return original(*fields[:4])

    return [(child_report, "ChildEnded", ended)]


@mutant
def undoes_in_the_order_of_start() -> list[Patch]:
    return [(rollback, "batches", lambda steps: [[step] for step in steps])]


@mutant
def compensates_in_the_order_of_start() -> list[Patch]:
    """What a child, or the runs before, have left."""

    def note_undone(self: HandedLedger) -> None:
        self.left.pop(0)
        self.undo = None

    return [
        (HandedLedger, "next_undo", lambda self, run_id: self.left[0]),
        (HandedLedger, "note_undone", note_undone),
    ]


@mutant
def undoes_everything_beside_each_other() -> list[Patch]:
    return [(rollback, "batches", lambda steps: [steps[::-1]] if steps else [])]


@mutant
def undoes_what_is_under_way() -> list[Patch]:
    return [(Past, "is_settled", lambda self: True)]


@mutant
def undoes_again_what_is_undone() -> list[Patch]:
    def may_be_undone(entry: Any) -> bool:
        return not entry.kind and entry.scheduled.compensation is not None and entry.outcome != FAILED

    return [(Entry, "may_be_undone", property(may_be_undone))]


@mutant
def ends_while_parts_are_open() -> list[Patch]:
    async def nothing(*args: Any, **options: Any) -> None: ...

    return [(blocks, "all_ended", nothing)]
