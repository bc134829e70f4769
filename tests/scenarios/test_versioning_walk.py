"""Scenario 8: versions of the code come and go while a run is in flight, its worker killed after each record."""

from __future__ import annotations

import pytest
from three_modes import CACHE_OF_ZERO, NORMAL, killed, run_in
from versioning_walk import LEGAL, PAIRS, check_of, code_of, kills_of, scenario


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"v{pair[0] + 1} then v{pair[1] + 1}")
def test_every_mode_goes_on_or_stops_with_the_step_named(pair: tuple[int, int]) -> None:
    code, check = code_of(*pair), check_of(pair)
    normal = run_in(NORMAL, code, scenario)
    check(0, normal)
    check(0, run_in(CACHE_OF_ZERO, code, scenario))
    assert normal.records == (3 if pair[0] == 0 else 4)
    for number in range(1, normal.records + 1):
        for mode in (killed(*kills_of(pair, number)), killed(*kills_of(pair, number))._replace(cached_instances=0)):
            run = run_in(mode, code, scenario)
            check(number, run)
            stopped = pair not in LEGAL and 1 < number < normal.records
            assert run.kills == (2 if stopped else 1), mode.name
