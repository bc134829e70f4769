"""A command to a run whose answer was lost comes again by the same id: it is done, whatever the run does since."""

from __future__ import annotations

from typing import Any, NamedTuple, get_args

import pytest
from engine_inputs import BOOM, ENDS, FIRST, LATER, short
from engine_states import NOW, Partition, scheduled

from sagaline._engine.decide import Rejected, decide, run_id_of
from sagaline._engine.processors.addressed import RunCommand
from sagaline._engine.tables.runs import RunView
from sagaline._model import events as e
from sagaline._model.failure import Failure, RetryPolicy
from sagaline._model.records import (
    CancelRun,
    PauseRun,
    Refusal,
    RepairActivity,
    RetryRun,
    SettleActivity,
    SignalRun,
    TerminateRun,
    UnpauseRun,
    UpdateRun,
)

PARKED, PAUSED = e.RunParked("bug", BOOM), e.RunPaused("before", "why", "ann")
SCHEDULED = e.ActivityScheduled(1, "charge", b"[]", 1_000, RetryPolicy())

STEP, FAILED, AGAIN = scheduled(1), e.ActivityParked(1, 3, BOOM), e.ActivityParked(1, 4, BOOM)


class Case(NamedTuple):
    """A command, and where it finds the run; ``back`` brings the run to where the command would act again."""

    request: Any
    found: tuple[e.Event, ...] = ()
    back: tuple[e.Event, ...] = ()


CASES: dict[type[Any], Case] = {
    CancelRun: Case(CancelRun("r", "w", "why")),
    TerminateRun: Case(TerminateRun("r", "w", "why")),
    PauseRun: Case(PauseRun("r", "w", "why", "ann"), back=(e.RunUnpaused("after", "done", "bob"),)),
    UnpauseRun: Case(UnpauseRun("r", "w", "why", "ann"), found=(PAUSED,), back=(PAUSED,)),
    RetryRun: Case(RetryRun("r", "w"), found=(PARKED,), back=(PARKED,)),
    RepairActivity: Case(RepairActivity("r", "w", 1, "retry", b"", "why", "ann"), (STEP, FAILED), back=(AGAIN,)),
    SignalRun: Case(SignalRun("r", "w", "approve", b"[]")),
    UpdateRun: Case(UpdateRun("r", "w", "u", "add", b"[]")),
    SettleActivity: Case(SettleActivity("r", "w", run_id_of(FIRST), 1, 1, "complete", b"7"), found=(SCHEDULED,)),
}


def test_every_command_to_a_run_is_here() -> None:
    assert set(CASES) == set(get_args(RunCommand))


def done(partition: Partition, case: Case) -> RunView:
    """The run after the command, which is on record."""
    run = partition.start(FIRST, *case.found)
    decision = decide(partition.state, case.request, NOW)
    assert isinstance(decision, list)
    assert len(decision) == (2 if isinstance(case.request, SettleActivity) else 1)
    return partition.emit(run, *decision)


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
def test_it_is_done_once_also_where_it_would_act_again(kind: type[Any]) -> None:
    partition, case = Partition(), CASES[kind]
    run = done(partition, case)
    assert decide(partition.state, case.request, NOW) == []
    if case.back:
        partition.emit(run, *case.back)
        assert decide(partition.state, case.request, NOW) == []


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("how", sorted(ENDS))
def test_it_is_no_refusal_when_the_run_has_ended_and_does_not_meet_the_next(kind: type[Any], how: str) -> None:
    partition, case = Partition(), CASES[kind]
    run = done(partition, case)
    if not run.closed:
        partition.emit(run, ENDS[how])
    assert decide(partition.state, case.request, NOW) == []
    partition.start(LATER, *case.found)
    assert decide(partition.state, case.request, NOW) == []
    partition.state.remove_run(partition.state.run_by_id("w", run.run_id))
    partition.settle()
    assert decide(partition.state, case.request, NOW) != [], "known as long as the run is there"


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
def test_what_was_refused_is_refused_again(kind: type[Any]) -> None:
    partition, case = Partition(), CASES[kind]
    failure = Failure("No", "no such run then", retryable=False)
    partition.state.refusals.put(7, 1, NOW, [Refusal("r", "w", failure)])
    partition.start(FIRST, *case.found)
    assert decide(partition.state, case.request, NOW) == Rejected("r", "w", failure)


def test_a_run_that_a_worker_has_taken_up_by_itself_knows_no_request() -> None:
    partition = Partition()
    partition.start(FIRST, PARKED, e.RunResumed("worker"))
    assert short(decide(partition.state, RetryRun("", "w"), NOW)) == "NotParked"
