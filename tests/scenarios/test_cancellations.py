"""Scenario 4: a cancellation in each place, in each mode; and one that races with a result."""

from __future__ import annotations

import pytest
from cancel_matrix import CASES, CODE, Case, race_of, scenario_of
from three_modes import CACHE_OF_ZERO, NORMAL, Outcome, in_each_mode, killed, run_in


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_mode_ends_the_same(case: Case) -> None:
    normal = in_each_mode(CODE, scenario_of(case))["normal"]
    assert (normal.returned, normal.effects) == (case.status, case.effects)
    asked = [name for decisions in normal.decisions.values() for name, _ in decisions]
    assert asked.count("ChildCancelRequested") <= 1, "one cancel command per target"


def ending_of(outcome: Outcome) -> str:
    """How the run has ended, as its history says."""
    (ending,) = [name for name, _ in outcome.decisions["run"] if name.startswith("Run")]
    return {"RunCompleted": "completed", "RunCancelled": "cancelled"}[ending]


def test_a_cancellation_that_races_with_a_result_is_decided_once() -> None:
    """Who wins is a matter of milliseconds, and of the crash; that one of them wins, and stays the winner, is not."""
    winners = list[str]()
    for number in range(12):
        scenario = race_of(4.98 + 0.003 * number)
        modes = [NORMAL, CACHE_OF_ZERO, *(killed(n)._replace(keeps_disk=True) for n in (1, 2, 3))]
        for mode in modes:
            outcome = run_in(mode, CODE, scenario).outcome
            assert outcome.returned == ending_of(outcome), mode
            assert outcome.effects.get("takes_five_seconds", 0) <= 1, mode
            winners.append(outcome.returned)
    assert {"completed", "cancelled"} == set(winners)
