"""What runs owe each other, broken on purpose: chains of runs, and runs that start others."""

from __future__ import annotations

from typing import Any

from sagaline._engine import beginnings, family, replies
from sagaline._engine import decide as decisions
from sagaline._engine.appliers import child_cancel_requested
from sagaline._engine.processors import PROCESSORS
from sagaline._engine.processors.addressed import addressed
from sagaline._engine.processors.decisions import Rejected, TimerDue
from sagaline._engine.tables.children import Children
from sagaline._engine.tables.runs import RunRow
from sagaline._engine.tables.waits import DEADLINE
from sagaline._host.runs.activations import Activations
from sagaline._model.events import CancelRequested, TimerFired
from sagaline._model.records import PARKED, CancelRun
from sagaline._runtime.commands import Commands
from sagaline._runtime.run_loop import RunLoop
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
    def begin(self: Activations, workflow_id: str, positions: Any = None, is_turn: bool = False) -> None:
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


@mutant
def asks_a_run_to_stop_again() -> list[Patch]:
    def process(state: Any, request: CancelRun, now_ms: int) -> Any:
        run = addressed(state, request)
        sender = (request.sender_id, request.sender_run_id, request.sender_step)
        return run if isinstance(run, Rejected) else [CancelRequested(request.request_id, request.reason, *sender)]

    return [(decisions, "PROCESSORS", PROCESSORS | {CancelRun: process})]


@mutant
def takes_a_cancellation_and_does_nothing() -> list[Patch]:
    original = PROCESSORS[CancelRun]

    def process(state: Any, request: CancelRun, now_ms: int) -> Any:
        decision = original(state, request, now_ms)
        return decision if isinstance(decision, Rejected) else []

    return [(decisions, "PROCESSORS", PROCESSORS | {CancelRun: process})]


@mutant
def does_not_cancel_the_code() -> list[Patch]:
    return [(RunLoop, "cancel_main", lambda self, reason: None)]


@mutant
def never_tells_a_child_to_stop() -> list[Patch]:
    return [(child_cancel_requested, "cancel_child", lambda *_: None)]


@mutant
def leaves_children_alone_when_their_parent_ends() -> list[Patch]:
    return [(family, "_farewell", lambda run, child: None)]


@mutant
def fires_timers_that_were_cancelled() -> list[Patch]:
    def process(state: Any, timer: TimerDue, now_ms: int) -> Any:
        return [] if timer.step == DEADLINE else [TimerFired(timer.step)]

    return [(decisions, "PROCESSORS", PROCESSORS | {TimerDue: process})]


@mutant
def calls_a_side_effect_again_in_replay() -> list[Patch]:
    return [(Commands, "recorded_effect", lambda self, number, name: None)]


@mutant
def gives_copied_steps_keys_of_the_fork() -> list[Patch]:
    return [(RunRow, "stands_for", property(lambda run: ""))]


@mutant
def forgets_what_came_after_the_event_of_a_reset() -> list[Patch]:
    return [(beginnings, "later", lambda *args: [])]
