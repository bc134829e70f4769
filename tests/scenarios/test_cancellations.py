"""Scenario 4: a cancellation in each place, in each mode; and one that races with a result."""

from __future__ import annotations

import pytest
from cancel_matrix import CASES, CODE, Case, race_of, scenario_of
from three_modes import CACHE_OF_ZERO, NORMAL, Mode, Outcome, in_each_mode, run_in, run_on


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
        modes = [NORMAL, CACHE_OF_ZERO, *(Mode(f"killed after {n}", kill_after=n) for n in (1, 2, 3))]
        for mode in modes:
            outcome = run_in(mode, CODE, scenario).outcome
            assert outcome.returned == ending_of(outcome), mode
            assert outcome.effects.get("slow", 0) <= 1, mode
            winners.append(outcome.returned)
    assert {"completed", "cancelled"} == set(winners)


ON_LOGS = [case for case in CASES if case.name in ("in a child", "in a task group")]


@pytest.fixture(scope="module")
def expected() -> dict[str, Outcome]:
    return {case.name: run_in(NORMAL, CODE, scenario_of(case)).outcome for case in ON_LOGS}


@pytest.mark.parametrize("mode", [NORMAL, CACHE_OF_ZERO], ids=lambda mode: mode.name)
@pytest.mark.parametrize("case", ON_LOGS, ids=lambda case: case.name)
async def test_on_every_log(log_url: str, case: Case, mode: Mode, expected: dict[str, Outcome]) -> None:
    assert await run_on(log_url, CODE, scenario_of(case), mode) == expected[case.name]
