"""Scenario 9: the ten workflows that are not deterministic, in flight on a worker, in each mode."""

from __future__ import annotations

import pytest
import ten_in_flight as ten
from three_modes import CACHE_OF_ZERO, NORMAL, killed, run_in


@pytest.mark.parametrize("scenario", ten.SCENARIOS, ids=lambda scenario: scenario.name)
def test_what_is_noticed_stops_before_any_command_and_names_its_place(scenario: ten.Scenario) -> None:
    code, play, check = ten.code_of(scenario), ten.scenario_of(scenario), ten.check_of(scenario)
    normal = run_in(NORMAL, code, play)
    check(0, normal)
    zero = run_in(CACHE_OF_ZERO, code, play)
    check(0, zero)
    if scenario.name == ten.COUNTS:
        assert zero.outcome.returned in ten.PARKED_COUNTS, "caught in replay"
    for number in range(1, normal.records + 1):
        run = run_in(killed(*ten.kills_of(scenario, number)), code, play)
        check(number, run)
        stopped = number < normal.records and number >= ten.DIFFERS_FROM.get(scenario.name, normal.records)
        assert run.kills == (2 if stopped else 1)
