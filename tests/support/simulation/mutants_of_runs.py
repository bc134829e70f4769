"""What runs owe each other, broken on purpose: chains of runs, and runs that start others."""

from __future__ import annotations

from typing import Any

from sagaline._engine import replies
from sagaline._engine.tables.children import Children
from sagaline._engine.tables.runs import RunRow
from sagaline._host.runs.activations import Activations
from sagaline._model.records import PARKED
from sagaline._runtime.sagas import ledger
from simulation.mutant_registry import Patch, mutant


@mutant
def forgets_the_run_as_which_another_goes_on() -> list[Patch]:
    original = Activations.finish_writing

    def finish(self: Activations, run: Any) -> None:
        if not run.is_pending:
            original(self, run)

    return [(Activations, "finish_writing", finish)]


@mutant
def frees_the_id_between_two_runs_of_a_chain() -> list[Patch]:
    def begin(self: Activations, workflow_id: str, positions: Any = None) -> None:
        if (run := self._state.run(workflow_id)) is not None and run.is_pending:
            self._state.remove_run(run)  # type: ignore[arg-type]

    return [(Activations, "begin_pending", begin)]


@mutant
def drops_a_carried_step() -> list[Patch]:
    original = ledger.read
    return [(ledger, "read", lambda payload: original(payload)[1:])]


@mutant
def tells_a_parent_nothing_of_an_end() -> list[Patch]:
    return [(replies, "report", lambda state, run: None)]


@mutant
def records_a_childs_end_twice() -> list[Patch]:
    return [(Children, "drop", lambda self, run, step: None)]


@mutant
def runs_the_code_of_a_paused_run() -> list[Patch]:
    return [(RunRow, "rests", property(lambda run: run.status == PARKED))]
