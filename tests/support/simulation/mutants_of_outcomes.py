"""What is told of sagas, broken on purpose."""

from __future__ import annotations

from typing import Any

from sagaline._engine import replies
from sagaline._engine.appliers import activity_parked
from sagaline._engine.outcomes import tell_end
from sagaline._engine.state import State
from sagaline._host.publishing.outbox import Outbox
from simulation.mutant_registry import Patch, mutant


@mutant
def loses_an_outcome_that_has_not_left_when_its_worker_dies() -> list[Patch]:
    original = Outbox.__init__

    def init(self: Outbox, log: Any, options: Any, guard: Any, progress: Any, stored: Any, is_settled: Any) -> None:
        kept = lambda row: row.topic == "outcomes" or is_settled(row)  # noqa: E731
        original(self, log, options, guard, progress, stored, kept)

    return [(Outbox, "__init__", init)]


@mutant
def tells_an_end_with_the_status_of_before() -> list[Patch]:
    def tell(state: Any, run: Any, tally: Any) -> None:
        status, run.status = run.status, "completed"
        tell_end(state, run, tally)
        run.status = status

    return [(replies, "tell_end", tell)]


@mutant
def tells_what_a_fork_has_copied() -> list[Patch]:
    def forget(self: State) -> None:
        self.changes.drain_effects()

    return [(State, "forget_effects", forget)]


@mutant
def parks_in_silence() -> list[Patch]:
    return [(activity_parked, "tell_parked", lambda *told: None)]
