"""The checkers are given what seeds bring them too rarely."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest
from simulation.book_checkers import Run
from simulation.cancel_checkers import CancelChecks
from simulation.ledger_checkers import LedgerChecks
from simulation.talk_checkers import TalkChecks

from sagaline._model import events as e
from sagaline._model.activities import ActivityScheduled, SagaStep
from sagaline._model.failure import Failure, RetryPolicy

STARTED = e.RunStarted("undoing", b"[]", "start", "", 0, "")
FAILED = e.RunFailed(Failure("E", "no"), rolled_back=True)
ASKED = e.CancelRequested("child/p/1/cancel", "enough", "", "", 0)


@pytest.mark.parametrize("retired", ["", "another", "run"])
def test_a_request_to_stop_counts_again_only_when_its_run_was_retired(retired: str) -> None:
    """A start that is repeated after the retention begins the run again, and its children with it (seed 497 of 2,000)."""
    violations: list[str] = []
    checks = CancelChecks(violations, Counter())
    for _ in range(2):
        checks.happened("run", "p/1", e.RunStarted("waiting", b"[]", "child/p/1", "", 0, ""))
        checks.happened("run", "p/1", ASKED)
        checks.happened("run", "p/1", e.RunCancelled("enough", rolled_back=False))
        checks.retired(retired)
    assert len(violations) == (retired != "run"), violations


@pytest.mark.parametrize("retired", [True, False])
def test_a_run_that_comes_again_was_not_asked_to_stop(retired: bool) -> None:
    violations: list[str] = []
    checks = CancelChecks(violations, Counter())
    begun = e.RunStarted("waiting", b"[]", "child/p/1", "", 0, "")
    for event in (begun, ASKED, e.TimerCancelled(1)):
        checks.happened("run", "p/1", event)
    if retired:
        checks.retired("run")
    for event in (begun, e.TimerFired(1), e.RunCompleted(b"null")):
        checks.happened("run", "p/1", event)
    assert len(violations) == (0 if retired else 2), violations


@pytest.mark.parametrize(("workflow", "returns_what_it_heard"), [("holder", False), ("listener", True)])
def test_only_a_listener_returns_what_it_was_told(workflow: str, returns_what_it_heard: bool) -> None:
    """A holder went on as another run while the grant of its lock waited, and that run was told nothing (seed 85)."""
    violations: list[str] = []
    checks = TalkChecks(violations, Counter())
    checks.happened("first", e.RunStarted(workflow, b"[]", "start", "", 0, ""))
    checks.happened("first", e.SignalReceived("granted", "sagaline/token/1", b'[{"value":1}]'))
    checks.happened("second", e.RunStarted(workflow, b"[]", "start", "", 0, "", continued_from="first"))
    checks.happened("second", e.RunCompleted(b"1"))
    assert bool(violations) == returns_what_it_heard, violations


def test_a_listener_that_was_told_nothing_returns_nothing() -> None:
    violations: list[str] = []
    checks = TalkChecks(violations, Counter())
    for result in (b"[]", b"[7]"):
        checks.happened("run", e.RunStarted("listener", b"[]", "start", "", 0, ""))
        checks.happened("run", e.RunCompleted(result))
    assert len(violations) == 1, violations


HOLD = ActivityScheduled(1, "hold", b"[]", 0, RetryPolicy(), "release", saga=SagaStep())
"""A step of a saga."""


@pytest.mark.parametrize("ends", [[2, 3], [3]])
def test_what_is_asked_for_as_a_run_ends_is_never_begun(ends: list[int]) -> None:
    """Nobody waits for it, so the next run has nothing to undo (seeds 560 and 916)."""
    first = Run("saga", events=[STARTED, HOLD, e.RunContinued("second", b"[]")], ends=ends)
    second = Run("saga", events=[STARTED, FAILED], ends=[2])
    for run in (first, second):
        run.terminal = run.events[-1]
    first.scheduled[1] = HOLD
    found = list(LedgerChecks([("first", first), ("second", second)], Counter()).check("second", second))
    assert bool(found) == (ends == [2, 3]), found


@pytest.mark.parametrize(("terminal", "is_right"), [(e.RunTerminated("t", "enough"), True), (FAILED, False)])
def test_a_rollback_that_is_terminated_may_have_undone_a_part(terminal: Any, is_right: bool) -> None:
    """Of two steps of the run before it has undone the newer one (seed 989)."""
    holds = [msgspec.structs.replace(HOLD, step=step) for step in (1, 2)]
    dones = [e.ActivityCompleted(step, 1, b"null") for step in (1, 2)]
    first = Run("saga", events=[STARTED, *holds, *dones, e.RunContinued("second", b"[]")], ends=[3, 6])
    first.scheduled, first.outcomes = {1: holds[0], 2: holds[1]}, {1: dones[0], 2: dones[1]}
    undo = msgspec.structs.replace(HOLD, activity="release", compensates=2, compensates_run="first", saga=None)
    second = Run("saga", events=[STARTED, undo, dones[0], terminal], ends=[2, 4])
    second.scheduled, second.outcomes = {1: undo}, {1: dones[0]}
    for run in (first, second):
        run.terminal = run.events[-1]
    found = list(LedgerChecks([("first", first), ("second", second)], Counter()).check("second", second))
    assert (not found) == is_right, found
