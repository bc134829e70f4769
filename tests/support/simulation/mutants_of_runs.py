"""What runs owe each other, broken on purpose: chains of runs, and runs that start others."""

from __future__ import annotations

from typing import Any

from sagaline._host.runs.activations import Activations
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
