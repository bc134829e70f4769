"""The checkers are given what seeds bring them too rarely."""

from __future__ import annotations

from collections import Counter

import pytest
from simulation.cancel_checkers import CancelChecks
from simulation.talk_checkers import TalkChecks

from sagaline._model import events as e

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
